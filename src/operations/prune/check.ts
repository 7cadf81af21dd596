/**
 * The last check of a run before it is deleted.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import type { CallOptions } from "../../storage/backend.ts";
import type { InspectedRun } from "../retained/describe.ts";
import type { PrunePlace } from "./place.ts";
import { fingerprintOf, lookAt } from "./plan.ts";

/** The result for a run. */
export interface PruneResult {
  /** Its key; of a leftover the path; of a deletion that was finished on a disk, the directory. */
  readonly key: string;
  /** `thinned`: files of it were deleted; `cleaned`: a leftover was deleted; `finished`: an earlier prune had begun to delete it. */
  readonly outcome: "deleted" | "thinned" | "cleaned" | "finished" | "skipped" | "failed";
  /** Why it was skipped or failed. */
  readonly reason?: string;
  /** The size of what was deleted. */
  readonly bytes?: number;
}

/** What happened to a run. */
export type Outcome = Pick<PruneResult, "outcome" | "reason">;

/** The outcome for a run that was uploaded to, pinned or deleted since the plan. */
export const CHANGED: Outcome = { outcome: "skipped", reason: "changed since the plan" };

/** What a run is checked against. */
export interface CheckOptions extends CallOptions {
  /** The state of the run in the plan. */
  readonly fingerprint: string;
  /** No file may have been written later than this. */
  readonly newest: Date;
}

/**
 * Looks at a run again, before it is deleted.
 *
 * @param place The runs.
 * @param run The run.
 * @param options Its state in the plan.
 * @returns The run; `undefined`, if it must be left alone, because something was uploaded, pinned or
 * deleted since the plan.
 */
export async function unchanged(
  { index, directory }: PrunePlace,
  run: RunPrefix,
  { fingerprint, signal }: CheckOptions,
): Promise<InspectedRun | undefined> {
  const seen = await lookAt(index, run, { signal });
  const isSame = seen?.run !== undefined && fingerprintOf(seen) === fingerprint &&
    !seen.run.pins.some(({ in_force }) => in_force) &&
    (directory === undefined || seen.run.deleting === undefined);
  return isSame ? seen : undefined;
}

/**
 * The outcome for a run whose deletion has failed.
 *
 * @param error The reason.
 * @param signal A signal.
 * @returns The outcome.
 * @throws The signal's reason; an error that is not expected.
 */
export function failed(error: unknown, signal: AbortSignal | undefined): Outcome {
  signal?.throwIfAborted();
  if (!(error instanceof RunOutputsError)) throw error;
  return { outcome: "failed", reason: error.message };
}
