/**
 * Directories that a fetch creates, and deletes again if it puts nothing into them.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import { look } from "../../storage/local/look.ts";

/**
 * The missing directories in a path, for {@linkcode removeEmpty}.
 *
 * @param path A directory.
 * @returns The directory and its parents, as far as they are missing, the deepest first.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function missingDirs(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = resolve(path); dirname(at) !== at; at = dirname(at)) {
    if (await look(at) !== undefined) break;
    missing.push(at);
  }
  return missing;
}

/**
 * Deletes empty directories.
 *
 * @param dirs The directories, each before its parent.
 */
export async function removeEmpty(dirs: readonly string[]): Promise<void> {
  for (const dir of dirs) {
    // It has content that is needed, or it does not exist.
    await Deno.remove(dir).catch(() => {});
  }
}
