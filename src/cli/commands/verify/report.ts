/**
 * The report of a verification, as text and as JSON.
 *
 * @module
 */

import type { CheckedBy, Verdict, VerifiedFile } from "../../../operations/verify/verified_file.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import type { RemovedOutput } from "../../../operations/manifest/list_outputs.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";
import { EXIT, exitCodeOfResults } from "../../exit_codes.ts";
import { columns, formatBytes, type Output, plural } from "../../terminal/output.ts";

/** The words for each verdict, in the order of the summary. */
const WORDS: Readonly<Record<Verdict, string>> = {
  "ok": "OK",
  "missing": "missing",
  "wrong-size": "with size mismatch",
  "wrong-hash": "with checksum mismatch",
  "failed": "failed",
  "extra": "extra",
  "left": "left by an earlier attempt",
  "unchecked": "not checked",
  "made": "skipped (index pages, manifest and summary, regenerated on upload)",
};

const VERDICTS = Object.keys(WORDS) as readonly Verdict[];

/** The verdicts on files that are not as expected. */
const WRONG: readonly Verdict[] = ["missing", "wrong-size", "wrong-hash", "failed"];

/** The results of repairs by path; `undefined` without `--repair`. */
export type Repairs = ReadonlyMap<string, TransferResult> | undefined;

/** The maximum number of names in a note. */
const NAMES = 5;

/** Collects the results of a verification: counts of all files, and the files with problems. */
export class VerifyReport {
  /** The number of files per verdict. */
  readonly counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<
    Verdict,
    number
  >;
  /** The number of files that are as expected, per way of verification. */
  readonly checkedBy: Record<CheckedBy, number> = { bytes: 0, record: 0, size: 0 };
  /** Files with problems. */
  readonly problems: VerifiedFile[] = [];
  /** Files that are `extra` or `unchecked`, without `--strict`. */
  readonly others: VerifiedFile[] = [];
  /** Files that parts of the manifest list with different content. */
  readonly conflicts: VerifiedFile[] = [];
  /** Files that retention has removed. They are not missing, and do not count. */
  readonly removed: Pick<RemovedOutput, "removal">[] = [];
  /** The total size of the existing files. */
  bytes = 0;
  readonly #strict: boolean;

  /**
   * Creates a report.
   *
   * @param strict Whether `extra` and `unchecked` files are problems too.
   */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** The number of files. */
  get count(): number {
    return VERDICTS.reduce((sum, verdict) => sum + this.counts[verdict], 0);
  }

  /** The number of files that were checked. */
  get checked(): number {
    const { bytes, record, size } = this.checkedBy;
    const wrong = WRONG.reduce((sum, verdict) => sum + this.counts[verdict], 0);
    return bytes + record + size + wrong;
  }

  /**
   * Adds a file.
   *
   * @param file The result of its verification.
   */
  add(file: VerifiedFile): void {
    const { verdict, checkedBy, size = 0, conflicts } = file;
    this.counts[verdict]++;
    this.bytes += size;
    if (checkedBy !== undefined && !WRONG.includes(verdict)) this.checkedBy[checkedBy]++;
    if (conflicts.length > 0) this.conflicts.push(file);
    if (file.error !== undefined) this.problems.push(file);
    else if (verdict === "left") this.others.push(file);
    else if (verdict === "extra" || verdict === "unchecked") {
      if (this.#strict) this.problems.push({ ...file, error: strictError(file) });
      else this.others.push(file);
    }
  }
}

/**
 * The exit code of a verification.
 *
 * @param report The results.
 * @param missing The number of missing parts and of files that listings skip.
 * @param repairs The results of repairs, if any.
 * @returns 6 for a checksum mismatch; 7, if anything is missing; else as for any set of files.
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
 * Reports problems and unchecked files on standard error.
 *
 * @param report The results.
 * @param repairs The results of repairs, if any.
 * @param missing The missing parts.
 * @param output Receives the messages.
 * @param removes Whether files of earlier attempts are deleted.
 */
export function reportVerified(
  report: VerifyReport,
  repairs: Repairs,
  missing: readonly string[],
  output: Pick<Output, "error" | "warnAll" | "note" | "verbose">,
  removes = false,
): void {
  const problems = inOrder(report.problems);
  const isRepaired = ({ path }: VerifiedFile) => repairs?.get(path)?.outcome === "written";
  output.warnAll([
    ...report.conflicts.map(({ path, parts, conflicts }) =>
      `${path}: manifest part ${parts[0]} lists different content than ` +
      `${conflicts.join(", ")}; using ${parts[0]}, which was written last`
    ),
    ...problems.filter(isRepaired).map(({ error }) => `${error!.message}; repaired`),
  ]);
  for (const file of problems) if (!isRepaired(file)) output.error(file.error!.message);
  for (const part of missing) {
    output.error(`Missing: part ${part} of the outputs manifest (listed in expected.json)`);
  }
  const note = (verdict: Verdict, text: string, reason?: string) => {
    const some = report.others.filter((file) =>
      file.verdict === verdict && (reason === undefined || file.reason === reason)
    );
    if (some.length === 0) return;
    const names = inOrder(some).slice(0, output.verbose ? undefined : NAMES);
    const more = some.length - names.length;
    output.note(
      `${plural(some.length, "file")} ${text}: ${names.map(({ path }) => path).join(", ")}` +
        (more > 0 ? `, and ${more} more (-v)` : ""),
    );
  };
  note("extra", "not listed in the outputs manifest");
  const hint = removes ? "" : "; 'verify --remove-left' deletes them";
  note("left", `left by an earlier attempt of the run${hint}`);
  const unchecked = report.others.filter(({ verdict }) => verdict === "unchecked");
  for (const reason of new Set(unchecked.map((file) => file.reason))) {
    note("unchecked", `not checked, ${reason}`, reason);
  }
}

/**
 * The text form: one line per file with a problem.
 *
 * @param report The results.
 * @param repairs The results of repairs, if any.
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
      : [REPAIRED.get(repairs.get(path)?.outcome ?? "failed") ?? "not repaired"],
  ]);
  return columns(rows, [1]).map((line) => output.paint(line, "red"));
}

const REPAIRED: ReadonlyMap<TransferResult["outcome"], string> = new Map([
  ["written", "repaired"],
  ["planned", "would be repaired"],
]);

/**
 * The totals of a verification in one line.
 *
 * @param report The results.
 * @param repairs The results of repairs, if any.
 * @returns `12 files, 3.4 MB: 10 OK, 1 missing, 1 extra; 1 repaired`.
 */
export function verifySummary(report: VerifyReport, repairs?: Repairs): string {
  const parts = VERDICTS.filter((verdict) => report.counts[verdict] > 0)
    .map((verdict) => `${report.counts[verdict]} ${WORDS[verdict]}`);
  const repaired = [...REPAIRED].flatMap(([outcome, words]) => {
    const count = [...repairs?.values() ?? []].filter((one) => one.outcome === outcome).length;
    return count === 0 ? [] : [`; ${count} ${words}`];
  });
  const total = `${plural(report.count, "file")}, ${formatBytes(report.bytes)}`;
  const removed = report.removed.length === 0
    ? ""
    : `; ${report.removed.length} removed by retention`;
  const verdicts = parts.length === 0 ? "" : `: ${parts.join(", ")}`;
  return `${total}${verdicts}${removed}${repaired.join("")}`;
}

/**
 * Why a verification has checked nothing, if that is because retention has removed the files.
 *
 * @param reports The results of one run or several.
 * @param where The run or the directory.
 * @param kinds The kinds that are verified; all, if not given.
 * @returns An error with code `not_found`; `undefined`, if retention has removed nothing.
 */
export async function nothingLeft(
  reports: readonly Pick<VerifyReport, "removed" | "counts">[],
  where: string,
  kinds?: ReadonlySet<string>,
): Promise<RunOutputsError | undefined> {
  const removed = reports.flatMap((report) => report.removed);
  if (removed.length === 0) return undefined;
  const { removedLine } = await import("../../../operations/manifest/removed_files.ts");
  const others = reports.reduce((sum, { counts }) => sum + counts.unchecked + counts.left, 0);
  const all = others === 0 && removed.length > 1 ? "all " : "";
  const of = kinds === undefined ? "" : ` (${[...kinds].join(", ")})`;
  const rest = others === 0 ? "" : `; no known checksum for ${plural(others, "other file")}`;
  return new RunOutputsError(
    "not_found",
    `Nothing to verify in ${where}${of}: ${all}${removedLine(removed)}${rest}`,
  );
}

/**
 * The last line of a verification.
 *
 * @param isGood Whether everything is as expected.
 * @param totals What was verified, as {@linkcode verifySummary} says it, and how.
 * @param where The run or the directory.
 * @returns `OK: 12 files, 3.4 MB: 12 OK; 12 verified by SHA-256; in s3://…`.
 */
export function verdictLine(isGood: boolean, totals: readonly string[], where: string): string {
  return `${isGood ? "OK" : "FAILED"}: ${[...totals, `in ${where}`].join("; ")}`;
}

/**
 * How files were verified, in one line.
 *
 * @param report The results.
 * @returns `10 verified by SHA-256`.
 */
export function checkedSummary({ checkedBy }: VerifyReport): string {
  const words = { bytes: "SHA-256", record: "the recorded hash", size: "size only" };
  const parts = (["bytes", "record", "size"] as const).filter((by) => checkedBy[by] > 0)
    .map((by) => `${checkedBy[by]} verified by ${words[by]}`);
  return parts.join(", ") || "none verified";
}

/**
 * The JSON form of the results: counts, and each file with a problem or without a check.
 *
 * @param report The results.
 * @param repairs The results of repairs, if any.
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
    removed_by_retention: report.removed.length === 0 ? undefined : report.removed.length,
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
    ? `Extra: ${path} is not listed in the outputs manifest`
    : `Not checked: ${path}: ${reason}`;
  return new RunOutputsError("integrity", message);
}
