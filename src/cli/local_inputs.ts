/**
 * Files and directories of this machine that a command takes as its input. One that does not exist
 * is a usage error, found before anything is opened.
 *
 * @module
 */

import type { Argument, Command } from "commander";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";

/** What the values of an argument are. */
type Kind = "path" | "directory";

const INPUTS = new WeakMap<Argument, Kind>();

/**
 * Marks an argument whose values are such paths.
 *
 * @param argument The argument.
 * @param kind What they are. Default: files or directories.
 * @returns The same.
 */
export function localInput(argument: Argument, kind: Kind = "path"): Argument {
  INPUTS.set(argument, kind);
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
    const kind = INPUTS.get(argument);
    if (kind === undefined || paths.length === 0 || paths.includes("-")) continue;
    const errors = (await Promise.all(paths.map((path) => wrong(path, kind))))
      .filter((error) => error !== undefined);
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
async function wrong(path: string, kind: Kind): Promise<Error | undefined> {
  try {
    const { isDirectory } = await Deno.stat(path);
    if (kind === "path" || isDirectory) return undefined;
    return new RunOutputsError("invalid", `Cannot read '${path}': it is not a directory`);
  } catch (error) {
    if (isMissing(error)) return inputError("read", path, error);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
