/**
 * The options of `run-outputs copy`: where from and where to, and what that means.
 *
 * @module
 */

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { RunOutputsError } from "../../../errors/error.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { Platform } from "../../../layout/run_output_root.ts";
import type { IfExists } from "../../../storage/transfer/upload.ts";
import type { Io } from "../../terminal/io.ts";
import {
  concurrency,
  dryRun,
  ifExists,
  noManifest,
  nonEmpty,
  partSize,
  STORAGE,
  withOutputOptions,
  withRunNameOptions,
  withS3Options,
} from "../../options.ts";
import type { Output, OutputOptions } from "../../terminal/output.ts";
import { presentRoot } from "../../present_root.ts";
import { type RunOptions, runRoot } from "../../run_root.ts";
import { type SelectionOptions, WHICH, withSelectionOptions } from "../../selection.ts";
import {
  openForReading,
  openForUpload,
  openS3,
  type OpenStorage,
  type S3Options,
  stagingDirOf,
  tellUnused,
} from "../../storage.ts";

/** The values of the command's options. */
export interface CopyCommandOptions extends RunOptions, S3Options, SelectionOptions, OutputOptions {
  readonly sourceRunId?: string;
  readonly sourcePlatform?: Platform;
  readonly sourceRepo?: string;
  readonly sourceReleaseType?: string;
  readonly sourceBucket?: string;
  readonly fromStaging?: string;
  readonly toStaging?: string;
  readonly ifExists?: IfExists;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
  /** `false` with `--no-index`. */
  readonly index?: boolean;
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
  readonly requireComplete?: boolean;
}

const SOURCE =
  "Options that name the source (default: as for the run that is written, but for --bucket):";

/** `--require-complete`, of what takes all there is of a run. */
export function requireComplete(): Option {
  return new Option(
    "--require-complete",
    "do nothing unless all parts of the run's manifest are there that the run expects",
  ).helpGroup(WHICH);
}

/** Adds the options. */
export function withCopyOptions(command: Command): Command {
  const source = (flags: string, text: string) => new Option(flags, text).helpGroup(SOURCE);
  const storage = (flags: string, text: string) =>
    new Option(flags, text).argParser(nonEmpty).helpGroup(STORAGE);
  withSelectionOptions(command, "outputs")
    .addOption(requireComplete())
    .addOption(source("--source-run-id <id>", "the run that is copied"))
    .addOption(
      new Option("--source-platform <name>", "linux or windows").choices(["linux", "windows"])
        .helpGroup(SOURCE),
    )
    .addOption(source("--source-repo <owner/name>", "its repository"))
    .addOption(source("--source-release-type <type>", "its release type"))
    .addOption(
      source(
        "--source-bucket <name>",
        "its bucket (default: the one that the rules give, not --bucket)",
      ),
    );
  withRunNameOptions(command)
    .addOption(
      storage(
        "--from-staging <dir>",
        "copy from this local directory, not from S3 (default: $THEROCK_LOCAL_STAGING_DIR)",
      ),
    )
    .addOption(
      storage(
        "--to-staging <dir>",
        "copy into this local directory, not to S3 (default: $THEROCK_LOCAL_STAGING_DIR)",
      ),
    )
    .addOption(ifExists())
    .addOption(concurrency())
    .addOption(noManifest())
    .addOption(
      new Option("--no-index", "make no index pages for a selection").helpGroup(STORAGE),
    )
    .addOption(dryRun());
  return withOutputOptions(withS3Options(command).addOption(partSize()));
}

/** Both ends of a copy. */
export interface CopyEnds extends Disposable {
  /** The run that is copied. */
  readonly source: RunOutputRoot;
  /** The run that is written. */
  readonly target: RunOutputRoot;
  /** The storage that is read. */
  readonly from: OpenStorage;
  /** The storage that is written; the same backend, where that can copy by itself. */
  readonly to: OpenStorage;
}

/**
 * Opens both ends of a copy. What is not said of the source is as for the run that is written, but
 * for the bucket, which the rules give. A
 * copy into a directory has the source's own name, where no other is said.
 *
 * @param options The values of the options. `$THEROCK_LOCAL_STAGING_DIR` is each end that no option
 * puts elsewhere.
 * @param io The environment.
 * @param output Where to explain.
 * @param signal Stops the search for the source, if it is not where today's rules put it.
 * @returns The ends; to be disposed of.
 * @throws {RunOutputsError} `invalid`, if both are the same, or an option is no good; `not_found`, if
 * the source is nowhere.
 */
export async function openEnds(
  options: CopyCommandOptions,
  io: Io,
  output: Output,
  signal: AbortSignal,
): Promise<CopyEnds> {
  const { fromStaging, toStaging } = stagingDirs(options, io, output);
  const named = runRoot(
    sourceOptions(options),
    {
      reading: true,
      onDisk: fromStaging !== undefined,
    },
    io,
    output,
  );
  const target = runRoot(
    targetOptions({ ...options, toStaging }),
    {
      reading: false,
      onDisk: toStaging !== undefined,
    },
    io,
    output,
  );
  throwIfSame({ source: named, target, fromStaging, toStaging });
  using opened = new DisposableStack();
  const to = opened.use(
    await openForUpload({ ...options, outputDir: toStaging }, target.root(), io, output),
  );
  const from = fromStaging === undefined && toStaging === undefined ? to : opened.use(
    fromStaging === undefined
      ? await openS3(options, io, output)
      : await openForReading({ stagingDir: fromStaging }, io, output),
  );
  const reading = { storage: from, io, output, signal };
  const source = await presentRoot(named, sourceOptions(options), reading);
  throwIfSame({ source, target, fromStaging, toStaging });
  const stack = opened.move();
  return { source, target, from, to, [Symbol.dispose]: () => stack.dispose() };
}

/** The directories that the copy reads and writes, where they are not on S3. */
function stagingDirs(
  options: CopyCommandOptions,
  io: Io,
  output: Output,
): Pick<CopyCommandOptions, "fromStaging" | "toStaging"> {
  const { bucket, sourceBucket } = options;
  const fromStaging = stagingDirOf({ stagingDir: options.fromStaging }, io);
  const toStaging = stagingDirOf({ stagingDir: options.toStaging }, io);
  const unused = options.fromStaging !== undefined
    ? { bucket, stagingDir: options.toStaging }
    : options.toStaging !== undefined
    ? { sourceBucket }
    : options;
  const flag = options.fromStaging === undefined ? "--from-staging" : "--to-staging";
  tellUnused(unused, io, output, flag);
  return { fromStaging, toStaging };
}

/** The options of the run that is written: a copy in a directory has the name of its source. */
function targetOptions(options: CopyCommandOptions): RunOptions {
  const { toStaging, sourceRunId, sourceRepo, sourcePlatform, runGithubRepo } = options;
  const platform = options.platform ?? sourcePlatform;
  if (toStaging === undefined) return { ...options, platform };
  const repo = options.repo ?? (runGithubRepo === undefined ? sourceRepo : undefined);
  return { ...options, platform, runId: options.runId ?? sourceRunId, repo };
}

/** The options of the source in the place of those of the run that is written. */
function sourceOptions(options: CopyCommandOptions): RunOptions {
  const { repo, runGithubRepo } = options;
  return {
    runId: options.sourceRunId ?? options.runId,
    platform: options.sourcePlatform ?? options.platform,
    ...(options.sourceRepo === undefined ? { repo, runGithubRepo } : { repo: options.sourceRepo }),
    releaseType: options.sourceReleaseType ?? options.releaseType,
    bucket: options.sourceBucket,
  };
}

function throwIfSame(
  { source, target, fromStaging, toStaging }:
    & Pick<CopyEnds, "source" | "target">
    & Pick<CopyCommandOptions, "fromStaging" | "toStaging">,
): void {
  const isSamePlace = fromStaging === undefined || toStaging === undefined
    ? fromStaging === toStaging && source.bucket === target.bucket
    : resolve(fromStaging) === resolve(toStaging);
  if (!isSamePlace || source.prefix !== target.prefix) return;
  throw new RunOutputsError(
    "invalid",
    `Cannot copy the run ${source.prefix} to itself: name another run with --source-run-id, or ` +
      "another place with --source-bucket, --from-staging or --to-staging",
  );
}
