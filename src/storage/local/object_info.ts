/**
 * The object information of a file.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo } from "../backend.ts";
import { contentType } from "../content_type.ts";

/**
 * Creates the object information from a file.
 *
 * @param location The object.
 * @param stat Its file information.
 * @returns The object information.
 */
export function objectInfo(location: OutputLocation, stat: Deno.FileInfo): ObjectInfo {
  const modified = stat.mtime ?? new Date(0);
  // Every write creates a new file, so the inode shows changes that size and time cannot.
  const etag = `${stat.ino ?? 0}-${stat.size.toString(36)}-${modified.getTime().toString(36)}`;
  return {
    location,
    size: stat.size,
    etag,
    modified,
    contentType: contentType(location.key),
  };
}

/**
 * Reads the object information of a listed file.
 *
 * @param location The object.
 * @param path Its file.
 * @returns The object information; `undefined`, if the file was deleted.
 * @throws {RunOutputsError} Errors of the disk.
 */
export function listedObject(location: OutputLocation, path: string): ObjectInfo | undefined {
  try {
    return objectInfo(location, Deno.lstatSync(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw diskError("list", path, error);
  }
}

/**
 * Whether an error of the disk means that a file does not exist.
 *
 * @param error What was thrown.
 * @returns `true`, also for a path through a file that is not a directory.
 */
export function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
