/**
 * Inspects and reads paths on disk that may not exist.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { lookAt } from "../../ownership/way_to.ts";

/**
 * The file information of a path; a link is not followed.
 *
 * @param path The path.
 * @param action The purpose, as a verb, for messages. Default: `read`.
 * @returns The file information; `undefined`, if it does not exist.
 * @throws {RunOutputsError} Other errors of the disk.
 */
export async function look(path: string, action = "read"): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // A thread with few permissions remembers what is above its directories.
    if (error instanceof Deno.errors.NotCapable) return lookAt(path).info;
    throw diskError(action, path, error);
  }
}

/**
 * Reads a text file.
 *
 * @param path The file.
 * @returns Its text; `undefined`, if it does not exist.
 * @throws {RunOutputsError} Other errors of the disk.
 */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError("read", path, error);
  }
}
