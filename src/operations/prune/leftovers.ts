/**
 * What killed processes have left in the place of a prune: unfinished multipart uploads in a bucket,
 * unfinished downloads and temporary files in a staging directory.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import type { PruneLeftover } from "../../runs/retention/prune_plan.ts";
import { tryParseKeyInRun } from "../../runs/retention/run_key.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { isTemporary } from "../../storage/local/atomic_file.ts";
import { isUnfinished } from "../../storage/local/download_part.ts";
import { tryLockFile } from "../../storage/local/file_lock.ts";
import { directoryOf, type PrunePlace, type StaleUploads } from "./place.ts";

/** Younger leftovers may be in use on another machine, in milliseconds. */
const MIN_AGE = 86_400_000;

/** Leftovers, and those that stay because they are young or in use. */
export interface FoundLeftovers {
  /** What a prune deletes. */
  readonly old: readonly PruneLeftover[];
  /** The size of the others. */
  readonly youngBytes: number;
}

/**
 * Looks for leftovers in the runs of a place.
 *
 * @param place The runs.
 * @param runs The runs.
 * @param options A signal.
 * @returns The leftovers, in the order of their keys.
 * @throws {RunOutputsError} What the storage says.
 */
export async function findLeftovers(
  place: PrunePlace,
  runs: readonly RunPrefix[],
  { signal }: CallOptions = {},
): Promise<FoundLeftovers> {
  const all: { readonly one: PruneLeftover; readonly isActive: boolean }[] = [];
  if (place.directory !== undefined) {
    for (const run of runs) {
      await walk(directoryOf(place.index, run, place.directory), all, signal);
    }
  } else {
    const top = new OutputLocation(place.index.bucket, "");
    const uploads = uploadsOf(place);
    for await (const upload of uploads?.listStaleUploads(top, { signal }) ?? []) {
      if (!isInRun(upload.key)) continue;
      const details = await uploads!.describeStaleUpload(upload, { signal });
      if (details === undefined) continue;
      const one: PruneLeftover = {
        kind: "upload",
        path: upload.key,
        bytes: details.bytes,
        since: upload.initiated.toISOString(),
        upload_id: upload.uploadId,
      };
      all.push({ one, isActive: details.state === "active" });
    }
  }
  const limit = place.index.now().getTime() - MIN_AGE;
  const isOld = ({ one, isActive }: typeof all[number]) =>
    !isActive && new Date(one.since).getTime() < limit;
  return {
    old: all.filter(isOld).map(({ one }) => one),
    youngBytes: all.filter((each) => !isOld(each)).reduce((sum, { one }) => sum + one.bytes, 0),
  };
}

/** Whether a key is in a run. Uploads elsewhere are not ours. */
function isInRun(key: string): boolean {
  return (tryParseKeyInRun(key)?.path ?? "") !== "";
}

/** Finds the leftovers below a directory, and whether a living process has them. */
async function walk(
  dir: string,
  all: { readonly one: PruneLeftover; readonly isActive: boolean }[],
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(dir));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    // A run that can't be read is kept, and reported.
    if (error instanceof Deno.errors.PermissionDenied) return;
    throw diskError("list", dir, error);
  }
  for (const { name, isDirectory, isFile } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = join(dir, name);
    if (isDirectory) await walk(path, all, signal);
    if (!isFile) continue;
    const isDownload = /\.part(?:\.journal)?$/.test(name) && await isUnfinished(path);
    if (!isDownload && !isTemporary(name)) continue;
    const stat = await Deno.lstat(path).catch(() => undefined);
    if (stat === undefined) continue;
    const one: PruneLeftover = {
      kind: isDownload ? "download" : "temporary",
      path,
      bytes: stat.size,
      since: (stat.mtime ?? new Date()).toISOString(),
    };
    all.push({ one, isActive: await withLock(path, () => Promise.resolve()) === undefined });
  }
}

/**
 * Does something with a leftover that no process has locked.
 *
 * @param path The file.
 * @param use Does it.
 * @returns `undefined`, if a process has locked it, or its journal.
 */
export async function withLock(path: string, use: () => Promise<void>): Promise<true | undefined> {
  // A download in progress locks its journal.
  const name = path.endsWith(".part") ? `${path}.journal` : path;
  using held = await tryLockFile(name).catch(() => undefined);
  if (held === undefined) return undefined;
  await use();
  return true;
}

/**
 * The multipart uploads of a place, if it is in S3.
 *
 * @param place The runs.
 * @returns Its methods for them; `undefined`, if it has none.
 */
export function uploadsOf({ uploads, index: { backend } }: PrunePlace): StaleUploads | undefined {
  if (uploads !== undefined) return uploads;
  return "listStaleUploads" in backend ? backend as StorageBackend & StaleUploads : undefined;
}
