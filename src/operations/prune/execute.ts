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
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import type { PrunePlan, PrunePlanPlace } from "../../runs/retention/prune_plan.ts";
import { formatRunKey, parseRunKey, tryParseRunPrefix } from "../../runs/retention/run_key.ts";
import type { CallOptions } from "../../storage/backend.ts";
import { type LockedFile, lockFile, removeLock } from "../../storage/local/file_lock.ts";
import { LocalBackend } from "../../storage/local/local.ts";
import { newerFile } from "../retained/newer_file.ts";
import { RunIndex } from "../retained/run_index.ts";
import { deleteInBucket, type DeleteRunOptions, finishRun } from "./bucket.ts";
import {
  CHANGED,
  type CheckOptions,
  failed,
  type Outcome,
  type PruneResult,
  unchanged,
} from "./check.ts";
import {
  deleteStage,
  emptyTrash,
  findStages,
  obstacleIn,
  removeEmpty,
  restoreTree,
  stageTree,
} from "./local_tree.ts";
import { directoryOf, type PrunePlace } from "./place.ts";
import { newestOf, NOT_A_RUN, planPlace } from "./plan.ts";
import { deleteLeftovers } from "./clean.ts";
import { finishThin, thinRun } from "./thin.ts";

export type { PruneResult };

/** The lock of a prune in a staging directory. */
const LOCK = ".run-outputs-prune.lock";

/** How long to wait for another prune, in milliseconds. */
const PATIENCE = 2000;

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
    signal?.throwIfAborted();
    const isLocked = error instanceof RunOutputsError && error.code === "conflict";
    if (!isLocked) throw diskError("write", path, error);
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
 * @returns The reason; `undefined`, if it deletes at most half of the runs, or files of them.
 */
export function largeBecause({ keep, drop, thin = [] }: PrunePlan): string | undefined {
  const kept = keep.filter(({ reasons }) => !reasons.includes(NOT_A_RUN));
  const count = drop.length + thin.length;
  const total = kept.length + count;
  const what = thin.length > 0 ? "files of " : "";
  return count * 2 > total ? `it deletes ${what}${count} of ${total} runs` : undefined;
}

function checkPlace(planned: PrunePlanPlace, actual: PrunePlanPlace): void {
  const [expected, found] = [planned, actual].map((place) =>
    "bucket" in place ? `the bucket '${place.bucket}'` : `the directory '${place.directory}'`
  );
  if (expected === found) return;
  throw new RunOutputsError(
    "invalid",
    `Cannot carry out the plan: it is for ${expected}, and not for ${found}`,
  );
}

/**
 * Reduces a plan that was made earlier to what a new plan of the same policy deletes too, and to runs
 * that have not changed.
 *
 * @param given The earlier plan.
 * @param fresh The new plan.
 * @returns The plan to carry out, and the runs of the earlier one that it leaves alone.
 * @throws {RunOutputsError} `invalid`, if the plans are for different places.
 */
export function narrowPlan(
  given: PrunePlan,
  fresh: PrunePlan,
): { readonly plan: PrunePlan; readonly skipped: readonly PruneResult[] } {
  checkPlace(given.place, fresh.place);
  const planned = (plan: PrunePlan) => [...plan.drop, ...plan.thin ?? []];
  const now = new Map(planned(fresh).map((run) => [run.key, run]));
  const kept = new Map(fresh.keep.map(({ key, reasons }) => [key, reasons]));
  const skipped = planned(given).flatMap(({ key, fingerprint }): PruneResult[] => {
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
  const wanted = new Map(planned(given).map(({ key, fingerprint }) => [key, fingerprint]));
  const both = (runs: PrunePlan["drop"]) =>
    runs.filter(({ key, fingerprint }) => wanted.get(key) === fingerprint);
  const thin = fresh.thin && both(fresh.thin);
  const known = new Set(given.leftovers?.map(({ path }) => path));
  const leftovers = fresh.leftovers?.filter(({ path }) => known.has(path));
  return { plan: { ...fresh, drop: both(fresh.drop), thin, leftovers }, skipped };
}

/**
 * Carries out a plan: finishes the deletions that an earlier prune has begun, and deletes each run,
 * or files of it, after a check that it has not changed since the plan. Holds the lock of the place.
 *
 * @param place The runs.
 * @param plan The plan.
 * @param options A signal.
 * @returns The result for each run.
 * @throws {RunOutputsError} `invalid`, if the plan is for another place; `conflict`, if another prune is
 * in progress there.
 */
export async function executePrune(
  place: PrunePlace,
  { drop, thin = [], leftovers = [], unfinished, ...plan }: PrunePlan,
  { tool, signal }: ExecutePruneOptions,
): Promise<PruneResult[]> {
  checkPlace(plan.place, await planPlace(place));
  await using _ = await lockForPrune(place, { signal });
  const results: PruneResult[] = [];
  const add = (result: PruneResult) => void results.push(result);
  const newest = newestOf(plan);
  if (place.directory !== undefined) {
    for (const result of await finishOnDisk(place.index, place.directory, { newest, signal })) {
      add(result);
    }
  }
  for (const key of unfinished) {
    signal?.throwIfAborted();
    const run = parseRunKey(key);
    const outcome = await finishRun(place, run, { signal }) ??
      await finishThin(place, run, { tool, signal });
    if (outcome !== undefined) add({ key, ...outcome });
  }
  // The oldest first, so that an interruption leaves the newer ones.
  for (const { key, bytes, fingerprint } of drop.toReversed()) {
    signal?.throwIfAborted();
    const done = await deleteRun(place, parseRunKey(key), { fingerprint, newest, tool, signal });
    add({ key, ...done, ...done.outcome === "deleted" ? { bytes } : {} });
  }
  const { drop_kinds: kinds } = plan.policy;
  for (const { key, rule, fingerprint } of thin.toReversed()) {
    signal?.throwIfAborted();
    const how = { rule, kinds, fingerprint, newest, tool, signal };
    add({ key, ...await thinRun(place, parseRunKey(key), how) });
  }
  for (const result of await deleteLeftovers(place, leftovers, { signal })) add(result);
  return results;
}

async function deleteRun(
  place: PrunePlace,
  run: RunPrefix,
  { tool, ...how }: DeleteRunOptions,
): Promise<Outcome> {
  const { index, directory } = place;
  const { newest, signal } = how;
  const seen = await unchanged(place, run, how);
  if (seen === undefined) return CHANGED;
  const reason = await newerFile(index, run, newest, { signal });
  if (reason !== undefined) return { outcome: "skipped", reason };
  try {
    return directory === undefined
      ? await deleteInBucket(place, run, seen, { tool, ...how })
      : await deleteOnDisk(place, directory, run, how);
  } catch (error) {
    return failed(error, signal);
  }
}

async function deleteOnDisk(
  { index }: PrunePlace,
  directory: string,
  run: RunPrefix,
  how: CheckOptions,
): Promise<Outcome> {
  const { fingerprint, signal } = how;
  const obstacle = await obstacleIn(directoryOf(index, run, directory), { signal });
  if (obstacle !== undefined) return { outcome: "skipped", reason: obstacle };
  const stage = await stageTree(directory, directoryOf(index, run, ""), fingerprint);
  return await settleStage(index, directory, stage, run, how);
}

/** Deletes a staged run, or puts it back if it has changed. */
async function settleStage(
  index: RunIndex,
  directory: string,
  stage: string,
  run: RunPrefix,
  how: CheckOptions,
): Promise<Outcome> {
  const { newest, signal } = how;
  const name = directoryOf(index, run, "");
  const staged = { index: stagedIndex(index, stage), directory: stage };
  let isSame = false;
  try {
    isSame = await unchanged(staged, run, how) !== undefined &&
      await newerFile(staged.index, run, newest, { signal }) === undefined &&
      await obstacleIn(join(stage, name), { signal }) === undefined;
  } finally {
    if (!isSame) await restoreTree(stage, directory, name);
  }
  if (!isSame) return CHANGED;
  await deleteStage(stage);
  return { outcome: "deleted" };
}

function stagedIndex({ bucket, now }: RunIndex, stage: string): RunIndex {
  return new RunIndex({ backend: new LocalBackend(stage), bucket, now });
}

/** Finishes what killed processes have left on a disk, in all directories that can hold runs. */
async function finishOnDisk(
  index: RunIndex,
  directory: string,
  { newest, signal }: Pick<CheckOptions, "newest" | "signal">,
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
    for (const { stage, fingerprint } of await findStages(path)) {
      results.push(
        ...await finishStage(index, directory, stage, { fingerprint, newest, signal }),
      );
    }
    const { count, failures } = await emptyTrash(path, { signal });
    for (let i = 0; i < count; i++) results.push({ key: path, outcome: "finished" });
    for (const { message: reason } of failures) {
      results.push({ key: path, outcome: "failed", reason });
    }
  }
  return results;
}

/** Finishes the deletion of a run that was staged and perhaps not checked yet. */
async function finishStage(
  index: RunIndex,
  directory: string,
  stage: string,
  how: CheckOptions,
): Promise<PruneResult[]> {
  const [run] = await stagedIndex(index, stage).enumerate({ signal: how.signal });
  try {
    if (run === undefined) {
      await removeEmpty(stage);
      return [];
    }
    const { outcome, ...rest } = await settleStage(index, directory, stage, run, how);
    const key = formatRunKey(run);
    return [{ key, ...rest, outcome: outcome === "deleted" ? "finished" : outcome }];
  } catch (error) {
    how.signal?.throwIfAborted();
    const reason = error instanceof RunOutputsError
      ? error.message
      : diskError("delete", stage, error).message;
    return [{ key: run === undefined ? stage : formatRunKey(run), outcome: "failed", reason }];
  }
}
