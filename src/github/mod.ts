/**
 * Workflow runs and commits from GitHub's API, with a cache of responses. No request is sent before
 * a method is called.
 *
 * @example Open a client with the user's token
 * ```ts
 * import { findToken, openGithub } from "@therock/run-outputs/github";
 *
 * const env = (name: string) => ({ GH_TOKEN: "a-token" })[name];
 * const github = openGithub({ env, token: () => findToken({ env }) });
 * console.assert(github.requests.sent === 0);
 * ```
 *
 * @module
 */

export { type ErrorCode, RunOutputsError, type RunOutputsErrorOptions } from "../errors/error.ts";
export type {
  CommitInfo,
  CommitsOptions,
  Comparison,
  GithubCallOptions,
  GithubClient,
  GithubOptions,
  GithubRequests,
  RunsOfCommitOptions,
  WorkflowRunInfo,
} from "./client.ts";
export { openGithub } from "./open.ts";
export {
  type CachedResponse,
  diskResponseCache,
  type DiskResponseCacheOptions,
  type ResponseCache,
} from "./response_cache.ts";
export { findToken, type FindTokenOptions } from "./settings.ts";
export type { WorkflowRun } from "../layout/workflow_run.ts";
