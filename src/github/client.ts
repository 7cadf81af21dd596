/**
 * What we ask of GitHub: workflow runs and commits, as values of our own.
 *
 * Nothing is sent before a method is called, and what was asked once is not asked again by the same
 * client. Octokit is behind it, loaded by the first call.
 *
 * @module
 */

import type { WorkflowRun } from "../layout/workflow_run.ts";
import type { ResponseCache } from "./response_cache.ts";

/** A workflow run. */
export interface WorkflowRunInfo extends WorkflowRun {
  /** The run's id: the same for all attempts of the run. */
  readonly id: string;
  /** The repository the workflow ran in, as GitHub writes it. */
  readonly repository: string;
  /** When the run was created. Starting it again does not change that. */
  readonly createdAt: string;
  /** The commit: of a pull request the head's own, not that of the merge. */
  readonly headSha: string;
  /** The branch it ran for; `null` if there is none. */
  readonly headBranch: string | null;
  /** What started it: `push`, `pull_request`, `workflow_dispatch`, … */
  readonly event: string;
  /** `queued`, `in_progress`, `completed`, … */
  readonly status: string | null;
  /** `success`, `failure`, `cancelled`, …; `null` before the end. */
  readonly conclusion: string | null;
  /** How often it has been started, from 1. */
  readonly attempt: number;
  /** The workflow's file, like `.github/workflows/ci.yml`. */
  readonly workflowPath: string;
  /** Its web page. */
  readonly url: string;
}

/** A commit. */
export interface CommitInfo {
  /** The full SHA. */
  readonly sha: string;
  /** When it was committed, like `2026-04-01T12:00:00Z`. */
  readonly date: string;
  /** The first line of its message. */
  readonly title: string;
  /** The author's name. */
  readonly author: string;
  /** The SHAs of its parents; the first one is that of the branch it was merged into. */
  readonly parents: readonly string[];
  /** Its web page. */
  readonly url: string;
}

/** What lies between two commits. */
export interface Comparison {
  /** Where the head stands, seen from the base. */
  readonly status: "ahead" | "behind" | "diverged" | "identical";
  /** The newest commit that both have. */
  readonly mergeBase: string;
  /** The commits that the head has and the base has not: all of them, the oldest first. */
  readonly commits: readonly CommitInfo[];
}

/** How much was asked. */
export interface GithubRequests {
  /** The requests that were sent, repeated ones counted. */
  readonly sent: number;
  /** Those of them that GitHub counts: all but the ones answered by "not modified". */
  readonly counted: number;
}

/** Options of every call. */
export interface GithubCallOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal;
  /** Ask GitHub again, whatever was answered before. */
  readonly fresh?: boolean;
}

/** Options of {@linkcode GithubClient.runsOfCommit}. */
export interface RunsOfCommitOptions extends GithubCallOptions {
  /** The workflow's file name, like `ci.yml`. */
  readonly workflow: string;
}

/** Options of {@linkcode GithubClient.commits}. */
export interface CommitsOptions extends GithubCallOptions {
  /** The most commits to tell of. Default: all. */
  readonly limit?: number;
}

/**
 * Reads from GitHub. Errors are `RunOutputsError`s: `unauthenticated` (the token is not accepted),
 * `denied`, `not_found` (with the hint that it may be another repository), `transient` (the limit of
 * requests is used up, told with the time it ends; no network; trouble of the server that outlasts
 * the retries).
 */
export interface GithubClient {
  /** How much has been asked so far. */
  readonly requests: GithubRequests;
  /**
   * Whether it asks without a token, which GitHub allows 60 requests an hour; `undefined` before the
   * first question.
   */
  readonly isAnonymous?: boolean;

  /**
   * Looks up a workflow run.
   *
   * @param repository The repository, like `ROCm/TheRock`.
   * @param runId The run's id.
   * @param options A signal.
   * @returns The run.
   */
  workflowRun(
    repository: string,
    runId: string | number,
    options?: GithubCallOptions,
  ): Promise<WorkflowRunInfo>;

  /**
   * The runs of a workflow for a commit, over all pages.
   *
   * @param repository The repository.
   * @param sha The full SHA.
   * @param options The workflow; a signal.
   * @returns The runs, the newest first by their creation; none if the commit has none, or is none.
   */
  runsOfCommit(
    repository: string,
    sha: string,
    options: RunsOfCommitOptions,
  ): Promise<readonly WorkflowRunInfo[]>;

  /**
   * Reads a commit.
   *
   * @param repository The repository.
   * @param ref A full or short SHA, a branch, a tag, or `pull/N` for a pull request's head.
   * @param options A signal.
   * @returns The commit.
   * @throws {RunOutputsError} `not_found`, if there is no such commit or a short SHA could be
   * several; `invalid`, if the text can't be one.
   */
  commit(repository: string, ref: string, options?: GithubCallOptions): Promise<CommitInfo>;

  /**
   * The full SHA of what names a commit. A full SHA is its own and nobody is asked.
   *
   * @param repository The repository.
   * @param ref As in {@linkcode GithubClient.commit}.
   * @param options A signal.
   * @returns The SHA, 40 digits in lower case.
   */
  resolveCommit(repository: string, ref: string, options?: GithubCallOptions): Promise<string>;

  /**
   * A commit and its ancestors, over all pages; the next page is asked for when it is needed.
   *
   * @param repository The repository.
   * @param ref Where to begin: a branch or a SHA. Default: the repository's default branch.
   * @param options How many; a signal.
   * @returns The commits, the newest first.
   */
  commits(
    repository: string,
    ref?: string,
    options?: CommitsOptions,
  ): AsyncIterable<CommitInfo>;

  /**
   * Compares two commits, over all pages.
   *
   * @param repository The repository.
   * @param base The one to start from: a SHA, a branch or a tag.
   * @param head The other one.
   * @param options A signal.
   * @returns What lies between.
   */
  compare(
    repository: string,
    base: string,
    head: string,
    options?: GithubCallOptions,
  ): Promise<Comparison>;
}

/** Options of {@linkcode openGithub}. */
export interface GithubOptions {
  /**
   * The token to ask with, or what finds one when the first question is asked. Default: none, which
   * GitHub allows 60 requests an hour. `findToken` finds the user's.
   */
  readonly token?: string | (() => Promise<string | undefined>);
  /** The API's address. Default: `GITHUB_API_URL` of `env`, else `https://api.github.com`. */
  readonly apiUrl?: string;
  /** The environment; nothing of it is read unless it is given. */
  readonly env?: (name: string) => string | undefined;
  /** How requests are sent. Default: the runtime's `fetch`. */
  readonly fetch?: typeof fetch;
  /** Keeps answers, so that those which have not changed cost nothing. Default: none. */
  readonly cache?: ResponseCache;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Told when a request is repeated, an answer ignored, or the cache does not work: one line. */
  readonly onNote?: (text: string) => void;
  /** How long to wait for a whole answer, in milliseconds. Default: 60 s. */
  readonly timeout?: number;
  /** The longest wait that GitHub may ask for, in seconds; beyond it is an error. Default: 60. */
  readonly maxWait?: number;
  /** The most pages of one list; more are an error. Default: 1000, which is 100,000 commits. */
  readonly maxPages?: number;
  /** How long a second of waiting between attempts is, in milliseconds. Default: 1000. */
  readonly second?: number;
  /** Aborts every call. */
  readonly signal?: AbortSignal;
}
