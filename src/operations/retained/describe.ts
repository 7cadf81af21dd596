/**
 * What is known of one retained run.
 *
 * @module
 */

import pMap from "p-map";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { deletingMark } from "../../runs/deleting.ts";
import { isInForce, parsePin, type Pin, pinNameOf } from "../../runs/retention/pin.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { RunFacts } from "../../runs/retention/summary.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { deriveRun } from "./derive.ts";
import { readSmall } from "./read_small.ts";
import { readSummary, type SummaryStatus } from "./summary_file.ts";

/** A pin of a run. */
export interface RunPin extends Partial<Omit<Pin, "schema" | "name">> {
  /** Its name. */
  readonly name: string;
  /** Whether it has not ended. One that can't be read counts as in force. */
  readonly in_force: boolean;
  /** Why it can't be read. */
  readonly unreadable?: string;
}

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
}

/** Options of {@linkcode describeRun}. */
export interface DescribeOptions extends CallOptions {
  /** The current time, which decides whether a pin has ended. */
  readonly now: Date;
}

/** A pin can't be larger, in bytes. */
const MAX_PIN_BYTES = 64 * 1024;

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
  { now, signal }: DescribeOptions,
): Promise<InspectedRun | undefined> {
  const inputs: ObjectInfo[] = [];
  const pinned: ObjectInfo[] = [];
  const mark = deletingMark(root);
  let deleting: RetainedRun["deleting"];
  // One listing for both directories; there is little else below manifests/.
  const outputs = root.outputsManifestDir();
  const retention = root.retentionDir();
  for await (const info of backend.list(root.manifestsDir(), { signal })) {
    const parent = info.location.parent;
    if (parent.equals(outputs)) inputs.push(info);
    else if (info.location.equals(mark)) deleting = { since: info.modified.toISOString() };
    else if (parent.equals(retention) && pinNameOf(info.location.name) !== undefined) {
      pinned.push(info);
    }
  }
  const { summary, facts: stored } = await readSummary(backend, root, inputs, { signal });
  const known = stored ?? (await deriveRun(backend, root, inputs, { signal }))?.facts;
  const facts = deleting === undefined
    ? known
    : { ...known ?? emptyRun(deleting), ...deletedFacts(deleting) };
  if (facts === undefined) return undefined;
  const { externalRepo, runId, platform } = root;
  const run: RetainedRun = {
    key: formatRunKey(root),
    run_id: runId,
    platform,
    external_repo: externalRepo,
    ...facts,
    deleting,
    pins: (await pMap(pinned, (info) => readPin(backend, root, info, { now, signal }), {
      concurrency: 8,
    })).filter((pin) => pin !== undefined),
    summary,
  };
  return { run, records: [...inputs, ...pinned] };
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

async function readPin(
  backend: StorageBackend,
  root: RunOutputRoot,
  { location }: ObjectInfo,
  { now, signal }: DescribeOptions,
): Promise<RunPin | undefined> {
  const name = pinNameOf(location.name)!;
  const read = await readSmall(backend, location, MAX_PIN_BYTES, { signal });
  if (read === undefined) return undefined;
  try {
    if (read.text === undefined) throw new RunOutputsError("integrity", "it is too large");
    const { reason, by, created_at, until } = parsePin(
      read.text,
      location.relativeTo(root.root())!,
    );
    return { name, reason, by, created_at, until, in_force: isInForce({ until }, now) };
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    return { name, in_force: true, unreadable: error.message };
  }
}
