/**
 * The report of a search for runs, as text and as JSON.
 *
 * @module
 */

import type { WorkflowRunInfo } from "../../../github/client.ts";
import { totalSize } from "../../../layout/total_size.ts";
import type { SourceRun } from "../../../operations/fetch/found.ts";
import type { FindResult } from "../../../operations/find/find.ts";
import type { TriedPlace } from "../../../operations/find/locate_run.ts";
import type { FoundGroup, RejectedRun } from "../../../operations/find/search_runs.ts";
import { addresses } from "../../addresses.ts";
import type { Found } from "../../github.ts";
import { columns, formatBytes, type Output, plural } from "../../terminal/output.ts";
import type { OpenStorage } from "../../storage.ts";

/**
 * The JSON form of a search, without its schema.
 *
 * @param found The search.
 * @param storage Where the runs are.
 * @returns Its fields.
 */
export function findJson({ asked, result }: Found, storage: OpenStorage) {
  const { commit, distance, looked, groups, missing, rejected, pending, nearest } = result;
  const { selector } = asked;
  const named = Object.entries(selector)[0];
  return {
    found: missing.length === 0,
    repository: asked.repository,
    platform: asked.platform,
    selector: { [named[0].replace(/[A-Z]/g, (l: string) => `_${l.toLowerCase()}`)]: named[1] },
    commit,
    asked_commit: result.asked,
    distance,
    commits_looked_at: looked,
    groups: groups.map((group) => groupJson(group, storage)),
    missing: missing.map((group) => group ?? null),
    rejected: rejected.map(rejectedJson),
    pending: pending.map(({ id }) => id),
    nearest: nearest && { ...nearest.commit, distance: nearest.distance },
    requests: { ...asked.github.requests },
  };
}

/**
 * The JSON form of a run on GitHub.
 *
 * @param run The run.
 * @returns Its fields.
 */
export function runJson(run: WorkflowRunInfo) {
  return {
    id: run.id,
    attempt: run.attempt,
    status: run.status,
    conclusion: run.conclusion,
    event: run.event,
    created_at: run.createdAt,
    repository: run.repository,
    head_repository: run.headRepository,
    head_branch: run.headBranch,
    head_sha: run.headSha,
    workflow: run.workflowPath,
    url: run.url,
  };
}

function groupJson({ group, run, root, tried, archives }: FoundGroup, storage: OpenStorage) {
  return {
    group: group ?? null,
    run: runJson(run),
    bucket: root.bucket,
    prefix: root.prefix,
    ...addresses(storage, root.root()),
    places: placesJson(tried),
    archives: archives.map(({ location, size, modified }) => ({
      name: location.name,
      size,
      modified: modified.toISOString(),
      ...addresses(storage, location),
    })),
  };
}

function rejectedJson({ run, group, reason, tried }: RejectedRun) {
  return { run: runJson(run), group: group ?? null, reason, places: placesJson(tried) };
}

function placesJson(tried: readonly TriedPlace[]) {
  return tried.map(({ bucket, prefix, why, outcome, reason }) => ({
    bucket,
    prefix,
    outcome,
    reason,
    why,
  }));
}

/**
 * The JSON form of the runs that a fetch found.
 *
 * @param found The search, and the runs.
 * @returns Its fields.
 */
export function foundJson({ asked, result, sources }: Found & Sources) {
  return {
    commit: result.commit,
    asked_commit: result.asked,
    distance: result.distance,
    runs: sources.map(({ run, root, groups }) => ({
      ...runJson(run),
      groups,
      bucket: root.bucket,
      prefix: root.prefix,
    })),
    rejected: result.rejected.map(rejectedJson),
    requests: { ...asked.github.requests },
  };
}

/**
 * The text form of the runs that a fetch found.
 *
 * @param found The search, and the runs.
 * @returns One line per run.
 */
export function foundLines({ result, sources }: Found & Sources): string[] {
  return sources.map(({ run }) => `of commit ${result.commit}, run ${run.id}, ${state(run)}`);
}

/** The source runs of a fetch. */
interface Sources {
  readonly sources: readonly SourceRun[];
}

/**
 * The text form of a search.
 *
 * @param result The search.
 * @param storage Where the runs are.
 * @param output For colours.
 * @returns Its lines.
 */
export function findLines(result: FindResult, storage: OpenStorage, output: Output): string[] {
  const { asked, commit, distance, groups, rejected } = result;
  const lines = [
    distance === 0
      ? `commit ${commit}`
      : `commit ${commit}, ${distance} before ${asked.slice(0, 10)}`,
  ];
  for (const { group, run, root, archives } of groups) {
    const what = `${plural(archives.length, "archive")}, ${formatBytes(totalSize(archives))}`;
    lines.push(output.paint(`${group ?? "all artifacts"}: ${what}`, "bold"));
    lines.push(`  run ${run.id}, ${state(run)}: ${run.url}`);
    lines.push(`  bucket ${root.bucket}, prefix ${root.prefix}: ${storage.url(root.root())}`);
    lines.push(
      ...columns(
        archives.map(({ location, size }) => [`    ${formatBytes(size)}`, location.name]),
        [0],
      ),
    );
  }
  if (rejected.length > 0) lines.push("rejected:");
  for (const { run, group, reason } of rejected) {
    const what = group === undefined ? "" : ` for ${group}`;
    lines.push(`  run ${run.id}, ${state(run)}${what}: ${reason}`);
  }
  return lines;
}

function state({ attempt, status, conclusion }: WorkflowRunInfo): string {
  const ended = status === "completed" ? conclusion ?? status : status ?? "of unknown state";
  return `attempt ${attempt}, ${ended}`;
}
