/**
 * Deletes what killed processes have left.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import type { PruneLeftover } from "../../runs/retention/prune_plan.ts";
import type { CallOptions } from "../../storage/backend.ts";
import { failed, type PruneResult } from "./check.ts";
import { findLeftovers, uploadsOf, withLock } from "./leftovers.ts";
import type { PrunePlace } from "./place.ts";

/**
 * Deletes leftovers that a plan lists, if they are found again as they were. Others, such as those in
 * runs that were deleted, have no result.
 *
 * @param place The runs.
 * @param leftovers The leftovers.
 * @param options A signal.
 * @returns The result of each.
 */
export async function deleteLeftovers(
  place: PrunePlace,
  leftovers: readonly PruneLeftover[],
  { signal }: CallOptions,
): Promise<PruneResult[]> {
  if (leftovers.length === 0) return [];
  const { index } = place;
  const wanted = new Set(leftovers.map((one) => JSON.stringify(identityOf(one))));
  const { old } = await findLeftovers(place, await index.enumerate({ signal }), { signal });
  const found = old.filter((one) => wanted.has(JSON.stringify(identityOf(one))));
  const results: PruneResult[] = [];
  // A journal says what its part is: in the order of names, it goes last.
  for (const { kind, path: key, bytes, since, upload_id: uploadId = "" } of found) {
    signal?.throwIfAborted();
    try {
      const initiated = new Date(since);
      const isDone = kind === "upload"
        ? await uploadsOf(place)?.abortStaleUpload({
          bucket: index.bucket,
          key,
          uploadId,
          initiated,
        })
        : await withLock(key, () => Deno.remove(key));
      results.push(
        isDone
          ? { key, bytes, outcome: "cleaned" }
          : { key, outcome: "failed", reason: "it is in use, or could not be deleted" },
      );
    } catch (error) {
      results.push({ key, ...failed(diskError("delete", key, error), signal) });
    }
  }
  return results;
}

function identityOf({ path, bytes, since, upload_id }: PruneLeftover) {
  return [path, bytes, since, upload_id];
}
