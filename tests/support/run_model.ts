/**
 * What the runs in one place are, said a second time and more simply: for tests of random histories.
 *
 * @module
 */

import { parseRunKey } from "../../src/runs/retention/run_key.ts";

/** What can be seen of a run. */
export interface ModelView {
  readonly completeness: string;
  readonly groups: readonly string[];
  readonly uploading: readonly string[];
  readonly missing: number;
}

/** A run. */
export class ModelRun {
  readonly files = new Set<string>();
  readonly parts = new Map<string, readonly string[]>();
  readonly marked = new Set<string>();
  expected: readonly string[] = [];
  /** When its pin ends, in milliseconds; `Infinity`: never. */
  pinnedUntil?: number;
  /** What its summary says, as long as that is believed. */
  stored?: ModelView;

  /** What a reader sees; `undefined`, if the run does not exist. */
  view(): ModelView | undefined {
    // Without a part, nothing but a listing shows that the summary is still true.
    return (this.parts.size === 0 ? undefined : this.stored) ?? this.derive();
  }

  /** What is so now. */
  derive(): ModelView | undefined {
    const inputs = this.parts.size + this.marked.size + this.expected.length;
    if (this.files.size + inputs === 0) return undefined;
    const listed = new Set([...this.parts.values()].flat());
    const missing = [...listed].filter((path) => !this.files.has(path)).length;
    const isAbsent = [...this.expected, ...this.marked].some((part) => !this.parts.has(part));
    const groups = [...this.files].flatMap((path) => /^logs\/([^/]+)\//.exec(path)?.[1] ?? []);
    return {
      completeness: isAbsent || missing > 0
        ? "incomplete"
        : this.expected.length > 0
        ? "complete"
        : "unproven",
      groups: [...new Set(groups)].sort(),
      uploading: [...this.marked].sort(),
      missing,
    };
  }
}

/** Which runs are wanted. */
export interface ModelFilter {
  readonly platform?: string;
  readonly group?: string;
  readonly completeness?: string;
  readonly pinned?: boolean;
}

/** All runs in one place. */
export class ModelRuns {
  readonly runs = new Map<string, ModelRun>();
  /** The current time, in milliseconds. */
  now = new Date("2026-11-30T00:00:00Z").getTime();

  /** A run, which comes into being if it does not exist. */
  run(key: string): ModelRun {
    const run = this.runs.get(key) ?? new ModelRun();
    this.runs.set(key, run);
    return run;
  }

  /** The keys of the runs that match, the newest first. */
  list({ platform, group, completeness, pinned }: ModelFilter = {}): string[] {
    return [...this.runs.keys()].filter((key) => {
      const run = this.runs.get(key)!;
      const view = run.view();
      return view !== undefined &&
        (platform === undefined || key.endsWith(`-${platform}`)) &&
        (group === undefined || view.groups.includes(group)) &&
        (completeness === undefined || view.completeness === completeness) &&
        (pinned === undefined || (run.pinnedUntil ?? 0) > this.now === pinned);
    }).sort(byAge);
  }

  /** The latest run, and those that are passed over. */
  latest(
    filter: ModelFilter,
    { after, allowIncomplete }: { readonly after?: string; readonly allowIncomplete?: boolean },
  ): { readonly key?: string; readonly passedOver: readonly string[] } {
    const newer = this.list(filter).filter((key) =>
      after === undefined || compareIds(parseRunKey(key).runId, after) < 0
    );
    const at = newer.findIndex((key) =>
      allowIncomplete || this.runs.get(key)!.view()!.completeness !== "incomplete"
    );
    return at < 0 ? { passedOver: newer } : { key: newer[at], passedOver: newer.slice(0, at) };
  }
}

/** The order of keys: newest first, then the repository, then the platform. */
export function byAge(a: string, b: string): number {
  const [first, second] = [parseRunKey(a), parseRunKey(b)];
  return compareIds(first.runId, second.runId) ||
    compare(first.externalRepo, second.externalRepo) || compare(first.platform, second.platform);
}

function compareIds(a: string, b: string): number {
  const [first, second] = [a, b].map((id) => /^[1-9][0-9]*$/.test(id) ? BigInt(id) : undefined);
  if (first !== undefined && second !== undefined) return compare(second, first);
  if (first !== undefined) return -1;
  return second !== undefined ? 1 : compare(b, a);
}

function compare<T extends string | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
