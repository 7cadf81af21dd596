/**
 * The options of uploads that pack archives or belong to an artifact group.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Compression } from "../../../layout/artifact_name.ts";
import { invalid, quote, RunOutputsError } from "../../../errors/error.ts";
import type { JobDirectory, JobStatus } from "../../../operations/upload/build.ts";
import type { PackArtifactsOptions } from "../../../operations/upload/artifacts.ts";
import type { Io } from "../../terminal/io.ts";
import { required, wholeNumber } from "../../options.ts";

/** The values of the options for packing. */
export interface PackingOptions {
  readonly compression: Compression;
  readonly level?: number;
  readonly mtime?: number;
  readonly workDir?: string;
}

const LEVEL = "--level <number>";
const LEVELS = "zst 1 to 19 (default: 3), xz 0 to 7 (default: 6)";

/** The last second that a `Date` can represent. */
const LAST_SECOND = 8_640_000_000_000;

/**
 * Adds the options for packing.
 *
 * @param command The command.
 * @param workDirStandard The default of `--work-dir`.
 * @returns The command.
 */
export function withPackingOptions(command: Command, workDirStandard: string): Command {
  return command
    .hook("preAction", (_, self) => checkLevel(self.opts<PackingOptions>()))
    .addOption(
      new Option("--compression <name>", "the compression for artifact directories")
        .choices(["zst", "xz"]).default("zst"),
    )
    .addOption(
      new Option(LEVEL, `the compression level: ${LEVELS}`).argParser(anyLevel),
    )
    .addOption(
      new Option(
        "--mtime <seconds>",
        "the modification time of all packed files, in seconds since 1970 (default: their own, but " +
          "no later than $SOURCE_DATE_EPOCH)",
      ).argParser(wholeNumber(0, LAST_SECOND)),
    )
    .addOption(workDir(workDirStandard));
}

/**
 * Reads the options for packing.
 *
 * @param options The values.
 * @param dir The directory with the artifacts or the build.
 * @param io The environment, for `$SOURCE_DATE_EPOCH` and `$RUNNER_TEMP`.
 * @returns The options for the operations.
 * @throws {RunOutputsError} `invalid`, for an invalid time.
 */
export function packingOptions(
  { compression, level, mtime, ...options }: PackingOptions,
  dir: string,
  io: Pick<Io, "env">,
): PackArtifactsOptions {
  const workDir = options.workDir ?? runnerTemp(dir, io);
  if (mtime !== undefined) return { compression, level, workDir, modified: date(mtime) };
  const epoch = io.env("SOURCE_DATE_EPOCH") || undefined;
  if (epoch === undefined) return { compression, level, workDir };
  if (!/^\d{1,13}$/.test(epoch) || Number(epoch) > LAST_SECOND) {
    throw new RunOutputsError(
      "invalid",
      `Cannot use SOURCE_DATE_EPOCH ${quote(epoch)}: expected seconds since 1970, as in 1767225600`,
    );
  }
  return { compression, level, workDir, notAfter: date(Number(epoch)) };
}

/**
 * `$RUNNER_TEMP`, if it is on the disk of a build. The runner empties it, so what a killed upload
 * leaves is not packed with the build by a step that caches it. Another disk may be too small.
 */
function runnerTemp(dir: string, io: Pick<Io, "env">): string | undefined {
  const temp = io.env("RUNNER_TEMP") || undefined;
  if (temp === undefined) return undefined;
  try {
    const [there, here] = [Deno.statSync(temp).dev, Deno.statSync(dir).dev];
    return there === here ? temp : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a level of any compression: `--compression` may not be parsed yet. */
function anyLevel(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new InvalidArgumentError(`Expected a whole number: ${LEVELS}.`);
}

/** Checks the level once `--compression` is known, which may come after `--level`. */
async function checkLevel({ compression, level }: PackingOptions): Promise<void> {
  if (level === undefined) return;
  const { COMPRESSION_LEVELS } = await import("../../../archive/compression/format.ts");
  const { min, max } = COMPRESSION_LEVELS[compression];
  if (level >= min && level <= max) return;
  throw new RunOutputsError(
    "invalid",
    `option '${LEVEL}' argument '${level}' is invalid. With --compression ${compression}, ` +
      `expected a whole number from ${min} to ${max}.`,
  );
}

function date(seconds: number): Date {
  return new Date(seconds * 1000);
}

/** `--work-dir` */
export function workDir(standard: string): Option {
  return new Option(
    "--work-dir <dir>",
    `the directory for archives until they are uploaded (default: $RUNNER_TEMP if it is on the ` +
      `same disk, else ${standard})`,
  );
}

/** `--build-dir` */
export function buildDir(): Option {
  return new Option("--build-dir <dir>", "the build directory (default: $BUILD_DIR, else build)");
}

/** The value of {@linkcode buildDir}, or its default. */
export function buildDirOf(
  { buildDir }: { readonly buildDir?: string },
  io: Pick<Io, "env">,
): string {
  return buildDir ?? (io.env("BUILD_DIR") || "build");
}

/**
 * Rejects a job's directory that does not exist, before anything is opened. After an unsuccessful
 * job it may be missing.
 *
 * @param job The directory, what it is for, and the result of the job.
 * @throws {RunOutputsError} `invalid`, if it is missing, or no directory.
 */
export async function requireJobDirectory(job: JobDirectory): Promise<void> {
  const { hasDirectory } = await import("../../../operations/upload/build.ts");
  await hasDirectory(job).catch(rejectMissing);
}

/**
 * Rejects a build directory that does not exist or has none of a build's outputs, before anything is
 * opened or written. After an unsuccessful job they may be missing.
 *
 * @param job The directory, and the result of the job.
 * @throws {RunOutputsError} `invalid`, if it is no build directory.
 */
export async function requireBuildDirectory(
  job: Pick<JobDirectory, "buildDir" | "jobStatus">,
): Promise<void> {
  const { requireBuild } = await import("../../../operations/upload/build.ts");
  await requireBuild(job).catch(rejectMissing);
}

function rejectMissing(error: unknown): never {
  if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
  throw new RunOutputsError("invalid", error.message, { cause: error });
}

/** `--job-status` */
export function jobStatus(): Option {
  return new Option(
    "--job-status <status>",
    "the result of the job; after failure or cancelled, missing files are not an error (default: " +
      "$JOB_STATUS, then $GITHUB_JOB_STATUS, if failure or cancelled; else success)",
  ).choices(["success", "failure", "cancelled"]);
}

/**
 * The value of {@linkcode jobStatus}, or what the environment says. Other values there, such as
 * those of another program's variable, are no failure.
 */
export function jobStatusOf(
  { jobStatus }: { readonly jobStatus?: JobStatus },
  io: Pick<Io, "env">,
): JobStatus {
  if (jobStatus !== undefined) return jobStatus;
  const named = io.env("JOB_STATUS") || io.env("GITHUB_JOB_STATUS");
  return named === "failure" || named === "cancelled" ? named : "success";
}

/** The flags of the option, for messages. */
export const ARTIFACT_GROUP = "--artifact-group <name>";

/** `--artifact-group` */
export function artifactGroup(more = ""): Option {
  return new Option(ARTIFACT_GROUP, `the artifact group, such as gfx94X-dcgpu${more}`);
}

/** `--artifact-group`, where {@linkcode requiredGroup} reads it. */
export function groupRequired(): Option {
  return artifactGroup(" (required; default: $ARTIFACT_GROUP)");
}

/**
 * The artifact group of an upload that needs one.
 *
 * @param options The value of the option.
 * @param io The environment.
 * @returns That group, else `$ARTIFACT_GROUP`.
 * @throws {RunOutputsError} `invalid`, if there is neither, or if it is no single name.
 */
export function requiredGroup(
  { artifactGroup }: { readonly artifactGroup?: string },
  io: Pick<Io, "env">,
): string {
  const group = artifactGroup ?? (io.env("ARTIFACT_GROUP") || undefined);
  return oneName("artifact group", required(group, ARTIFACT_GROUP));
}

/**
 * Checks a name that becomes a directory of the run, where other options take lists of such names.
 *
 * @param field The field, for the message.
 * @param value The name.
 * @returns The name.
 * @throws {RunOutputsError} `invalid`, if it has blanks or separators.
 */
export function oneName(field: string, value: string): string {
  if (/[\s,;]/.test(value)) throw invalid(field, value, "one name without blanks, ',' or ';'");
  return value;
}
