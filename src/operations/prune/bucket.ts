/**
 * Deletes a run from a bucket, or finishes that.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot, RunPrefix } from "../../layout/run_output_root.ts";
import { DELETING_SCHEMA, type DeletingMark, deletingMark } from "../../runs/deleting.ts";
import { pinNameOf } from "../../runs/retention/pin.ts";
import type {
  CallOptions,
  DeleteFailure,
  ObjectInfo,
  StorageBackend,
} from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import type { InspectedRun } from "../retained/describe.ts";
import { CHANGED, type CheckOptions, failed, type Outcome, unchanged } from "./check.ts";
import type { PrunePlace } from "./place.ts";
import { lookAt, readMark } from "./plan.ts";

/** What a run is checked against, and the program for the mark. */
export interface DeleteRunOptions extends CheckOptions {
  readonly tool: string;
}

/**
 * Deletes a run.
 *
 * @param place The runs.
 * @param run The run.
 * @param seen Its records, as they were in the plan.
 * @param options Its state in the plan; the program.
 * @returns What happened.
 */
export async function deleteInBucket(
  place: PrunePlace,
  run: RunPrefix,
  seen: Pick<InspectedRun, "records">,
  { tool, ...how }: DeleteRunOptions,
): Promise<Outcome> {
  const { index } = place;
  const { backend } = index;
  const { signal } = how;
  const root = index.root(run);
  const records = seen.records.map(({ location: { key }, etag }) => ({ key, etag }));
  // The summary can be derived again. So a role that may not delete is noticed before the mark, and
  // the check below looks at the files themselves.
  const denied = await backend.deleteAll([root.retentionSummary()], { signal });
  if (denied.length > 0) return { outcome: "failed", reason: describeFailures(denied) };
  const at = deletingMark(root);
  await backend.write(at, bytesSource(markText(tool, index.now(), records)), {
    ifAbsent: true,
    contentType: "application/json; charset=utf-8",
    signal,
  });
  // Who began to upload before the mark was there is noticed here.
  if (await unchanged(place, run, how) === undefined) {
    await backend.delete(at, { signal });
    return CHANGED;
  }
  const { reason, isWhole } = await deleteObjects(backend, root, records, { signal });
  if (reason === undefined) return { outcome: "deleted" };
  if (!isWhole) return { outcome: "failed", reason };
  await backend.delete(at, { signal });
  return CHANGED;
}

/**
 * Finishes a deletion that an earlier prune has begun.
 *
 * @param place The runs.
 * @param run The run.
 * @param options A signal.
 * @returns What happened; `undefined`, if the run has no mark.
 */
export async function finishRun(
  place: PrunePlace,
  run: RunPrefix,
  { signal }: CallOptions,
): Promise<Outcome | undefined> {
  const { backend } = place.index;
  const root = place.index.root(run);
  try {
    const seen = await lookAt(place.index, run, { signal });
    if (seen?.run?.deleting === undefined) return undefined;
    const mark = await readMark(place, run, seen, { signal });
    if (typeof mark === "string") return { outcome: "skipped", reason: mark };
    const { reason } = await deleteObjects(backend, root, mark.records, { signal });
    return reason === undefined ? { outcome: "finished" } : { outcome: "failed", reason };
  } catch (error) {
    return failed(error, signal);
  }
}

/**
 * Deletes the objects of a marked run: first the parts of its manifest, then all others, then the mark.
 *
 * @param records The parts, markers and pins that existed before the mark, if known.
 * @returns Why that failed, and whether nothing was deleted; then the mark stays.
 */
async function deleteObjects(
  backend: StorageBackend,
  root: RunOutputRoot,
  records: DeletingMark["records"],
  { signal }: CallOptions,
): Promise<{ readonly reason?: string; readonly isWhole?: boolean }> {
  const found = await Array.fromAsync(backend.list(root.root(), { signal }));
  // All times are from the same listing: the clock of the storage, with one precision.
  const at = deletingMark(root);
  const mark = found.find(({ location }) => location.equals(at));
  if (mark === undefined) return { reason: `'${at.key}' was deleted meanwhile` };
  const outputs = root.outputsManifestDir();
  const known = records && new Map(records.map(({ key, etag }) => [key, etag]));
  const newer = found.find((info) => isNewer(info, mark, root, known));
  if (newer !== undefined) return { reason: uploadedAfter(newer.location, root), isWhole: true };
  const locations = found.map(({ location }) => location)
    .filter((location) => !location.equals(at));
  const parts = locations.filter((location) => location.parent.equals(outputs));
  const others = locations.filter((location) => !location.parent.equals(outputs));
  for (const batch of [parts, others]) {
    const failures = await backend.deleteAll(batch, { signal });
    if (failures.length > 0) return { reason: describeFailures(failures) };
  }
  for await (const { location } of backend.list(root.root(), { signal })) {
    if (!location.equals(at)) return { reason: uploadedAfter(location, root) };
  }
  await backend.delete(at, { signal });
  return {};
}

/** Whether an object was written after the mark. If a part or a pin may have been, it was. */
function isNewer(
  { location, modified, etag }: ObjectInfo,
  mark: ObjectInfo,
  root: RunOutputRoot,
  known: ReadonlyMap<string, string> | undefined,
): boolean {
  if (isModifiedAfter(modified, mark.modified)) return true;
  const isRecord = location.parent.equals(root.outputsManifestDir()) ||
    (location.parent.equals(root.retentionDir()) && pinNameOf(location.name) !== undefined);
  if (!isRecord) return false;
  if (known !== undefined) return known.get(location.key) !== etag;
  const second = (time: Date) => Math.floor(time.getTime() / 1000);
  return second(modified) >= second(mark.modified);
}

function uploadedAfter(location: OutputLocation, root: RunOutputRoot): string {
  return `'${
    location.relativeTo(root.root())
  }' was uploaded after its deletion began; the run is ` +
    `not whole: delete '${deletingMark(root).key}' and upload it again to keep it`;
}

/**
 * Says what could not be deleted.
 *
 * @param failures At least one.
 * @returns The reason of the first, and how many more there are.
 */
export function describeFailures(failures: readonly DeleteFailure[]): string {
  const [{ error }] = failures;
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : "";
  return `${error.message}${more}`;
}

/** The mark, for a person who finds it. */
function markText(tool: string, now: Date, records: DeletingMark["records"]): string {
  const mark: DeletingMark = {
    schema: DELETING_SCHEMA,
    started_at: now.toISOString(),
    tool,
    records,
  };
  return `${JSON.stringify(mark, null, 2)}\n`;
}
