/**
 * Files and directories of this machine that a command takes as its input. One that does not exist
 * is a usage error, found before anything is opened.
 *
 * @module
 */

import type { Argument, Command, Option } from "commander";
import { diskError } from "../errors/disk.ts";
import { RunOutputsError } from "../errors/error.ts";

const INPUTS = new WeakSet<Argument | Option>();

/**
 * Marks an argument or an option whose value is such a path.
 *
 * @param input The argument or the option. `-` is standard input.
 * @returns The same.
 */
export function localInput<T extends Argument | Option>(input: T): T {
  INPUTS.add(input);
  return input;
}

/**
 * Checks that the inputs of a command exist. Of several paths one has to: the command reports the
 * others, and goes without them.
 *
 * @param command The command, after it was parsed.
 * @throws {RunOutputsError} `invalid`, naming the path.
 */
export async function checkLocalInputs(command: Command): Promise<void> {
  const args = command.registeredArguments
    .map((input, i) => ({ input, value: command.processedArgs[i] }));
  const options = command.options
    .map((input) => ({ input, value: command.getOptionValue(input.attributeName()) }));
  for (const { input, value } of [...options, ...args]) {
    if (!INPUTS.has(input) || value === undefined) continue;
    const action = "long" in input ? `read ${input.long}` : "read";
    const errors = await Promise.all([value].flat().map((path) => missing(path, action)));
    const [first] = errors;
    if (first !== undefined && errors.every((error) => error !== undefined)) throw first;
  }
}

/** The error of a path that does not exist; `undefined` for any other. */
async function missing(path: unknown, action: string): Promise<RunOutputsError | undefined> {
  if (typeof path !== "string" || path === "-") return undefined;
  try {
    await Deno.stat(path);
  } catch (error) {
    // Whatever else is wrong is reported where the path is read.
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
      return undefined;
    }
    const { message } = diskError(action, path, error);
    return new RunOutputsError("invalid", message, { cause: error });
  }
}
