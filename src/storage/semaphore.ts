/**
 * A limit for a resource that is taken and returned: bytes in memory, concurrent streams.
 *
 * @module
 */

/** Permits, which are granted in the order of requests. */
export class Semaphore {
  readonly #total: () => number;
  #taken = 0;
  readonly #waiting: { readonly count: number; readonly grant: () => void }[] = [];

  /**
   * Creates a semaphore.
   *
   * @param total The number of permits; a function, if it changes. More are granted once permits are
   * returned.
   */
  constructor(total: number | (() => number)) {
    this.#total = typeof total === "number" ? () => total : total;
  }

  /**
   * Waits for permits. A request for more than all of them is granted when none is taken, so that it
   * runs alone instead of never.
   *
   * @param count The number of permits.
   * @param signal Aborts waiting.
   * @returns A function that returns the permits; call it once.
   * @throws The signal's reason.
   */
  async acquire(count: number, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#waiting.length === 0 && this.#hasRoom(count)) this.#taken += count;
    else await this.#wait(count, signal);
    return () => {
      this.#taken -= count;
      this.#serve();
    };
  }

  #hasRoom(count: number): boolean {
    return this.#taken === 0 || this.#taken + count <= this.#total();
  }

  #wait(count: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        count,
        grant: () => {
          signal?.removeEventListener("abort", stop);
          resolve();
        },
      };
      const stop = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal?.reason);
        // The next request may fit now.
        this.#serve();
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiting.push(entry);
    });
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#hasRoom(this.#waiting[0].count)) {
      const { count, grant } = this.#waiting.shift()!;
      this.#taken += count;
      grant();
    }
  }
}
