/**
 * Where a thread with few permissions may write.
 *
 * @module
 */

import { isAbsolute, relative } from "node:path";
import type { Grant } from "./grants.ts";

/**
 * The directories and files that grants allow to write to.
 *
 * @param grants The grants.
 * @returns Their absolute paths.
 */
export function writtenBy(grants: readonly Grant[]): readonly string[] {
  return grants.filter(({ permission }) => permission === "write").flatMap(({ to }) => to);
}

/**
 * Whether a path is that of a directory or below it, by its names.
 *
 * @param directory The directory, absolute.
 * @param path The path, absolute.
 * @returns `true`, if it is.
 */
export function isWithin(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return !isAbsolute(way) && way.split(/[\\/]/)[0] !== "..";
}
