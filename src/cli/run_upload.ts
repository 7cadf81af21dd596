/**
 * What all commands below `upload` have in common: choose the run and the storage, plan, execute,
 * report.
 *
 * @module
 */

import { RunOutputsError } from "../layout/error.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { UploadPlanner } from "../operations/upload_plan.ts";
import type { IfExists } from "../storage/upload.ts";
import type { Context } from "./context.ts";
import { exitCodeOfResults } from "./exit_codes.ts";
import { Output, type OutputOptions } from "./output.ts";
import { withProgress } from "./progress.ts";
import { type RunOptions, runRoot } from "./run_root.ts";
import { openForUpload, type S3Options } from "./storage.ts";
import { reportedFiles, resultLines, summaryLine, tellTrouble } from "./transfer_report.ts";

/** The values of the options that every upload takes. */
export interface UploadCommandOptions extends RunOptions, OutputOptions, S3Options {
  readonly outputDir?: string;
  readonly ifExists?: IfExists;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
}

/**
 * Runs an upload.
 *
 * @param context The main program.
 * @param options The command's options.
 * @param plan Adds what is to be uploaded; returns patterns that matched nothing, if there can be
 * any.
 */
export async function runUpload(
  context: Context,
  options: UploadCommandOptions,
  plan: (
    root: RunOutputRoot,
    planner: UploadPlanner,
    signal: AbortSignal,
  ) => Promise<readonly string[] | void>,
): Promise<void> {
  const output = new Output(context.io, options);
  const signal = context.interruption();
  const onDisk = options.outputDir !== undefined;
  const root = runRoot(options, { reading: false, onDisk }, context.io, output);
  using storage = await openForUpload(options, root.root(), context.io, output);
  const { executeUpload, UploadPlanner } = await import("../operations/upload_plan.ts");

  const planner = new UploadPlanner();
  const unmatched = await plan(root, planner, signal) ?? [];
  const planned = planner.plan();
  const count = planned.items.length + (planned.last?.length ?? 0);
  if (count === 0 && planned.failures.length === 0) {
    throw new RunOutputsError(
      "not_found",
      unmatched.length > 0
        ? `Nothing to upload: no file matches ${unmatched.map((p) => `'${p}'`).join(", ")}`
        : "Nothing to upload: no file was found",
    );
  }

  const { ifExists, concurrency, quiet = false, dryRun = false } = options;
  const report = await withProgress(
    "uploaded",
    count,
    context.io,
    quiet,
    (onEvent) =>
      executeUpload(storage.backend, planned, { ifExists, concurrency, signal, onEvent }),
  );

  const { results, notes } = report;
  for (const { path, reason } of notes) output.note(`skipped '${path}': ${reason}`);
  tellTrouble(results, output);
  for (const pattern of unmatched) output.error(`no file matches '${pattern}'`);
  output.result(
    () => ({
      schema: "run-outputs.upload/1",
      dry_run: dryRun,
      ...describeRoot(root),
      output_dir: storage.dir,
      ...reportedFiles(root, results, ({ location }) => {
        return storage.dir === undefined ? undefined : storage.show(location);
      }),
      notes,
      unmatched,
    }),
    () => [
      ...resultLines(root, results, output),
      summaryLine(results),
      `${dryRun ? "would be in" : "in"} ${storage.show(root.root())}`,
    ],
  );
  context.setExitCode(exitCodeOfResults(results, unmatched.length > 0));
}

/**
 * A run in the JSON form of results.
 *
 * @param root The run.
 * @returns Its members.
 */
export function describeRoot(root: RunOutputRoot): Record<string, string> {
  return {
    run_id: root.runId,
    platform: root.platform,
    layout: root.layout,
    bucket: root.bucket,
    prefix: root.prefix,
    s3_uri: root.root().s3Uri,
  };
}
