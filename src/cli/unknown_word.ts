/**
 * Suggestions for unknown options and commands.
 *
 * @module
 */

import { type Command, CommanderError } from "commander";
import { quote } from "../errors/error.ts";

/** Options that name a directory with runs. Each command has some of them. */
const DIRECTORIES = ["--staging-dir", "--output-dir", "--from-staging", "--to-staging"];

/**
 * Adds a suggestion to commander's error about an unknown option or command, if it has none.
 *
 * @param program The program.
 * @param args Its arguments.
 * @param error What was thrown.
 * @returns The error. For an unknown word, it suggests another one, or names the help.
 */
export function explainUnknown(
  program: Command,
  args: readonly string[],
  error: unknown,
): unknown {
  if (!(error instanceof CommanderError) || error.message.includes("Did you mean")) return error;
  if (error.code === "commander.invalidArgument") return plainly(error);
  const [command] = commandOf(program, args);
  const explained = (remedy: string) =>
    new CommanderError(error.exitCode, error.code, `${error.message}${remedy}`);
  const toHelp = () => explained(`: see '${wayTo(command).join(" ")} --help'`);
  if (error.code === "commander.unknownCommand") return toHelp();
  const option = /unknown option '(-[^'=]+)/.exec(error.message)?.[1];
  if (option === undefined) return error;
  const meant = meantBy(option, command);
  if (meant.length === 0) return toHelp();
  return explained(` (Did you mean ${meant.join(" or ")}?)`);
}

/** The error of an argument that can't be read, worded like those of our own. */
function plainly(error: CommanderError): CommanderError {
  const message = error.message.replace(
    /^(?:error: )?command-argument value '(.*)' is invalid for argument '(.*)'\. (.)/s,
    (_, value, name, first) => `Invalid ${name} ${quote(value)}: ${first.toLowerCase()}`,
  );
  return new CommanderError(error.exitCode, error.code, message);
}

function meantBy(option: string, command: Command): string[] {
  const existing = command.options.flatMap(({ long, hidden }) => long && !hidden ? [long] : []);
  return existing.filter((one) =>
    one.startsWith(`${option}-`) || (DIRECTORIES.includes(option) && DIRECTORIES.includes(one))
  );
}

/**
 * The command that arguments name.
 *
 * @param program The program.
 * @param args Its arguments.
 * @returns The command, or the program itself; and the arguments after its name.
 */
export function commandOf(
  program: Command,
  args: readonly string[],
): readonly [Command, readonly string[]] {
  const child = program.commands.find((one) => one.name() === args[0]);
  return child === undefined ? [program, args] : commandOf(child, args.slice(1));
}

function wayTo(command: Command): string[] {
  return command.parent === null ? [command.name()] : [...wayTo(command.parent), command.name()];
}
