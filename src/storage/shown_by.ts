/**
 * How a storage formats locations for messages.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { StorageBackend } from "./backend.ts";

/**
 * The format of locations for messages about a storage.
 *
 * @param backend The storage.
 * @returns A function that returns a path on disk or an S3 URI.
 */
export function shownBy(backend: StorageBackend): (location: OutputLocation) => string {
  return (location) => backend.show?.(location) ?? String(location);
}
