/**
 * What is known of a file as an object.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo } from "../backend.ts";
import { contentType } from "../content_type.ts";

/**
 * What is known of an object from its file.
 *
 * @param location The object.
 * @param stat Its file.
 * @returns The same as an object has it.
 */
export function objectInfo(location: OutputLocation, stat: Deno.FileInfo): ObjectInfo {
  const modified = stat.mtime ?? new Date(0);
  // Every write makes a new file, so the inode tells apart what size and time can't.
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
 * What is known of a file that a listing found.
 *
 * @param location The object.
 * @param path Its file.
 * @returns What is known of it; nothing, if it is gone.
 * @throws {RunOutputsError} What the disk says.
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
 * Whether an error of the disk says that a file is missing.
 *
 * @param error What was thrown.
 * @returns `true`, also for a path through something that is no directory.
 */
export function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
