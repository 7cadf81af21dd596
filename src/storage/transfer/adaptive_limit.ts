/**
 * A limit for concurrent requests that decreases when a server is overloaded.
 *
 * @module
 */

/** The number of successful requests, per allowed request, before one more is allowed. */
const GROW_AFTER = 4;

/**
 * Limits the number of concurrent calls. A complaint of the server halves the number, and
 * successful calls raise it one by one, like the window of TCP. Complaints about calls that began
 * before the last halving are ignored, because they are about the previous number.
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
   * @param max The maximum number of concurrent calls.
   */
  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  /** The present number of concurrent calls. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Runs a call when it is its turn.
   *
   * @param call The call. It gets a function to call when the server complains about too many
   * requests.
   * @param signal Aborts waiting; the caller must abort the call itself.
   * @returns What the call returns.
   * @throws Errors of the call, or the signal's reason.
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
