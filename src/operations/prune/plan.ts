/**
 * Makes the plan of a prune: looks at every run, and applies the policy.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import pMap from "p-map";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import {
  decidePrune,
  isEmptyPolicy,
  type PruneCandidate,
  type PrunePolicy,
} from "../../runs/retention/policy.ts";
import { PRUNE_PLAN_SCHEMA, type PrunePlan } from "../../runs/retention/prune_plan.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { CallOptions } from "../../storage/backend.ts";
import { type InspectedRun, inspectRun } from "../retained/describe.ts";
import type { RunIndex } from "../retained/run_index.ts";
import { obstacleIn } from "./local_tree.ts";

/** How many runs are looked at together. */
const CONCURRENCY = 32;

/** Where runs are deleted. */
export interface PrunePlace {
  /** The runs. */
  readonly index: RunIndex;
  /** The staging directory, if they are on a disk. */
  readonly directory?: string;
}

/** Options of {@linkcode planPrune}. */
export interface PlanPruneOptions extends CallOptions {
  /** Which runs are kept and which are deleted. */
  readonly policy: PrunePolicy;
  /**
   * Runs that are in use: `{external repository}{run id}`, for both platforms, with the reason.
   */
  readonly inUse?: ReadonlyMap<string, string>;
}

/**
 * Makes a plan. Nothing is changed.
 *
 * @param place The runs.
 * @param options The policy, and what is in use.
 * @returns The plan.
 * @throws {RunOutputsError} `invalid`, if the policy has no rule; what the storage says.
 */
export async function planPrune(
  { index, directory }: PrunePlace,
  { policy, inUse = new Map(), signal }: PlanPruneOptions,
): Promise<PrunePlan> {
  if (isEmptyPolicy(policy)) {
    throw new RunOutputsError(
      "invalid",
      "Cannot prune without a rule: use a rule that keeps runs, such as --keep-last 10, or one " +
        "that deletes them, such as --older-than 90d",
    );
  }
  const now = index.now();
  const seen = (await pMap(await index.enumerate({ signal }), async (prefix) => {
    const found = await lookAt(index, prefix, { signal });
    return found === undefined ? undefined : { prefix, ...found };
  }, { concurrency: CONCURRENCY })).filter((one) => one !== undefined);
  const candidates = seen.filter(({ run }) => run?.deleting === undefined);
  const decide = (held: ReadonlyMap<string, string>) =>
    decidePrune(
      candidates.map(({ prefix, ...found }) => {
        const used = inUse.get(`${prefix.externalRepo}${prefix.runId}`);
        const obstacle = held.get(formatRunKey(prefix));
        return candidateOf(prefix, found, [used, obstacle].filter((one) => one !== undefined));
      }),
      policy,
      now,
    );
  // A run that can't be deleted can make a limit delete another one, which is checked too.
  const held = new Map<string, string>();
  const checked = new Set<string>();
  let decision = decide(held);
  const byKey = new Map(candidates.map((one) => [formatRunKey(one.prefix), one]));
  for (;;) {
    const unchecked = directory === undefined
      ? []
      : decision.drop.filter(({ key }) => !checked.has(key));
    for (const { key } of unchecked) {
      checked.add(key);
      const obstacle = await obstacleIn(directoryOf(directory!, byKey.get(key)!.prefix), {
        signal,
      });
      if (obstacle !== undefined) held.set(key, `can't be deleted: ${obstacle}`);
    }
    if (unchecked.length === 0) break;
    decision = decide(held);
  }
  const { keep, drop, unreached, unmatched } = decision;
  return {
    schema: PRUNE_PLAN_SCHEMA,
    policy,
    now: now.toISOString(),
    keep,
    drop: drop.map((run) => ({ ...run, fingerprint: fingerprintOf(byKey.get(run.key)!) })),
    unfinished: seen.filter(({ run }) => run?.deleting !== undefined)
      .map(({ prefix }) => formatRunKey(prefix)),
    unreached,
    unmatched,
  };
}

/** A run, or why it can't be read. */
export type SeenRun =
  | (InspectedRun & { readonly unreadable?: undefined })
  | { readonly run?: undefined; readonly records?: undefined; readonly unreadable: string };

/**
 * Looks at a run.
 *
 * @param index The runs.
 * @param prefix The run.
 * @param options A signal.
 * @returns The run, or why it can't be read; `undefined`, if it has no files.
 * @throws {RunOutputsError} What would make all other runs fail too.
 */
export async function lookAt(
  index: RunIndex,
  prefix: RunPrefix,
  { signal }: CallOptions = {},
): Promise<SeenRun | undefined> {
  try {
    return await inspectRun(index.backend, index.root(prefix), { now: index.now(), signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || !/integrity|failed/.test(error.code)) throw error;
    return { unreadable: error.message };
  }
}

/**
 * The directory of a run on a disk.
 *
 * @param directory The staging directory.
 * @param run The run.
 * @returns Its path.
 */
export function directoryOf(
  directory: string,
  { externalRepo, runId, platform }: RunPrefix,
): string {
  return join(directory, externalRepo, `${runId}-${platform}`);
}

/**
 * The fingerprint of a run: another one means that something was uploaded, pinned or deleted.
 *
 * @param seen The run.
 * @returns A hash; empty for a run that can't be read, which is never deleted.
 */
export function fingerprintOf({ run, records = [] }: SeenRun): string {
  if (run === undefined) return "";
  const { files, bytes, created_at, updated_at } = run;
  const objects = records.map(({ location, size, etag }) => [location.key, size, etag]);
  const text = JSON.stringify([files, bytes, created_at, updated_at, objects]);
  return createHash("sha256").update(text).digest("hex");
}

function candidateOf(
  prefix: RunPrefix,
  { run, records = [], unreadable }: SeenRun,
  held: readonly string[],
): PruneCandidate {
  const key = formatRunKey(prefix);
  const { externalRepo, runId, platform } = prefix;
  const directory = externalRepo.replace(/\/$/, "");
  if (run === undefined) {
    return {
      key,
      run_id: runId,
      repository: directory,
      platform,
      completeness: "incomplete",
      updated_at: new Date(0),
      bytes: 0,
      pins: [],
      held: [...held, `can't be read: ${unreadable}`],
    };
  }
  const { artifact_manifest: { status, reason }, uploading } = run;
  // A copy keeps the times of its parts, so the storage knows better how long it has been here.
  const touched = records.filter(({ location }) => !location.name.endsWith(".pin.json"))
    .reduce((latest, { modified }) => Math.max(latest, modified.getTime()), 0);
  return {
    key,
    run_id: runId,
    repository: run.repository ?? directory,
    platform,
    workflow: run.workflow,
    commit: run.commit,
    completeness: run.completeness,
    updated_at: new Date(run.updated_at),
    touched_at: touched === 0 ? undefined : new Date(touched),
    uploading_since: uploading === undefined ? undefined : new Date(uploading.since),
    bytes: run.bytes,
    pins: run.pins.filter(({ in_force }) => in_force).map(({ name }) => name),
    held: status === "broken" ? [...held, `its manifest can't be read: ${reason}`] : held,
  };
}
