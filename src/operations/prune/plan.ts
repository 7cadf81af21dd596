/**
 * Makes the plan of a prune: looks at every run, and applies the policy.
 *
 * @module
 */

import { createHash } from "node:crypto";
import pMap from "p-map";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot, RunPrefix } from "../../layout/run_output_root.ts";
import { diskError } from "../../errors/disk.ts";
import { type DeletingMark, deletingMark, parseDeletingMark } from "../../runs/deleting.ts";
import {
  decidePrune,
  isEmptyPolicy,
  isThinning,
  type PruneCandidate,
  type PrunePolicy,
} from "../../runs/retention/policy.ts";
import {
  PRUNE_PLAN_SCHEMA,
  type PrunePlan,
  type PrunePlanPlace,
} from "../../runs/retention/prune_plan.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { CallOptions } from "../../storage/backend.ts";
import { readOutputs } from "../manifest/read.ts";
import { type InspectedRun, inspectRun, isOfOneRun } from "../retained/describe.ts";
import { newerFile } from "../retained/newer_file.ts";
import { readSmall } from "../retained/read_small.ts";
import type { RunIndex } from "../retained/run_index.ts";
import { findLeftovers, type FoundLeftovers } from "./leftovers.ts";
import { obstacleIn } from "./local_tree.ts";
import { directoryOf, type PrunePlace } from "./place.ts";
import { removableFiles } from "./removable.ts";

/** How many runs are looked at together. */
const CONCURRENCY = 32;

/** A mark of a deletion can't be larger, in bytes. */
const MAX_MARK_BYTES = 4 * 1024 * 1024;

/** Why a directory is kept that only has the name of a run. */
export const NOT_A_RUN = "nothing shows that it is a run";

/** How the reason begins why a run with a mark of a deletion is kept. */
export const FOREIGN_MARK = "it has the mark of a deletion, manifests/retention/deleting.json";

/** Options of {@linkcode planPrune}. */
export interface PlanPruneOptions extends CallOptions {
  /** Which runs are kept and which are deleted. */
  readonly policy: PrunePolicy;
  /**
   * Runs that are in use: `{external repository}{run id}`, for both platforms, with the reason.
   */
  readonly inUse?: ReadonlyMap<string, string>;
  /** Called with one-line notes for the user. */
  readonly onNote?: (note: string) => void;
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
  place: PrunePlace,
  { policy, inUse = new Map(), onNote, signal }: PlanPruneOptions,
): Promise<PrunePlan> {
  const { index, directory } = place;
  if (policy.keep_listed?.length === 0) {
    throw new RunOutputsError("invalid", "Cannot prune: the list is empty, so it keeps no run");
  }
  if (isEmptyPolicy(policy)) {
    throw new RunOutputsError(
      "invalid",
      "Cannot prune without a rule: use a rule that keeps runs, such as --keep-last 10, or one " +
        "that deletes them, such as --older-than 90d",
    );
  }
  const now = index.now();
  const prefixes = await index.enumerate({ signal });
  const leftovers = await leftoversOf(place, prefixes, { onNote, signal });
  const seen = (await pMap(prefixes, async (prefix) => {
    const found = await lookAt(index, prefix, { signal });
    return found === undefined ? undefined : { prefix, ...found };
  }, { concurrency: CONCURRENCY })).filter((one) => one !== undefined);
  // If no run at all may be read, no plan says anything.
  const denied = seen.flatMap((one) =>
    one.run === undefined && one.error.code === "denied" ? one.error : []
  );
  if (denied.length > 0 && denied.length === seen.length) throw denied[0];
  const usedBy = ({ externalRepo, runId }: RunPrefix) => inUse.get(`${externalRepo}${runId}`);
  // A run that can't be deleted can make a limit delete another one, which is checked too.
  const held = new Map<string, string>();
  const unfinished: string[] = [];
  for (const { prefix, ...found } of seen) {
    const { deleting, removed, pins = [] } = found.run ?? {};
    const isBegun = removed?.removals.some(({ unfinished }) => unfinished) ?? false;
    if (deleting === undefined && !isBegun) continue;
    const used = usedBy(prefix);
    const key = formatRunKey(prefix);
    if (deleting === undefined) {
      // A pinned run, or one in use, is kept anyway.
      const isHeld = used !== undefined || pins.some(({ in_force }) => in_force);
      if (isHeld) held.set(key, "a prune that was killed has deleted files of it");
      else unfinished.push(key);
      continue;
    }
    const mark = await readMark(place, prefix, found, { signal });
    if (typeof mark === "string") held.set(key, mark);
    else if (used !== undefined) held.set(key, `${FOREIGN_MARK}, but ${used}`);
    else unfinished.push(key);
  }
  const rest = seen.filter(({ prefix }) => !unfinished.includes(formatRunKey(prefix)));
  const candidates = rest.filter(isRun);
  const others = rest.filter((one) => !isRun(one)).map(({ prefix }) => {
    const key = formatRunKey(prefix);
    const more = held.get(key);
    return { key, reasons: more === undefined ? [NOT_A_RUN] : [NOT_A_RUN, more] };
  });
  const decide = (held: ReadonlyMap<string, string>) =>
    decidePrune(
      candidates.map(({ prefix, ...found }) => {
        const used = usedBy(prefix);
        const obstacle = held.get(formatRunKey(prefix));
        return candidateOf(prefix, found, [used, obstacle].filter((one) => one !== undefined));
      }),
      policy,
      now,
      leftovers.youngBytes,
    );
  const newest = newestOf({ policy, now });
  const checked = new Set<string>();
  let decision = decide(held);
  const byKey = new Map(candidates.map((one) => [formatRunKey(one.prefix), one]));
  for (;;) {
    const unchecked = [...decision.drop, ...decision.thin].filter(({ key }) => !checked.has(key));
    await pMap(unchecked, async ({ key }) => {
      checked.add(key);
      const { prefix } = byKey.get(key)!;
      const obstacle = directory === undefined
        ? undefined
        : await obstacleIn(directoryOf(index, prefix, directory), { signal });
      const reason = obstacle === undefined
        ? await newerFile(index, prefix, newest, { signal })
        : `can't be deleted: ${obstacle}`;
      if (reason !== undefined) held.set(key, reason);
    }, { concurrency: CONCURRENCY });
    if (unchecked.length === 0) break;
    decision = decide(held);
  }
  const { keep, drop, thin, unreached, unmatched } = decision;
  const withState = <R extends { readonly key: string }>(runs: readonly R[]) =>
    runs.map((run) => ({ ...run, fingerprint: fingerprintOf(byKey.get(run.key)!) }));
  // The summaries of runs do not count index pages, nor say which checksum files go with a kind.
  const sized = await pMap(thin, async (run) => {
    const root = index.root(byKey.get(run.key)!.prefix);
    return { ...run, bytes: await removableBytes(index, root, policy, { signal }) };
  }, { concurrency: CONCURRENCY });
  return {
    schema: PRUNE_PLAN_SCHEMA,
    place: await planPlace(place),
    policy,
    now: now.toISOString(),
    keep: [...keep, ...others],
    drop: withState(drop),
    ...isThinning(policy) && { thin: withState(sized) },
    ...leftovers.old.length > 0 && { leftovers: leftovers.old },
    unfinished,
    unreached,
    unmatched,
  };
}

/** The size of the files that a policy deletes of a run. */
async function removableBytes(
  { backend }: RunIndex,
  root: RunOutputRoot,
  { drop_kinds: kinds }: PrunePolicy,
  { signal }: CallOptions,
): Promise<number> {
  const manifest = await readOutputs(backend, root, { signal });
  let bytes = 0;
  const files = removableFiles(backend, root, manifest, { kinds }, { signal });
  for await (const { info } of files) bytes += info.size;
  return bytes;
}

/** A role that may not list uploads can prune nevertheless. */
async function leftoversOf(
  place: PrunePlace,
  runs: readonly RunPrefix[],
  { onNote, signal }: Pick<PlanPruneOptions, "onNote" | "signal">,
): Promise<FoundLeftovers> {
  try {
    return await findLeftovers(place, runs, { signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || error.code !== "denied") throw error;
    onNote?.(`unfinished uploads stay: ${error.message}`);
    return { old: [], youngBytes: 0 };
  }
}

/**
 * The place as a plan names it.
 *
 * @param place The runs.
 * @returns The bucket, or the real path of the directory.
 * @throws {RunOutputsError} What the disk says.
 */
export async function planPlace({ index, directory }: PrunePlace): Promise<PrunePlanPlace> {
  if (directory === undefined) return { bucket: index.bucket };
  try {
    return { directory: await Deno.realPath(directory) };
  } catch (error) {
    throw diskError("read", directory, error);
  }
}

/**
 * The latest time that a file of a deleted run can have.
 *
 * @param plan When a plan was made, and its policy.
 * @returns The time of the plan, less the minimum age.
 */
export function newestOf(
  { policy, now }: { readonly policy: PrunePolicy; readonly now: Date | string },
): Date {
  return new Date(new Date(now).getTime() - policy.min_age_seconds * 1000);
}

/**
 * Reads the mark of a deletion, or says why it is not acted on. On a disk, a prune never writes one.
 *
 * @param place The runs.
 * @param prefix The run.
 * @param seen What is known of it.
 * @param options A signal.
 * @returns The mark, if an earlier prune has written it, and no pin is in force; else the reason.
 */
export async function readMark(
  { index, directory }: PrunePlace,
  prefix: RunPrefix,
  { run }: SeenRun,
  { signal }: CallOptions = {},
): Promise<DeletingMark | string> {
  if (directory !== undefined) return `${FOREIGN_MARK}, which no prune on a disk writes`;
  const pin = run?.pins.find(({ in_force }) => in_force);
  if (pin !== undefined) return `${FOREIGN_MARK}, but also the pin '${pin.name}'`;
  const at = deletingMark(index.root(prefix));
  const read = await readSmall(index.backend, at, MAX_MARK_BYTES, { signal });
  try {
    return parseDeletingMark(read?.text ?? "", at.key);
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    return `${FOREIGN_MARK}, which is not that of a prune: ${error.message}`;
  }
}

/** Whether something shows that it is a run: a part, a marker, or an id as GitHub's. */
function isRun({ prefix, run }: { readonly prefix: RunPrefix } & SeenRun): boolean {
  return /^\d+$/.test(prefix.runId) || run?.uploading !== undefined ||
    (run !== undefined && run.artifact_manifest.status !== "unavailable");
}

/** A run, or why it can't be read. */
export type SeenRun =
  | (InspectedRun & { readonly unreadable?: undefined })
  | {
    readonly run?: undefined;
    readonly records?: undefined;
    readonly unreadable: string;
    readonly error: RunOutputsError;
  };

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
    if (!isOfOneRun(error)) throw error;
    return { unreadable: error.message, error };
  }
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
    kinds: run.kinds,
    pins: run.pins.filter(({ in_force }) => in_force).map(({ name }) => name),
    held: status === "broken" ? [...held, `its manifest can't be read: ${reason}`] : held,
  };
}
