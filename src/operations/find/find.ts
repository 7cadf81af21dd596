/**
 * Which run has the artifacts of a commit, of what names one, or of the latest commit that has any.
 *
 * @module
 */

import type { CommitInfo, GithubClient } from "../../github/client.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import {
  DEFAULT_WORKFLOW,
  type RunSearch,
  searchCommit,
  type SearchOptions,
  searchRuns,
} from "./search_runs.ts";

/** How far back is looked, unless told otherwise. */
export const DEFAULT_MAX_COMMITS = 50;

/** How far back a failing search looks for the nearest commit to name. */
const HINT_COMMITS = 10;

/** How many reasons stand in one line. */
const MAX_REASONS = 2;

/** What names the commit; exactly one of them. */
export type FindSelector =
  /** A full or short SHA. */
  | { readonly commit: string }
  /** A branch, a tag, a SHA, or `pull/N`. */
  | { readonly ref: string }
  /** A run. */
  | { readonly runId: string | number }
  /** The latest commit of a branch that has what is asked for; `null`: of the default branch. */
  | { readonly latestOf: string | null };

/** What to find, and how. */
export interface FindOptions extends SearchOptions {
  /** What names the commit. */
  readonly selector: FindSelector;
  /** How many commits to look at. Default: {@linkcode DEFAULT_MAX_COMMITS}. */
  readonly maxCommits?: number;
  /** Take the nearest ancestor that has what is asked for, if the commit itself has not. */
  readonly nearestAncestor?: boolean;
  /** Told of each commit that was looked at. */
  readonly onCommit?: (sha: string, search: RunSearch) => void;
}

/** What was found. */
export interface FindResult extends RunSearch {
  /** The commit that was asked for; of a branch the newest one. */
  readonly asked: string;
  /** The commit whose runs those are: the one that was asked for, or one before it. */
  readonly commit: string;
  /** How many commits before the one that was asked for it is, as GitHub lists them. */
  readonly distance: number;
  /** How many commits were looked at. */
  readonly looked: number;
  /** Whether a run in progress was waited for until the time was over. */
  readonly timedOut?: boolean;
  /** Of a search that found not all: the nearest commit before that has all of it. */
  readonly nearest?: { readonly commit: CommitInfo; readonly distance: number };
}

/**
 * Finds the runs that have artifacts.
 *
 * @param options What to find, and how.
 * @returns What was found; `missing` is empty if that is all. {@linkcode nothingFits} makes an error
 * of the other case.
 * @throws {RunOutputsError} `invalid`: a selector that names nothing; `not_found`: no such commit,
 * branch or run; what GitHub and storage say.
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
  const { selector, github, repository, signal, fresh, onCommit } = options;
  if ("latestOf" in selector) {
    const branch = selector.latestOf ?? undefined;
    if (branch === "") throw invalid("branch", branch, "a branch's name");
    const found = await walk(options, branch, 0);
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
 * Looks for the nearest ancestor that has what a search did not find, to tell of it.
 *
 * @param result The search.
 * @param options What it asked for.
 * @returns The result, with `nearest` where there is one.
 */
export async function withNearest(result: FindResult, options: FindOptions): Promise<FindResult> {
  const maxCommits = Math.min(options.maxCommits ?? DEFAULT_MAX_COMMITS, HINT_COMMITS);
  const found = await walk({ ...options, maxCommits }, result.commit, 1);
  if (found === undefined || found.missing.length > 0) return result;
  const commit = await options.github.commit(options.repository, found.commit, options);
  return { ...result, nearest: { commit, distance: found.distance } };
}

/**
 * The error of a search that did not find all.
 *
 * @param result The search.
 * @param options What it asked for.
 * @returns An error with code `not_found`, in one line, with what would be the nearest.
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
  // GitHub takes a branch or a tag of that name as well.
  if (sha.startsWith(commit)) return sha;
  throw invalid("commit", commit, "a SHA; use --ref for branches and tags");
}

/** Looks at a commit and those before it, until one has all; `undefined`, if there is none. */
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
