/**
 * Searches the runs of a commit for the requested artifacts.
 *
 * @module
 */

import type { GithubClient, WorkflowRunInfo } from "../../github/client.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Platform } from "../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { archiveNames, type ArtifactObjects, listArtifacts } from "../artifacts/listing.ts";
import { deletingSince } from "../manifest/refuse_deleting.ts";
import { locateRun, type TriedPlace } from "./locate_run.ts";
import { searcher, type SearchPattern } from "../artifacts/name_pattern.ts";
import { type ArtifactRequest, narrowSelection, requestsOf } from "../artifacts/requests.ts";
import { checkSelection, selectArtifacts } from "../artifacts/select.ts";
import type { ArtifactSelection } from "../artifacts/selection.ts";
import { readOutputs } from "../manifest/read.ts";
import { requireParts } from "../manifest/require_parts.ts";

/** Why a run in progress is rejected if runs must have ended. */
export const IN_PROGRESS = "it is in progress, and not known to be complete";

/** The default workflow, which builds. */
export const DEFAULT_WORKFLOW = "multi_arch_ci.yml";

/**
 * What a run must have, and where to search. Families include their GPUs, whatever `expandFamilies`
 * is. A group or a target counts as found if the run has artifacts of its own for it: generic ones
 * are no proof.
 */
export interface SearchOptions extends ArtifactSelection {
  /** The GitHub client. */
  readonly github: GithubClient;
  /** The storage of the outputs. */
  readonly backend: StorageBackend;
  /** The repository, such as `ROCm/TheRock`. */
  readonly repository: string;
  /** The platform that the runs build for. */
  readonly platform: Platform;
  /** The workflow's file name. Default: {@linkcode DEFAULT_WORKFLOW}. */
  readonly workflow?: string;
  /** Each group must have an archive whose file name matches each of these. */
  readonly requireArtifacts?: readonly SearchPattern[];
  /** One run must have all groups. Default: for each group, the newest run that has it. */
  readonly requireSingleRun?: boolean;
  /** Only successful runs. */
  readonly requireSuccessfulRun?: boolean;
  /**
   * A run in progress counts only if it has all parts that it expects. Default: it counts as soon as
   * it has the requested artifacts.
   */
  readonly requireEnded?: boolean;
  /**
   * Why a run is rejected for a group although it has archives of it, in one line; `undefined`: it
   * is accepted. Default: accepts all.
   */
  readonly refuse?: (found: RefusableRun) => Promise<string | undefined>;
  /** The release type. Default: CI. The environment is ignored. */
  readonly releaseType?: string;
  /** Search only this bucket. */
  readonly bucket?: string;
  /** Bypass earlier responses of GitHub. */
  readonly fresh?: boolean;
  /** Aborts the search. */
  readonly signal?: AbortSignal;
}

/** A run that has archives of a group. */
export interface RefusableRun {
  /** The run. */
  readonly run: WorkflowRunInfo;
  /** The location of its outputs. */
  readonly root: RunOutputRoot;
  /** The group's or GPU's name; `undefined`, if all artifacts are requested. */
  readonly group: string | undefined;
  /** The targets that its artifacts can have: the group, its GPUs, the targets beside it. */
  readonly wanted: readonly string[];
}

/** A run that has some of the requested artifacts. */
export interface FoundRun {
  /** The run. */
  readonly run: WorkflowRunInfo;
  /** The location of its outputs. */
  readonly root: RunOutputRoot;
  /** The locations that were checked for it. */
  readonly tried: readonly TriedPlace[];
}

/** A group of artifacts, and the run that has it. */
export interface FoundGroup extends FoundRun {
  /** The group's or GPU's name; `undefined`, if all artifacts are requested. */
  readonly group: string | undefined;
  /** The requested archives, including generic ones. */
  readonly archives: readonly ObjectInfo[];
}

/** A run that was rejected, completely or for one group. */
export interface RejectedRun {
  /** The run. */
  readonly run: WorkflowRunInfo;
  /** The group; `undefined`: all. */
  readonly group: string | undefined;
  /** The reason, in one line. */
  readonly reason: string;
  /** The locations that were checked for it, if any. */
  readonly tried: readonly TriedPlace[];
}

/** The requested artifacts in the runs of a commit. */
export interface RunSearch {
  /** The groups that were found. */
  readonly groups: readonly FoundGroup[];
  /** The names of the missing ones; `undefined` in it means "any artifacts". */
  readonly missing: readonly (string | undefined)[];
  /** The rejected runs, in the order of the checks. */
  readonly rejected: readonly RejectedRun[];
  /** Runs in progress, which may produce later what is missing now. */
  readonly pending: readonly WorkflowRunInfo[];
}

/**
 * Searches the runs of a commit for the requested artifacts, the newest first.
 *
 * @param sha The commit's full SHA.
 * @param options The request.
 * @returns What was found, and what is missing.
 * @throws {RunOutputsError} Errors of GitHub and of the storage. Missing artifacts are not an
 * error.
 *
 * @example
 * ```ts
 * import { MemoryBackend, openGithub } from "@therock/run-outputs";
 * import { searchCommit } from "@therock/run-outputs/operations";
 *
 * const answer = { total_count: 0, workflow_runs: [] };
 * const { groups, missing } = await searchCommit("0123456789012345678901234567890123456789", {
 *   github: openGithub({ fetch: () => Promise.resolve(Response.json(answer)) }),
 *   backend: new MemoryBackend(),
 *   repository: "ROCm/TheRock",
 *   platform: "linux",
 *   amdgpuTargets: ["gfx942"],
 * });
 * console.assert(groups.length === 0 && missing[0] === "gfx942");
 * ```
 */
export async function searchCommit(sha: string, options: SearchOptions): Promise<RunSearch> {
  const { github, repository, workflow = DEFAULT_WORKFLOW, signal, fresh } = options;
  const runs = await github.runsOfCommit(repository, sha, { workflow, signal, fresh });
  return await searchRuns(runs, options);
}

/**
 * Searches some runs for the requested artifacts.
 *
 * @param runs The runs, the likeliest first.
 * @param options The request.
 * @returns What was found, and what is missing.
 * @throws {RunOutputsError} Errors of the storage.
 */
export async function searchRuns(
  runs: readonly WorkflowRunInfo[],
  options: SearchOptions,
): Promise<RunSearch> {
  checkSelection(options);
  const { requireSingleRun = false, requireSuccessfulRun = false, requireEnded = false, signal } =
    options;
  const asked = askedOf(options);
  const groups = new Map<string | undefined, FoundGroup>();
  const missing = new Set(asked.keys());
  const rejected: RejectedRun[] = [];
  for (const run of runs) {
    if (missing.size === 0) break;
    signal?.throwIfAborted();
    const reject = (
      reason: string,
      group?: string,
      tried: readonly TriedPlace[] = [],
    ) => rejected.push({ run, group, reason, tried });

    if (requireSuccessfulRun && run.conclusion !== "success") {
      reject(`it ended with ${run.conclusion ?? "nothing yet"}, not success`);
      continue;
    }
    const { root, tried } = await locateRun({ ...options, runId: run.id, workflowRun: run });
    if (root === undefined) {
      reject(nothingOf(tried, options), undefined, tried);
      continue;
    }
    if (requireEnded && run.status !== "completed" && !await isComplete(root, options)) {
      reject(IN_PROGRESS, undefined, tried);
      continue;
    }
    const objects = await listArtifacts(options.backend, root, signal);
    const since = archiveNames(objects).length === 0
      ? undefined
      : await deletingSince(options.backend, root, { signal });
    if (since !== undefined) {
      reject(`'runs prune' has been deleting it since ${since.toISOString()}`, undefined, tried);
      continue;
    }
    const verdicts: (Verdict & Pick<RefusableRun, "group">)[] = [];
    for (const group of missing) {
      const verdict = judge(objects, group, options);
      const wanted = asked.get(group)?.wanted ?? [];
      const refusal = verdict.archives && await options.refuse?.({ run, root, group, wanted });
      verdicts.push({ group, ...(refusal === undefined ? verdict : { reason: refusal }) });
    }
    const lacking = verdicts.filter(({ reason }) => reason !== undefined);
    for (const { group, reason } of lacking) reject(reason!, group, tried);
    if (requireSingleRun && lacking.length > 0) continue;
    for (const { group, archives } of verdicts) {
      if (archives === undefined) continue;
      groups.set(group, { group, run, root, tried, archives });
      missing.delete(group);
    }
  }
  return {
    groups: [...asked.keys()].flatMap((group) => groups.get(group) ?? []),
    missing: [...missing],
    rejected,
    pending: runs.filter(({ status }) => status !== "completed"),
  };
}

/** Whether a run has all parts that it expects. */
async function isComplete(
  root: RunOutputRoot,
  { backend, signal }: SearchOptions,
): Promise<boolean> {
  try {
    requireParts(await readOutputs(backend, root, { signal }), root);
    return true;
  } catch (error) {
    if (error instanceof RunOutputsError && /^(?:incomplete|integrity)$/.test(error.code)) {
      return false;
    }
    throw error;
  }
}

function nothingOf(
  tried: readonly TriedPlace[],
  { platform, releaseType }: SearchOptions,
): string {
  const buckets = [...new Set(tried.map(({ bucket }) => bucket))].join(", ");
  const hint = releaseType === undefined ? "; release runs need --release-type" : "";
  return `no outputs of it for ${platform} in ${buckets}${hint}`;
}

/** The requests by name; `undefined` as the name means any artifacts. */
function askedOf(
  selection: ArtifactSelection,
): ReadonlyMap<string | undefined, ArtifactRequest | undefined> {
  const requests = requestsOf({ ...selection, expandFamilies: true });
  if (requests.length === 0) return new Map([[undefined, undefined]]);
  return new Map(requests.map((request) => [request.name, request]));
}

interface Verdict {
  readonly archives?: readonly ObjectInfo[];
  readonly reason?: string;
}

/** Whether a run has a group. */
function judge(
  objects: ArtifactObjects,
  group: string | undefined,
  options: SearchOptions,
): Verdict {
  const names = archiveNames(objects).sort();
  if (names.length === 0) return { reason: "it has no artifacts" };
  const only = narrowSelection(options, group === undefined ? [] : [group]);
  let chosen: readonly string[];
  try {
    const strict = { ...only, expandFamilies: true, requireEach: true };
    chosen = selectArtifacts(names, strict).names;
  } catch (error) {
    if (!(error instanceof RunOutputsError) || error.code !== "not_found") throw error;
    return { reason: error.message };
  }
  for (const pattern of options.requireArtifacts ?? []) {
    if (chosen.some(searcher(pattern))) continue;
    return { reason: `none of its ${chosen.length} archives matches /${pattern.source}/` };
  }
  return { archives: chosen.map((name) => objects.get(name)!) };
}
