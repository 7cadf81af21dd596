/**
 * What a cache directory contains, and its deletion: all of it, what is old, or what is too much.
 * Other processes can use the cache meanwhile; what they use stays.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { totalSize } from "../../layout/total_size.ts";
import { tryLockFile } from "../local/file_lock.ts";
import { removeEntry, removeMaking, shrink } from "./eviction.ts";
import { CacheLayout, type Stored } from "./layout.ts";

/** Options of {@linkcode cleanCache}. */
export interface CleanCacheOptions {
  /** Only files last used before this time. Default: of any age. */
  readonly before?: Date;
  /** Only the least recently used, until the rest has at most this size in bytes. Default: 0. */
  readonly maxBytes?: number;
  /** Whether to change nothing. Default: `false`. */
  readonly dryRun?: boolean;
  /** Called for each directory that can't be listed. Default: it counts as empty. */
  readonly onFailure?: (error: Error) => void;
  /** Aborts before the next file. */
  readonly signal?: AbortSignal;
}

/** The result for a file. */
export interface CleanedFile extends Stored {
  /** `deleted` in a dry run too; `failed`: it can't be deleted. */
  readonly outcome: "deleted" | "in use" | "failed";
  /** Why it can't be deleted. */
  readonly error?: unknown;
}

/**
 * Lists what a cache contains.
 *
 * @param dir The cache directory. It need not exist.
 * @param onFailure Called for each directory that can't be listed. Default: it counts as empty.
 * @returns Its files, the most recently used first.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function cacheContents(
  dir: string,
  onFailure?: (error: Error) => void,
): Promise<Stored[]> {
  const listed = onFailure &&
    ((path: string, error: unknown) => onFailure(diskError("list", path, error)));
  try {
    const { stored } = await new CacheLayout(dir).scan(listed);
    return stored.sort((a, b) => b.usedAt - a.usedAt);
  } catch (error) {
    throw diskError("list the cache", dir, error);
  }
}

/**
 * Deletes files of a cache that no process uses. Nothing else in the directory is touched.
 *
 * @param dir The cache directory.
 * @param options Which files; a dry run.
 * @returns The chosen files, the least recently used first, each with its outcome.
 * @throws {RunOutputsError} Errors of the disk; the signal's reason.
 */
export async function cleanCache(
  dir: string,
  { before, maxBytes = 0, dryRun = false, onFailure, signal }: CleanCacheOptions = {},
): Promise<CleanedFile[]> {
  const layout = new CacheLayout(dir);
  const cleaned: CleanedFile[] = [];
  const remove = async (item: Stored) => {
    signal?.throwIfAborted();
    const result = await removed(layout, item, dryRun);
    cleaned.push({ ...item, ...result });
    return result.outcome === "deleted";
  };
  const all = (await cacheContents(dir, onFailure)).toReversed();
  if (before === undefined) await shrink(all, maxBytes, Infinity, remove);
  else {
    const isOld = ({ usedAt }: Stored) => usedAt < before.getTime();
    const young = all.filter((item) => !isOld(item));
    // Of the old ones, as many as are too much.
    await shrink(all.filter(isOld), maxBytes - totalSize(young), Infinity, remove);
  }
  return cleaned;
}

async function removed(
  layout: CacheLayout,
  { kind, sha256 }: Stored,
  dryRun: boolean,
): Promise<Pick<CleanedFile, "outcome" | "error">> {
  const remove = kind === "entry" ? removeEntry : removeMaking;
  let failure: unknown;
  if (!dryRun && await remove(layout, sha256, (error) => failure = error)) {
    return { outcome: "deleted" };
  }
  const path = kind === "entry" ? layout.entry(sha256) : layout.makingLock(sha256);
  try {
    using lock = await tryLockFile(path);
    if (lock === undefined) return { outcome: "in use" };
  } catch (error) {
    // Without a lock, nobody creates it.
    if (!(error instanceof Deno.errors.NotFound)) {
      return { outcome: "failed", error: failure ?? error };
    }
  }
  if (dryRun) return { outcome: "deleted" };
  // What was in use a moment ago, and is not any more, counts as in use.
  return failure === undefined ? { outcome: "in use" } : { outcome: "failed", error: failure };
}
