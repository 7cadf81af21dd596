/**
 * A client for GitHub's workflow runs and commits.
 *
 * It sends no request before a method is called, and repeats none that it has sent. It uses
 * Octokit, which is loaded by the first call.
 *
 * @module
 */

import type { WorkflowRun } from "../layout/workflow_run.ts";
import type { ResponseCache } from "./response_cache.ts";

/** A workflow run. */
export interface WorkflowRunInfo extends WorkflowRun {
  /** The run's id: the same for all attempts of the run. */
  readonly id: string;
  /** The repository that the workflow ran in, as GitHub writes it. */
  readonly repository: string;
  /** When the run was created. A re-run does not change it. */
  readonly createdAt: string;
  /** The commit; for a pull request its head, not the merge commit. */
  readonly headSha: string;
  /** The branch; `null` if there is none. */
  readonly headBranch: string | null;
  /** The event that triggered it: `push`, `pull_request`, `workflow_dispatch`, … */
  readonly event: string;
  /** `queued`, `in_progress`, `completed`, … */
  readonly status: string | null;
  /** `success`, `failure`, `cancelled`, …; `null` while it is in progress. */
  readonly conclusion: string | null;
  /** The number of the latest attempt, from 1. */
  readonly attempt: number;
  /** The workflow file, such as `.github/workflows/ci.yml`. */
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
  /** The SHAs of its parents; the first is on the branch that it was merged into. */
  readonly parents: readonly string[];
  /** Its web page. */
  readonly url: string;
}

/** The commits between two commits. */
export interface Comparison {
  /** The position of the head relative to the base. */
  readonly status: "ahead" | "behind" | "diverged" | "identical";
  /** The newest common commit. */
  readonly mergeBase: string;
  /** The commits of the head that the base lacks: all of them, the oldest first. */
  readonly commits: readonly CommitInfo[];
}

/** Counts of requests. */
export interface GithubRequests {
  /** The requests sent, including retries. */
  readonly sent: number;
  /** Those that GitHub counts: all except those with the response "not modified". */
  readonly counted: number;
}

/** Options of every call. */
export interface GithubCallOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal;
  /** Bypass earlier responses and send a new request. */
  readonly fresh?: boolean;
}

/** Options of {@linkcode GithubClient.runsOfCommit}. */
export interface RunsOfCommitOptions extends GithubCallOptions {
  /** The workflow's file name, such as `ci.yml`. */
  readonly workflow: string;
}

/** Options of {@linkcode GithubClient.commits}. */
export interface CommitsOptions extends GithubCallOptions {
  /** The maximum number of commits. Default: all. */
  readonly limit?: number;
}

/**
 * Reads from GitHub. Errors are `RunOutputsError`s: `unauthenticated` (the token is rejected),
 * `denied`, `not_found` (with a hint that it may be another repository), `transient` (the rate
 * limit is exceeded, with the time when it resets; no network; server errors after all retries).
 */
export interface GithubClient {
  /** The requests so far. */
  readonly requests: GithubRequests;
  /**
   * Whether it sends no token. GitHub then allows 60 requests per hour. `undefined` before the
   * first request.
   */
  readonly isAnonymous?: boolean;

  /**
   * Looks up a workflow run.
   *
   * @param repository The repository, such as `ROCm/TheRock`.
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
   * @returns The runs, the newest first; empty if there is no such commit, or it has no runs.
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
   * @throws {RunOutputsError} `not_found`, if there is no such commit or a short SHA is ambiguous;
   * `invalid`, if the text cannot be the name of a commit.
   */
  commit(repository: string, ref: string, options?: GithubCallOptions): Promise<CommitInfo>;

  /**
   * The full SHA of a commit. Sends no request for a full SHA.
   *
   * @param repository The repository.
   * @param ref As in {@linkcode GithubClient.commit}.
   * @param options A signal.
   * @returns The SHA, 40 digits in lower case.
   */
  resolveCommit(repository: string, ref: string, options?: GithubCallOptions): Promise<string>;

  /**
   * A commit and its ancestors, over all pages. Pages are fetched when they are needed.
   *
   * @param repository The repository.
   * @param ref The first commit: a branch or a SHA. Default: the repository's default branch.
   * @param options The maximum number of commits; a signal.
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
   * @param base The base: a SHA, a branch or a tag.
   * @param head The head: a SHA, a branch or a tag.
   * @param options A signal.
   * @returns The commits between them.
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
   * The token, or a function that finds one before the first request. Default: none, for which
   * GitHub allows 60 requests per hour. `findToken` finds the user's.
   */
  readonly token?: string | (() => Promise<string | undefined>);
  /** The URL of the API. Default: `GITHUB_API_URL` of `env`, else `https://api.github.com`. */
  readonly apiUrl?: string;
  /** The environment variables. Default: none. */
  readonly env?: (name: string) => string | undefined;
  /** How requests are sent. Default: the runtime's `fetch`. */
  readonly fetch?: typeof fetch;
  /** A cache of responses, so that unchanged ones do not count. Default: none. */
  readonly cache?: ResponseCache;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /**
   * Called with a line when a request is retried, a response ignored, or the cache does not work.
   */
  readonly onNote?: (text: string) => void;
  /** Time limit for a complete response, in milliseconds. Default: 60 s. */
  readonly timeout?: number;
  /** The longest wait that GitHub may demand, in seconds; longer ones are an error. Default: 60. */
  readonly maxWait?: number;
  /**
   * The maximum number of pages of a list; more are an error. Default: 1000, which is 100,000
   * commits.
   */
  readonly maxPages?: number;
  /** The length of a second of waiting between retries, in milliseconds. Default: 1000. */
  readonly second?: number;
  /**
   * Called with one line if a request has no answer after two seconds, be it that the server does not
   * answer or that the request is repeated. Called again only after a success.
   */
  readonly onSlow?: (text: string) => void;
  /** Calls a function later, and returns how to prevent it. Default: the runtime's timer. */
  readonly schedule?: (milliseconds: number, callback: () => void) => () => void;
  /** Aborts every call. */
  readonly signal?: AbortSignal;
}
