/**
 * Finds the location of a run's outputs: checks the locations allowed by the bucket rules in order.
 *
 * @module
 */

import { bucketCandidates } from "../../layout/bucket_candidates.ts";
import type { BucketChoice } from "../../layout/buckets.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Platform } from "../../layout/output_paths.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import { describeRun, type WorkflowRun } from "../../layout/workflow_run.ts";
import type { StorageBackend } from "../../storage/backend.ts";

/** The run, and where to search. */
export interface LocateRunOptions {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The run's id. */
  readonly runId: string | number;
  /** The platform that the run builds for. */
  readonly platform: Platform;
  /** The repository given by the user. */
  readonly repository: string;
  /** The run on GitHub. Default: unknown, so all periods and forks are tried. */
  readonly workflowRun?: WorkflowRun;
  /** The release type. Default: CI. The environment is ignored. */
  readonly releaseType?: string;
  /** Search only this bucket. */
  readonly bucket?: string;
  /** Aborts the search. */
  readonly signal?: AbortSignal;
}

/** A possible location of a run, and the result of the check. */
export interface TriedPlace {
  /** The bucket. */
  readonly bucket: string;
  /** The run's prefix in it. */
  readonly prefix: string;
  /** The rule for this location. */
  readonly why: string;
  /**
   * Whether it contains the run; `refused`: no access; `not_asked`: the run was found elsewhere.
   */
  readonly outcome: "holds" | "empty" | "refused" | "not_asked";
  /** The result as text. */
  readonly reason: string;
}

/** The location of a run. */
export interface LocatedRun {
  /** The run's root; `undefined`, if no location contains any of it. */
  readonly root: RunOutputRoot | undefined;
  /** All locations, in the order of the checks. */
  readonly tried: readonly TriedPlace[];
}

/**
 * Finds the location of a run's outputs: the first one with any object.
 *
 * @param options The run, and where to search.
 * @returns The location, and all locations that were tried.
 * @throws {RunOutputsError} Errors of the storage, except for missing locations; `denied` or
 * `unauthenticated` only if no other location contains the run.
 *
 * @example
 * ```ts
 * import { bytesSource, MemoryBackend, RunOutputRoot } from "@therock/run-outputs";
 * import { locateRun } from "@therock/run-outputs/operations";
 *
 * const backend = new MemoryBackend();
 * const old = new RunOutputRoot({ bucket: "therock-artifacts", runId: 1, platform: "linux" });
 * await backend.write(old.artifact("a_lib_generic.tar.zst"), bytesSource(new Uint8Array(1)));
 *
 * const { root, tried } = await locateRun({
 *   backend,
 *   runId: 1,
 *   platform: "linux",
 *   repository: "ROCm/TheRock",
 * });
 * console.assert(root?.bucket === "therock-artifacts");
 * console.assert(tried[0].bucket === "therock-ci-artifacts" && tried[0].outcome === "empty");
 * ```
 */
export async function locateRun(options: LocateRunOptions): Promise<LocatedRun> {
  const { backend, signal } = options;
  const tried: TriedPlace[] = [];
  let found: RunOutputRoot | undefined;
  let refusal: RunOutputsError | undefined;
  for (const { root, why } of placesOf(options)) {
    const place = { bucket: root.bucket, prefix: root.prefix, why };
    if (found !== undefined) {
      const reason = `not checked: ${found.bucket} has the run`;
      tried.push({ ...place, outcome: "not_asked", reason });
      continue;
    }
    try {
      if (await holdsObjects(backend, root, signal)) {
        found = root;
        tried.push({ ...place, outcome: "holds", reason: "it has objects of the run" });
      } else {
        tried.push({ ...place, outcome: "empty", reason: "it has no objects of the run" });
      }
    } catch (error) {
      if (!(error instanceof RunOutputsError) || !IGNORED_ERRORS.has(error.code)) throw error;
      const isRefusal = error.code !== "not_found";
      if (isRefusal) refusal ??= error;
      tried.push({ ...place, outcome: isRefusal ? "refused" : "empty", reason: error.message });
    }
  }
  // A location without access may contain the run, so it does not count as empty.
  if (found === undefined && refusal !== undefined) throw refusal;
  return { root: found, tried };
}

/** Errors that do not end the search: no such bucket, or none of ours. */
const IGNORED_ERRORS: ReadonlySet<string> = new Set(["not_found", "denied", "unauthenticated"]);

function placesOf(
  options: LocateRunOptions,
): { readonly root: RunOutputRoot; readonly why: string }[] {
  const { runId, platform, workflowRun, releaseType, bucket } = options;
  // GitHub knows a repository's present name and case; uploads used those of their time.
  const known = workflowRun?.repository ?? options.repository;
  const repositories = [...new Set([known, options.repository])];
  const fork = workflowRun === undefined
    ? undefined
    : describeRun({ runId, repository: known, workflowRun }).fork;
  const { createdAt } = workflowRun ?? {};
  const choices = bucketCandidates({ repositories, fork, createdAt, releaseType });
  const named = bucket === undefined ? choices : inBucket(bucket, choices);
  return named.map(({ bucket, externalRepo, why }) => ({
    root: new RunOutputRoot({ bucket, externalRepo, runId, platform }),
    why,
  }));
}

/** The distinct prefixes of the choices, in a bucket given by the user. */
function inBucket(bucket: string, choices: readonly BucketChoice[]): BucketChoice[] {
  const byPrefix = new Map<string, BucketChoice>();
  for (const choice of choices) {
    if (byPrefix.has(choice.externalRepo)) continue;
    byPrefix.set(choice.externalRepo, {
      ...choice,
      bucket,
      why: `${choice.why}; in the given bucket`,
    });
  }
  return [...byPrefix.values()];
}

async function holdsObjects(
  backend: StorageBackend,
  root: RunOutputRoot,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for await (const _ of backend.list(root.root(), { signal })) return true;
  return false;
}
