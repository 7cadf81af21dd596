/**
 * The watchdog over a request: it stops one on which nothing moves any more.
 *
 * @module
 */

/** Why a request was stopped by its watchdog. */
export class StalledError extends Error {
  /**
   * Creates the reason.
   *
   * @param ms For how long nothing moved.
   */
  constructor(ms: number) {
    super(`no data for ${Math.round(ms / 1000)} s`);
    this.name = "StalledError";
  }
}

/**
 * How many bytes a second have to come, as a mean over the limit: a server that sends one now and
 * then would hold a request for ever. On the slowest of lines each of many requests has more.
 */
export const LEAST_RATE = 32;

/**
 * Aborts its signal when the caller's signal does, or when nobody has called
 * {@linkcode Watchdog.touch} for a time. To be disposed of.
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
   * @param limit How long nothing may move, in milliseconds.
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
   * Says that something moved.
   *
   * @param more For how many more times of the limit nothing has to move next.
   */
  touch(more: number = 0): void {
    this.#last = Date.now() + more * this.#limit;
    this.#bytes = 0;
  }

  /**
   * Says that bytes have come. Few of them alone are no sign of life.
   *
   * @param count How many.
   */
  moved(count: number): void {
    this.#bytes += count;
    if (this.#bytes >= this.#limit / 1000 * LEAST_RATE) this.touch();
  }

  /** Stops watching for a while: it is the reader who takes its time, not the server. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#awake = Date.now() - this.#last;
  }

  /** Watches again after {@linkcode Watchdog.rest}. */
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

  /** One timer for all touches: it looks at the clock when it fires, and goes on if need be. */
  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#last + this.#limit - Date.now();
      if (left > 0) this.#arm(left);
      else this.#controller.abort(new StalledError(this.#limit));
    }, ms);
  }
}
