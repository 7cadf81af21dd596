/**
 * A bound on something that is used up and given back: bytes in memory, streams under way.
 *
 * @module
 */

/** A number of permits, handed out in the order in which they were asked for. */
export class Semaphore {
  readonly #total: number;
  #free: number;
  readonly #waiting: { readonly count: number; readonly grant: () => void }[] = [];

  /**
   * Creates a semaphore.
   *
   * @param total How many permits there are.
   */
  constructor(total: number) {
    this.#total = total;
    this.#free = total;
  }

  /**
   * Waits for permits. Who asks for more than there are gets all of them, so that a request
   * above the bound is served alone rather than never.
   *
   * @param count How many.
   * @param signal Stops the waiting.
   * @returns Gives the permits back; to be called once.
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
        // Whoever stood behind may fit now.
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
