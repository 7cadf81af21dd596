/**
 * What is known of one retained run.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { deletingMark } from "../../runs/deleting.ts";
import { removedRecord } from "../../runs/removed.ts";
import { pinNameOf } from "../../runs/retention/pin.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { RunFacts } from "../../runs/retention/summary.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { deriveRun } from "./derive.ts";
import type { RunDetailsCache } from "./details_cache.ts";
import { pinAt, readPins, type RunPin } from "./pins.ts";
import { checkSummary, readSummary, type SummaryStatus } from "./summary_file.ts";

/** A retained run. */
export interface RetainedRun extends RunFacts {
  /** The run's key, see `formatRunKey`. */
  readonly key: string;
  /** The run's id. */
  readonly run_id: string;
  /** The system the run builds for. */
  readonly platform: RunOutputRoot["platform"];
  /** `""`, or `{owner}-{repo}/`. */
  readonly external_repo: string;
  /** Its pins, in the order of their names. */
  readonly pins: readonly RunPin[];
  /** Since when the run is being deleted, in ISO 8601. */
  readonly deleting?: { readonly since: string };
  /** Whether the stored summary was used. */
  readonly summary: SummaryStatus;
  /** Why nothing is known of the run but its name: it can't be read. */
  readonly unreadable?: string;
}

/** Options of {@linkcode describeRun}. */
export interface DescribeOptions extends CallOptions {
  /** The current time, which decides whether a pin has ended. */
  readonly now: Date;
  /** What was read before; what is read now is added. Default: everything is read. */
  readonly cache?: RunDetailsCache;
}

/**
 * Describes a run: by its summary, if that is current, else by its manifest and a listing of all of its
 * files. A current summary costs two requests, and one for each pin.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options The time, a signal.
 * @returns The run; `undefined`, if it has no files.
 */
export async function describeRun(
  backend: StorageBackend,
  root: RunOutputRoot,
  options: DescribeOptions,
): Promise<RetainedRun | undefined> {
  return (await inspectRun(backend, root, options))?.run;
}

/** A run, and the objects that decide what is said about it. */
export interface InspectedRun {
  /** The run. */
  readonly run: RetainedRun;
  /** The files of `manifests/outputs/`, and the pins, in the order of their keys. */
  readonly records: readonly ObjectInfo[];
}

/**
 * Describes a run, as {@linkcode describeRun}, and returns the objects of its records too.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options The time, a signal.
 * @returns The run; `undefined`, if it has no files.
 */
export async function inspectRun(
  backend: StorageBackend,
  root: RunOutputRoot,
  { now, cache, signal }: DescribeOptions,
): Promise<InspectedRun | undefined> {
  const cached = cache?.get(root);
  // At the same time: one round trip less for each run of a list.
  const [listed, summaryRead] = await Promise.allSettled([
    listRecords(backend, root, { signal }),
    readSummary(backend, root, { known: cached?.summary, signal }),
  ]);
  if (listed.status === "rejected") throw listed.reason;
  if (summaryRead.status === "rejected") throw summaryRead.reason;
  const { inputs, pinned, deleting } = listed.value;
  const read = summaryRead.value;
  const checked = checkSummary(root, read, inputs);
  let { summary } = checked;
  let known = checked.facts;
  if (known === undefined || checked.basis === "listing") {
    known = (await deriveRun(backend, root, inputs, { signal }))?.facts;
    if (checked.facts !== undefined && !isDeepStrictEqual(checked.facts, known)) {
      summary = { status: "stale", reason: "files have changed since it was written" };
    }
  }
  const facts = deleting === undefined
    ? known
    : { ...known ?? emptyRun(deleting), ...deletedFacts(deleting) };
  if (facts === undefined) return undefined;
  const pins = await readPins(backend, root, pinned, { known: cached?.pins, signal });
  cache?.set(root, read?.summary && { summary: read.summary, pins });
  const { externalRepo, runId, platform } = root;
  const run: RetainedRun = {
    key: formatRunKey(root),
    run_id: runId,
    platform,
    external_repo: externalRepo,
    ...facts,
    deleting,
    pins: [...pins.values()].map(({ value }) => pinAt(value, now)),
    summary,
  };
  // A prune writes the record of removed files itself, so it says nothing about changes.
  const removed = removedRecord(root);
  const own = inputs.filter(({ location }) => !location.equals(removed));
  return { run, records: [...own, ...pinned] };
}

/** What decides about a run, below `manifests/`. */
interface RunRecords {
  /** The files of `manifests/outputs/`, and the record of removed files. */
  readonly inputs: readonly ObjectInfo[];
  /** The pins. */
  readonly pinned: readonly ObjectInfo[];
  /** Since when the run is being deleted. */
  readonly deleting?: RetainedRun["deleting"];
}

/** Lists both directories at once; there is little else below `manifests/`. */
async function listRecords(
  backend: StorageBackend,
  root: RunOutputRoot,
  { signal }: CallOptions,
): Promise<RunRecords> {
  const inputs: ObjectInfo[] = [];
  const pinned: ObjectInfo[] = [];
  const [mark, removed] = [deletingMark(root), removedRecord(root)];
  let deleting: RetainedRun["deleting"];
  const outputs = root.outputsManifestDir();
  const retention = root.retentionDir();
  for await (const info of backend.list(root.manifestsDir(), { signal })) {
    const parent = info.location.parent;
    if (parent.equals(outputs) || info.location.equals(removed)) inputs.push(info);
    else if (info.location.equals(mark)) deleting = { since: info.modified.toISOString() };
    else if (parent.equals(retention) && pinNameOf(info.location.name) !== undefined) {
      pinned.push(info);
    }
  }
  return { inputs, pinned, deleting };
}

/**
 * What is said of a run that can't be read.
 *
 * @param root The run.
 * @param error Why.
 * @returns A run of which only the name is known.
 */
export function unreadableRun(
  root: RunOutputRoot,
  { message: reason }: RunOutputsError,
): RetainedRun {
  const { externalRepo, runId, platform } = root;
  const never = new Date(0).toISOString();
  return {
    key: formatRunKey(root),
    run_id: runId,
    platform,
    external_repo: externalRepo,
    ...emptyRun({ since: never }),
    incomplete_because: [`it can't be read: ${reason}`],
    artifact_manifest: { status: "broken", reason },
    pins: [],
    summary: { status: "absent" },
    unreadable: reason,
  };
}

/**
 * Whether an error can be that of one run, and others can be read nevertheless.
 *
 * @param error What was thrown.
 * @returns `false`, if all other runs would fail too.
 */
export function isOfOneRun(error: unknown): error is RunOutputsError {
  return error instanceof RunOutputsError && /^(?:integrity|failed|denied)$/.test(error.code);
}

/** What is said of a run that is being deleted, whatever is left of it. */
function deletedFacts({ since }: { readonly since: string }): Partial<RunFacts> {
  return {
    completeness: "incomplete",
    incomplete_because: [`'runs prune' has been deleting it since ${since}`],
  };
}

/** A run of which nothing is left but the mark. */
function emptyRun({ since }: { readonly since: string }): RunFacts {
  return {
    attempts: [],
    created_at: since,
    updated_at: since,
    completeness: "incomplete",
    artifact_manifest: { status: "unavailable", reason: "the run is being deleted" },
    files: 0,
    bytes: 0,
    kinds: {},
    groups: [],
    reports: [],
  };
}
