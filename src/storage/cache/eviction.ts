/**
 * What a cache removes to stay within its bound: the least recently used first, nothing that any
 * process uses.
 *
 * @module
 */

import type { CacheLayout, Stored } from "./layout.ts";
import { lockFile, removeLock, tryLockFile } from "../local/file_lock.ts";

/** After this long nobody comes back for what an attempt left. */
const ABANDONED_AFTER = 7 * 24 * 3600 * 1000;

/**
 * While less than this share of the free space was filled by us, the cache is not measured again:
 * so many processes may fill it at once before the bound is missed by a little.
 */
const SHARE = 8;

/** What {@linkcode shrink} has to know of a thing. */
export type Evictable = Pick<Stored, "size" | "usedAt">;

/** What {@linkcode shrink} did. */
export interface Shrunk<T> {
  /** What was removed, in this order. */
  readonly removed: readonly T[];
  /** How many bytes are left. */
  readonly left: number;
}

/**
 * Removes the least recently used things until the rest is within a bound.
 *
 * What is larger than the whole cache may be goes first. While it can't go it does not count:
 * everything else would have to go for its sake, and in vain.
 *
 * @param items What is there.
 * @param bound How many bytes may stay.
 * @param maxBytes How many bytes the cache may have.
 * @param remove Removes a thing; `false`, if it is in use.
 * @returns What was removed, and how much is left.
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

/** Keeps one cache within its bound, as far as this process adds to it. */
export class Evictor {
  readonly #layout: CacheLayout;
  readonly #maxBytes: number;
  /** How much may be added before the cache is measured again. */
  #credit = 0;
  /** More is there than should be: it was in use, or somebody else was at work on it. */
  #over = false;

  /**
   * An evictor.
   *
   * @param layout The cache.
   * @param maxBytes How many bytes it may have.
   */
  constructor(layout: CacheLayout, maxBytes: number) {
    this.#layout = layout;
    this.#maxBytes = maxBytes;
  }

  /** To be called after something was added. */
  async added(size: number): Promise<void> {
    this.#credit -= size;
    if (this.#credit < 0 || this.#over) await this.#run();
  }

  /** To be called after something is not used any more. */
  async released(size: number): Promise<void> {
    if (this.#over || size > this.#maxBytes) await this.#run();
  }

  /**
   * Makes room on a disk that is full.
   *
   * @param bytes How much is wanted; `Infinity` for all that can be had.
   * @param signal Stops the waiting for somebody else who does the same.
   * @returns How many bytes were removed.
   */
  async free(bytes: number, signal?: AbortSignal): Promise<number> {
    using _lock = await lockFile(this.#layout.evictionLock, { create: true, signal });
    const { stored } = await this.#layout.scan();
    const total = stored.reduce((sum, { size }) => sum + size, 0);
    const { removed } = await shrink(stored, total - bytes, Infinity, (item) => this.#remove(item));
    return removed.reduce((sum, { size }) => sum + size, 0);
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
 * Removes a content that nobody uses.
 *
 * @param layout The cache.
 * @param sha256 The content.
 * @returns `false`, if it is in use, or is not ours to remove.
 */
export async function removeEntry(layout: CacheLayout, sha256: string): Promise<boolean> {
  const path = layout.entry(sha256);
  try {
    using lock = await tryLockFile(path);
    if (lock === undefined) return false;
    await Deno.remove(path);
  } catch (error) {
    // What can't be opened can't be seen to be unused.
    if (!(error instanceof Deno.errors.NotFound)) return false;
  }
  await Deno.remove(layout.stamp(sha256)).catch(() => {/* none, or of no use any more */});
  return true;
}

/**
 * Removes what an attempt to make a content left.
 *
 * @param layout The cache.
 * @param sha256 The content.
 * @returns `false`, if somebody is making it, or it is not ours to remove.
 */
async function removeMaking(layout: CacheLayout, sha256: string): Promise<boolean> {
  const path = layout.makingLock(sha256);
  try {
    using lock = await tryLockFile(path, { create: true });
    if (lock === undefined) return false;
    await Deno.remove(layout.making(sha256), { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    await removeLock(path, lock);
    return true;
  } catch {
    return false;
  }
}
