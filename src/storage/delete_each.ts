/**
 * Deletes many objects one by one, for storages that have no call for it.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { CallOptions, DeleteFailure, StorageBackend } from "./backend.ts";

/**
 * Deletes objects one by one. A failure does not stop the rest.
 *
 * @param backend The storage.
 * @param locations The objects.
 * @param options A signal.
 * @returns The objects that could not be deleted, with the reason.
 */
export async function deleteEach(
  backend: Pick<StorageBackend, "delete">,
  locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
  options: CallOptions = {},
): Promise<DeleteFailure[]> {
  options.signal?.throwIfAborted();
  const failures: DeleteFailure[] = [];
  for await (const location of locations) {
    try {
      await backend.delete(location, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof RunOutputsError)) throw error;
      failures.push({ location, error });
    }
  }
  return failures;
}
