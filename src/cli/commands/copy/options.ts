/**
 * The options of `run-outputs copy`, and opening its source and destination.
 *
 * @module
 */

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { RunOutputsError } from "../../../errors/error.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { Platform } from "../../../layout/output_paths.ts";
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
  withServerOptions,
} from "../../options.ts";
import { platformOption } from "../../platform_option.ts";
import { openService } from "../../service_storage.ts";
import { type S3Options, withS3Options, withS3WriteOptions } from "../../s3_options.ts";
import type { Output, OutputOptions } from "../../terminal/output.ts";
import { presentRoot } from "../../present_root.ts";
import { type RunOptions, runRoot, withPlatformOfName } from "../../run_root.ts";
import { type SelectionOptions, WHICH, withSelectionOptions } from "../../selection.ts";
import { type StageOptions, withStageOptions } from "../../topology.ts";
import {
  noteUnused,
  openForReading,
  openForUpload,
  openS3,
  type OpenStorage,
  stagingDirOf,
} from "../../storage.ts";

/** The values of the command's options. */
export interface CopyCommandOptions
  extends RunOptions, S3Options, SelectionOptions, StageOptions, OutputOptions {
  readonly sourceRunId?: string;
  readonly sourcePlatform?: Platform;
  readonly sourceRepo?: string;
  readonly sourceReleaseType?: string;
  readonly sourceBucket?: string;
  readonly fromStaging?: string;
  readonly toStaging?: string;
  readonly server?: string;
  readonly serverTokenFile?: string;
  readonly ifExists?: IfExists;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
  /** `true` with `--index`, `false` with `--no-index`. */
  readonly index?: boolean;
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
  readonly requireComplete?: boolean;
}

const SOURCE =
  "Options that name the source run (default: as for the destination, except for --bucket):";

/** `--require-complete`, for commands that copy a run. */
export function requireComplete(): Option {
  return new Option(
    "--require-complete",
    "do nothing unless all expected parts of the run's manifest exist",
  ).helpGroup(WHICH);
}

/** Adds the options. */
export function withCopyOptions(command: Command): Command {
  const source = (flags: string, text: string) => new Option(flags, text).helpGroup(SOURCE);
  const storage = (flags: string, text: string) =>
    new Option(flags, text).argParser(nonEmpty).helpGroup(STORAGE);
  withStageOptions(withSelectionOptions(command, "outputs"), "produce")
    .addOption(requireComplete())
    .addOption(source("--source-run-id <id>", "the run to copy"))
    .addOption(
      platformOption("--source-platform <name>", "linux or windows").helpGroup(SOURCE),
    )
    .addOption(source("--source-repo <owner/name>", "its repository"))
    .addOption(source("--source-release-type <type>", "its release type"))
    .addOption(
      source(
        "--source-bucket <name>",
        "its bucket (default: the default bucket for the run, not --bucket)",
      ),
    );
  withServerOptions(withRunNameOptions(command))
    .addOption(
      storage(
        "--from-staging <dir>",
        "copy from this local directory instead of S3 (default: $THEROCK_LOCAL_STAGING_DIR)",
      ),
    )
    .addOption(
      storage(
        "--to-staging <dir>",
        "copy to this local directory instead of S3 (default: $THEROCK_LOCAL_STAGING_DIR)",
      ),
    )
    .addOption(ifExists())
    .addOption(concurrency())
    .addOption(noManifest())
    .addOption(
      new Option(
        "--index",
        "write index pages for a selection (default, but for buckets that the server indexes)",
      ).helpGroup(STORAGE),
    )
    .addOption(
      new Option("--no-index", "don't write index pages for a selection").helpGroup(STORAGE),
    )
    .addOption(dryRun());
  return withOutputOptions(
    withS3WriteOptions(withS3Options(command), "the copies").addOption(partSize()),
  );
}

/** The source and destination of a copy. */
export interface CopyEnds extends Disposable {
  /** The source run. */
  readonly source: RunOutputRoot;
  /** The destination run. */
  readonly target: RunOutputRoot;
  /** The storage that is read. */
  readonly from: OpenStorage;
  /** The storage that is written; the same object, if both are in the same storage. */
  readonly to: OpenStorage;
}

/**
 * Opens the source and the destination of a copy. Source options default to those of the
 * destination, except for the bucket, which defaults to that of the source run. A copy to a
 * directory keeps the name of its source by default.
 *
 * @param options The values of the options. `$THEROCK_LOCAL_STAGING_DIR` is the default for both
 * ends.
 * @param io The environment.
 * @param output Receives explanations.
 * @param signal Aborts the search for the source.
 * @returns Both ends. Dispose of them.
 * @throws {RunOutputsError} `invalid`, if both are the same, or an option is invalid; `not_found`,
 * if the source does not exist.
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
  const { server, serverTokenFile } = options;
  if (server === undefined) {
    await throwIfSame({ source: named, target, fromStaging, toStaging });
  }
  using opened = new DisposableStack();
  const to = opened.use(
    await openForUpload({ ...options, outputDir: toStaging }, target.root(), io, output),
  );
  const isOne = [server, fromStaging, toStaging].every((place) => place === undefined);
  const from = isOne ? to : opened.use(
    server !== undefined
      ? await openService({ server, serverTokenFile }, io, output)
      : fromStaging === undefined
      ? await openS3(options, io, output)
      : await openForReading({ stagingDir: fromStaging }, io, output),
  );
  const reading = { storage: from, io, output, signal };
  const source = await presentRoot(named, sourceOptions(options), reading);
  if (server === undefined) await throwIfSame({ source, target, fromStaging, toStaging });
  const stack = opened.move();
  return { source, target, from, to, [Symbol.dispose]: () => stack.dispose() };
}

/** The local directories that the copy reads and writes, if any. */
function stagingDirs(
  options: CopyCommandOptions,
  io: Io,
  output: Output,
): Pick<CopyCommandOptions, "fromStaging" | "toStaging"> {
  const { bucket, sourceBucket } = options;
  const { server } = options;
  if (server !== undefined && options.fromStaging !== undefined) {
    throw new RunOutputsError("invalid", "Cannot use --server with --from-staging: choose one");
  }
  const fromStaging = stagingDirOf({ stagingDir: options.fromStaging, server }, io);
  const toStaging = stagingDirOf({ stagingDir: options.toStaging }, io);
  const unused = options.fromStaging !== undefined
    ? { bucket, stagingDir: options.toStaging }
    : options.toStaging !== undefined
    ? { sourceBucket }
    : options;
  const flag = options.fromStaging === undefined ? "--from-staging" : "--to-staging";
  noteUnused(unused, io, output, flag);
  return { fromStaging, toStaging };
}

/** The options of the destination run. A copy to a directory has the name of its source. */
function targetOptions(options: CopyCommandOptions): RunOptions {
  const { toStaging, sourceRunId, sourceRepo, sourcePlatform, runGithubRepo } = options;
  const platform = options.platform ?? sourcePlatform;
  if (toStaging === undefined) return { ...options, platform };
  const repo = options.repo ?? (runGithubRepo === undefined ? sourceRepo : undefined);
  const own = withPlatformOfName({ platform, runId: sourceRunId });
  return { ...options, ...options.runId === undefined ? own : { platform }, repo };
}

/** The options of the source run. */
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

async function throwIfSame(
  { source, target, fromStaging, toStaging }:
    & Pick<CopyEnds, "source" | "target">
    & Pick<CopyCommandOptions, "fromStaging" | "toStaging">,
): Promise<void> {
  const isSame = fromStaging === undefined || toStaging === undefined
    ? fromStaging === toStaging && source.root().equals(target.root())
    : await isSameDirectory(
      source.root().localPath(fromStaging),
      target.root().localPath(toStaging),
    );
  if (!isSame) return;
  throw new RunOutputsError(
    "invalid",
    `Cannot copy the run ${source.prefix} to itself: give another run with --source-run-id, or ` +
      "another location with --source-bucket, --from-staging or --to-staging",
  );
}

/** Whether two paths lead to one directory, links followed. */
async function isSameDirectory(one: string, other: string): Promise<boolean> {
  if (resolve(one) === resolve(other)) return true;
  const [a, b] = await Promise.all(
    // What can't be looked at now is an error later, when it is read or written.
    [one, other].map((path) => Deno.stat(path).catch(() => undefined)),
  );
  return a !== undefined && b !== undefined && a.ino !== null && a.ino === b.ino &&
    a.dev === b.dev;
}
