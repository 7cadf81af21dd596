/**
 * What `runs list --write-summaries` has written.
 *
 * @module
 */

import type { BackfillResult } from "../../../operations/retained/backfill.ts";
import { exitCodeOfResults } from "../../exit_codes.ts";
import { type Output, plural } from "../../terminal/output.ts";

/** The member of the JSON document about written summaries. */
export interface WrittenSummaries {
  /** Whether nothing was written because of `--dry-run`. */
  readonly dry_run: boolean;
  /** The keys of the runs whose summary was written, or would be. */
  readonly written: readonly string[];
  /** The runs that are changed by somebody, with the reason. */
  readonly skipped: readonly { readonly key: string; readonly reason?: string }[];
  /** The runs whose summary can't be written, with the reason. */
  readonly failed: readonly { readonly key: string; readonly reason?: string }[];
}

/**
 * Reports the result for each summary: a warning for each failure, and a note with the numbers.
 *
 * @param results The results.
 * @param isDryRun Whether nothing was written.
 * @param output Receives them.
 * @returns The same for the JSON document.
 */
export function reportSummaries(
  results: readonly BackfillResult[],
  isDryRun: boolean,
  output: Output,
): WrittenSummaries {
  const of = (...outcomes: BackfillResult["outcome"][]) =>
    results.filter(({ outcome }) => outcomes.includes(outcome));
  const written = of("written", "planned").map(({ key }) => key);
  const skipped = of("skipped").map(({ key, reason }) => ({ key, reason }));
  const failed = of("failed").map(({ key, error }) => ({ key, reason: error?.message }));
  for (const { key, reason } of failed) output.error(`${key}: ${reason}`);
  for (const key of written) {
    output.explain(`${isDryRun ? "would write" : "wrote"} the summary of ${key}`);
  }
  for (const { key, reason } of skipped) output.explain(`no summary for ${key}: ${reason}`);
  output.note([
    `${written.length} ${written.length === 1 ? "summary" : "summaries"} ` +
    (isDryRun ? "to write" : "written"),
    ...skipped.length === 0
      ? []
      : [`${plural(skipped.length, "run")} skipped (changed within 7 days, or being deleted)`],
    ...failed.length === 0 ? [] : [`${failed.length} failed`],
  ].join(", "));
  return { dry_run: isDryRun, written, skipped, failed };
}

/**
 * The exit code, as for files: 7, if some failed.
 *
 * @param results The results.
 * @returns The code.
 */
export function exitCodeOfSummaries(results: readonly BackfillResult[]): number {
  return exitCodeOfResults(
    results.flatMap(({ outcome, error }) => outcome === "skipped" ? [] : [{ outcome, error }]),
  );
}
