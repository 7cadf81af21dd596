/**
 * Files and directories of this machine that a command takes as its input. One that does not exist
 * is a usage error, found before anything is opened.
 *
 * @module
 */

import type { Argument, Command } from "commander";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";

const INPUTS = new WeakSet<Argument>();

/**
 * Marks an argument whose values are such paths.
 *
 * @param argument The argument.
 * @returns The same.
 */
export function localInput(argument: Argument): Argument {
  INPUTS.add(argument);
  return argument;
}

/**
 * Checks that the inputs of a command exist. Of several paths one has to: the command reports the
 * others, and goes without them.
 *
 * @param command The command, after it was parsed.
 * @throws {RunOutputsError} `invalid`, naming the path.
 */
export async function checkLocalInputs(command: Command): Promise<void> {
  for (const [i, argument] of command.registeredArguments.entries()) {
    const paths: readonly string[] = [command.processedArgs[i] ?? []].flat();
    // What reads standard input says so itself.
    if (!INPUTS.has(argument) || paths.length === 0 || paths.includes("-")) continue;
    const errors = (await Promise.all(paths.map(missing))).filter((error) => error !== undefined);
    if (errors.length < paths.length) continue;
    if (errors.length === 1) throw errors[0];
    throw new RunOutputsError("invalid", errors.map(({ message }) => message).join("; "));
  }
}

/**
 * The error of an input that can't be read.
 *
 * @param action The failed action, as a verb with the option or the thing: `read the token`.
 * @param path The path.
 * @param error What was thrown.
 * @returns An error: `invalid`, if there is no such path; else what the disk says.
 */
export function inputError(action: string, path: string, error: unknown): Error {
  const reason = diskError(action, path, error);
  if (!(reason instanceof RunOutputsError) || !isMissing(error)) return reason;
  return new RunOutputsError("invalid", reason.message, { cause: error });
}

/** The error of a path that does not exist. Whatever else is wrong is reported by its reader. */
async function missing(path: string): Promise<Error | undefined> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (isMissing(error)) return inputError("read", path, error);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
