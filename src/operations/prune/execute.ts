/**
 * Carries out the plan of a prune: checks each run again, and deletes it.
 *
 * On a disk, a run's directory is renamed and then deleted. In a bucket, the mark of a deletion is
 * written first and deleted last; the parts of the manifest go before the files, so no manifest lists a
 * file that is gone.
 *
 * @module
 */

import { join } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import { classify } from "../../layout/classify.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot, RunPrefix } from "../../layout/run_output_root.ts";
import { DELETING_SCHEMA, deletingMark } from "../../runs/deleting.ts";
import type { PrunePlan } from "../../runs/retention/prune_plan.ts";
import { parseRunKey, tryParseRunPrefix } from "../../runs/retention/run_key.ts";
import type { CallOptions, DeleteFailure, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { statIfThere } from "../../storage/if_there.ts";
import { type LockedFile, lockFile, removeLock } from "../../storage/local/file_lock.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import type { RunIndex } from "../retained/run_index.ts";
import { deleteTree, emptyTrash, obstacleIn } from "./local_tree.ts";
import { directoryOf, fingerprintOf, lookAt, type PrunePlace } from "./plan.ts";

/** The lock of a prune in a staging directory. */
const LOCK = ".run-outputs-prune.lock";

/** How long to wait for another prune, in milliseconds. */
const PATIENCE = 2000;

/** The result for a run. */
export interface PruneResult {
  /** Its key; of a deletion that was finished on a disk, the directory. */
  readonly key: string;
  /** `finished`: an earlier prune had begun to delete it. */
  readonly outcome: "deleted" | "finished" | "skipped" | "failed";
  /** Why it was skipped or failed. */
  readonly reason?: string;
  /** The size of a deleted run. */
  readonly bytes?: number;
}

/** Options of {@linkcode executePrune}. */
export interface ExecutePruneOptions extends CallOptions {
  /** The program, for the mark. */
  readonly tool: string;
}

/**
 * Locks a place for one prune at a time. A bucket has no lock; there the marks decide.
 *
 * @param place The runs.
 * @param options A signal.
 * @returns The lock.
 * @throws {RunOutputsError} `conflict`, if another prune is in progress there.
 */
async function lockForPrune(
  { directory }: PrunePlace,
  { signal }: CallOptions = {},
): Promise<AsyncDisposable> {
  if (directory === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const path = join(directory, LOCK);
  let held: LockedFile;
  try {
    held = await lockFile(path, { create: true, patience: PATIENCE, signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || error.code !== "conflict") throw error;
    throw new RunOutputsError(
      "conflict",
      `Cannot prune '${directory}': another prune is in progress there`,
      { cause: error },
    );
  }
  return {
    async [Symbol.asyncDispose]() {
      await removeLock(path, held);
      held[Symbol.dispose]();
    },
  };
}

/**
 * Why a plan needs a confirmation.
 *
 * @param plan The plan.
 * @returns The reason; `undefined`, if it deletes at most half of the runs.
 */
export function largeBecause({ keep, drop }: PrunePlan): string | undefined {
  const total = keep.length + drop.length;
  return drop.length * 2 > total ? `it deletes ${drop.length} of ${total} runs` : undefined;
}

/**
 * Reduces a plan that was made earlier to what a new plan of the same policy deletes too, and to runs
 * that have not changed.
 *
 * @param given The earlier plan.
 * @param fresh The new plan.
 * @returns The plan to carry out, and the runs of the earlier one that it leaves alone.
 */
export function narrowPlan(
  given: PrunePlan,
  fresh: PrunePlan,
): { readonly plan: PrunePlan; readonly skipped: readonly PruneResult[] } {
  const now = new Map(fresh.drop.map((run) => [run.key, run]));
  const kept = new Map(fresh.keep.map(({ key, reasons }) => [key, reasons]));
  const skipped = given.drop.flatMap(({ key, fingerprint }): PruneResult[] => {
    const run = now.get(key);
    if (run?.fingerprint === fingerprint || fresh.unfinished.includes(key)) return [];
    const reasons = kept.get(key);
    const reason = run !== undefined
      ? "changed since the plan"
      : reasons === undefined
      ? "it is gone already"
      : `kept now: ${reasons.join("; ")}`;
    return [{ key, outcome: "skipped", reason }];
  });
  const wanted = new Map(given.drop.map(({ key, fingerprint }) => [key, fingerprint]));
  const drop = fresh.drop.filter(({ key, fingerprint }) => wanted.get(key) === fingerprint);
  return { plan: { ...fresh, drop }, skipped };
}

/**
 * Carries out a plan: finishes the deletions that an earlier prune has begun, and deletes each run
 * after a check that it has not changed since the plan. Holds the lock of the place.
 *
 * @param place The runs.
 * @param plan The plan.
 * @param options A signal.
 * @returns The result for each run.
 * @throws {RunOutputsError} `conflict`, if another prune is in progress there.
 */
export async function executePrune(
  place: PrunePlace,
  { drop, unfinished, policy, now }: PrunePlan,
  { tool, signal }: ExecutePruneOptions,
): Promise<PruneResult[]> {
  await using _ = await lockForPrune(place, { signal });
  const results: PruneResult[] = [];
  const add = (result: PruneResult) => void results.push(result);
  if (place.directory !== undefined) {
    for (const result of await finishOnDisk(place.index, place.directory, { signal })) add(result);
  }
  for (const key of unfinished) {
    signal?.throwIfAborted();
    const outcome = await finishRun(place.index, parseRunKey(key), { signal });
    if (outcome !== undefined) add({ key, ...outcome });
  }
  const newest = new Date(new Date(now).getTime() - policy.min_age_seconds * 1000);
  // The oldest first, so that an interruption leaves the newer ones.
  for (const { key, bytes, fingerprint } of drop.toReversed()) {
    signal?.throwIfAborted();
    const done = await deleteRun(place, parseRunKey(key), { fingerprint, newest, tool, signal });
    add({ key, ...done, ...done.outcome === "deleted" ? { bytes } : {} });
  }
  return results;
}

type Outcome = Pick<PruneResult, "outcome" | "reason">;

interface DeleteRunOptions extends Pick<ExecutePruneOptions, "tool" | "signal"> {
  /** The state of the run in the plan. */
  readonly fingerprint: string;
  /** No file may have been written later than this. */
  readonly newest: Date;
}

async function deleteRun(
  { index, directory }: PrunePlace,
  run: RunPrefix,
  { fingerprint, newest, tool, signal }: DeleteRunOptions,
): Promise<Outcome> {
  const { backend } = index;
  const root = index.root(run);
  const isSame = async () => {
    const seen = await lookAt(index, run, { signal });
    return seen !== undefined && fingerprintOf(seen) === fingerprint;
  };
  if (!await isSame()) return { outcome: "skipped", reason: "changed since the plan" };
  for await (const { location, modified } of backend.list(root.root(), { signal })) {
    const path = location.relativeTo(root.root())!;
    if (modified <= newest || classify(path) === "retention") continue;
    const reason = `${path} was written at ${modified.toISOString()}`;
    return { outcome: "skipped", reason };
  }
  try {
    if (directory !== undefined) {
      const path = directoryOf(directory, run);
      const obstacle = await obstacleIn(path, { signal });
      if (obstacle !== undefined) return { outcome: "skipped", reason: obstacle };
      await deleteTree(path);
      return { outcome: "deleted" };
    }
    // The summary can be derived again. So a role that may not delete is noticed before the mark, and
    // the check below looks at the files themselves.
    const denied = await backend.deleteAll([root.retentionSummary()], { signal });
    if (denied.length > 0) return { outcome: "failed", reason: describeFailures(denied) };
    const at = deletingMark(root);
    await backend.write(at, bytesSource(markText(tool, index.now())), {
      ifAbsent: true,
      contentType: "application/json; charset=utf-8",
      signal,
    });
    // Who began to upload before the mark was there is noticed here.
    if (!await isSame()) {
      await backend.delete(at, { signal });
      return { outcome: "skipped", reason: "changed since the plan" };
    }
    const reason = await deleteObjects(backend, root, { signal });
    return reason === undefined ? { outcome: "deleted" } : { outcome: "failed", reason };
  } catch (error) {
    return failed(error, signal);
  }
}

/** Finishes a deletion that an earlier prune has begun in a bucket. */
async function finishRun(
  index: RunIndex,
  run: RunPrefix,
  { signal }: CallOptions,
): Promise<Outcome | undefined> {
  const root = index.root(run);
  try {
    const mark = await statIfThere(index.backend, deletingMark(root), signal);
    if (mark === undefined) return undefined;
    const reason = await deleteObjects(index.backend, root, { signal });
    return reason === undefined ? { outcome: "finished" } : { outcome: "failed", reason };
  } catch (error) {
    return failed(error, signal);
  }
}

/** Deletes what killed processes have left on a disk, in all directories that can hold runs. */
async function finishOnDisk(
  index: RunIndex,
  directory: string,
  { signal }: CallOptions,
): Promise<PruneResult[]> {
  const places = [""];
  const top = new OutputLocation(index.bucket, "");
  for await (const { location, info } of index.backend.children(top, { signal })) {
    const isRun = tryParseRunPrefix(location.key) !== undefined;
    if (info === undefined && !isRun && !location.name.startsWith(".")) places.push(location.key);
  }
  const results: PruneResult[] = [];
  for (const place of places) {
    const path = join(directory, place);
    const { count, failures } = await emptyTrash(path, { signal });
    for (let i = 0; i < count; i++) results.push({ key: path, outcome: "finished" });
    for (const { message: reason } of failures) {
      results.push({ key: path, outcome: "failed", reason });
    }
  }
  return results;
}

/**
 * Deletes the objects of a marked run: first the parts of its manifest, then all others, then the mark.
 *
 * @returns Why that failed; then the mark stays.
 */
async function deleteObjects(
  backend: StorageBackend,
  root: RunOutputRoot,
  { signal }: CallOptions,
): Promise<string | undefined> {
  const found = await Array.fromAsync(backend.list(root.root(), { signal }));
  // All times are from the same listing: the clock of the storage, with one precision.
  const at = deletingMark(root);
  const mark = found.find(({ location }) => location.equals(at));
  if (mark === undefined) return `'${at.key}' was deleted meanwhile`;
  const newer = found.find(({ modified }) => isModifiedAfter(modified, mark.modified));
  if (newer !== undefined) return uploadedAfter(newer.location, root);
  const outputs = root.outputsManifestDir();
  const locations = found.map(({ location }) => location)
    .filter((location) => !location.equals(at));
  const parts = locations.filter((location) => location.parent.equals(outputs));
  const others = locations.filter((location) => !location.parent.equals(outputs));
  for (const batch of [parts, others]) {
    const failures = await backend.deleteAll(batch, { signal });
    if (failures.length > 0) return describeFailures(failures);
  }
  for await (const { location } of backend.list(root.root(), { signal })) {
    if (!location.equals(at)) return uploadedAfter(location, root);
  }
  await backend.delete(at, { signal });
  return undefined;
}

function uploadedAfter(location: OutputLocation, root: RunOutputRoot): string {
  return `'${
    location.relativeTo(root.root())
  }' was uploaded after its deletion began; the run is ` +
    `not whole: upload it again and delete '${deletingMark(root).key}' to keep it`;
}

function describeFailures(failures: readonly DeleteFailure[]): string {
  const [{ error }] = failures;
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : "";
  return `${error.message}${more}`;
}

function failed(error: unknown, signal: AbortSignal | undefined): Outcome {
  signal?.throwIfAborted();
  if (!(error instanceof RunOutputsError)) throw error;
  return { outcome: "failed", reason: error.message };
}

/** The mark, for a person who finds it. */
function markText(tool: string, now: Date): string {
  const mark = { schema: DELETING_SCHEMA, started_at: now.toISOString(), tool };
  return `${JSON.stringify(mark, null, 2)}\n`;
}
