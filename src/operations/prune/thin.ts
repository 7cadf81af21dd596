/**
 * Deletes files of a run and leaves the rest, on a disk and in a bucket.
 *
 * The record of removed files is written first, then the files are deleted, then the record says that
 * this has ended. So at any moment a file that a part lists exists, or the record says why it does not,
 * and the next prune finishes what a killed one has begun.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot, RunPrefix } from "../../layout/run_output_root.ts";
import {
  formatRemoved,
  MAX_UNLISTED,
  type Removal,
  REMOVED_SCHEMA,
  removedRecord,
} from "../../runs/removed.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { contentType } from "../../storage/content_type.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import { isOwn, joinAll } from "../manifest/list_outputs.ts";
import { readOutputs } from "../manifest/read.ts";
import { readRemoved, type StoredRemoved } from "../manifest/removed_record.ts";
import { newerFile } from "../retained/newer_file.ts";
import { readSummary, writeSummary } from "../retained/summary_file.ts";
import { writeRunAbout } from "../index_pages/run_about.ts";
import { describeFailures } from "./bucket.ts";
import { CHANGED, type CheckOptions, failed, type Outcome, unchanged } from "./check.ts";
import { obstacleIn } from "./local_tree.ts";
import { directoryOf, type PrunePlace } from "./place.ts";
import { lookAt } from "./plan.ts";
import { removableFiles } from "./removable.ts";
import { settlePages } from "./thin_pages.ts";

/** What is deleted of a run, and what the run is checked against. */
export interface ThinOptions extends CheckOptions, Pick<Removal, "rule" | "kinds"> {
  /** The program, for the record. */
  readonly tool: string;
}

/** What happened to a run, and the size of the deleted files. */
export type ThinOutcome = Outcome & { readonly bytes?: number };

/**
 * Deletes files of a run.
 *
 * @param place The runs.
 * @param run The run.
 * @param options Which files; its state in the plan; the program.
 * @returns What happened.
 */
export async function thinRun(
  place: PrunePlace,
  run: RunPrefix,
  { tool, rule, kinds, ...how }: ThinOptions,
): Promise<ThinOutcome> {
  const { index } = place;
  const { backend } = index;
  const { signal, newest } = how;
  const root = index.root(run);
  try {
    const seen = await unchanged(place, run, how);
    if (seen === undefined || seen.run.deleting !== undefined) return CHANGED;
    const reason = await newerFile(index, run, newest, { signal }) ??
      await linkIn(place, run, { signal });
    if (reason !== undefined) return { outcome: "skipped", reason };
    const before = await readRemoved(backend, root, { signal });
    const begun = { at: index.now().toISOString(), rule, kinds };
    const removal = await describe(backend, root, begun, { signal });
    if (removal === undefined) {
      return { outcome: "skipped", reason: "it has no files that the policy deletes" };
    }
    // The summary can be derived again. So a role that may not delete is noticed before the record.
    const denied = await backend.deleteAll([root.retentionSummary()], { signal });
    if (denied.length > 0) return { outcome: "failed", reason: describeFailures(denied) };
    const earlier = before?.content.removals ?? [];
    await write(backend, root, { tool, removals: [...earlier, removal] }, before?.info, signal);
    // Who began to upload before the record was there is noticed here.
    const still = await unchanged(place, run, how);
    if (still === undefined || still.run.deleting !== undefined) {
      if (before === undefined) await backend.delete(removedRecord(root), { signal });
      else {
        const now = await readRemoved(backend, root, { signal });
        await write(backend, root, before.content, now?.info, signal);
      }
      return CHANGED;
    }
    return await carryOut(place, root, { tool, signal }, "thinned");
  } catch (error) {
    return failed(error, signal);
  }
}

/**
 * Finishes what {@linkcode thinRun} of an earlier prune has begun.
 *
 * @param place The runs.
 * @param run The run.
 * @param options The program; a signal.
 * @returns What happened; `undefined`, if nothing was begun.
 */
export async function finishThin(
  place: PrunePlace,
  run: RunPrefix,
  { tool, signal }: CallOptions & { readonly tool: string },
): Promise<ThinOutcome | undefined> {
  const { index } = place;
  try {
    const seen = (await lookAt(index, run, { signal }))?.run;
    if (!seen?.removed?.removals.some(({ unfinished }) => unfinished)) return undefined;
    const pin = seen.pins.find(({ in_force }) => in_force);
    const reason = pin === undefined
      ? await linkIn(place, run, { signal })
      : `it has the pin '${pin.name}'`;
    if (reason !== undefined) return { outcome: "skipped", reason };
    return await carryOut(place, index.root(run), { tool, signal }, "finished");
  } catch (error) {
    return failed(error, signal);
  }
}

/** Looks for links and other file systems in a run on a disk. */
async function linkIn(
  { index, directory }: PrunePlace,
  run: RunPrefix,
  { signal }: CallOptions,
): Promise<string | undefined> {
  if (directory === undefined) return undefined;
  return await obstacleIn(directoryOf(index, run, directory), { signal });
}

/** The removal, as the record says it; `undefined`, if there is nothing to delete. */
async function describe(
  backend: StorageBackend,
  root: RunOutputRoot,
  begun: Pick<Removal, "at" | "rule" | "kinds">,
  { signal }: CallOptions,
): Promise<Removal | undefined> {
  const manifest = await readOutputs(backend, root, { signal });
  const unlisted: { path: string; size: number }[] = [];
  let count = 0;
  const files = removableFiles(backend, root, manifest, begun, { signal });
  for await (const { path, info, isListed } of files) {
    count++;
    const kind = classify(path);
    if (isListed || kind === "checksum" || isOwn(kind)) continue;
    if (unlisted.length < MAX_UNLISTED) unlisted.push({ path, size: info.size });
  }
  if (count === 0) return undefined;
  const parts = [...manifest.times].map(([part, created_at]) => ({ part, created_at }));
  return { ...begun, parts, ...unlisted.length > 0 && { unlisted } };
}

/** Deletes the files of all unfinished removals in the record, and says that it has ended. */
async function carryOut(
  { index: { backend, now } }: PrunePlace,
  root: RunOutputRoot,
  { tool, signal }: CallOptions & { readonly tool: string },
  outcome: "thinned" | "finished",
): Promise<ThinOutcome> {
  const record = await readRemoved(backend, root, { signal });
  const open = record?.content.removals.filter(({ finished_at }) => finished_at === undefined);
  if (record === undefined || open === undefined || open.length === 0) return CHANGED;
  const { found, bytes } = await filesOf(backend, root, record, { signal });
  // A checksum file without its file would mean that one is missing.
  const isSidecar = ({ name }: OutputLocation) => name.endsWith(".sha256sum");
  const others = found.filter((location) => !isSidecar(location));
  for (const batch of [found.filter(isSidecar), others]) {
    const failures = await backend.deleteAll(batch, { signal });
    if (failures.length > 0) return { outcome: "failed", reason: describeFailures(failures) };
  }
  const reason = await settlePages(backend, root, { signal });
  if (reason !== undefined) return { outcome: "failed", reason };
  const finished_at = now().toISOString();
  const removals = record.content.removals.map((one) => ({ finished_at, ...one }));
  await write(backend, root, { tool, removals }, record.info, signal);
  const summary = await writeSummary(backend, root, { tool, signal });
  const facts = async () => (await readSummary(backend, root, { signal }))?.summary?.value;
  await writeRunAbout(backend, root, { facts, signal });
  if (summary?.outcome === "failed") {
    return { outcome: "failed", reason: summary.error!.message, bytes };
  }
  return { outcome, bytes };
}

/** The files that the unfinished removals delete. What was uploaded later stays. */
async function filesOf(
  backend: StorageBackend,
  root: RunOutputRoot,
  { info: { modified: begun } }: StoredRemoved,
  { signal }: CallOptions,
): Promise<{ readonly found: readonly OutputLocation[]; readonly bytes: number }> {
  const manifest = await readOutputs(backend, root, { signal });
  const { removed } = manifest;
  const open = removed?.record.removals.filter(({ finished_at }) => finished_at === undefined) ??
    [];
  const found: OutputLocation[] = [];
  let bytes = 0;
  const paths = joinAll(backend, root, manifest, { marked: true, signal });
  for await (const { path, listed, info } of paths) {
    if (info === undefined || isModifiedAfter(info.modified, begun)) continue;
    const parts = listed?.parts ?? [];
    if (!open.some((removal) => removed!.covers(removal, path, parts))) continue;
    found.push(info.location);
    bytes += info.size;
  }
  return { found, bytes };
}

async function write(
  backend: StorageBackend,
  root: RunOutputRoot,
  { tool, removals }: { readonly tool: string; readonly removals: readonly Removal[] },
  existing: ObjectInfo | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const at = removedRecord(root);
  const text = formatRemoved({ schema: REMOVED_SCHEMA, tool, removals });
  await backend.write(at, bytesSource(text), {
    ...existing === undefined ? { ifAbsent: true } : { ifMatch: existing.etag },
    contentType: contentType(at.key),
    signal,
  });
}
