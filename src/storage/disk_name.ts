/**
 * Names as a disk has them, and the segments of keys that they stand for.
 *
 * @module
 */

import { decodeWindowsName } from "../layout/local_name.ts";

/**
 * The segment of a key that a file's name stands for.
 *
 * @param name The name on disk.
 * @param encoded Whether names are encoded as Windows needs it. Default: on Windows.
 * @returns The segment.
 */
export function segmentOf(name: string, encoded: boolean = Deno.build.os === "windows"): string {
  return encoded ? decodeWindowsName(name) : name;
}

/**
 * Whether a name that a directory's listing tells is not the one on disk: it is not UTF-8 there, and
 * can't be asked for.
 *
 * @param name The name.
 * @param path The path with it.
 * @returns `true`, if nothing can be reached by it.
 */
export function isMisread(name: string, path: string): boolean {
  if (!name.includes("\ufffd")) return false;
  try {
    Deno.lstatSync(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
