/**
 * The sizes of many files by path, in a fraction of the memory that the names take.
 *
 * @module
 */

import { type Digest, digestOf } from "../../layout/path_digest.ts";

/** Words of a slot: two of the path's digest, the number of files with this path, their size. */
const WORDS = 4;

/** The maximum size of a file, in bytes. */
export const MAX_KNOWN_SIZE = 2 ** 32 - 1;

/**
 * Sizes by path, as a list that is taken from. A million files take 32 MiB, outside of the heap. Two
 * paths with the same digest of 64 bits are next to impossible, and would count as one.
 */
export class PathSizes {
  #slots = new Uint32Array(1024 * WORDS);
  #used = 0;

  /**
   * Adds a file.
   *
   * @param path Its path. It may come several times.
   * @param size Its size in bytes, a whole number up to {@linkcode MAX_KNOWN_SIZE}.
   */
  add(path: string, size: number): void {
    const digest = digestOf(path);
    const at = this.#find(digest);
    if (this.#slots[at + 1] === 0) this.#used++;
    [this.#slots[at], this.#slots[at + 1]] = digest;
    this.#slots[at + 2]++;
    this.#slots[at + 3] = size;
    if (this.#used * WORDS * 4 > this.#slots.length * 3) this.#grow();
  }

  /**
   * Takes a file out.
   *
   * @param path Its path.
   * @returns Its size; `undefined`, if none is left.
   */
  take(path: string): number | undefined {
    const at = this.#find(digestOf(path));
    if (this.#slots[at + 2] === 0) return undefined;
    this.#slots[at + 2]--;
    return this.#slots[at + 3];
  }

  /** The slot of a digest, or the free slot for it. The second word of a digest is not 0. */
  #find([high, low]: Digest): number {
    const slots = this.#slots;
    const mask = slots.length / WORDS - 1;
    for (let slot = high & mask;; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (slots[at + 1] === 0 || (slots[at] === high && slots[at + 1] === low)) return at;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 1] === 0) continue;
      this.#slots.set(old.subarray(at, at + WORDS), this.#find([old[at], old[at + 1]]));
    }
  }
}
