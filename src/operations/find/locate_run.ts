/**
 * Where a run's outputs are: the places that the bucket rules allow are asked in order.
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

/** Which run, and where to look. */
export interface LocateRunOptions {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The run's id. */
  readonly runId: string | number;
  /** The platform that the run builds for. */
  readonly platform: Platform;
  /** The repository that the user named. */
  readonly repository: string;
  /** The run as GitHub tells of it. Default: not known, so all times and forks are looked at. */
  readonly workflowRun?: WorkflowRun;
  /** The release type. Default: CI. Nothing of the environment is looked at. */
  readonly releaseType?: string;
  /** Look in this bucket alone. */
  readonly bucket?: string;
  /** Aborts the search. */
  readonly signal?: AbortSignal;
}

/** A place where a run could be, and what was found there. */
export interface TriedPlace {
  /** The bucket. */
  readonly bucket: string;
  /** The run's prefix in it. */
  readonly prefix: string;
  /** Which rule names this place. */
  readonly why: string;
  /** Whether it holds the run; `refused`: it may not be looked at; `not_asked`: another was found. */
  readonly outcome: "holds" | "empty" | "refused" | "not_asked";
  /** In words. */
  readonly reason: string;
}

/** Where a run is. */
export interface LocatedRun {
  /** The run's root; `undefined`, if no place holds anything of it. */
  readonly root: RunOutputRoot | undefined;
  /** Every place, in the order in which they were asked. */
  readonly tried: readonly TriedPlace[];
}

/**
 * Finds the place that holds a run's outputs: the first one with any object wins.
 *
 * @param options Which run, and where to look.
 * @returns The place, and all that were tried.
 * @throws {RunOutputsError} What storage says, but for places that are not there; `denied` or
 * `unauthenticated` only if no other place holds the run.
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
      if (!(error instanceof RunOutputsError) || !PASSED_OVER.has(error.code)) throw error;
      const isRefusal = error.code !== "not_found";
      if (isRefusal) refusal ??= error;
      tried.push({ ...place, outcome: isRefusal ? "refused" : "empty", reason: error.message });
    }
  }
  // What may not be looked at may hold the run: that is not the same as absent.
  if (found === undefined && refusal !== undefined) throw refusal;
  return { root: found, tried };
}

/** What a place can answer without ending the search: no such bucket, or none of ours. */
const PASSED_OVER: ReadonlySet<string> = new Set(["not_found", "denied", "unauthenticated"]);

function placesOf(
  options: LocateRunOptions,
): { readonly root: RunOutputRoot; readonly why: string }[] {
  const { runId, platform, workflowRun, releaseType, bucket } = options;
  // GitHub knows a repository's present name, in its own spelling; uploads used that of their time.
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

/** The prefixes of the choices, each once, in a bucket that the user named. */
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
