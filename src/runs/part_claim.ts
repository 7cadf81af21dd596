/**
 * Decides who may replace an existing part.
 *
 * A part belongs to one job. That job may write it again, and a later attempt of the run replaces
 * the part of an earlier one. Another job of the same attempt that uses the same name is a mistake,
 * which would damage both.
 *
 * @module
 */

import { quote, RunOutputsError } from "../errors/error.ts";
import type { ManifestHead } from "./manifest.ts";

/**
 * Which files of the existing part stay: `unite` keeps those that the new part does not list,
 * because both are of the same attempt; `replace` drops them.
 */
export type PartClaim = "unite" | "replace";

/**
 * Decides whether a part may be replaced.
 *
 * @param existing The existing part.
 * @param ours The new part.
 * @returns What happens to files of the existing part; an error with code `conflict`, if another
 * job wrote it.
 */
export function claimPart(existing: ManifestHead, ours: ManifestHead): PartClaim | RunOutputsError {
  // A copy of another run's part, which no job of this run wrote.
  if (existing.run.run_id !== ours.run.run_id) return "unite";
  const [before, now] = [existing.run.run_attempt, ours.run.run_attempt];
  // Outside of a job, a person decides; or a job continues what a person started.
  if (before === undefined || now === undefined) return "unite";
  if (now > before) return "replace";
  if (now === before && isSameJob(existing, ours)) return "unite";
  const { job, runner } = existing.writer ?? {};
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
