/**
 * A limit for a resource that is taken and returned: bytes in memory, concurrent streams.
 *
 * @module
 */

/** Permits, which are granted in the order of requests. */
export class Semaphore {
  readonly #total: number;
  #free: number;
  readonly #waiting: { readonly count: number; readonly grant: () => void }[] = [];

  /**
   * Creates a semaphore.
   *
   * @param total The number of permits.
   */
  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /**
   * Waits for permits. A request for more than all gets all of them, so that it runs alone instead
   * of never.
   *
   * @param count The number of permits.
   * @param signal Aborts waiting.
   * @returns A function that returns the permits; call it once.
   * @throws The signal's reason.
   */
  async acquire(count: number, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const wanted = Math.min(count, this.#total);
    if (this.#waiting.length === 0 && wanted <= this.#free) this.#free -= wanted;
    else await this.#wait(wanted, signal);
    return () => {
      this.#free += wanted;
      this.#serve();
    };
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
    while (this.#waiting.length > 0 && this.#waiting[0].count <= this.#free) {
      const { count, grant } = this.#waiting.shift()!;
      this.#free -= count;
      grant();
    }
  }
}
