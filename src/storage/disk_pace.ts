/**
 * Decides whether calls on a disk are made in place or in another thread.
 *
 * A read or write of a few hundred kilobytes in the system's memory takes less time than to hand it to
 * another thread and back. On a slow disk it would keep all connections waiting.
 *
 * @module
 */

/** A call that takes longer waits for a device, in milliseconds. */
const SLOW = 5;

/** How many calls are made in another thread after a slow one; twice as many after each further one. */
const ASIDE = 8;
const MOST_ASIDE = 1024;

/** The pace of one disk, or of all of them. */
export class DiskPace {
  readonly #now: () => number;
  #aside = 0;
  #next = ASIDE;

  /**
   * Begins with calls in place.
   *
   * @param now The clock, in milliseconds. Default: the system's.
   */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Makes a call.
   *
   * @param inPlace Makes it in place.
   * @param aside Makes it in another thread.
   * @returns What the call returns; await it.
   */
  call<T>(inPlace: () => T, aside: () => Promise<T>): T | Promise<T> {
    if (this.#aside > 0) {
      this.#aside--;
      return aside();
    }
    const began = this.#now();
    const result = inPlace();
    if (this.#now() - began <= SLOW) this.#next = ASIDE;
    else {
      this.#aside = this.#next;
      this.#next = Math.min(2 * this.#next, MOST_ASIDE);
    }
    return result;
  }
}

/** The pace of the files that this process reads. */
export const READING = new DiskPace();

/** The pace of the files that this process writes. */
export const WRITING = new DiskPace();
