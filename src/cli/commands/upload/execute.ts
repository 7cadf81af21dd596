/**
 * The common steps of all `upload` commands: choose the run and the storage, plan, execute, report.
 *
 * @module
 */

import { isServerIndexed } from "../../server_index.ts";
import { s3UriIn } from "../../addresses.ts";
import { describeRoot } from "../../run_root.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import { classify } from "../../../layout/classify.ts";
import type { OutputLocation } from "../../../layout/output_location.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { IndexSubject } from "../../../operations/index_pages/subjects.ts";
import type { IndexReport } from "../../../operations/index_pages/write_pages.ts";
import type { JobStatus } from "../../../operations/upload/build.ts";
import type { UploadPlan, UploadPlanner } from "../../../operations/upload/plan.ts";
import { inKeyOrder } from "../../../layout/compare_keys.ts";
import type { PartSubject } from "../../../runs/part_name.ts";
import type { PlannedResults } from "../../../storage/transfer/planned_results.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";
import type { IfExists, UploadItem } from "../../../storage/transfer/upload.ts";
import type { Context } from "../../context.ts";
import { EXIT, exitCodeOfResults, isNothingFound } from "../../exit_codes.ts";
import { Output, type OutputOptions, plural } from "../../terminal/output.ts";
import { withProgress } from "../../terminal/progress.ts";
import { type RunOptions, runRoot } from "../../run_root.ts";
import { updateRunSummary, withAnnouncement, withRunPage } from "../../run_summary.ts";
import { shellCommand } from "../../shell_command.ts";
import { redactor } from "../../terminal/redact.ts";
import type { S3Options } from "../../s3_options.ts";
import { openForUpload, type OpenStorage, outputDirOf } from "../../storage.ts";
import type { JobReport } from "./job_report.ts";
import { pageOf } from "./page_of.ts";
import { checkPartOptions, openPart } from "./part.ts";
import {
  doneLine,
  type Reported,
  reportedFiles,
  reportProblems,
  resultLines,
} from "../../transfer_report.ts";

/** Why an index page is not replaced. */
export const FOREIGN_PAGE = "another tool wrote this page; 'run-outputs index --force' replaces it";

/**
 * Says why index pages were not written over pages.
 *
 * @param kept The pages, as `writeIndex` reports them.
 * @param results The files of the operation, without the index pages.
 * @returns The reason for each: a page that the operation itself wrote, such as that of a report, is
 * not to be replaced.
 */
export function reasonsOfKept(
  kept: readonly OutputLocation[],
  results: Pick<PlannedResults, "find">,
): readonly (readonly [page: OutputLocation, reason: string])[] {
  return kept.map((page) => [
    page,
    results.find(page) === undefined ? FOREIGN_PAGE : "it is one of these files, and is kept",
  ]);
}

/** The values of the options that all uploads have. */
export interface UploadCommandOptions extends RunOptions, OutputOptions, S3Options {
  readonly outputDir?: string;
  readonly ifExists?: IfExists;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
  /** `true` with `--index`, `false` with `--no-index`. */
  readonly index?: boolean;
  /** The part of the outputs manifest that the upload writes. */
  readonly part?: string;
  /** The parts that a complete run has. */
  readonly expectParts?: readonly string[];
  /** The result of the job, for uploads with that option. */
  readonly jobStatus?: JobStatus;
}

/**
 * Runs an upload.
 *
 * @param context The main program.
 * @param options The command's options.
 * @param subject What is uploaded, for the name of its part of the outputs manifest.
 * @param plan Plans the files; returns patterns that matched nothing, if any.
 * @param more Which index pages to regenerate, if not those of the run; what checks the input before
 * the storage is opened.
 */
export async function runUpload(
  context: Context,
  options: UploadCommandOptions,
  subject: PartSubject,
  plan: (
    root: RunOutputRoot,
    planner: UploadPlanner,
    signal: AbortSignal,
  ) => Promise<readonly string[] | void>,
  { subjectOf, checkInput }: {
    readonly subjectOf?: (root: RunOutputRoot) => Promise<IndexSubject>;
    readonly checkInput?: (root: RunOutputRoot) => Promise<void>;
  } = {},
): Promise<void> {
  const output = new Output(context.io, options);
  const signal = context.interruption();
  const outputDir = outputDirOf(options, context.io, output);
  const onDisk = outputDir !== undefined;
  const root = runRoot(options, { reading: false, onDisk }, context.io, output);
  checkPartOptions(options, root);
  await checkInput?.(root);
  const replaces = (options.ifExists ?? "replace") === "replace";
  const opening = { ...options, outputDir, replaces };
  using storage = await openForUpload(opening, root.root(), context.io, output);
  const { checkUploadSpace, executeUploadInto, filesOfPlan, UploadPlanner } = await import(
    "../../../operations/upload/plan.ts"
  );
  const { PlannedResults } = await import("../../../storage/transfer/planned_results.ts");

  const { ifExists, concurrency, quiet = false, dryRun = false } = options;
  const reportToRunner = (results: Iterable<TransferResult>, notices: readonly string[] = []) => {
    if (dryRun) return;
    return reportJob({ results, notices, subject, root }, storage, options, context, output);
  };

  const { dir, show } = storage;
  const planner = new UploadPlanner({ output: dir === undefined ? dir : { dir, pathOf: show } });
  const prepare = async () => {
    const unmatched = await plan(root, planner, signal) ?? [];
    const planned = planner.compactPlan();
    // After a failed job, missing files are not an error.
    if ((options.jobStatus ?? "success") === "success") throwIfNothing(planned, unmatched);
    await checkUploadSpace(storage.backend, planned);
    const part = await openPart(context, options, {
      ...{ subject, planned, root, storage, output, signal },
    });
    const { expectParts = [] } = options;
    const expected = expectParts.length === 0 ? [] : [await part.expect(expectParts)];
    const backend = await part.begin(locationsOf(planned));
    return { unmatched, planned, part, expected, backend };
  };
  const { unmatched, planned, part, expected, backend } = await prepare().catch(async (error) => {
    signal.throwIfAborted();
    await reportToRunner([failure(root.root(), "the upload", error)]);
    throw error;
  });
  const hasPages = options.index !== false && !isServerIndexed(root, storage, options);
  const announcing = hasPages
    ? await withAnnouncement(backend, root, { storage, output, signal })
    : backend;
  const progress = {
    verb: "uploaded",
    files: filesOfPlan(planned),
    io: context.io,
    quiet,
  };
  const began = performance.now();
  // Only the pages compare etags.
  const results = new PlannedResults(planned.items, { etags: hasPages });
  const report = await withProgress(
    progress,
    ({ onEvent }) =>
      executeUploadInto(announcing, planned, results, {
        ifExists,
        concurrency,
        show,
        signal,
        onEvent,
      }),
  );
  const seconds = (performance.now() - began) / 1000;

  const index = hasPages
    ? await writeIndex(storage, root, results, signal, subjectOf)
    : { results: [], kept: [] };
  const kept = reasonsOfKept(index.kept, results);
  const reason = whyNoPart(results, unmatched, options.jobStatus);
  const manifest = reason === undefined
    ? [await part.end({ results, pages: [...index.results, ...report.shared] })]
    : [];
  const notices: string[] = [];
  if (reason !== undefined) {
    const listed = withoutShared(results, report.shared);
    const hasFiles = !Iterator.from(listed).next().done;
    if (hasFiles) await part.withhold(listed);
    const notice = withheldNotice(part.name, reason, hasFiles, dryRun);
    notices.push(notice);
    // Without an error, nothing else says that the run is not complete.
    if (Iterator.from(results).some(isFailed) || unmatched.length > 0) output.explain(notice);
    else output.note(notice);
  }
  const page = await updateRunSummary(root, { storage, output, signal });
  // A written list of expected parts does not make a failed upload a partial success.
  const unexpected = expected.filter(isFailed);
  for (const result of [...withRunPage(index.results, page), ...manifest, ...unexpected]) {
    results.push(result);
  }
  const exitCode = isNothingFound(results)
    ? EXIT.notFound
    : exitCodeOfResults(results, unmatched.length > 0);
  for (const result of expected) if (!isFailed(result)) results.push(result);
  const notes = [
    ...report.notes,
    ...kept.map(([page, reason]) => ({ path: storage.show(page), reason })),
  ];
  output.noteAll(notes.map(({ path, reason }) => `skipped '${path}': ${reason}`));
  const { warnings } = report;
  output.warnAll(warnings.map(({ path, reason }) => `'${path}' ${reason}`));
  reportProblems(results, output);
  for (const pattern of unmatched) output.error(`no file matches '${pattern}'`);
  const shownOn = pageOf(
    { root, results, serverIndexed: isServerIndexed(root, storage, options) },
    filesOf(root, results),
  );
  output.report(
    () => ({
      schema: "run-outputs.upload/1",
      dry_run: dryRun,
      ...describeRoot(root, storage),
      output_dir: storage.dir,
      seconds,
      part: { name: part.name, withheld: reason },
      ...withSources(
        reportedFiles(root, results, storage),
        results,
      ),
      notes,
      warnings,
      unmatched,
    }),
    {
      listed: dryRun,
      files: () => output.group(plural(results.length, "file"), resultLines(root, results, output)),
      last: () => {
        const where = storage.show(root.root());
        return doneLine(results, { seconds, dryRun, where, page: shownOn && storage.url(shownOn) });
      },
    },
  );
  await reportToRunner(results, notices);
  context.setExitCode(exitCode);
}

/** The files that an upload will write. */
function locationsOf(plan: UploadPlan<Iterable<UploadItem>>): Iterable<OutputLocation> {
  return {
    *[Symbol.iterator]() {
      for (const list of [plan.items, plan.last ?? []]) {
        for (const { location } of list) yield location;
      }
      yield* plan.closing?.locations ?? [];
    },
  };
}

/** Files that each upload updates are listed as pages, or as missing. */
function withoutShared(
  results: Iterable<TransferResult>,
  shared: readonly TransferResult[],
): Iterable<TransferResult> {
  if (shared.length === 0) return results;
  const keys = new Set(shared.map(({ location }) => location.key));
  return [...results].filter((result) => isFailed(result) || !keys.has(result.location.key));
}

/** The files that were uploaded, without what describes them. */
function filesOf(
  root: RunOutputRoot,
  results: Iterable<TransferResult>,
): Iterable<TransferResult> {
  return Iterator.from(results).filter(({ location, outcome }) => {
    // A failure can be that of the run itself.
    if (outcome === "failed") return false;
    const kind = classify(location.relativeTo(root.root())!);
    return kind !== "index" && kind !== "outputs-manifest";
  });
}

/** Adds its source to each file of the JSON document. */
function withSources(reported: Reported, results: Iterable<TransferResult>) {
  const files = {
    *[Symbol.iterator]() {
      const sources = Iterator.from(inKeyOrder(results));
      for (const file of reported.files) yield { ...file, source: sources.next().value!.path };
    },
  };
  return { ...reported, files };
}

/** The reason not to write a part, if there is one. */
function whyNoPart(
  results: Iterable<TransferResult>,
  unmatched: readonly string[],
  jobStatus: JobStatus = "success",
): string | undefined {
  let failed = 0;
  for (const result of results) if (isFailed(result)) failed++;
  if (failed > 0) return `${plural(failed, "file")} failed`;
  if (unmatched.length > 0) return "a pattern matched nothing";
  return jobStatus === "success" ? undefined : `the job's status is ${jobStatus}`;
}

function isFailed({ outcome }: TransferResult): boolean {
  return outcome === "failed";
}

/** What follows for readers of the run if its part is not written. */
function withheldNotice(part: string, reason: string, hasFiles: boolean, dryRun: boolean): string {
  const [is, remains] = dryRun ? ["would not be", "would be"] : ["is not", "is"];
  const effect = hasFiles
    ? `the run ${remains} incomplete until an upload of this part succeeds`
    : "nothing was uploaded";
  return `part ${part} of the outputs manifest ${is} written (${reason}): ${effect}`;
}

function throwIfNothing(
  { items, last = [], failures, notes, warnings = [] }: UploadPlan<
    Iterable<UploadItem> & { readonly length: number }
  >,
  unmatched: readonly string[],
): void {
  if (items.length + last.length + failures.length > 0) return;
  const [passed, ...more] = [
    ...warnings.map(({ path, reason }) => `'${path}' ${reason}`),
    ...notes.map(({ path, reason }) => `skipped '${path}': ${reason}`),
  ];
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw new RunOutputsError(
    "not_found",
    unmatched.length > 0
      ? `Nothing to upload: no file matches ${unmatched.map((p) => `'${p}'`).join(", ")}`
      : `Nothing to upload: ${passed === undefined ? "no files found" : passed + others}`,
  );
}

/** Outputs and summary of a job's step. Without them the upload is as good as with them. */
async function reportJob(
  upload: Pick<JobReport, "results" | "notices" | "subject" | "root">,
  storage: OpenStorage,
  options: UploadCommandOptions,
  { io, args }: Context,
  output: Output,
): Promise<void> {
  const { jobStatus } = options;
  const env = {
    githubOutput: io.env("GITHUB_OUTPUT") || undefined,
    githubStepSummary: io.env("GITHUB_STEP_SUMMARY") || undefined,
    runnerTemp: io.env("RUNNER_TEMP") || undefined,
  };
  if (env.githubOutput === undefined && env.githubStepSummary === undefined) return;
  const { reportToJob } = await import("./job_report.ts");
  const { root } = upload;
  const report = {
    ...upload,
    jobStatus,
    linked: storage.dir === undefined,
    serverIndexed: isServerIndexed(root, storage, options),
    url: storage.url,
    s3Uri: s3UriIn(storage, root.root()) ?? "",
    where: storage.show(root.root()),
    repeat: args && shellCommand(args),
    redact: redactor((name) => io.env(name) || undefined),
  };
  try {
    const note = await reportToJob(report, env);
    if (note !== undefined) output.note(note);
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    output.warn(error.message);
  }
}

function failure(location: OutputLocation, path: string, error: Error): TransferResult {
  return { location, path, outcome: "failed", warnings: [], error };
}

/** Regenerates the index pages for what was uploaded. An error counts as one failed file. */
export async function writeIndex(
  { backend, show }: OpenStorage,
  root: RunOutputRoot,
  uploaded: Iterable<TransferResult>,
  signal: AbortSignal,
  subjectOf?: (root: RunOutputRoot) => Promise<IndexSubject>,
): Promise<IndexReport> {
  if (Iterator.from(uploaded).every(isFailed)) return { results: [], kept: [] };
  const { runSubject } = await import("../../../operations/index_pages/subjects.ts");
  const { writeIndexPages } = await import("../../../operations/index_pages/write_pages.ts");
  try {
    const subject = await subjectOf?.(root) ?? runSubject(root);
    return await writeIndexPages(backend, subject, { uploaded, show, signal });
  } catch (error) {
    signal.throwIfAborted();
    const failed = failure(root.runIndex(), "the index pages", withoutIndex(error as Error));
    return { results: [failed], kept: [] };
  }
}

/** Says how to do without index pages, for a role that may not list. */
function withoutIndex(error: Error): Error {
  if (!(error instanceof RunOutputsError) || error.code !== "denied") return error;
  const message = `${error.message}; --no-index leaves them out`;
  return new RunOutputsError("denied", message, { cause: error });
}
