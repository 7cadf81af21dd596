/**
 * Finds the run with the artifacts of a commit, of a ref or run, or of the latest commit that has
 * any.
 *
 * @module
 */

import type { CommitInfo, GithubClient } from "../../github/client.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import {
  DEFAULT_WORKFLOW,
  IN_PROGRESS,
  type RunSearch,
  searchCommit,
  type SearchOptions,
  searchRuns,
} from "./search_runs.ts";

/** The default for the maximum number of commits. */
export const DEFAULT_MAX_COMMITS = 50;

/** The maximum number of commits that a failed search checks for a hint. */
const HINT_COMMITS = 10;

/** The maximum number of reasons in a line. */
const MAX_REASONS = 2;

/** Selects the commit; exactly one of them. */
export type FindSelector =
  /** A full or short SHA. */
  | { readonly commit: string }
  /** A branch, a tag, a SHA, or `pull/N`. */
  | { readonly ref: string }
  /** A run. */
  | { readonly runId: string | number }
  /**
   * The latest commit of a branch that has the requested artifacts; `null`: of the default branch.
   */
  | { readonly latestOf: string | null };

/** What to find, and how. */
export interface FindOptions extends SearchOptions {
  /** Selects the commit. */
  readonly selector: FindSelector;
  /**
   * Whether the latest commit may be that of a run in progress that may still lack files. Default:
   * its run has ended or is complete. Other selectors accept such a run in any case.
   */
  readonly allowIncomplete?: boolean;
  /** The maximum number of commits to check. Default: {@linkcode DEFAULT_MAX_COMMITS}. */
  readonly maxCommits?: number;
  /** Use the nearest ancestor that has the requested artifacts, if the commit itself does not. */
  readonly nearestAncestor?: boolean;
  /** Called for each commit that was checked. */
  readonly onCommit?: (sha: string, search: RunSearch) => void;
}

/** The result of a search. */
export interface FindResult extends RunSearch {
  /** The requested commit; for a branch its newest one. */
  readonly asked: string;
  /** The commit of the runs: the requested one or an ancestor. */
  readonly commit: string;
  /** Its distance from the requested commit, in GitHub's list of commits. */
  readonly distance: number;
  /** The number of commits that were checked. */
  readonly looked: number;
  /** Whether the time to wait for a run in progress is over. */
  readonly timedOut?: boolean;
  /** If something is missing: the nearest ancestor that has everything. */
  readonly nearest?: { readonly commit: CommitInfo; readonly distance: number };
}

/**
 * Finds the runs that have artifacts.
 *
 * @param options What to find, and how.
 * @returns The result; `missing` is empty if everything was found. Otherwise
 * {@linkcode nothingFits} creates an error from it.
 * @throws {RunOutputsError} `invalid`: a selector without a value; `not_found`: no such commit,
 * branch or run; errors of GitHub and of the storage.
 *
 * @example
 * ```ts
 * import { findArtifacts, MemoryBackend, nothingFits, openGithub } from "@therock/run-outputs";
 *
 * // A GitHub that knows of no run; without `fetch` it is the real one.
 * const answer = { total_count: 0, workflow_runs: [] };
 * const options = {
 *   selector: { commit: "0123456789012345678901234567890123456789" },
 *   github: openGithub({ fetch: () => Promise.resolve(Response.json(answer)) }),
 *   backend: new MemoryBackend(),
 *   repository: "ROCm/TheRock",
 *   platform: "linux",
 *   artifactGroups: ["gfx94X-dcgpu"],
 * } as const;
 * const result = await findArtifacts(options);
 * console.assert(result.missing[0] === "gfx94X-dcgpu");
 * console.assert(nothingFits(result, options).code === "not_found");
 * ```
 */
export async function findArtifacts(options: FindOptions): Promise<FindResult> {
  const { selector, github, repository, allowIncomplete, signal, fresh, onCommit } = options;
  if ("latestOf" in selector) {
    const branch = selector.latestOf ?? undefined;
    if (branch === "") throw invalid("branch", branch, "a branch's name");
    const found = await walk({ ...options, requireEnded: !allowIncomplete }, branch, 0);
    if (found !== undefined) return found;
    const where = branch ?? "the default branch";
    throw new RunOutputsError("not_found", `No commits in ${where} of ${repository}: check --repo`);
  }
  if ("runId" in selector) {
    const run = await github.workflowRun(repository, selector.runId, { signal, fresh });
    const search = await searchRuns([run], options);
    onCommit?.(run.headSha, search);
    const asked = run.headSha;
    return { ...search, asked, commit: asked, distance: 0, looked: 1 };
  }
  const sha = await resolveSelector(selector, options);
  const search = await searchCommit(sha, options);
  onCommit?.(sha, search);
  const result = { ...search, asked: sha, commit: sha, distance: 0, looked: 1 };
  if (search.missing.length === 0) return result;
  if (options.nearestAncestor) {
    const nearest = await walk(options, sha, 1);
    if (nearest?.missing.length === 0) return { ...nearest, asked: sha };
    return { ...result, looked: (nearest?.looked ?? 0) + 1 };
  }
  return result;
}

/**
 * Searches for the nearest ancestor that has what a search did not find, as a hint.
 *
 * @param result The result of the search.
 * @param options The request.
 * @returns The result, with `nearest` if there is one.
 */
export async function withNearest(result: FindResult, options: FindOptions): Promise<FindResult> {
  const maxCommits = Math.min(options.maxCommits ?? DEFAULT_MAX_COMMITS, HINT_COMMITS);
  const found = await walk({ ...options, maxCommits }, result.commit, 1);
  if (found === undefined || found.missing.length > 0) return result;
  const commit = await options.github.commit(options.repository, found.commit, options);
  return { ...result, nearest: { commit, distance: found.distance } };
}

/**
 * The error of a search with missing artifacts.
 *
 * @param result The result of the search.
 * @param options The request.
 * @returns An error with code `not_found`, in one line, with the nearest alternative.
 */
export function nothingFits(result: FindResult, options: FindOptions): RunOutputsError {
  const { missing, rejected, commit, looked, nearest, pending } = result;
  const { workflow = DEFAULT_WORKFLOW, repository, platform } = options;
  const what = missing[0] === undefined ? "artifacts" : `artifacts for ${missing.join(", ")}`;
  const where = looked > 1 ? `${looked} commits up to ${commit.slice(0, 10)}` : commit.slice(0, 10);
  const reasons = rejected.slice(0, MAX_REASONS).map(({ run, reason }) =>
    `run ${run.id}: ${reason}`
  );
  const more = rejected.length - reasons.length;
  const why = rejected.length === 0
    ? `${workflow} has no run for it; check --workflow, --repo and the commit`
    : `${reasons.join("; ")}${more > 0 ? `; and ${more} more (-v)` : ""}`;
  const hints = [
    ...(nearest === undefined ? [] : [
      `${nearest.commit.sha.slice(0, 10)}, ${nearest.distance} commits before, has them: ` +
      "--nearest-ancestor takes it",
    ]),
    ...(pending.length === 0 ? [] : [
      `run ${pending[0].id} has not finished: ` +
      (result.timedOut ? "--timeout can wait longer" : "--wait waits for it"),
    ]),
    ...(rejected.some(({ reason }) => reason === IN_PROGRESS)
      ? ["--allow-incomplete takes a run in progress"]
      : []),
  ];
  return new RunOutputsError(
    "not_found",
    `No ${what} for ${platform} of ${where} in ${repository}: ${[why, ...hints].join("; ")}`,
  );
}

async function resolveSelector(
  selector: { readonly commit: string } | { readonly ref: string },
  { github, repository, signal, fresh }: {
    readonly github: GithubClient;
    readonly repository: string;
    readonly signal?: AbortSignal;
    readonly fresh?: boolean;
  },
): Promise<string> {
  if ("ref" in selector) {
    return await github.resolveCommit(repository, selector.ref, { signal, fresh });
  }
  const commit = selector.commit.toLowerCase();
  if (!/^[0-9a-f]{4,40}$/.test(commit)) {
    throw invalid(
      "commit",
      selector.commit,
      "4 to 40 digits of a SHA; use --ref for branches and tags",
    );
  }
  const sha = await github.resolveCommit(repository, commit, { signal, fresh });
  // GitHub accepts a branch or a tag of that name too.
  if (sha.startsWith(commit)) return sha;
  throw invalid("commit", commit, "a SHA; use --ref for branches and tags");
}

/** Checks a commit and its ancestors until one has everything; `undefined`, if there is none. */
async function walk(
  options: FindOptions,
  start: string | undefined,
  skip: number,
): Promise<FindResult | undefined> {
  const { github, repository, maxCommits = DEFAULT_MAX_COMMITS, signal, fresh, onCommit } = options;
  const limit = maxCommits + skip;
  let first: FindResult | undefined;
  let distance = -1;
  for await (const { sha } of github.commits(repository, start, { limit, signal, fresh })) {
    distance++;
    if (distance < skip) continue;
    const search = await searchCommit(sha, options);
    onCommit?.(sha, search);
    const looked = distance - skip + 1;
    const result = { ...search, asked: first?.asked ?? sha, commit: sha, distance, looked };
    if (search.missing.length === 0) return result;
    const rejected = [...first?.rejected ?? [], ...search.rejected];
    const pending = [...first?.pending ?? [], ...search.pending];
    first = { ...first ?? result, rejected, pending, looked };
  }
  return first;
}
