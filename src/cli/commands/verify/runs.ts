/**
 * `run-outputs verify DIR` of a staging directory: verifies each of its runs.
 *
 * @module
 */

import type { OutputKind } from "../../../layout/classify.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import { RunIndex } from "../../../operations/retained/run_index.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { manifestJson, readIfWanted, reportUnfinished } from "../../run_manifest.ts";
import { type OpenStorage, reportSkipped } from "../../storage.ts";
import { type Output, plural } from "../../terminal/output.ts";
import type { Io } from "../../terminal/io.ts";
import { verifyFiles } from "./files.ts";
import {
  exitCodeOfVerify,
  nothingLeft,
  reportVerified,
  verdictLine,
  verifyJson,
  verifyLines,
  type VerifyReport,
  verifySummary,
} from "./report.ts";
import type { VerifyCommandOptions, VerifySubject } from "./subject.ts";

/** The bucket of a staging directory, whose name is nowhere shown. */
const BUCKET = "local";

/**
 * Finds the runs in a directory that is not itself a copy of a run.
 *
 * @param subject The directory.
 * @param signal Aborts the listing.
 * @returns The runs, the newest first; none, if the directory is a copy of a run or has no runs.
 */
export async function runsIn(
  { backend, manifest }: VerifySubject,
  signal: AbortSignal,
): Promise<RunOutputRoot[]> {
  if (manifest.parts.length > 0 || manifest.markers.length > 0) return [];
  const index = new RunIndex({ backend, bucket: BUCKET });
  return (await index.enumerate({ signal })).map((run) => index.root(run));
}

/** The verification of one run. */
interface VerifiedRun {
  readonly root: RunOutputRoot;
  readonly report: VerifyReport;
  /** As of a verification of this run alone. */
  readonly exitCode: number;
  readonly manifest?: Record<string, unknown>;
}

/**
 * Verifies the runs of a staging directory, one after the other, and prints a line for each.
 *
 * @param roots The runs.
 * @param subject The directory.
 * @param options The command's options.
 * @param kinds Only files of these kinds; all, if not given.
 * @param context The environment; gets the exit code.
 * @param output Receives the report.
 * @param signal Aborts the verification.
 * @throws {RunOutputsError} `not_found`, if no run has anything to verify; what makes a listing or a
 * manifest unreadable.
 */
export async function verifyRuns(
  roots: readonly RunOutputRoot[],
  { storage, where, described }: VerifySubject,
  options: VerifyCommandOptions,
  kinds: ReadonlySet<OutputKind> | undefined,
  context: Context,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const verified: VerifiedRun[] = [];
  const { io } = context;
  for (const root of roots) {
    const run = await verifyOne(root, storage, options, { kinds, io, output, signal });
    if (run !== undefined) verified.push(run);
  }
  if (verified.every(({ exitCode }) => exitCode === EXIT.notFound)) {
    throw await nothingLeft(verified.map(({ report }) => report), where, kinds) ??
      new RunOutputsError(
        "not_found",
        `Nothing to verify: no run in ${where} has an outputs manifest or .sha256sum files`,
      );
  }
  const skipped = reportSkipped(storage, "verify", where, output);
  const { quick = false, strict = false } = options;
  const exitCode = worstOf(verified.map(({ exitCode }) => exitCode), skipped);
  output.report(
    () => ({
      schema: "run-outputs.verify-runs/1",
      ...described,
      quick,
      strict,
      passed_over: skipped,
      runs: verified.map(({ root, report, manifest, exitCode }) => ({
        prefix: root.prefix,
        exit_code: exitCode,
        manifest,
        ...verifyJson(report, undefined),
      })),
    }),
    {
      files: () =>
        verified.flatMap(({ root, report }) =>
          verifyLines(report, undefined, output).map((line) => `${root.prefix}: ${line}`)
        ),
      more: () =>
        verified.map(({ root, report, exitCode }) =>
          `${root.prefix}: ${
            isBad(exitCode) ? "FAILED" : exitCode === EXIT.done ? "OK" : "nothing to verify"
          }: ${verifySummary(report)}`
        ),
      last: () => {
        const bad = verified.filter(({ exitCode }) => isBad(exitCode));
        const of = bad.length === 0 ? "" : `${bad.map(({ root }) => root.prefix).join(", ")} of `;
        const files = verified.reduce((sum, { report }) => sum + report.count, 0);
        const totals = [`${of}${plural(verified.length, "run")}, ${plural(files, "file")}`];
        return verdictLine(exitCode === EXIT.done, totals, where);
      },
    },
  );
  context.setExitCode(exitCode);
}

async function verifyOne(
  root: RunOutputRoot,
  storage: OpenStorage,
  options: VerifyCommandOptions,
  { output, ...how }: {
    readonly kinds?: ReadonlySet<OutputKind>;
    readonly io: Io;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<VerifiedRun | undefined> {
  const { signal } = how;
  const manifest = await readIfWanted(options.manifest, root, { ...storage, signal });
  const { report, missing, lacking } = await verifyFiles(
    { storage, root, manifest },
    options,
    { ...how, times: false },
  );
  if (report.count === 0 && lacking === 0 && report.removed.length === 0) return undefined;
  const say = {
    verbose: output.verbose,
    error: (text: string) => output.error(`${root.prefix}: ${text}`),
    warnAll: (texts: Iterable<string>) =>
      output.warnAll(Array.from(texts, (text) => `${root.prefix}: ${text}`)),
    note: (text: string) => output.note(`${root.prefix}: ${text}`),
  };
  reportVerified(report, undefined, missing, say);
  await reportUnfinished(manifest, (message) => say.error(`Unfinished: ${message}`));
  const isUnchecked = report.checked === 0 && lacking === 0 && report.problems.length === 0;
  const exitCode = isUnchecked ? EXIT.notFound : exitCodeOfVerify(report, lacking, undefined);
  return { root, report, exitCode, manifest: manifestJson(manifest) };
}

/** Whether a run has failed. One that has nothing to verify has not. */
function isBad(exitCode: number): boolean {
  return exitCode !== EXIT.done && exitCode !== EXIT.notFound;
}

/** A checksum mismatch takes precedence. Runs that have nothing to verify are reported, no failure. */
function worstOf(codes: readonly number[], skipped: number): number {
  if (codes.includes(EXIT.integrity)) return EXIT.integrity;
  const failed = new Set(codes.filter((code) => code !== EXIT.done && code !== EXIT.notFound));
  if (skipped > 0 || failed.size > 1) return EXIT.incomplete;
  const [code = EXIT.done] = failed;
  return code;
}
