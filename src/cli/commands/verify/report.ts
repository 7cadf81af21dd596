/**
 * The report of a verification, as text and as JSON.
 *
 * @module
 */

import type { CheckedBy, Verdict, VerifiedFile } from "../../../operations/verify/verified_file.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";
import { EXIT, exitCodeOfResults } from "../../exit_codes.ts";
import { columns, formatBytes, type Output, plural } from "../../terminal/output.ts";

/** How each verdict reads, in the order of a summary. */
const WORDS: Readonly<Record<Verdict, string>> = {
  "ok": "as told",
  "missing": "missing",
  "wrong-size": "of wrong size",
  "wrong-hash": "of wrong content",
  "failed": "failed",
  "extra": "extra",
  "unchecked": "not checked",
  "made": "made anew by each upload",
};

const VERDICTS = Object.keys(WORDS) as readonly Verdict[];

/** What became of files that were repaired, by their paths; nothing, if none were to be. */
export type Repairs = ReadonlyMap<string, TransferResult> | undefined;

/** How many names a note has. */
const NAMES = 5;

/** Collects what a verification finds: counts of everything, and what is not as told. */
export class VerifyReport {
  /** How many files stand how. */
  readonly counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<
    Verdict,
    number
  >;
  /** How many files were held against what. */
  readonly checkedBy: Record<CheckedBy, number> = { bytes: 0, record: 0, size: 0 };
  /** Files that are not as told. */
  readonly problems: VerifiedFile[] = [];
  /** Files that are `extra` or `unchecked`, where that is no problem. */
  readonly others: VerifiedFile[] = [];
  /** Files that parts of the manifest tell different things of. */
  readonly conflicts: VerifiedFile[] = [];
  /** How many bytes the files have that are there. */
  bytes = 0;
  readonly #strict: boolean;

  /**
   * Creates a report.
   *
   * @param strict Whether what nothing tells of is a problem too.
   */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** How many files there are. */
  get count(): number {
    return VERDICTS.reduce((sum, verdict) => sum + this.counts[verdict], 0);
  }

  /** How many files were held against anything. */
  get checked(): number {
    const { bytes, record, size } = this.checkedBy;
    return bytes + record + size + this.counts.missing + this.counts.failed;
  }

  /**
   * Adds a file.
   *
   * @param file What was found out about it.
   */
  add(file: VerifiedFile): void {
    const { verdict, checkedBy, size = 0, conflicts } = file;
    this.counts[verdict]++;
    this.bytes += size;
    if (checkedBy !== undefined) this.checkedBy[checkedBy]++;
    if (conflicts.length > 0) this.conflicts.push(file);
    if (file.error !== undefined) this.problems.push(file);
    else if (verdict === "extra" || verdict === "unchecked") {
      if (this.#strict) this.problems.push({ ...file, error: strictError(file) });
      else this.others.push(file);
    }
  }
}

/**
 * The exit code of a verification.
 *
 * @param report What was found.
 * @param missing How many parts the run lacks, and files whose names no list has.
 * @param repairs What became of the problems, if they were repaired.
 * @returns 6, if anything has wrong bytes; 7, if anything is missing; else as for any set of files.
 */
export function exitCodeOfVerify(
  report: VerifyReport,
  missing: number,
  repairs: Repairs,
): number {
  const left = report.problems.filter(({ path }) => repairs?.get(path)?.outcome !== "written");
  if (left.length === 0) return missing > 0 ? EXIT.incomplete : EXIT.done;
  const { ok, extra } = report.counts;
  const some = ok + extra > 0 || left.length < report.problems.length || missing > 0;
  return exitCodeOfResults(
    left.map(({ location, path, error }) => ({
      location,
      path,
      outcome: "failed",
      warnings: [],
      error,
    })),
    some,
  );
}

/**
 * Tells on standard error what is wrong, and what could not be checked.
 *
 * @param report What was found.
 * @param repairs What became of the problems, if they were repaired.
 * @param missing The parts that the run lacks.
 * @param output Where to.
 */
export function tellVerified(
  report: VerifyReport,
  repairs: Repairs,
  missing: readonly string[],
  output: Output,
): void {
  for (const { path, parts, conflicts } of report.conflicts) {
    output.warn(
      `${path}: the part ${parts[0]} of the outputs manifest tells of other content than ` +
        `${conflicts.join(", ")}; it was written last and is believed`,
    );
  }
  for (const { path, error } of inOrder(report.problems)) {
    if (repairs?.get(path)?.outcome === "written") output.warn(`${error!.message}; it is repaired`);
    else output.error(error!.message);
  }
  for (const part of missing) {
    output.error(`Missing: the part ${part} of the outputs manifest, which the run expects`);
  }
  const note = (verdict: Verdict, text: string) => {
    const some = report.others.filter((file) => file.verdict === verdict);
    if (some.length === 0) return;
    const names = inOrder(some).slice(0, output.verbose ? undefined : NAMES);
    const more = some.length - names.length;
    output.note(
      `${plural(some.length, "file")} ${text}: ${names.map(({ path }) => path).join(", ")}` +
        (more > 0 ? `, and ${more} more (-v)` : ""),
    );
  };
  note("extra", "that no part of the outputs manifest names");
  note("unchecked", "that could not be checked");
}

/**
 * The text form: a line for each file that is wrong.
 *
 * @param report What was found.
 * @param repairs What became of the problems, if they were repaired.
 * @param output For colours.
 * @returns The lines.
 */
export function verifyLines(
  report: VerifyReport,
  repairs: Repairs,
  output: Output,
): string[] {
  const rows = inOrder(report.problems).map(({ path, verdict, size }) => [
    verdict,
    size === undefined ? "" : formatBytes(size),
    path,
    ...repairs === undefined
      ? []
      : [REPAIRED[repairs.get(path)?.outcome ?? "failed"] ?? "not repaired"],
  ]);
  return columns(rows, [1]).map((line) => output.paint(line, "red"));
}

const REPAIRED: Readonly<Partial<Record<TransferResult["outcome"], string>>> = {
  written: "repaired",
  planned: "would be repaired",
};

/**
 * The sum of a verification in one line.
 *
 * @param report What was found.
 * @returns `12 files, 3.4 MB: 10 as told, 1 missing, 1 extra`.
 */
export function verifySummary(report: VerifyReport): string {
  const parts = VERDICTS.filter((verdict) => report.counts[verdict] > 0)
    .map((verdict) => `${report.counts[verdict]} ${WORDS[verdict]}`);
  return `${plural(report.count, "file")}, ${formatBytes(report.bytes)}: ${parts.join(", ")}`;
}

/**
 * What was held against what, in one line.
 *
 * @param report What was found.
 * @returns `10 by their bytes`.
 */
export function checkedSummary({ checkedBy }: VerifyReport): string {
  const words = { bytes: "their bytes", record: "the hash on record", size: "their size alone" };
  const parts = (["bytes", "record", "size"] as const).filter((by) => checkedBy[by] > 0)
    .map((by) => `${checkedBy[by]} by ${words[by]}`);
  return `checked: ${parts.join(", ") || "none"}`;
}

/**
 * The JSON form of what was found: counts, and each file that is not as told or was not checked.
 *
 * @param report What was found.
 * @param repairs What became of the problems, if they were repaired.
 * @returns Its members.
 */
export function verifyJson(report: VerifyReport, repairs: Repairs) {
  return {
    count: report.count,
    bytes: report.bytes,
    counts: Object.fromEntries(
      VERDICTS.map((verdict) => [verdict.replace("-", "_"), report.counts[verdict]]),
    ),
    checked_by: report.checkedBy,
    files: inOrder([...report.problems, ...report.others]).map((file) => ({
      path: file.path,
      kind: file.kind,
      verdict: file.verdict,
      checked_by: file.checkedBy,
      size: file.size,
      sha256: file.sha256,
      expected: file.expected && {
        size: file.expected.size,
        sha256: file.expected.sha256,
        by: file.expected.by,
      },
      error: file.error && { code: file.error.code, message: file.error.message },
      reason: file.reason,
      repair: repairJson(repairs?.get(file.path)),
    })),
    conflicts: report.conflicts.map(({ path, parts, conflicts }) => ({ path, parts, conflicts })),
  };
}

function repairJson(result: TransferResult | undefined) {
  if (result === undefined) return undefined;
  const { outcome, error } = result;
  const code = error instanceof RunOutputsError ? error.code : "failed";
  return { outcome, error: error && { code, message: error.message } };
}

function inOrder(files: readonly VerifiedFile[]): VerifiedFile[] {
  return files.toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

function strictError({ path, verdict, reason }: VerifiedFile): RunOutputsError {
  const message = verdict === "extra"
    ? `Extra: ${path}, which no part of the outputs manifest names`
    : `Not checked: ${path}: ${reason}`;
  return new RunOutputsError("integrity", message);
}
