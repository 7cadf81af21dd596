/**
 * What the location of a workflow run's outputs depends on: its repository, whether it is a fork's,
 * its release type. The values come from arguments, a looked-up run, or this job's environment.
 *
 * @module
 */

import type { BucketQuestion, BucketRules } from "./buckets.ts";
import { MAIN_REPOSITORY, NEWEST_BUCKET_RULES } from "./buckets.ts";
import { invalid, quote, RunOutputsError } from "../errors/error.ts";
import { missingPermission } from "../errors/permission.ts";
import { checkRepository } from "./validate.ts";

/** Environment variables; unset ones are missing or `undefined`. */
export type WorkflowEnvironment = Readonly<Record<string, string | undefined>>;

/** A workflow run in GitHub's API. */
export interface WorkflowRun {
  /** `repository.full_name`. */
  readonly repository?: string;
  /** `head_repository.full_name`; `null` if that repository has been deleted. */
  readonly headRepository: string | null;
  /** `created_at`, like `2025-11-11T16:18:48Z`. */
  readonly createdAt?: string;
}

/** What is known about a run before a look-up. */
export interface RunOriginOptions {
  /** The run's id. */
  readonly runId: string | number;
  /**
   * The repository that the workflow ran in. Default: that of `workflowRun`, else
   * `GITHUB_REPOSITORY`, else `ROCm/TheRock`.
   */
  readonly repository?: string;
  /**
   * The release type. Default: `RELEASE_TYPE` if the run is this job's own or if `uploading`, else
   * CI.
   */
  readonly releaseType?: string;
  /**
   * Whether outputs are uploaded to the run. Then `RELEASE_TYPE` applies to any run, because
   * packaging jobs upload to the run of their build with their own release type. Default: `false`.
   */
  readonly uploading?: boolean;
  /** The bucket rules. Default: the newest. */
  readonly rules?: BucketRules;
  /** This job's environment. Default: no variables. */
  readonly env?: WorkflowEnvironment;
  /** Reads the file of `GITHUB_EVENT_PATH`; only called if its content matters. */
  readonly readTextFile?: (path: string) => string;
  /** The run from GitHub. Then this job's environment is ignored. */
  readonly workflowRun?: WorkflowRun;
}

/**
 * The repository to search for a run.
 *
 * @param repository The repository, if the caller named one.
 * @param env This job's environment.
 * @returns That repository, else `GITHUB_REPOSITORY`, else `ROCm/TheRock`.
 * @throws {RunOutputsError} `invalid`, naming the origin of the invalid value.
 */
export function resolveRepository(
  repository: string | undefined,
  env: WorkflowEnvironment = {},
): string {
  if (repository !== undefined) return checkRepository("repository", repository);
  if (!env.GITHUB_REPOSITORY) return MAIN_REPOSITORY;
  return checkRepository("GITHUB_REPOSITORY", env.GITHUB_REPOSITORY);
}

/**
 * Collects what {@linkcode selectBucket} needs to know about a run.
 *
 * With a `workflowRun`, everything comes from it and the arguments. Without one, the run counts as
 * this job's own if its id is `GITHUB_RUN_ID` or that is unset: then the event file says whether it
 * is a fork's, and `RELEASE_TYPE` is its release type. Any other run counts as a CI run that is not
 * a fork's, unless arguments say otherwise. Uploads to another run use the job's own release type.
 *
 * @param options What is known about the run.
 * @returns The values for {@linkcode selectBucket}.
 * @throws {RunOutputsError} `invalid`: an invalid repository, or an event file that cannot be read.
 *
 * @example
 * ```ts
 * import { describeRun, selectBucket } from "@therock/run-outputs/layout";
 *
 * const env = { GITHUB_RUN_ID: "1", RELEASE_TYPE: "nightly" };
 * const own = selectBucket(describeRun({ runId: 1, env }));
 * const other = selectBucket(describeRun({ runId: 2, env }));
 * console.assert(own.bucket === "therock-nightly-artifacts");
 * console.assert(other.bucket === "therock-ci-artifacts");
 * ```
 */
export function describeRun(options: RunOriginOptions): BucketQuestion {
  const { env = {}, releaseType, workflowRun } = options;
  const rules = options.rules ?? NEWEST_BUCKET_RULES;

  if (workflowRun !== undefined) {
    const repository = resolveRepository(options.repository ?? workflowRun.repository, env);
    const fork = workflowRun.headRepository === null ||
      workflowRun.headRepository !== (workflowRun.repository ?? repository);
    return { repository, fork, releaseType, rules, createdAt: workflowRun.createdAt };
  }

  const repository = resolveRepository(options.repository, env);
  const own = !env.GITHUB_RUN_ID || env.GITHUB_RUN_ID === String(options.runId);
  const fork = own && isForkEvent(env, rules, options.readTextFile);
  if ((own || options.uploading) && releaseType === undefined && env.RELEASE_TYPE !== undefined) {
    const releaseTypeName = "RELEASE_TYPE";
    return { repository, fork, releaseType: env.RELEASE_TYPE, releaseTypeName, rules };
  }
  return { repository, fork, releaseType, rules };
}

/**
 * Whether this job runs for a fork's pull request.
 *
 * The rules of `2026-08` accept only the event `pull_request`. Those of `2026-03` accept any event
 * with a pull request, so `pull_request_target` too.
 *
 * @param env This job's environment. Without `GITHUB_EVENT_PATH` the answer is `false`.
 * @param rules The bucket rules.
 * @param readTextFile Reads the file of `GITHUB_EVENT_PATH`.
 * @returns Whether the head repository is a fork, or deleted.
 * @throws {RunOutputsError} `invalid`, if the event file cannot be read or is not a JSON object.
 */
export function isForkEvent(
  env: WorkflowEnvironment,
  rules: BucketRules,
  readTextFile?: (path: string) => string,
): boolean {
  const path = env.GITHUB_EVENT_PATH;
  if (!path || (rules !== "2026-03" && env.GITHUB_EVENT_NAME !== "pull_request")) return false;
  const head = property(property(readEvent(path, readTextFile), "pull_request"), "head");
  const repo = property(head, "repo");
  return repo === null || property(repo, "fork") === true;
}

/**
 * The commit of this job's run, as in GitHub's API: for a pull request its head, not the merge
 * commit that is checked out.
 *
 * @param env This job's environment.
 * @param readTextFile Reads the file of `GITHUB_EVENT_PATH`.
 * @returns The commit; `undefined` outside of a job.
 * @throws {RunOutputsError} `invalid`, if the event file cannot be read or is not a JSON object.
 */
export function headCommit(
  env: WorkflowEnvironment,
  readTextFile?: (path: string) => string,
): string | undefined {
  const path = env.GITHUB_EVENT_PATH;
  if (path && env.GITHUB_EVENT_NAME === "pull_request") {
    const pullRequest = property(readEvent(path, readTextFile), "pull_request");
    const sha = property(property(pullRequest, "head"), "sha");
    if (typeof sha === "string" && sha !== "") return sha;
  }
  return env.GITHUB_SHA || undefined;
}

/**
 * The branch of this job's run: for a pull request its own, which can be one of a fork.
 *
 * @param env This job's environment.
 * @returns The branch; `undefined` for a tag, and outside of a job.
 */
export function headBranch(
  { GITHUB_HEAD_REF: head, GITHUB_REF_NAME: name, GITHUB_REF_TYPE: type }: Readonly<
    Partial<Record<"GITHUB_HEAD_REF" | "GITHUB_REF_NAME" | "GITHUB_REF_TYPE", string>>
  >,
): string | undefined {
  return head || (type === "tag" ? undefined : name) || undefined;
}

function readEvent(path: string, readTextFile?: (path: string) => string): unknown {
  if (readTextFile === undefined) {
    throw invalid(
      "readTextFile",
      undefined,
      `a function that reads GITHUB_EVENT_PATH ${quote(path)}`,
    );
  }
  let event: unknown;
  try {
    event = JSON.parse(readTextFile(path).replace(/^\ufeff/, ""));
  } catch (cause) {
    const reason = missingPermission(cause) ??
      (cause instanceof Error ? quote(cause.message) : "unknown");
    throw new RunOutputsError(
      "invalid",
      `Invalid GITHUB_EVENT_PATH ${quote(path)}: cannot read a JSON object from it: ${reason}`,
      { cause },
    );
  }
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw invalid("GITHUB_EVENT_PATH", path, "a file with a JSON object");
  }
  return event;
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
