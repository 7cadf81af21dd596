/**
 * The options that a bisect has saved, for the permissions of its later commands.
 *
 * @module
 */

import { join } from "node:path";
import type { CommandLine } from "../../fence/invocation.ts";
import { readBisectArgs } from "./options.ts";

/**
 * Adds the saved options to a command line of a bisect. The command itself reads them again, under its
 * lock, and reports what is wrong with them.
 *
 * @param line The command line.
 * @returns The command line with the options of `bisect start`, as far as they can be read.
 */
export async function withSavedOptions(line: CommandLine): Promise<CommandLine> {
  const { stateDir } = line.options;
  if (typeof stateDir !== "string") return line;
  try {
    const { settings } = JSON.parse(await Deno.readTextFile(join(stateDir, "bisect.json")));
    return { ...line, options: { ...readBisectArgs(settings.args), ...line.options } };
  } catch {
    return line;
  }
}
