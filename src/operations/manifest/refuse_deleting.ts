/**
 * Refuses to write to a run that is being deleted.
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
  const mark = await statIfThere(backend, deletingMark(root), signal).catch((error) => {
    // A role that may only write can't see the mark. The prune notices what it writes.
    if (!(error instanceof RunOutputsError) || error.code !== "denied") throw error;
    return undefined;
  });
  if (mark !== undefined) throw beingDeleted(show(root.root()), mark.modified, "write to");
}
