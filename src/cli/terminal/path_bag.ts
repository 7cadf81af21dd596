/**
 * Which of many files have not come yet, in a fraction of the memory that their names take.
 *
 * @module
 */

import { digestOf } from "../../layout/path_digest.ts";

/** The maximum number of times that a path is counted. */
const MAX_COUNT = 0xffff;

/**
 * Paths that are put in and taken out, each as often as it was put in. A million take 12 MiB, outside
 * of the heap. Of a million other paths, some two hundred would be taken for one that is in: a digest
 * has 32 bits.
 */
export class PathBag {
  /** A table of digests; 0 is a free slot. Its length is a power of two. */
  #digests = new Uint32Array(1024);
  #counts = new Uint16Array(1024);
  #used = 0;
  #size = 0;

  /** How many paths are in. */
  get size(): number {
    return this.#size;
  }

  /**
   * Puts a path in.
   *
   * @param path The path. It may come several times.
   */
  add(path: string): void {
    const digest = wordOf(path);
    const at = this.#find(digest);
    if (this.#counts[at] === MAX_COUNT) return;
    this.#size++;
    this.#counts[at]++;
    if (this.#digests[at] !== 0) return;
    this.#digests[at] = digest;
    if (++this.#used * 4 > this.#digests.length * 3) this.#grow();
  }

  /**
   * Takes a path out.
   *
   * @param path The path.
   * @returns Whether it was in.
   */
  take(path: string): boolean {
    const at = this.#find(wordOf(path));
    if (this.#counts[at] === 0) return false;
    this.#counts[at]--;
    this.#size--;
    return true;
  }

  /** The slot of a digest, or the free slot for it. */
  #find(digest: number): number {
    const mask = this.#digests.length - 1;
    for (let at = digest & mask;; at = (at + 1) & mask) {
      if (this.#digests[at] === 0 || this.#digests[at] === digest) return at;
    }
  }

  #grow(): void {
    const [digests, counts] = [this.#digests, this.#counts];
    this.#digests = new Uint32Array(digests.length * 2);
    this.#counts = new Uint16Array(digests.length * 2);
    for (const [i, digest] of digests.entries()) {
      if (digest === 0) continue;
      const at = this.#find(digest);
      this.#digests[at] = digest;
      this.#counts[at] = counts[i];
    }
  }
}

/** A digest of a path that is not 0. */
function wordOf(path: string): number {
  return digestOf(path)[1];
}
