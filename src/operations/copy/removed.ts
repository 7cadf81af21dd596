/**
 * What retention has removed from a run, in a copy of the run.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import {
  formatRemoved,
  type Removal,
  REMOVED_SCHEMA,
  type RemovedRecord,
  removedRecord,
} from "../../runs/removed.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { putContended } from "../manifest/put_contended.ts";
import { readRemoved } from "../manifest/removed_record.ts";
import type { CopyPlan, RunPlace } from "./plan.ts";

/** Who copies, and when. */
export interface CopyRemovedOptions {
  /** The copying program. */
  readonly tool: string;
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** Aborts the copy. */
  readonly signal?: AbortSignal;
}

/**
 * The record of a copy. What is not finished in the source is in the copy: the files are not copied.
 *
 * @param plan The copy; it has removed files.
 * @param options The program.
 * @param existing The record at the destination.
 * @returns Both records together; the existing one, if that has all.
 */
export function copiedRecord(
  { manifest }: CopyPlan,
  { tool, now = () => new Date() }: CopyRemovedOptions,
  existing?: RemovedRecord,
): RemovedRecord {
  const known = existing?.removals ?? [];
  const without = ({ finished_at: _, ...removal }: Removal) => removal;
  const more = manifest.removed!.record.removals
    .filter((one) => !known.some((other) => isDeepStrictEqual(without(one), without(other))))
    .map((one) => ({ finished_at: now().toISOString(), ...one }));
  if (existing !== undefined && more.length === 0) return existing;
  return { schema: REMOVED_SCHEMA, tool, removals: [...known, ...more] };
}

/**
 * Writes the record of removed files to the destination, before the parts that list them.
 *
 * @param plan The copy.
 * @param to The destination.
 * @param options The program; a signal.
 * @returns The result; none, if nothing was removed.
 */
export async function copyRemoved(
  plan: CopyPlan,
  { backend, root }: RunPlace,
  options: CopyRemovedOptions,
): Promise<TransferResult[]> {
  if (plan.removed.length === 0) return [];
  const { signal } = options;
  const location = removedRecord(root);
  const path = "the record of removed files";
  return [
    await putContended(backend, { location, path, signal }, async () => {
      const there = await readRemoved(backend, root, { signal });
      const record = copiedRecord(plan, options, there?.content);
      if (there !== undefined && record === there.content) return { existing: there.info };
      return { existing: there?.info, source: bytesSource(formatRemoved(record)) };
    }),
  ];
}
