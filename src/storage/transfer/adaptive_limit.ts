/**
 * A bound on requests under way that a server's complaints make smaller.
 *
 * @module
 */

/** How many requests have to go well, per request allowed, before one more is allowed. */
const GROW_AFTER = 4;

/**
 * Lets a number of calls run at once. A complaint halves the number, calls that go well bring it
 * back one by one, as TCP does with its window. Complaints about calls that began before the last
 * halving say nothing new: they are about the number that was then.
 */
export class AdaptiveLimit {
  readonly #max: number;
  #limit: number;
  #running = 0;
  #good = 0;
  #halvings = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * Creates a limit.
   *
   * @param max How many calls may run at once when all is well.
   */
  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  /** How many calls may run at once now. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Runs a call once it is its turn.
   *
   * @param call The call. It is given a function to be called when the server says that it is
   * asked too much.
   * @param signal Stops the waiting; the call itself is the caller's to stop.
   * @returns What the call returns.
   * @throws What the call throws, or the signal's reason.
   */
  async run<T>(call: (slowDown: () => void) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#running >= this.#limit || this.#waiting.length > 0) await this.#wait(signal);
    else this.#running++;
    const began = this.#halvings;
    try {
      const result = await call(() => {
        if (began === this.#halvings) this.#halve();
      });
      if (this.#limit < this.#max && ++this.#good >= this.#limit * GROW_AFTER) {
        this.#good = 0;
        this.#limit++;
      }
      return result;
    } finally {
      this.#running--;
      this.#serve();
    }
  }

  #halve(): void {
    this.#halvings++;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#good = 0;
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const grant = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const stop = () => {
        this.#waiting.splice(this.#waiting.indexOf(grant), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiting.push(grant);
    });
  }

  #serve(): void {
    while (this.#waiting.length > 0 && this.#running < this.#limit) {
      this.#running++;
      this.#waiting.shift()!();
    }
  }
}
