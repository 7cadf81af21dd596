/**
 * The hashes of many files by path, in a fraction of the memory that the names take.
 *
 * @module
 */

import { digestOf } from "../layout/path_digest.ts";

/** Words of a slot: two of the path's digest, two of the file's hash. */
const WORDS = 4;

/**
 * Hashes by path. 64 bits of each are kept: a collision is next to impossible, and costs only a
 * wrong guess. A million files take 32 to 64 MiB, outside of the heap.
 */
export class FileHashes {
  #slots = new Uint32Array(1024 * WORDS);
  #count = 0;

  /**
   * Adds a file.
   *
   * @param path Its path; each comes once.
   * @param sha256 Its SHA-256, 64 hex digits.
   */
  add(path: string, sha256: string): void {
    if (++this.#count * WORDS * 2 > this.#slots.length) this.#grow();
    this.#put(this.#slots, ...digestOf(path), ...hashOf(sha256));
  }

  /**
   * Whether a file is known with a different hash.
   *
   * @param path Its path.
   * @param sha256 The expected hash; `undefined`, if it is not known.
   * @returns `true`, if the hashes differ; `false` also for an unknown file.
   */
  differs(path: string, sha256: string | undefined): boolean {
    const [high, low] = digestOf(path);
    const at = find(this.#slots, high, low);
    if (isFree(this.#slots, at)) return false;
    if (sha256 === undefined) return true;
    const [first, second] = hashOf(sha256);
    return this.#slots[at + 2] !== first || this.#slots[at + 3] !== second;
  }

  #put(slots: Uint32Array, high: number, low: number, first: number, second: number): void {
    const at = find(slots, high, low);
    slots[at] = high;
    slots[at + 1] = low;
    slots[at + 2] = first;
    slots[at + 3] = second;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      if (!isFree(old, at)) this.#put(slots, old[at], old[at + 1], old[at + 2], old[at + 3]);
    }
    this.#slots = slots;
  }
}

/** The slot of a digest, or the free slot for it. */
function find(slots: Uint32Array, high: number, low: number): number {
  const mask = slots.length / WORDS - 1;
  for (let slot = high & mask;; slot = (slot + 1) & mask) {
    const at = slot * WORDS;
    if (isFree(slots, at) || (slots[at] === high && slots[at + 1] === low)) return at;
  }
}

/** No digest has a second word of 0. */
function isFree(slots: Uint32Array, at: number): boolean {
  return slots[at + 1] === 0;
}

function hashOf(sha256: string): [first: number, second: number] {
  return [parseInt(sha256.slice(0, 8), 16), parseInt(sha256.slice(8, 16), 16)];
}
