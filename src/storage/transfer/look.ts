/**
 * A look at what is on the disk.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";

/**
 * What the system says of a path; a link is not followed.
 *
 * @param path The path.
 * @param action What the look is for, as a verb, for messages. Default: `read`.
 * @returns What is there; `undefined`, if nothing is.
 * @throws {RunOutputsError} What else the disk says.
 */
export async function look(path: string, action = "read"): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError(action, path, error);
  }
}
