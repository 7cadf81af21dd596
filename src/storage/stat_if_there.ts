/**
 * A look at an object that need not exist.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { ObjectInfo, StorageBackend } from "./backend.ts";

/**
 * What a storage says of an object.
 *
 * @param backend The storage.
 * @param location The object.
 * @param signal Stops the look.
 * @returns Its headers; `undefined` if there is none.
 * @throws {RunOutputsError} What else the storage says.
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
