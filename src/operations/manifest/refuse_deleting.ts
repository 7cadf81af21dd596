/**
 * Looks whether a run is being deleted, and refuses to write to one.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { beingDeleted, deletingMark } from "../../runs/deleting.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { statIfThere } from "../../storage/if_there.ts";

/** Options of {@linkcode refuseDeleting}. */
export interface RefuseDeletingOptions extends CallOptions {
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

/**
 * Refuses to write to a run that is being deleted: what is written would be deleted too.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options A signal.
 * @throws {RunOutputsError} `not_found`, if the run has the mark of a deletion.
 */
export async function refuseDeleting(
  backend: StorageBackend,
  root: OutputPaths,
  { show = String, signal }: RefuseDeletingOptions = {},
): Promise<void> {
  const since = await deletingSince(backend, root, { signal });
  if (since !== undefined) throw beingDeleted(show(root.root()), since, "write to");
}

/**
 * Looks for the mark of a deletion, with one request. A role that can't see it, because it may only
 * write or read, sees none. The prune notices what it writes.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options A signal.
 * @returns Since when the run is being deleted; `undefined`, if it is not.
 * @throws {RunOutputsError} Other errors of the storage.
 */
export async function deletingSince(
  backend: StorageBackend,
  root: OutputPaths,
  { signal }: CallOptions = {},
): Promise<Date | undefined> {
  try {
    return (await statIfThere(backend, deletingMark(root), signal))?.modified;
  } catch (error) {
    if (!(error instanceof RunOutputsError) || error.code !== "denied") throw error;
    return undefined;
  }
}
