/**
 * The upload of all that a build, or a stage of a multi-arch build, leaves at the end of its job.
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
import { packItem, UploadPlanner } from "./plan.ts";

/** How the build's job ended. A build that did not succeed is not expected to be complete. */
export type JobStatus = "success" | "failure" | "cancelled";

/** What is known of a job that has built something. */
export interface BuildJob {
  /** The build directory. */
  readonly buildDir: string;
  /** How the job ended. Default: `success`. */
  readonly jobStatus?: JobStatus;
  /** Where archives wait until they are uploaded. Default: the build directory. */
  readonly workDir?: string;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode planBuild}. */
export interface PlanBuildOptions extends BuildJob, Omit<PackArtifactsOptions, "workDir"> {
  /** The artifact group, like `gfx94X-dcgpu`. */
  readonly artifactGroup: string;
}

/** Where a build leaves its outputs, relative to the build directory. */
export const BUILD_OUTPUTS = {
  artifacts: "artifacts",
  logs: "logs",
  ccacheLogs: "logs/ccache",
  manifest: "base/aux-overlay/build/therock_manifest.json",
} as const;

/**
 * Plans the upload of a build: artifacts with their checksums, logs, ninja's and ccache's logs as
 * one archive each, and the manifest.
 *
 * Whatever is missing is told: as a failure after a build that succeeded, as a note after one that
 * did not. Everything else is uploaded all the same.
 *
 * @param root The run.
 * @param options The build.
 * @param planner Where to add its outputs.
 * @throws {RunOutputsError} `not_found`, if there is no such build directory after a job that
 * succeeded.
 */
export async function planBuild(
  root: RunOutputRoot,
  options: PlanBuildOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<void> {
  const { buildDir, artifactGroup: group, compression, level, modified, notAfter } = options;
  const { workDir = buildDir, signal } = options;
  const at = (name: keyof typeof BUILD_OUTPUTS) => join(buildDir, BUILD_OUTPUTS[name]);
  root.logDir(group); // a bad group is told before a missing directory
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
   * The artifacts that go too: `names` has what the stage produces; without it all go. The build
   * directory has artifacts that the stage was built from beside its own. Default: none.
   */
  readonly artifacts?:
    & Omit<PackArtifactsOptions, "workDir">
    & { readonly names?: ReadonlySet<string> };
  /** The stage, like `math-libs`. */
  readonly stage: string;
  /** The GPU family the stage was built for; none or empty for a generic stage. */
  readonly amdgpuFamily?: string;
}

/** The stage that also uploads the run's own manifest: the first one that has it. */
const MANIFEST_STAGE = "compiler-runtime";

/**
 * Plans the upload of what a stage of a multi-arch build leaves: its logs, ninja's and ccache's as one
 * archive each, and those artifacts that are asked for. The stage `compiler-runtime` uploads the run's
 * `therock_manifest.json` as well.
 *
 * @param root The run.
 * @param options The stage.
 * @param planner Where to add its outputs.
 * @throws {RunOutputsError} `not_found`, if there is no such build directory after a job that
 * succeeded.
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
  const { buildDir, workDir = buildDir, artifacts, signal } = options;
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
 * Plans the upload of a job's logs: {@linkcode planLogs}, where after a job that did not succeed a
 * missing directory is a note.
 *
 * @param root The run.
 * @param options Which logs, and how the job ended.
 * @param planner Receives them.
 * @returns The include patterns that matched nothing.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist after a job that
 * succeeded.
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
  const workDir = options.workDir ?? buildDir;
  const logsDir = join(buildDir, BUILD_OUTPUTS.logs);
  const ccacheDir = join(buildDir, BUILD_OUTPUTS.ccacheLogs);
  const part = partsOf(options, planner);
  // The archives before the tree: a file of the same name that is already there gives way.
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

/** Plans one part of a build; trouble with it stays its own. */
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

/** Whether there is a build; that there is none after a job that did not succeed is a note. */
async function hasDirectory(
  { buildDir, jobStatus = "success", what = "build" }: BuildJob & { readonly what?: string },
  planner: UploadPlanner,
): Promise<boolean> {
  let stat: Deno.FileInfo;
  try {
    stat = await Deno.stat(buildDir);
  } catch (cause) {
    const error = diskError(`read the ${what} directory`, buildDir, cause);
    if (!isMissing(error) || jobStatus === "success") throw withAdvice(error);
    noteMissing(buildDir, jobStatus, planner);
    return false;
  }
  if (stat.isDirectory) return true;
  throw new RunOutputsError(
    "invalid",
    `Cannot read the ${what} directory '${buildDir}': it is not a directory`,
  );
}

function isMissing(error: unknown): boolean {
  return error instanceof RunOutputsError && error.code === "not_found";
}

/** Of something missing: how to upload the rest of a job that did not succeed. */
function withAdvice(error: Error): Error {
  if (!(error instanceof RunOutputsError) || error.code !== "not_found") return error;
  return new RunOutputsError(
    "not_found",
    `${error.message}; if the job failed or was cancelled, give --job-status`,
    { cause: error },
  );
}

function noteMissing(path: string, jobStatus: JobStatus, planner: UploadPlanner): void {
  planner.note(path, `not found, and the job's status is ${jobStatus}`);
}

/** All `.ninja_log` files of the build as one archive, their names relative to the build. */
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
    // The logs and artifacts tell of their own.
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

/** The raw logs of ccache as one archive; there are none in a build without ccache. */
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
