/**
 * Filters of runs. Those that a run's key decides need no look at the run.
 *
 * @module
 */

import { MAIN_REPOSITORY, repositoryDir } from "../../layout/buckets.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import type { Completeness } from "../../runs/retention/state.ts";
import type { RemovedFacts } from "../../runs/retention/summary.ts";
import type { RetainedRun } from "./describe.ts";

/** Which runs are wanted. All conditions apply. */
export interface RunFilter {
  /** The repository, `OWNER/NAME`. */
  readonly repo?: string;
  /** The system the run builds for. */
  readonly platform?: string;
  /** An artifact group or stage. */
  readonly group?: string;
  /** The workflow's file. */
  readonly workflow?: string;
  /** A commit, or the first digits of one. */
  readonly commit?: string;
  /** Only runs whose first upload was not before this time. */
  readonly since?: Date;
  /** Only runs whose first upload was before this time. */
  readonly until?: Date;
  /** Whether the run is complete. */
  readonly completeness?: Completeness;
  /** Whether a pin is in force. */
  readonly pinned?: boolean;
  /** A kind of files that the run must have. */
  readonly has?: string;
  /** A text in the key, repository, workflow, commit or a group; case is ignored. */
  readonly q?: string;
}

/**
 * Whether a filter needs more than the key of a run.
 *
 * @param filter The filter.
 * @returns `false`, if {@linkcode matchesKey} decides.
 */
export function needsDetails(filter: RunFilter): boolean {
  return Object.entries(filter).some(([name, value]) => value !== undefined && name !== "platform");
}

/**
 * Whether a run can match by its key.
 *
 * @param run The run.
 * @param filter The filter.
 * @returns `false`, if nothing else about the run can make it match.
 */
export function matchesKey(run: RunPrefix, { platform, repo }: RunFilter): boolean {
  if (platform !== undefined && run.platform !== platform) return false;
  return repo === undefined || run.externalRepo === "" || run.externalRepo === repositoryDir(repo);
}

/**
 * Whether a run matches.
 *
 * @param run The run.
 * @param filter The filter.
 * @returns Whether all conditions apply.
 */
export function matches(run: RetainedRun, filter: RunFilter): boolean {
  const { repo, platform, group, workflow, commit, since, until, completeness, pinned, has, q } =
    filter;
  const created = new Date(run.created_at);
  return (platform === undefined || run.platform === platform) &&
    (repo === undefined || matchesRepo(run, repo)) &&
    (group === undefined || run.groups.includes(group)) &&
    (workflow === undefined || run.workflow === workflow) &&
    (commit === undefined || (run.commit?.startsWith(commit.toLowerCase()) ?? false)) &&
    (since === undefined || created >= since) &&
    (until === undefined || created < until) &&
    (completeness === undefined || run.completeness === completeness) &&
    (pinned === undefined || run.pins.some(({ in_force }) => in_force) === pinned) &&
    (has === undefined || hasKind(run, has)) &&
    (q === undefined || textOf(run).includes(q.toLowerCase()));
}

/**
 * Whether a run has files of a kind, and all that it had.
 *
 * @param run The run.
 * @param kind The kind.
 * @returns `false` also if retention has removed some, or is going to.
 */
export function hasKind(run: RetainedRun, kind: string): boolean {
  return Object.hasOwn(run.kinds, kind) && removalOfKind(run, kind) === undefined;
}

/**
 * Why a run does not have its files of a kind: the last removal.
 *
 * @param run The run.
 * @param kind The kind.
 * @returns The removal; `undefined`, if retention has removed none.
 */
export function removalOfKind(
  { removed }: RetainedRun,
  kind: string,
): RemovedFacts["removals"][number] | undefined {
  return removed?.removals.findLast(({ kinds, unfinished }) =>
    (kinds?.includes(kind) ?? true) && (unfinished || Object.hasOwn(removed.kinds, kind))
  );
}

/**
 * Whether a run is of a repository.
 *
 * The name of the run's directory decides where there is one. It does not distinguish `a-b/c` from
 * `a/b-c`; the manifest does.
 *
 * @param run The run.
 * @param repo The repository, `OWNER/NAME`.
 * @returns Whether it is.
 */
export function matchesRepo(
  { external_repo, repository }: Pick<RetainedRun, "external_repo" | "repository">,
  repo: string,
): boolean {
  if (external_repo === "") return (repository ?? MAIN_REPOSITORY) === repo;
  if (external_repo !== repositoryDir(repo)) return false;
  return repository === undefined || repositoryDir(repository) !== external_repo ||
    repository === repo;
}

function textOf({ key, repository, workflow, commit, groups }: RetainedRun): string {
  return [key, repository, workflow, commit, ...groups].join("\n").toLowerCase();
}
