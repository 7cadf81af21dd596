/**
 * Looks up an object that may not exist.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { ObjectInfo, StorageBackend } from "./backend.ts";

/**
 * Returns what is known of an object, if it exists.
 *
 * @param backend The storage.
 * @param location The object.
 * @param signal Aborts the request.
 * @returns What is known of it; `undefined` if it does not exist.
 * @throws {RunOutputsError} Other errors of the storage.
 */
export async function statIfThere(
  backend: StorageBackend,
  location: OutputLocation,
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  try {
    return await backend.stat(location, { signal });
  } catch (error) {
    if (error instanceof RunOutputsError && error.code === "not_found") return undefined;
    throw error;
  }
}
