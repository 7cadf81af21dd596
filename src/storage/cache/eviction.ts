/**
 * Keeps a cache within its maximum size: deletes the least recently used files first, and nothing
 * that a process uses.
 *
 * @module
 */

import { totalSize } from "../../layout/total_size.ts";
import type { CacheLayout, Stored } from "./layout.ts";
import { lockFile, type LockOptions, removeLock, tryLockFile } from "../local/file_lock.ts";

/** After this time, nobody continues an unfinished attempt. */
const ABANDONED_AFTER = 7 * 24 * 3600 * 1000;

/**
 * The cache is measured again after this share of the free space was filled by this process, so
 * that concurrent processes exceed the maximum only slightly.
 */
const SHARE = 8;

/** What {@linkcode shrink} needs to know of an item. */
export type Evictable = Pick<Stored, "size" | "usedAt">;

/** The result of {@linkcode shrink}. */
export interface Shrunk<T> {
  /** The deleted items, in order. */
  readonly removed: readonly T[];
  /** The remaining bytes. */
  readonly left: number;
}

/**
 * Deletes the least recently used items until the rest is within a limit.
 *
 * Items larger than the whole cache are deleted first. While one cannot be deleted, it does not
 * count, because otherwise all others would be deleted in vain.
 *
 * @param items The items.
 * @param bound The maximum number of bytes that may stay.
 * @param maxBytes The maximum size of the cache.
 * @param remove Deletes an item; `false`, if it is in use.
 * @returns The deleted items, and the remaining bytes.
 */
export async function shrink<T extends Evictable>(
  items: Iterable<T>,
  bound: number,
  maxBytes: number,
  remove: (item: T) => Promise<boolean>,
): Promise<Shrunk<T>> {
  const removed: T[] = [];
  const byAge = [...items].sort((a, b) => a.usedAt - b.usedAt);
  let counted = 0;
  let inUse = 0;
  for (const item of byAge) {
    if (item.size <= maxBytes) counted += item.size;
    else if (await remove(item)) removed.push(item);
    else inUse += item.size;
  }
  for (const item of byAge) {
    if (counted <= bound) break;
    if (item.size > maxBytes || !await remove(item)) continue;
    removed.push(item);
    counted -= item.size;
  }
  return { removed, left: counted + inUse };
}

/** Keeps a cache within its maximum size, as far as this process adds to it. */
export class Evictor {
  readonly #layout: CacheLayout;
  readonly #maxBytes: number;
  readonly #waiting: Pick<LockOptions, "onWait" | "patience" | "quiet">;
  /** How many bytes may be added before the cache is measured again. */
  #credit = 0;
  /** The cache is too large, because items were in use or another process was evicting. */
  #over = false;

  /**
   * Creates an evictor.
   *
   * @param layout The cache.
   * @param maxBytes The maximum size of the cache.
   * @param waiting How to wait for other processes that evict.
   */
  constructor(
    layout: CacheLayout,
    maxBytes: number,
    waiting: Pick<LockOptions, "onWait" | "patience" | "quiet">,
  ) {
    this.#layout = layout;
    this.#waiting = waiting;
    this.#maxBytes = maxBytes;
  }

  /** Call it after adding something. */
  async added(size: number): Promise<void> {
    this.#credit -= size;
    if (this.#credit < 0 || this.#over) await this.#run();
  }

  /** Call it when something is not used any more. */
  async released(size: number): Promise<void> {
    if (this.#over || size > this.#maxBytes) await this.#run();
  }

  /**
   * Frees space on a full disk.
   *
   * @param bytes The bytes needed; `Infinity` for as many as possible.
   * @param signal Aborts waiting for another process that does the same.
   * @returns The number of deleted bytes.
   * @throws {RunOutputsError} `conflict`, if another process evicts for too long.
   */
  async free(bytes: number, signal?: AbortSignal): Promise<number> {
    using _lock = await lockFile(this.#layout.evictionLock, {
      ...this.#waiting,
      create: true,
      signal,
    });
    const { stored } = await this.#layout.scan();
    const rest = totalSize(stored) - bytes;
    const { removed } = await shrink(stored, rest, Infinity, (item) => this.#remove(item));
    return totalSize(removed);
  }

  async #run(): Promise<void> {
    this.#over = true;
    using lock = await tryLockFile(this.#layout.evictionLock, { create: true });
    if (lock === undefined) return;
    const { stored, lone } = await this.#layout.scan();
    for (const sha256 of lone) await removeMaking(this.#layout, sha256);
    const old = Date.now() - ABANDONED_AFTER;
    const kept: Stored[] = [];
    for (const item of stored) {
      const abandoned = item.kind === "making" && item.usedAt < old;
      if (!abandoned || !await this.#remove(item)) kept.push(item);
    }
    const max = this.#maxBytes;
    const { left } = await shrink(kept, max, max, (item) => this.#remove(item));
    this.#over = left > max;
    this.#credit = Math.max(0, max - left) / SHARE;
  }

  async #remove({ kind, sha256 }: Stored): Promise<boolean> {
    return await (kind === "entry" ? removeEntry : removeMaking)(this.#layout, sha256);
  }
}

/**
 * Deletes a content that is not in use.
 *
 * @param layout The cache.
 * @param sha256 The content.
 * @param onFailure Receives the error, if it can't be deleted.
 * @returns `false`, if it is in use, or can't be deleted.
 */
export async function removeEntry(
  layout: CacheLayout,
  sha256: string,
  onFailure: (error: unknown) => void = () => {},
): Promise<boolean> {
  const path = layout.entry(sha256);
  try {
    using lock = await tryLockFile(path);
    if (lock === undefined) return false;
    await Deno.remove(path);
  } catch (error) {
    // If it cannot be opened, its lock cannot be checked.
    if (!(error instanceof Deno.errors.NotFound)) {
      onFailure(error);
      return false;
    }
  }
  await Deno.remove(layout.stamp(sha256)).catch(() => {/* none, or of no use any more */});
  return true;
}

/**
 * Deletes what an unfinished attempt to create a content left.
 *
 * @param layout The cache.
 * @param sha256 The content.
 * @param onFailure Receives the error, if it can't be deleted.
 * @returns `false`, if a process is creating it, or it can't be deleted.
 */
export async function removeMaking(
  layout: CacheLayout,
  sha256: string,
  onFailure: (error: unknown) => void = () => {},
): Promise<boolean> {
  const path = layout.makingLock(sha256);
  try {
    using lock = await tryLockFile(path, { create: true });
    if (lock === undefined) return false;
    for (const dir of await layout.makingsOf(sha256)) await Deno.remove(dir, { recursive: true });
    await removeLock(path, lock);
    return true;
  } catch (error) {
    onFailure(error);
    return false;
  }
}
