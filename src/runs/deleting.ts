/**
 * The mark of a run that is being deleted: `manifests/retention/deleting.json`.
 *
 * It is written before anything is deleted and is deleted last, so a run is either whole or has it.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { OutputPaths } from "../layout/output_paths.ts";

/** The schema of the mark. Readers use only its existence. */
export const DELETING_SCHEMA = "run-outputs.deleting/1";

/**
 * The location of the mark.
 *
 * @param root The run.
 * @returns `manifests/retention/deleting.json`
 */
export function deletingMark(root: OutputPaths): OutputLocation {
  return root.retentionDir().join("deleting.json");
}

/**
 * The error of a reader that finds the mark.
 *
 * @param run The run, for the message.
 * @param since When the deletion began.
 * @returns An error with code `not_found`.
 */
export function beingDeleted(run: string, since: Date): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `Cannot read '${run}': 'runs prune' has been deleting this run since ${since.toISOString()}`,
  );
}
