/**
 * The report of an upload, fetch or copy, as text and as JSON.
 *
 * @module
 */

import { classify } from "../layout/classify.ts";
import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { TransferOutcome, TransferResult } from "../storage/transfer/transfer.ts";
import { type Addressed, type Addresses, addresses } from "./addresses.ts";
import { columns, formatBytes, type Output, plural } from "./terminal/output.ts";

/** One file in the JSON form of a report. */
export interface ReportedFile extends Addresses {
  readonly path: string;
  readonly kind: string;
  readonly outcome: TransferOutcome;
  readonly size?: number;
  readonly sha256?: string;
  readonly warnings: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

const OUTCOMES: readonly TransferOutcome[] = [
  "written",
  "unchanged",
  "skipped",
  "planned",
  "failed",
];

/**
 * Sorts results by path.
 *
 * @param results The results.
 * @returns The sorted results.
 */
export function inOrder(results: readonly TransferResult[]): TransferResult[] {
  return results.toSorted((a, b) =>
    a.location.key < b.location.key ? -1 : a.location.key > b.location.key ? 1 : 0
  );
}

/**
 * The JSON form of results.
 *
 * @param root The run.
 * @param results The result of each file.
 * @param storage Where the files are, or would be.
 * @returns Counts, bytes and files.
 */
export function reportedFiles(
  root: RunOutputRoot,
  results: readonly TransferResult[],
  storage: Addressed,
): Reported {
  return reportedLocations(root.root(), results, ({ location }) => addresses(storage, location));
}

/** Results in their JSON form. */
export interface Reported {
  readonly counts: Record<TransferOutcome, number>;
  readonly bytes: number;
  /** The number of files with unknown sizes, not counted in `bytes`; only in dry runs. */
  readonly unknown_sizes?: number;
  readonly files: ReportedFile[];
}

/**
 * The JSON form of results under one prefix or several.
 *
 * @param prefix The prefixes that paths are relative to.
 * @param results The result of each file.
 * @param addressesOf Returns the addresses of a file.
 * @returns Counts, bytes and files.
 */
export function reportedLocations(
  prefix: OutputLocation | readonly OutputLocation[],
  results: readonly TransferResult[],
  addressesOf: (result: TransferResult) => Addresses,
): Reported {
  const prefixes = [prefix].flat();
  return {
    counts: countOutcomes(results),
    bytes: sumBytes(results),
    unknown_sizes: countUnknown(results) || undefined,
    files: inOrder(results).map((result) => {
      const path = relativeToAny(prefixes, result.location);
      return {
        path,
        kind: path === "." ? "other" : classify(path),
        outcome: result.outcome,
        size: result.size,
        sha256: result.sha256,
        ...addressesOf(result),
        warnings: result.warnings,
        error: result.error && {
          code: result.error instanceof RunOutputsError ? result.error.code : "failed",
          message: result.error.message,
        },
      };
    }),
  };
}

/**
 * The path of a location relative to the first prefix that contains it.
 *
 * @param prefixes The prefixes.
 * @param location The location.
 * @returns The path; `.` for a prefix itself, or a location outside of all.
 */
export function relativeToAny(
  prefixes: readonly OutputLocation[],
  location: OutputLocation,
): string {
  for (const prefix of prefixes) {
    const path = location.relativeTo(prefix);
    if (path) return path;
  }
  return ".";
}

/**
 * The text form of results: one line per file. Reasons of failures go to standard error.
 *
 * @param root The run.
 * @param results The result of each file.
 * @param output For colours.
 * @returns The lines.
 */
export function resultLines(
  root: RunOutputRoot,
  results: readonly TransferResult[],
  output: Output,
): string[] {
  return locationLines(root.root(), results, output);
}

/**
 * The text form of results under a prefix.
 *
 * @param prefix The prefix that paths are relative to.
 * @param results The result of each file.
 * @param output For colours.
 * @returns The lines.
 */
export function locationLines(
  prefix: OutputLocation,
  results: readonly TransferResult[],
  output: Output,
): string[] {
  const rows = inOrder(results).map((result) => [
    result.outcome === "planned" ? "would write" : result.outcome,
    result.size === undefined ? "" : formatBytes(result.size),
    result.location.relativeTo(prefix) || ".",
    // The location of a failed file may be only its directory.
    ...(["planned", "failed"].includes(result.outcome) ? [`<- ${result.path}`] : []),
  ]);
  const color = { failed: "red", unchanged: "dim", skipped: "dim" } as const;
  return columns(rows, [1]).map((line) => {
    const outcome = line.split(" ")[0];
    return outcome in color ? output.paint(line, color[outcome as keyof typeof color]) : line;
  });
}

/**
 * The totals of a report in one line.
 *
 * @param results The result of each file.
 * @param planned The word for planned files.
 * @returns `12 files, 3.4 MB: 10 written, 2 unchanged`.
 */
export function summaryLine(results: readonly TransferResult[], planned = "to write"): string {
  const counts = countOutcomes(results);
  const parts = OUTCOMES.filter((outcome) => counts[outcome] > 0)
    .map((outcome) => `${counts[outcome]} ${outcome === "planned" ? planned : outcome}`);
  const unknown = countUnknown(results);
  const more = unknown === 0 ? "" : ` and ${unknown} of unknown size`;
  const total = `${plural(results.length, "file")}, ${formatBytes(sumBytes(results))}${more}`;
  return parts.length === 0 ? total : `${total}: ${parts.join(", ")}`;
}

/**
 * Reports warnings and failures, one line each.
 *
 * @param results The result of each file.
 * @param output Receives the lines.
 */
export function reportProblems(results: readonly TransferResult[], output: Output): void {
  for (const result of inOrder(results)) {
    for (const warning of result.warnings) output.warn(warning);
    if (result.outcome === "failed") {
      const message = result.error?.message.split("\n")[0] ?? "unknown reason";
      const { key, name } = result.location;
      const named = [result.path, key, `'${name}'`].some((text) => message.includes(text));
      output.error(named ? message : `${result.path}: ${message}`);
    }
  }
}

function countOutcomes(results: readonly TransferResult[]): Record<TransferOutcome, number> {
  const counts = { written: 0, unchanged: 0, skipped: 0, planned: 0, failed: 0 };
  for (const result of results) counts[result.outcome]++;
  return counts;
}

/** The number of planned files whose size is only known once they are packed. */
function countUnknown(results: readonly TransferResult[]): number {
  return results.filter(({ outcome, size }) => outcome === "planned" && size === undefined).length;
}

function sumBytes(results: readonly TransferResult[]): number {
  return results.reduce(
    (sum, { size, outcome }) => outcome === "failed" ? sum : sum + (size ?? 0),
    0,
  );
}
