/**
 * What an option or a command that there is not was meant to be.
 *
 * @module
 */

import { type Command, CommanderError } from "commander";

/** Options that name a directory with runs: which of them a command has depends on what it does. */
const DIRECTORIES = ["--staging-dir", "--output-dir", "--from-staging", "--to-staging"];

/**
 * Adds to commander's error what to use in place of an unknown option or command, where it does not
 * say so.
 *
 * @param program The program.
 * @param args Its arguments.
 * @param error What was thrown.
 * @returns The error; of something unknown, one with what was meant, or with where all are listed.
 */
export function explainUnknown(
  program: Command,
  args: readonly string[],
  error: unknown,
): unknown {
  if (!(error instanceof CommanderError) || error.message.includes("Did you mean")) return error;
  const command = commandOf(program, args);
  const explained = (remedy: string) =>
    new CommanderError(error.exitCode, error.code, `${error.message}${remedy}`);
  const toHelp = () => explained(`: '${wayTo(command).join(" ")} --help' lists all`);
  if (error.code === "commander.unknownCommand") return toHelp();
  const option = /unknown option '(-[^'=]+)/.exec(error.message)?.[1];
  if (option === undefined) return error;
  const meant = meantBy(option, command);
  if (meant.length === 0) return toHelp();
  return explained(` (Did you mean ${meant.join(" or ")}?)`);
}

function meantBy(option: string, command: Command): string[] {
  const there = command.options.flatMap(({ long, hidden }) => long && !hidden ? [long] : []);
  return there.filter((one) =>
    one.startsWith(`${option}-`) || (DIRECTORIES.includes(option) && DIRECTORIES.includes(one))
  );
}

/** The command that arguments name; the program itself, if they name none. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const arg of args) {
    const child = command.commands.find((one) => one.name() === arg);
    if (child === undefined) break;
    command = child;
  }
  return command;
}

function wayTo(command: Command): string[] {
  return command.parent === null ? [command.name()] : [...wayTo(command.parent), command.name()];
}
