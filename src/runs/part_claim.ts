/**
 * Who may write a part that is there already.
 *
 * A part belongs to one job. It may repeat itself, and a later attempt of the run replaces what an
 * earlier one has written; another job of the same attempt that takes the same name is a mistake,
 * of which both would suffer.
 *
 * @module
 */

import { quote, RunOutputsError } from "../errors/error.ts";
import type { ManifestHead } from "./manifest.ts";

/**
 * What becomes of the files that only the part that is there names: `unite` keeps them, because
 * they are of the same attempt and nothing has removed them; `replace` does not.
 */
export type PartClaim = "unite" | "replace";

/**
 * Decides whether a part may be written over.
 *
 * @param there The part that is there.
 * @param ours The one that is to be written.
 * @returns How; an error with code `conflict`, if another job has written it.
 */
export function claimPart(there: ManifestHead, ours: ManifestHead): PartClaim | RunOutputsError {
  // A copy of another run's part: nobody of this run has written it.
  if (there.run.run_id !== ours.run.run_id) return "unite";
  const [before, now] = [there.run.run_attempt, ours.run.run_attempt];
  // Outside of a job it is a person who knows, or a job that goes on with what a person began.
  if (before === undefined || now === undefined) return "unite";
  if (now > before) return "replace";
  if (now === before && isSameJob(there, ours)) return "unite";
  const { job, runner } = there.writer ?? {};
  const who = [
    job === undefined ? "another job" : `job ${quote(job)}`,
    runner === undefined ? "" : `on runner ${quote(runner)}`,
    `in attempt ${before}`,
  ].filter((word) => word !== "").join(" ");
  return new RunOutputsError(
    "conflict",
    `Cannot write the part ${
      quote(ours.part)
    } of the outputs manifest: ${who} has already written it; ` +
      "give each upload its own --part",
  );
}

function isSameJob(a: ManifestHead, b: ManifestHead): boolean {
  return a.writer?.job === b.writer?.job && a.writer?.runner === b.writer?.runner;
}
