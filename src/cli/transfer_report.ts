/**
 * The report of an upload, fetch or copy, as text and as JSON.
 *
 * @module
 */

import { classify } from "../layout/classify.ts";
import { compareKeys, inKeyOrder } from "../layout/compare_keys.ts";
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
export function inOrder<Result extends TransferResult>(results: readonly Result[]): Result[] {
  return results.toSorted((a, b) => compareKeys(a.location.key, b.location.key));
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
  results: Iterable<TransferResult>,
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
  /** Made one by one. */
  readonly files: Iterable<ReportedFile>;
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
  results: Iterable<TransferResult>,
  addressesOf: (result: TransferResult) => Addresses,
): Reported {
  const prefixes = [prefix].flat();
  const { counts, bytes, unknown } = totalsOf(results);
  return {
    counts,
    bytes,
    unknown_sizes: unknown || undefined,
    files: eachOf(inKeyOrder(results), (result) => {
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
 * The path of a file for messages.
 *
 * @param prefixes The prefixes that the path can be relative to.
 * @param result The result of the file.
 * @returns The path below the prefix; that on the disk, if only the prefix is known.
 */
export function pathInAny(prefixes: readonly OutputLocation[], result: TransferResult): string {
  const path = relativeToAny(prefixes, result.location);
  return path === "." ? result.path : path;
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
  results: Iterable<TransferResult>,
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
  results: Iterable<TransferResult>,
  output: Output,
): string[] {
  const rows = Array.from(inKeyOrder(results), (result) => {
    const { outcome, size } = result;
    const path = pathInAny([prefix], result);
    // The location of a failed file may be only its directory.
    const isFrom = (outcome === "planned" || outcome === "failed") && path !== result.path;
    return [
      outcome === "planned" ? "would write" : outcome,
      size === undefined ? "" : formatBytes(size),
      path,
      ...(isFrom ? [`<- ${result.path}`] : []),
    ];
  });
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
export function summaryLine(results: Iterable<TransferResult>, planned = "to write"): string {
  const { files, counts, bytes, unknown } = totalsOf(results);
  const parts = OUTCOMES.filter((outcome) => counts[outcome] > 0)
    .map((outcome) => `${counts[outcome]} ${outcome === "planned" ? planned : outcome}`);
  const more = unknown === 0 ? "" : ` and ${unknown} of unknown size`;
  const total = `${plural(files, "file")}, ${formatBytes(bytes)}${more}`;
  return parts.length === 0 ? total : `${total}: ${parts.join(", ")}`;
}

/** What a transfer has done, for its last line. */
export interface Done {
  /** How long it took. */
  readonly seconds: number;
  /** Whether it is a dry run. */
  readonly dryRun: boolean;
  /** Where the files are, as text. */
  readonly where: string;
  /** The URL of the page that shows them, if there is one. */
  readonly page?: string;
}

/**
 * The last line of a transfer.
 *
 * @param results The result of each file.
 * @param done Its time and place.
 * @returns `12 files, 3.4 MB: 12 written in 1.7 s (2.0 MB/s); see https://…/index.html`.
 */
export function doneLine(
  results: Iterable<TransferResult>,
  { seconds, dryRun, where, page }: Done,
): string {
  if (dryRun) return `${summaryLine(results)}; would be in ${where}`;
  let sent = 0;
  for (const { outcome, size = 0, resumed = 0 } of results) {
    if (outcome === "written") sent += size - resumed;
  }
  const place = page === undefined ? `in ${where}` : `see ${page}`;
  return `${summaryLine(results)}${took(seconds, sent)}; ${place}`;
}

/**
 * How long something took, to follow what was done.
 *
 * @param seconds The time.
 * @param bytes The bytes transferred.
 * @returns ` in 1.7 s (2.0 MB/s)`; without a speed, if there is none worth knowing.
 */
export function took(seconds: number, bytes: number): string {
  const speed = bytes === 0 || seconds < 0.01
    ? ""
    : ` (${formatBytes(Math.round(bytes / seconds))}/s)`;
  return ` in ${seconds.toFixed(1)} s${speed}`;
}

/**
 * Reports warnings, those that are alike together, and failures, one line each.
 *
 * @param results The result of each file.
 * @param output Receives the lines.
 */
export function reportProblems(results: Iterable<TransferResult>, output: Output): void {
  const ordered = inOrder([...Iterator.from(results).filter(isProblem)]);
  output.warnAll(ordered.flatMap(({ warnings }) => warnings));
  for (const result of ordered) {
    if (result.outcome === "failed") {
      const message = result.error?.message.split("\n")[0] ?? "unknown reason";
      const { key, name } = result.location;
      const named = [result.path, key, `'${name}'`].some((text) => message.includes(text));
      output.error(named ? message : `${result.path}: ${message}`);
    }
  }
}

function isProblem({ outcome, warnings }: TransferResult): boolean {
  return outcome === "failed" || warnings.length > 0;
}

/** The totals of results. */
interface Totals {
  readonly files: number;
  readonly counts: Record<TransferOutcome, number>;
  /** The bytes of those that have not failed, as far as known. */
  readonly bytes: number;
  /** The number of planned files whose size is only known once they are packed. */
  readonly unknown: number;
}

function totalsOf(results: Iterable<TransferResult>): Totals {
  const counts = { written: 0, unchanged: 0, skipped: 0, planned: 0, failed: 0 };
  let [files, bytes, unknown] = [0, 0, 0];
  for (const { outcome, size } of results) {
    files++;
    counts[outcome]++;
    if (outcome !== "failed") bytes += size ?? 0;
    if (outcome === "planned" && size === undefined) unknown++;
  }
  return { files, counts, bytes, unknown };
}

/** Values made of others one by one, each time they are read. */
function eachOf<T, U>(values: Iterable<T>, make: (value: T) => U): Iterable<U> {
  return { [Symbol.iterator]: () => Iterator.from(values).map(make) };
}
