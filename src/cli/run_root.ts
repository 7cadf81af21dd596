/**
 * Determines the run of a command from its options and the environment.
 *
 * @module
 */

import { repositoryDir, selectBucket } from "../layout/buckets.ts";
import { invalid, RunOutputsError } from "../errors/error.ts";
import type { Layout } from "../layout/output_paths.ts";
import type { Platform } from "../layout/output_paths.ts";
import { RunOutputRoot, type RunPrefix } from "../layout/run_output_root.ts";
import { describeRun } from "../layout/workflow_run.ts";
import { tryParseRunName } from "../runs/retention/run_key.ts";
import { s3UriIn } from "./addresses.ts";
import { tryPlatform } from "./platform_option.ts";
import type { OpenStorage } from "./open_storage.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";

/** The values of the options that name a run. */
export interface RunOptions {
  /** The id, or the key of a run of an external repository. */
  readonly runId?: string;
  readonly platform?: Platform;
  readonly repo?: string;
  readonly runGithubRepo?: string;
  readonly releaseType?: string;
  readonly bucket?: string;
  readonly layout?: Layout;
}

/** How a command uses the run. */
export interface RunPurpose {
  /** Whether it reads the run or writes it. */
  readonly reading: boolean;
  /** Whether it changes the run that it reads. Then `$RELEASE_TYPE` applies, as to uploads. */
  readonly changing?: boolean;
  /** Whether the run is in a local directory. There, the default id is `local`. */
  readonly onDisk: boolean;
}

/**
 * Determines the run.
 *
 * @param given The command's options.
 * @param purpose How the run is used.
 * @param io The environment.
 * @param output Receives the explanation.
 * @returns The root of the run's outputs.
 * @throws {RunOutputsError} `invalid`, naming the option or variable and its value.
 */
export function runRoot(
  given: RunOptions,
  purpose: RunPurpose,
  io: Io,
  output: Output,
): RunOutputRoot {
  const options = purpose.reading ? withPlatformOfName(given) : given;
  const jobsRunId = io.env("GITHUB_RUN_ID") || undefined;
  const key = keyOf(options);
  const runId = key?.runId ?? options.runId ?? (io.env("THEROCK_RUN_ID") || undefined) ??
    jobsRunId ?? (purpose.onDisk ? "local" : undefined);
  if (runId === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Missing run id: give --run-id ID (neither $THEROCK_RUN_ID nor $GITHUB_RUN_ID is set)",
    );
  }
  const named = purpose.reading || key !== undefined ? undefined : tryParseRunName(runId);
  if (named !== undefined) {
    const expected = `the id alone: --run-id ${named.runId} --platform ${named.platform}`;
    throw invalid("run id", runId, expected);
  }
  const platform = key?.platform ?? platformOf(options, io);
  if (key !== undefined && options.platform !== undefined && options.platform !== platform) {
    throw invalid("--platform", options.platform, `that of the run '${options.runId}', or nothing`);
  }
  const writes = !purpose.reading || purpose.changing === true;
  const question = describeRun({
    runId,
    repository: namedRepository(options),
    releaseType: options.releaseType,
    uploading: writes,
    env: {
      GITHUB_REPOSITORY: io.env("GITHUB_REPOSITORY"),
      GITHUB_RUN_ID: jobsRunId,
      GITHUB_EVENT_NAME: io.env("GITHUB_EVENT_NAME"),
      GITHUB_EVENT_PATH: io.env("GITHUB_EVENT_PATH"),
      // This job's release type applies to its own run, and to what it writes.
      RELEASE_TYPE: writes || jobsRunId === runId ? io.env("RELEASE_TYPE") : undefined,
    },
    readTextFile: Deno.readTextFileSync,
  });
  const { bucket, externalRepo, why } = selectBucket({ ...question, reading: purpose.reading });
  const { layout } = options;
  const root = new RunOutputRoot({
    bucket: options.bucket ?? bucket,
    externalRepo,
    runId,
    platform,
    layout,
  });
  output.explain(
    options.bucket === undefined
      ? `bucket ${bucket}, prefix ${root.prefix}: ${why}`
      : `bucket ${options.bucket} (--bucket), prefix ${root.prefix}: ${why}`,
  );
  return root;
}

/**
 * The repository given by either option, or by the run's key.
 *
 * @param options The command's options.
 * @returns The repository; `undefined`, if none is given.
 * @throws {RunOutputsError} `invalid`, if they differ.
 */
export function namedRepository(options: RunOptions): string | undefined {
  const { repo, runGithubRepo } = options;
  if (repo !== undefined && runGithubRepo !== undefined && repo !== runGithubRepo) {
    throw invalid("--run-github-repo", runGithubRepo, `the same as --repo, '${repo}', or nothing`);
  }
  const named = repo ?? runGithubRepo;
  const key = keyOf(options);
  if (key === undefined) return named;
  if (named !== undefined && repositoryDir(named) !== key.externalRepo) {
    throw invalid("--repo", named, `that of the run '${options.runId}', or nothing`);
  }
  // Which hyphen separates the owner does not matter: the location is the same.
  return named ?? key.externalRepo.slice(0, -1).replace("-", "/");
}

/**
 * The options that name a run, for a run given as an argument.
 *
 * @param options The options for the other members of the run.
 * @param name Its id, its id and platform, or its key.
 * @returns The options with the run's id, and with its platform if the argument has it.
 * @throws {RunOutputsError} `invalid`, if `--platform` names another one.
 */
export function withRunNamed<T extends RunOptions>(options: T, name: string): T {
  const run = tryParseRunName(name);
  // The key of an external repository names that, too.
  if (run === undefined || run.externalRepo !== "") return { ...options, runId: name };
  const { runId, platform } = run;
  if (options.platform !== undefined && options.platform !== platform) {
    throw invalid("--platform", options.platform, `that of the run '${name}', or nothing`);
  }
  return { ...options, runId, platform };
}

/**
 * The options that name a run, if `--run-id` has the run's name, such as `7-linux`, and no platform is
 * given beside it. For reading: a run that has such an id is read with `--platform`.
 *
 * @param options The options.
 * @returns The options with the id and the platform, or as they were.
 */
export function withPlatformOfName<T extends RunOptions>(options: T): T {
  const { runId, platform } = options;
  return runId === undefined || platform !== undefined ? options : withRunNamed(options, runId);
}

/**
 * Whether a name is that of a run: an id with its platform, a key or a prefix.
 *
 * @param name The name.
 * @returns `false` for an id alone.
 */
export function isRunName(name: string): boolean {
  return tryParseRunName(name) !== undefined;
}

/** The key of a run of an external repository, given instead of an id. */
function keyOf({ runId }: RunOptions): RunPrefix | undefined {
  if (runId === undefined || !/[~/]/.test(runId)) return undefined;
  const key = tryParseRunName(runId);
  if (key !== undefined && key.externalRepo.includes("-")) return key;
  throw invalid("run id", runId, "an id, or a key OWNER-REPO~ID-PLATFORM");
}

/**
 * The platform that is meant.
 *
 * @param options The value of `--platform`.
 * @param io The environment.
 * @returns That platform, else `$THEROCK_PLATFORM`, else the one of the system that this runs on.
 * @throws {RunOutputsError} `invalid`, if `$THEROCK_PLATFORM` is none, or no run builds for this
 * system.
 */
export function platformOf({ platform }: Pick<RunOptions, "platform">, io: Io): Platform {
  if (platform !== undefined) return platform;
  const named = io.env("THEROCK_PLATFORM") || undefined;
  const known = named === undefined ? undefined : tryPlatform(named);
  if (known !== undefined) return known;
  if (named !== undefined) throw invalid("$THEROCK_PLATFORM", named, "linux or windows");
  const { os } = Deno.build;
  if (os === "linux" || os === "windows") return os;
  throw new RunOutputsError(
    "invalid",
    `Missing platform: give --platform linux or windows (there are no runs for this system, ${os})`,
  );
}

/**
 * A run in the JSON form of results.
 *
 * @param root The run.
 * @param storage Where it is; `undefined` if no storage was opened.
 * @returns Its members.
 */
export function describeRoot(
  root: RunOutputRoot,
  storage?: Pick<OpenStorage, "kind">,
): Record<string, string | undefined> {
  return {
    run_id: root.runId,
    platform: root.platform,
    layout: root.layout,
    bucket: root.bucket,
    prefix: root.prefix,
    s3_uri: s3UriIn(storage, root.root()),
  };
}
