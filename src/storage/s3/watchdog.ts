/**
 * Aborts requests that make no progress.
 *
 * @module
 */

/** The reason of a request that was aborted by its watchdog. */
export class StalledError extends Error {
  /**
   * Creates the reason.
   *
   * @param ms The time without progress.
   */
  constructor(ms: number) {
    super(`no data for ${Math.round(ms / 1000)} s`);
    this.name = "StalledError";
  }
}

/**
 * The minimum rate in bytes per second, averaged over the time limit: otherwise a server that sends
 * a byte now and then could block a request forever. Even on the slowest lines, each of many
 * requests is faster.
 */
export const LEAST_RATE = 32;

/**
 * Aborts its signal when the caller's signal does, or when {@linkcode Watchdog.touch} was not
 * called for some time. Dispose of it.
 */
export class Watchdog implements Disposable {
  /** The signal for the request. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #forward: () => void;
  readonly #limit: number;
  #last = Date.now();
  #bytes = 0;
  #awake = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Starts watching.
   *
   * @param limit The maximum time without progress, in milliseconds.
   * @param outer The caller's signal.
   */
  constructor(limit: number, outer?: AbortSignal) {
    this.signal = this.#controller.signal;
    this.#limit = limit;
    this.#outer = outer;
    this.#forward = () => this.#controller.abort(outer?.reason);
    if (outer?.aborted) this.#forward();
    else outer?.addEventListener("abort", this.#forward, { once: true });
    this.#arm(limit);
  }

  /**
   * Reports progress.
   *
   * @param more How many more times the limit the next progress may take.
   */
  touch(more: number = 0): void {
    this.#last = Date.now() + more * this.#limit;
    this.#bytes = 0;
  }

  /**
   * Reports received bytes. Only enough of them count as progress.
   *
   * @param count The number of bytes.
   */
  moved(count: number): void {
    this.#bytes += count;
    if (this.#bytes >= this.#limit / 1000 * LEAST_RATE) this.touch();
  }

  /** Stops watching for a while, because the reader is slow and not the server. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#awake = Date.now() - this.#last;
  }

  /** Continues watching after {@linkcode Watchdog.rest}. */
  wake(): void {
    this.#last = Date.now() - this.#awake;
    if (this.#timer === undefined) this.#arm(Math.max(0, this.#limit - this.#awake));
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#outer?.removeEventListener("abort", this.#forward);
  }

  /** One timer for all touches: it checks the clock when it fires, and restarts if necessary. */
  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#last + this.#limit - Date.now();
      if (left > 0) this.#arm(left);
      else this.#controller.abort(new StalledError(this.#limit));
    }, ms);
  }
}
