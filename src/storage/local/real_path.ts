/**
 * Resolves the links in a path.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { realPathAt } from "../../ownership/way_to.ts";

/**
 * Resolves a path; missing parts are kept unchanged.
 *
 * @param path The path.
 * @returns The absolute path.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function realPath(path: string): Promise<string> {
  path = resolve(path);
  try {
    return await realPathAt(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError("read", path, error);
    return dirname(path) === path ? path : join(await realPath(dirname(path)), basename(path));
  }
}
