/**
 * Goes through runs, the newest first: one page of those that match, and the latest one.
 *
 * @module
 */

import pMap from "p-map";
import { invalid, type RunOutputsError } from "../../errors/error.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import { describeRemoval } from "../../runs/removed.ts";
import { compareRunIds, compareRuns, tryParseRunName } from "../../runs/retention/run_key.ts";
import type { CallOptions } from "../../storage/backend.ts";
import { isOfOneRun, type RetainedRun, unreadableRun } from "./describe.ts";
import { matches, matchesKey, needsDetails, removalOfKind, type RunFilter } from "./filter.ts";
import type { RunIndex } from "./run_index.ts";

/** How many runs are described at once. */
const CONCURRENCY = 32;

/** Options of {@linkcode scanRuns}. */
export interface ScanOptions extends CallOptions {
  /** Which runs. */
  readonly filter: RunFilter;
  /** How many runs at most. */
  readonly limit: number;
  /** Only runs after this one. */
  readonly after?: RunPrefix;
  /**
   * After how many milliseconds a search that has to look into runs ends early. Default: never.
   */
  readonly budget?: number;
}

/** A page of runs. */
export interface RunPage {
  /** The runs. */
  readonly runs: readonly RetainedRun[];
  /** The last run that was looked at, if there are more behind it. */
  readonly last?: RunPrefix;
  /** How many runs were looked into. */
  readonly scanned: number;
  /** How many seconds ago the names of the runs were listed, if not now. */
  readonly age?: number;
}

/**
 * Collects a page of runs. Without a filter that needs a look into runs, a page of 50 needs 50 looks.
 *
 * @param index The runs.
 * @param options The filter and the size of the page.
 * @returns The page.
 */
export async function scanRuns(
  index: RunIndex,
  { filter, limit, after, budget = Infinity, signal }: ScanOptions,
): Promise<RunPage> {
  const began = performance.now();
  const names = await index.names({ signal });
  const candidates = names.runs.filter((run) =>
    matchesKey(run, filter) && (after === undefined || compareRuns(run, after) > 0)
  );
  const runs: RetainedRun[] = [];
  const failures: RunOutputsError[] = [];
  const isSearch = needsDetails(filter);
  let scanned = 0;
  let at = 0;
  while (at < candidates.length && runs.length < limit) {
    if (isSearch && at > 0 && performance.now() - began > budget) break;
    // A search can't know how many it needs; what is described too much is not looked at.
    const count = isSearch ? CONCURRENCY : Math.min(limit - runs.length, 1000);
    const batch = candidates.slice(at, at + count);
    const described = await describeAll(index, batch, failures, { signal });
    for (const run of described) {
      if (runs.length === limit) break;
      at++;
      // A directory without files of a run is none.
      if (run === undefined) continue;
      scanned++;
      // Nobody knows whether one that can't be read matches.
      if (run.unreadable !== undefined || matches(run, filter)) runs.push(run);
    }
  }
  const last = at < candidates.length ? candidates[at - 1] : undefined;
  if (last === undefined && after === undefined) throwIfAll(failures, scanned);
  return { runs, scanned, last, age: names.age };
}

/** Options of {@linkcode latestRun}. */
export interface LatestOptions extends CallOptions {
  /** Which runs; its `completeness` is what the latest run must have. */
  readonly filter: RunFilter;
  /** Only runs with a newer id than this, or than that of the run with this key. */
  readonly after?: string;
  /** The name of `after` in messages. Default: `after`. */
  readonly afterField?: string;
  /** Whether an incomplete run will do. */
  readonly allowIncomplete?: boolean;
}

/** A newer run that was not chosen. */
export interface SkippedRun {
  /** Its key. */
  readonly key: string;
  /** Why. */
  readonly reason: string;
}

/** The latest run. */
export interface LatestRun {
  /** The run; `undefined`, if none is eligible. */
  readonly run?: RetainedRun;
  /** The newer runs that match the filters and were not chosen, the newest first. */
  readonly skipped: readonly SkippedRun[];
  /** How many seconds ago the names of the runs were listed, if not now. */
  readonly age?: number;
}

/**
 * Finds the newest run that is not incomplete. The order comes from the ids of the runs, so an old run
 * that is re-run does not become the latest.
 *
 * @param index The runs.
 * @param options Which runs.
 * @returns The run, and the newer ones that were not chosen.
 * @throws {RunOutputsError} `invalid`, if `after` names no run.
 */
export async function latestRun(
  index: RunIndex,
  options: LatestOptions,
): Promise<LatestRun> {
  const { filter: { completeness, has, ...filter }, after, allowIncomplete = false, signal } =
    options;
  const { runs: all, age } = await index.names({ signal });
  const afterId = after === undefined ? undefined : runIdOf(after, all, options.afterField);
  const candidates = all.filter((run) =>
    matchesKey(run, filter) && (afterId === undefined || compareRunIds(run.runId, afterId) < 0)
  );
  const skipped: SkippedRun[] = [];
  const failures: RunOutputsError[] = [];
  let seen = 0;
  // Usually the first one is it; behind many incomplete ones, the steps grow.
  for (let at = 0, count = 2; at < candidates.length; at += count, count = next(count)) {
    const batch = candidates.slice(at, at + count);
    const described = await describeAll(index, batch, failures, { signal });
    for (const run of described) {
      if (run === undefined) continue;
      seen++;
      if (run.unreadable !== undefined) {
        skipped.push({ key: run.key, reason: `it can't be read: ${run.unreadable}` });
        continue;
      }
      const removal = has === undefined ? undefined : removalOfKind(run, has);
      const wanted = removal === undefined ? has : undefined;
      if (!matches(run, { ...filter, has: wanted })) continue;
      const reason = removal === undefined
        ? whyNot(run, completeness, allowIncomplete)
        : `without its ${has} files: ${describeRemoval(removal)}`;
      if (reason === undefined) return { run, skipped, age };
      skipped.push({ key: run.key, reason });
    }
  }
  throwIfAll(failures, seen);
  return { skipped, age };
}

/** Describes runs. One that can't be read does not hide the others. */
async function describeAll(
  index: RunIndex,
  batch: readonly RunPrefix[],
  failures: RunOutputsError[],
  { signal }: CallOptions,
): Promise<(RetainedRun | undefined)[]> {
  return await pMap(batch, async (run) => {
    try {
      return await index.describe(run, { signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOfOneRun(error)) throw error;
      failures.push(error);
      return unreadableRun(index.root(run), error);
    }
  }, { concurrency: CONCURRENCY });
}

/** If no run at all can be read, there is nothing to list. */
function throwIfAll(failures: readonly RunOutputsError[], count: number): void {
  if (count > 0 && failures.length >= count) throw failures[0];
}

/** The id of the run that a client remembers, which may have been deleted since. */
function runIdOf(after: string, runs: readonly RunPrefix[], field = "after"): string {
  const id = tryParseRunName(after)?.runId ?? after;
  if (/^(?:\d+|local)$/.test(id) || runs.some(({ runId }) => runId === id)) return id;
  throw invalid(field, after, "a run id or a key");
}

function next(count: number): number {
  return Math.min(2 * count, CONCURRENCY);
}

/** Why a run is not eligible, if it is not. */
function whyNot(
  run: RetainedRun,
  wanted: RunFilter["completeness"],
  allowIncomplete: boolean,
): string | undefined {
  if (run.completeness === "incomplete" && !allowIncomplete && wanted !== "incomplete") {
    return `incomplete: ${run.incomplete_because?.join("; ") ?? "something is missing"}`;
  }
  if (wanted === undefined || run.completeness === wanted) return undefined;
  return run.completeness === "unproven"
    ? "unproven: the run does not say which parts it must have"
    : run.completeness;
}
