/**
 * Decides which runs retention keeps and which it deletes, with a reason for each run.
 *
 * @module
 */

import type { OutputKind } from "../../layout/classify.ts";
import type { Completeness } from "./state.ts";
import type { FileTotals } from "./summary.ts";

/** One hour, in milliseconds. */
const HOUR = 3_600_000;

/** One day, in milliseconds. */
const DAY = 24 * HOUR;

/** A marker that is younger than this keeps its run, in milliseconds. */
const YOUNG_MARKER = 7 * DAY;

/** What runs can be grouped by. */
export type GroupBy = "repo" | "platform" | "workflow";

/** All that runs can be grouped by, which is the default. */
export const GROUP_BY = ["repo", "platform", "workflow"] as const satisfies readonly GroupBy[];

/** A kind of files that can be deleted while the others stay. */
export type DropKind = Exclude<
  OutputKind,
  "checksum" | "index" | "manifest" | "outputs-manifest" | "retention"
>;

/** All of them, in display order. */
export const DROP_KINDS = [
  "artifact",
  "log",
  "report",
  "python",
  "package",
  "tarball",
  "other",
] as const satisfies readonly DropKind[];

/** One run in each period, for a time. */
export interface KeepStep {
  /** The length of a period in seconds. */
  readonly every_seconds: number;
  /** Runs that are older than this are not kept by the step, in seconds. */
  readonly for_seconds: number;
}

/** Which runs are kept and which are deleted. */
export interface PrunePolicy {
  /** Keep the newest runs of each group. */
  readonly keep_last?: number;
  /** Keep runs that are younger than this, in seconds. */
  readonly keep_within_seconds?: number;
  /** Keep the newest run of each of the last days (UTC) with runs. */
  readonly keep_daily?: number;
  /** Keep the newest run of each of the last weeks (UTC, from Monday) with runs. */
  readonly keep_weekly?: number;
  /** Keep the newest run of each of the last months (UTC) with runs. */
  readonly keep_monthly?: number;
  /** Keep the newest run of each period. */
  readonly keep_steps?: readonly KeepStep[];
  /** Keep these: keys, run ids, commits. */
  readonly keep_listed?: readonly string[];
  /** Runs that agree in these form a group. */
  readonly group_by: readonly GroupBy[];
  /** Runs that are younger than this are always kept, in seconds. */
  readonly min_age_seconds: number;
  /** Delete what is not kept and older than this, in seconds. */
  readonly older_than_seconds?: number;
  /** Delete what is not kept, the oldest first, until all runs have at most this size in bytes. */
  readonly max_size_bytes?: number;
  /** Delete what is not kept, the oldest first, until at most this number of runs is left. */
  readonly max_runs?: number;
  /** Delete only the files of these kinds; the other files of the runs stay. */
  readonly drop_kinds?: readonly DropKind[];
  /** Delete all files, but not the manifest. */
  readonly leave_manifest?: true;
}

/** A run as the policy sees it. Runs are given in the order of lists: the newest first. */
export interface PruneCandidate {
  /** Its key. */
  readonly key: string;
  /** Its id. */
  readonly run_id: string;
  /** The repository, or the directory of one. */
  readonly repository: string;
  /** The system it builds for. */
  readonly platform: string;
  /** The workflow's file, if known. */
  readonly workflow?: string;
  /** The commit, if known. */
  readonly commit?: string;
  /** Whether it has all its outputs. */
  readonly completeness: Completeness;
  /** Its age counts from here. */
  readonly updated_at: Date;
  /** When something was last written to it in this place, if that is known to be later. */
  readonly touched_at?: Date;
  /** The time of its earliest marker. */
  readonly uploading_since?: Date;
  /** Its size. */
  readonly bytes: number;
  /** The size of its files of each kind, if known. */
  readonly kinds?: Readonly<Record<string, Pick<FileTotals, "bytes">>>;
  /** The names of the pins in force. */
  readonly pins: readonly string[];
  /** Why it must be kept, for other reasons. */
  readonly held?: readonly string[];
}

/** A run that is kept. */
export interface KeptRun {
  /** Its key. */
  readonly key: string;
  /** Why; at least one reason. */
  readonly reasons: readonly string[];
}

/** A run that is deleted, or loses files. */
export interface DroppedRun {
  /** Its key. */
  readonly key: string;
  /** The size of what is deleted. */
  readonly bytes: number;
  /** The rule that deletes it. */
  readonly rule: string;
}

/** What a policy decides. */
export interface PruneDecision {
  /** The runs that are kept, the newest first. */
  readonly keep: readonly KeptRun[];
  /** The runs that are deleted, the newest first. */
  readonly drop: readonly DroppedRun[];
  /** The runs that lose files, the newest first. */
  readonly thin: readonly DroppedRun[];
  /** A limit that the deletions do not reach, because of what must be kept. */
  readonly unreached: readonly string[];
  /** The entries of `keep_listed` that no run matches. */
  readonly unmatched: readonly string[];
}

/**
 * Whether a policy has no rule that keeps or deletes anything.
 *
 * @param policy The policy.
 * @returns `true`, if it says nothing.
 */
export function isEmptyPolicy(policy: PrunePolicy): boolean {
  return !hasKeepRule(policy) && !hasDropRule(policy);
}

/**
 * Decides for each run whether it is kept.
 *
 * A run is kept if any rule keeps it. Without a drop rule, all other runs are deleted; with drop rules,
 * those of the others that one of them matches. The latest run of each group, pinned runs and runs
 * younger than the minimum age are always kept. A policy with `drop_kinds` or `leave_manifest` deletes
 * no run: files of the same runs are deleted.
 *
 * @param runs The runs, the newest first.
 * @param policy The policy.
 * @param now The current time.
 * @param otherBytes What counts in the size beside the runs, in bytes.
 * @returns The decision.
 *
 * @example
 * ```ts
 * import { decidePrune } from "@therock/run-outputs/runs";
 *
 * const at = (day: number) => new Date(Date.UTC(2026, 10, day));
 * const run = (id: number) => ({
 *   key: `${id}-linux`, run_id: `${id}`, repository: "a/b", platform: "linux",
 *   completeness: "complete" as const, updated_at: at(id), bytes: 1, pins: [],
 * });
 * const policy = { keep_last: 1, group_by: [], min_age_seconds: 0 };
 * const { keep, drop } = decidePrune([run(2), run(1)], policy, at(10));
 * console.assert(keep[0].key === "2-linux" && drop[0].key === "1-linux");
 * ```
 */
export function decidePrune(
  runs: readonly PruneCandidate[],
  policy: PrunePolicy,
  now: Date,
  otherBytes = 0,
): PruneDecision {
  const reasons = new Map<string, string[]>(runs.map(({ key }) => [key, []]));
  const keep = ({ key }: PruneCandidate, reason: string) => reasons.get(key)!.push(reason);
  for (const run of runs) {
    for (const reason of alwaysKept(run, policy, now)) keep(run, reason);
  }
  for (const group of Map.groupBy(runs, (run) => groupOf(run, policy.group_by)).values()) {
    keepInGroup(group, policy, now, keep);
  }
  const unmatched = keepListed(runs, policy.keep_listed ?? [], keep);
  const isUnkept = ({ key }: PruneCandidate) => reasons.get(key)!.length === 0;
  for (const run of runs.filter(isUnkept)) {
    if (freedBytes(run, policy) === undefined) keep(run, "it has no files that the policy deletes");
  }
  const unkept = runs.filter(isUnkept);
  const { rules, unreached } = dropRules(runs, unkept, policy, now, otherBytes);
  const dropped = runs.flatMap((run) => {
    const rule = rules.get(run.key);
    return rule === undefined ? [] : [{ key: run.key, bytes: freedBytes(run, policy)!, rule }];
  });
  const thins = isThinning(policy);
  return {
    keep: runs.filter(({ key }) => !rules.has(key)).map(({ key }) => {
      const because = reasons.get(key)!;
      return { key, reasons: because.length > 0 ? because : ["no rule deletes it"] };
    }),
    drop: thins ? [] : dropped,
    thin: thins ? dropped : [],
    unreached,
    unmatched,
  };
}

/**
 * Whether a policy deletes files of runs instead of runs.
 *
 * @param policy The policy.
 * @returns `true`, if it does.
 */
export function isThinning({ drop_kinds, leave_manifest }: PrunePolicy): boolean {
  return drop_kinds !== undefined || leave_manifest === true;
}

/** The size of what a policy deletes of a run; `undefined`, if that is nothing. */
function freedBytes(
  { kinds = {}, bytes }: PruneCandidate,
  policy: PrunePolicy,
): number | undefined {
  if (!isThinning(policy)) return bytes;
  const { drop_kinds } = policy;
  const removable = Object.entries(kinds).filter(([kind]) =>
    drop_kinds === undefined
      ? kind !== "outputs-manifest"
      : (drop_kinds as readonly string[]).includes(kind)
  );
  if (removable.length === 0) return undefined;
  return removable.reduce((sum, [, { bytes }]) => sum + bytes, 0);
}

function alwaysKept(run: PruneCandidate, policy: PrunePolicy, now: Date): string[] {
  const { updated_at, touched_at = updated_at, uploading_since, pins, held = [] } = run;
  const found = pins.map((name) => `pin '${name}'`);
  found.push(...held);
  const touched = Math.max(updated_at.getTime(), touched_at.getTime());
  if (touched > now.getTime()) found.push("its time is in the future");
  else if (now.getTime() - touched < policy.min_age_seconds * 1000) {
    found.push(`younger than the minimum age (${duration(policy.min_age_seconds)})`);
  }
  if (uploading_since !== undefined && now.getTime() - uploading_since.getTime() < YOUNG_MARKER) {
    found.push("an upload began less than 7 days ago and has not ended");
  }
  return found;
}

/** The rules that count within a group. An incomplete run takes no place from another one. */
function keepInGroup(
  group: readonly PruneCandidate[],
  policy: PrunePolicy,
  now: Date,
  keep: (run: PruneCandidate, reason: string) => void,
): void {
  const whole = group.filter(({ completeness }) => completeness !== "incomplete");
  // A group without any other run keeps its newest incomplete one.
  keep(whole[0] ?? group[0], "latest of its group");
  const { keep_last = 0, keep_within_seconds } = policy;
  for (const run of whole.slice(0, keep_last)) keep(run, `last ${keep_last}`);
  for (const run of group) {
    if (keep_within_seconds === undefined) break;
    if (ageOf(run, now) <= keep_within_seconds) {
      keep(run, `within ${duration(keep_within_seconds)}`);
    }
  }
  const byTime = whole.toSorted((a, b) => b.updated_at.getTime() - a.updated_at.getTime());
  for (const [name, count, period] of periods(policy)) {
    const seen = new Set<string>();
    for (const run of byTime) {
      if (seen.size >= count) break;
      const one = period(run.updated_at);
      if (!seen.has(one)) keep(run, `${name} ${one}`);
      seen.add(one);
    }
  }
  for (const { every_seconds, for_seconds } of policy.keep_steps ?? []) {
    const seen = new Set<number>();
    for (const run of byTime) {
      if (ageOf(run, now) > for_seconds) break;
      // Periods are counted from 1970, so that each run of the command sees the same ones.
      const one = Math.floor(run.updated_at.getTime() / 1000 / every_seconds);
      if (!seen.has(one)) {
        keep(run, `one each ${duration(every_seconds)} for ${duration(for_seconds)}`);
      }
      seen.add(one);
    }
  }
}

function periods(
  { keep_daily = 0, keep_weekly = 0, keep_monthly = 0 }: PrunePolicy,
): (readonly [name: string, count: number, period: (time: Date) => string])[] {
  return [
    ["daily", keep_daily, (time) => time.toISOString().slice(0, 10)],
    ["weekly", keep_weekly, (time) => mondayOf(time).toISOString().slice(0, 10)],
    ["monthly", keep_monthly, (time) => time.toISOString().slice(0, 7)],
  ];
}

function mondayOf(time: Date): Date {
  const days = (time.getUTCDay() + 6) % 7;
  return new Date(time.getTime() - days * DAY);
}

/** Keeps the listed runs; the entries that no run matches. */
function keepListed(
  runs: readonly PruneCandidate[],
  entries: readonly string[],
  keep: (run: PruneCandidate, reason: string) => void,
): string[] {
  return entries.filter((entry) => {
    const isCommit = /^[0-9a-f]{7,64}$/i.test(entry);
    const found = runs.filter(({ key, run_id, commit }) =>
      key === entry || run_id === entry ||
      (isCommit && commit !== undefined && commit.startsWith(entry.toLowerCase()))
    );
    for (const run of found) keep(run, `listed: ${entry}`);
    return found.length === 0;
  });
}

/** Which rule deletes which run. */
function dropRules(
  runs: readonly PruneCandidate[],
  unkept: readonly PruneCandidate[],
  policy: PrunePolicy,
  now: Date,
  otherBytes: number,
): { readonly rules: Map<string, string>; readonly unreached: string[] } {
  const { older_than_seconds, max_size_bytes, max_runs } = policy;
  const rules = new Map<string, string>();
  if (!hasDropRule(policy)) {
    const rule = unkeptRule(policy);
    for (const { key } of unkept) rules.set(key, rule);
    return { rules, unreached: [] };
  }
  for (const run of unkept) {
    if (older_than_seconds !== undefined && ageOf(run, now) > older_than_seconds) {
      rules.set(run.key, `older than ${duration(older_than_seconds)}`);
    }
  }
  const unreached: string[] = [];
  // Equal times: the one that is further back in the list is the older one.
  const oldest = unkept.toReversed()
    .sort((a, b) => a.updated_at.getTime() - b.updated_at.getTime());
  const shrink = (
    limit: number | undefined,
    all: number,
    freed: (run: PruneCandidate) => number,
    rule: string,
  ) => {
    if (limit === undefined) return;
    let total = runs.reduce((sum, run) => rules.has(run.key) ? sum - freed(run) : sum, all);
    for (const run of oldest) {
      if (total <= limit) break;
      if (rules.has(run.key)) continue;
      rules.set(run.key, rule);
      total -= freed(run);
    }
    if (total > limit) unreached.push(`${rule}: ${total} must be kept`);
  };
  shrink(max_runs, runs.length, () => 1, `more than ${max_runs} runs`);
  const bytes = runs.reduce((sum, run) => sum + run.bytes, otherBytes);
  shrink(
    max_size_bytes,
    bytes,
    (run) => freedBytes(run, policy)!,
    `more than ${max_size_bytes} bytes`,
  );
  return { rules, unreached };
}

function hasKeepRule(policy: PrunePolicy): boolean {
  const { keep_last, keep_within_seconds, keep_daily, keep_weekly, keep_monthly } = policy;
  return [keep_last, keep_within_seconds, keep_daily, keep_weekly, keep_monthly]
    .some((rule) => rule !== undefined) ||
    (policy.keep_steps?.length ?? 0) > 0 ||
    (policy.keep_listed?.length ?? 0) > 0;
}

/** The rules that do not keep a run: `not kept by: keep-last 10, keep-within 30d`. */
function unkeptRule(policy: PrunePolicy): string {
  const { keep_last, keep_within_seconds: within, keep_listed = [], keep_steps = [] } = policy;
  const rules = [
    ["keep-last", keep_last],
    ["keep-within", within === undefined ? undefined : duration(within)],
    ["keep-daily", policy.keep_daily],
    ["keep-weekly", policy.keep_weekly],
    ["keep-monthly", policy.keep_monthly],
    ...keep_steps.map(({ every_seconds, for_seconds }) => [
      "one each",
      `${duration(every_seconds)} for ${duration(for_seconds)}`,
    ]),
    ["keep-listed", keep_listed.length === 0 ? undefined : `(${keep_listed.length})`],
  ];
  const given = rules.filter(([, value]) => value !== undefined).map((rule) => rule.join(" "));
  return `not kept by: ${given.join(", ")}`;
}

function hasDropRule({ older_than_seconds, max_size_bytes, max_runs }: PrunePolicy): boolean {
  return [older_than_seconds, max_size_bytes, max_runs].some((rule) => rule !== undefined);
}

function groupOf(run: PruneCandidate, groupBy: readonly GroupBy[]): string {
  const { repository: repo, platform, workflow = "" } = run;
  const values = { repo, platform, workflow };
  return JSON.stringify(GROUP_BY.filter((name) => groupBy.includes(name)).map((n) => values[n]));
}

function ageOf({ updated_at }: PruneCandidate, now: Date): number {
  return (now.getTime() - updated_at.getTime()) / 1000;
}

/** `30d`, `12h`, `90m`, `5s`: the largest unit that divides it. */
function duration(seconds: number): string {
  const units = [["d", 86_400], ["h", 3600], ["m", 60]] as const;
  const [unit, size] = units.find(([, size]) => seconds % size === 0 && seconds > 0) ?? ["s", 1];
  return `${seconds / size}${unit}`;
}
