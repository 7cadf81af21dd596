/**
 * Uploads all outputs of a build job, or of a stage of a multi-arch build.
 *
 * @module
 */

import { join } from "node:path";
import { type ArchiveMember, listMembers, lookAt } from "../../archive/tar/list_members.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { LogGroup } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { pathFilter } from "../../storage/transfer/path_filter.ts";
import { listTree } from "../../storage/transfer/tree.ts";
import { type PackArtifactsOptions, planArtifacts } from "./artifacts.ts";
import { refuseLinks } from "./links.ts";
import { planLogs, type PlanLogsOptions } from "./logs.ts";
import { planManifest } from "./manifest.ts";
import { packItem } from "./pack_item.ts";
import { UploadPlanner } from "./plan.ts";
import { defaultWorkDir } from "./work_dir.ts";

/** The result of a build job. The outputs of an unsuccessful build may be incomplete. */
export type JobStatus = "success" | "failure" | "cancelled";

/** A build job. */
export interface BuildJob {
  /** The build directory. */
  readonly buildDir: string;
  /** The result of the job. Default: `success`. */
  readonly jobStatus?: JobStatus;
  /** The directory for archives until they are uploaded. Default: the build directory. */
  readonly workDir?: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/** A directory of a build job. */
export interface JobDirectory extends Pick<BuildJob, "buildDir" | "jobStatus"> {
  /** What it is for, for messages. Default: `build`. */
  readonly what?: "build" | "log";
}

/** Options of {@linkcode planBuild}. */
export interface PlanBuildOptions extends BuildJob, Omit<PackArtifactsOptions, "workDir"> {
  /** The artifact group, such as `gfx94X-dcgpu`. */
  readonly artifactGroup: string;
}

/** The paths of a build's outputs, relative to the build directory. */
export const BUILD_OUTPUTS = {
  artifacts: "artifacts",
  logs: "logs",
  ccacheLogs: "logs/ccache",
  manifest: "base/aux-overlay/build/therock_manifest.json",
} as const;

/**
 * Plans the upload of a build: artifacts with their checksum files, logs, the logs of ninja and
 * ccache as one archive each, and the manifest.
 *
 * Missing outputs are reported: as failures after a successful build, as notes otherwise.
 * Everything else is uploaded.
 *
 * @param root The run.
 * @param options The build.
 * @param planner Receives its outputs.
 * @throws {RunOutputsError} `not_found`, if the build directory of a successful job does not exist.
 */
export async function planBuild(
  root: RunOutputRoot,
  options: PlanBuildOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { buildDir, artifactGroup: group, compression, level, modified, notAfter } = options;
  const { workDir = defaultWorkDir(buildDir), signal } = options;
  const at = (name: keyof typeof BUILD_OUTPUTS) => join(buildDir, BUILD_OUTPUTS[name]);
  root.logDir(group); // an invalid group is reported before a missing directory
  if (!await hasDirectory(options, planner)) return;
  const part = partsOf(options, planner);
  await part(
    at("artifacts"),
    root.artifactsDir(),
    () =>
      planArtifacts(root, {
        artifactsDir: at("artifacts"),
        ...{ compression, level, modified, notAfter, workDir, signal },
      }, planner),
  );
  await planBuildLogs(root, { ...options, group }, planner);
  await part(
    at("manifest"),
    root.manifest(group),
    () => planManifest(root, { file: at("manifest"), artifactGroup: group }, planner),
  );
}

/** Options of {@linkcode planStage}. */
export interface PlanStageOptions extends BuildJob {
  /**
   * The artifacts to upload: `names` selects those of the stage; without it all are uploaded. The
   * build directory contains the stage's inputs beside its own artifacts. Default: none.
   */
  readonly artifacts?:
    & Omit<PackArtifactsOptions, "workDir">
    & { readonly names?: ReadonlySet<string> };
  /** The stage, such as `math-libs`. */
  readonly stage: string;
  /** The GPU family that the stage was built for; missing or empty for a generic stage. */
  readonly amdgpuFamily?: string;
}

/** The stage that also uploads the run's own manifest: the first one that has it. */
const MANIFEST_STAGE = "compiler-runtime";

/**
 * Plans the upload of a stage of a multi-arch build: its logs, the logs of ninja and ccache as one
 * archive each, and the selected artifacts. The stage `compiler-runtime` also uploads the run's
 * `therock_manifest.json`.
 *
 * @param root The run.
 * @param options The stage.
 * @param planner Receives its outputs.
 * @throws {RunOutputsError} `not_found`, if the build directory of a successful job does not exist.
 */
export async function planStage(
  root: RunOutputRoot,
  options: PlanStageOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { stage, amdgpuFamily } = options;
  const group = { stage, amdgpuFamily };
  root.logDir(group);
  if (!await hasDirectory(options, planner)) return;
  const { buildDir, workDir = defaultWorkDir(buildDir), artifacts, signal } = options;
  const part = partsOf(options, planner);
  if (artifacts !== undefined && artifacts.names?.size !== 0) {
    const { names: artifactNames, ...packing } = artifacts;
    const artifactsDir = join(buildDir, BUILD_OUTPUTS.artifacts);
    await part(
      artifactsDir,
      root.artifactsDir(),
      () =>
        planArtifacts(root, { ...packing, artifactsDir, artifactNames, workDir, signal }, planner),
    );
  }
  await planBuildLogs(root, { ...options, group }, planner);
  if (stage !== MANIFEST_STAGE) return;
  const file = join(buildDir, BUILD_OUTPUTS.manifest);
  await part(file, root.manifestRoot(), () => planManifest(root, { file }, planner));
}

/**
 * Plans the upload of a job's logs like {@linkcode planLogs}. After an unsuccessful job, a missing
 * directory is a note.
 *
 * @param root The run.
 * @param options The logs, and the result of the job.
 * @param planner Receives them.
 * @returns The include patterns that matched nothing.
 * @throws {RunOutputsError} `not_found`, if the directory of a successful job does not exist.
 */
export async function planJobLogs(
  root: RunOutputRoot,
  options: PlanLogsOptions & Pick<BuildJob, "jobStatus">,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<string[]> {
  const { logsDir, jobStatus = "success" } = options;
  root.logDir(options.group);
  if (!await hasDirectory({ buildDir: logsDir, jobStatus, what: "log" }, planner)) return [];
  return await planLogs(root, options, planner);
}

async function planBuildLogs(
  root: RunOutputRoot,
  options: BuildJob & { readonly group: LogGroup },
  planner: UploadPlanner,
): Promise<void> {
  const { buildDir, group, signal } = options;
  const workDir = options.workDir ?? defaultWorkDir(buildDir);
  const logsDir = join(buildDir, BUILD_OUTPUTS.logs);
  const ccacheDir = join(buildDir, BUILD_OUTPUTS.ccacheLogs);
  const part = partsOf(options, planner);
  // The archives before the tree: an existing file of the same name is replaced by them.
  await part(
    buildDir,
    root.ninjaLogs(group),
    () => planNinjaLogs(root, buildDir, group, workDir, planner, signal),
  );
  await part(
    ccacheDir,
    root.ccacheLogs(group),
    () => planCcacheLogs(root, ccacheDir, group, workDir, planner, signal),
  );
  await part(
    logsDir,
    root.logDir(group),
    () => planLogs(root, { logsDir, group, signal }, planner),
  );
}

/** Plans one kind of a build's outputs; its failures do not affect the others. */
type PlanPart = (
  path: string,
  location: OutputLocation,
  plan: () => Promise<unknown>,
) => Promise<void>;

function partsOf(
  { buildDir, jobStatus = "success", signal }: BuildJob,
  planner: UploadPlanner,
): PlanPart {
  return async (path, location, plan) => {
    try {
      await refuseLinks(buildDir, path);
      await plan();
    } catch (error) {
      signal?.throwIfAborted();
      if (isMissing(error) && jobStatus !== "success") noteMissing(path, jobStatus, planner);
      else planner.fail(location, path, withAdvice(error as Error), true);
    }
  };
}

/**
 * Whether a job's directory exists. After an unsuccessful job it need not.
 *
 * @param job The directory, and the result of the job.
 * @param planner Receives a note about a missing one.
 * @returns Whether it exists.
 * @throws {RunOutputsError} `not_found`, if that of a successful job does not; `invalid`, if it is not
 * a directory.
 */
export async function hasDirectory(
  { buildDir, jobStatus = "success", what = "build" }: JobDirectory,
  planner?: UploadPlanner,
): Promise<boolean> {
  let stat: Deno.FileInfo;
  try {
    stat = await Deno.stat(buildDir);
  } catch (cause) {
    const error = diskError(`read the ${what} directory`, buildDir, cause);
    if (!isMissing(error) || jobStatus === "success") throw withAdvice(error);
    if (planner !== undefined) noteMissing(buildDir, jobStatus, planner);
    return false;
  }
  if (stat.isDirectory) return true;
  throw new RunOutputsError(
    "invalid",
    `Cannot read the ${what} directory '${buildDir}': it is not a directory`,
  );
}

/** What a build directory has at least one of. */
const SIGNS = [
  BUILD_OUTPUTS.artifacts,
  BUILD_OUTPUTS.logs,
  BUILD_OUTPUTS.manifest,
  ".ninja_log",
] as const;

/**
 * Rejects a directory that is not that of a build. After an unsuccessful job, it may be missing or
 * have none of the outputs.
 *
 * @param job The directory, and the result of the job.
 * @throws {RunOutputsError} `not_found`, if it does not exist or has no output of a build; `invalid`,
 * if it is not a directory.
 */
export async function requireBuild(job: Pick<BuildJob, "buildDir" | "jobStatus">): Promise<void> {
  const { buildDir, jobStatus = "success" } = job;
  if (!await hasDirectory(job) || jobStatus !== "success") return;
  for (const name of SIGNS) {
    const path = join(buildDir, name);
    try {
      await Deno.lstat(path);
      return;
    } catch (error) {
      const isAbsent = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory;
      // The upload reports what else is wrong with it.
      if (!isAbsent) return;
    }
  }
  throw withAdvice(
    new RunOutputsError(
      "not_found",
      `No build in '${buildDir}': it has none of ${SIGNS.join(", ")}; check --build-dir`,
    ),
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof RunOutputsError && error.code === "not_found";
}

/** For a missing output: adds how to upload the rest of an unsuccessful job. */
function withAdvice(error: Error): Error {
  if (!(error instanceof RunOutputsError) || error.code !== "not_found") return error;
  return new RunOutputsError(
    "not_found",
    `${error.message}; if the job failed or was cancelled, give --job-status failure`,
    { cause: error },
  );
}

function noteMissing(path: string, jobStatus: JobStatus, planner: UploadPlanner): void {
  planner.note(path, `not found, and the job's status is ${jobStatus}`);
}

/**
 * All `.ninja_log` files of the build as one archive, with names relative to the build directory.
 */
async function planNinjaLogs(
  root: RunOutputRoot,
  buildDir: string,
  group: LogGroup,
  workDir: string,
  planner: UploadPlanner,
  signal: AbortSignal | undefined,
): Promise<void> {
  const filter = pathFilter({ include: [".ninja_log"] });
  const { files, unreadable } = await listTree(buildDir, { filter, signal });
  for (const { relativePath, error } of unreadable) {
    // Failures of logs and artifacts are reported separately.
    if (/^(?:logs|artifacts)\//.test(`${relativePath}/`)) continue;
    planner.fail(root.ninjaLogs(group), join(buildDir, relativePath), error);
  }
  if (files.length === 0) return;
  const members: ArchiveMember[] = [];
  for (const { relativePath, path } of files) {
    try {
      members.push(await lookAt(relativePath, path));
    } catch (error) {
      planner.fail(root.ninjaLogs(group), path, diskError("read", path, error));
    }
  }
  if (members.length === 0) return;
  const path = join(buildDir, "**", ".ninja_log");
  planner.add(
    packItem({ location: root.ninjaLogs(group), path, members, compression: "gz", workDir }),
  );
}

/** The raw logs of ccache as one archive; a build without ccache has none. */
async function planCcacheLogs(
  root: RunOutputRoot,
  path: string,
  group: LogGroup,
  workDir: string,
  planner: UploadPlanner,
  signal: AbortSignal | undefined,
): Promise<void> {
  let members;
  try {
    members = await listMembers(path, { signal });
  } catch (error) {
    if (error instanceof RunOutputsError && error.code === "not_found") return;
    throw error;
  }
  if (members.length === 0) return;
  planner.add(
    packItem({ location: root.ccacheLogs(group), path, members, compression: "zst", workDir }),
  );
}
