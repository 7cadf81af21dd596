/**
 * A hint for lists whose items were separated by blanks: `--components lib run`.
 *
 * @module
 */

import { type Command, CommanderError } from "commander";
import { RunOutputsError } from "../errors/error.ts";
import { list, names } from "./options.ts";

/**
 * Adds the hint to an error about a word that follows a list.
 *
 * @param command The command.
 * @param args The arguments after its name.
 * @param error What was thrown.
 * @returns The error, with the hint if it applies.
 */
export function withListHint(command: Command, args: readonly string[], error: unknown): unknown {
  const isSurplus = error instanceof CommanderError && error.code === "commander.excessArguments";
  if (!isSurplus && !(error instanceof RunOutputsError)) return error;
  for (const [i, flag] of args.entries()) {
    if (flag === "--") break;
    const option = command.options.find(({ long, short }) => long === flag || short === flag);
    if (option?.parseArg !== list && option?.parseArg !== names) continue;
    const rest = args.slice(i + 1);
    const end = rest.findIndex((arg) => arg.startsWith("-"));
    const [first, ...more] = end < 0 ? rest : rest.slice(0, end);
    const isAbout = isSurplus || more.some((word) => error.message.includes(word));
    if (more.length === 0 || !isAbout) continue;
    const hint = `; a list has commas: ${flag} ${[first, ...more].join(",")}`;
    const message = `${error.message.replace(/\.$/, "")}${hint}`;
    return isSurplus
      ? new CommanderError(error.exitCode, error.code, message)
      : new RunOutputsError((error as RunOutputsError).code, message, { cause: error.cause });
  }
  return error;
}
