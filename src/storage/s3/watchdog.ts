/**
 * Aborts requests that make no progress.
 *
 * @module
 */

import { Line } from "./line.ts";

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

/** How many bytes of a request may be on their way without observable progress at any time. */
const PIECE = 256 * 1024;

/** A request may wait for the time limit once more for each this many bytes on their way. */
const PER_LIMIT = 1024 * 1024;

/**
 * If a request made no progress while its share of the line was this many times what it waits for,
 * the request is dead and the line is not slow. If a line transfers whole bodies one after the other,
 * the last of 64 misses less than 5 shares.
 */
const SHARES = 8;

/** How many more times the limit a request may wait while others make progress. */
const MOST_SPARED = 4;

/**
 * Aborts its signal when the caller's signal does, or when the request is stalled. Dispose of it.
 *
 * A request is stalled if it made no progress for the time limit, plus the time for the bytes on
 * their way, unless the line is slow: other requests make progress, and the share of this request is
 * small.
 */
export class Watchdog implements Disposable {
  /** The signal for the request. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #forward: () => void;
  readonly #limit: number;
  readonly #line: Line;
  #last: number;
  /** The share of each request at that time. */
  #before: number;
  #unseen = 0;
  #quiet = 0;
  #bytes = 0;
  #awake = 0;
  #resting = false;
  #disarm: (() => void) | undefined;
  #ended = false;

  /**
   * Starts watching.
   *
   * @param limit The maximum time without progress, in milliseconds.
   * @param outer The caller's signal.
   * @param line The line, shared with other requests. Default: one without others.
   */
  constructor(limit: number, outer?: AbortSignal, line: Line = new Line()) {
    this.signal = this.#controller.signal;
    this.#limit = limit;
    this.#outer = outer;
    this.#line = line;
    this.#last = line.clock.now();
    this.#before = line.share;
    line.active++;
    this.#forward = () => this.#controller.abort(outer?.reason);
    if (outer?.aborted) this.#forward();
    else outer?.addEventListener("abort", this.#forward, { once: true });
    this.#arm(limit);
  }

  /** The longest time without progress so far, in milliseconds. */
  get quiet(): number {
    return this.#quiet;
  }

  /** Reports progress of the request and of the line. */
  touch(): void {
    this.handed(0);
    this.#line.touch();
  }

  /**
   * Reports that bytes were passed to the system, which does not mean that the line makes progress.
   *
   * @param unseen How many bytes are now on their way without observable progress.
   */
  handed(unseen: number): void {
    const now = this.#line.clock.now();
    this.#quiet = Math.max(this.#quiet, now - this.#last);
    this.#last = now;
    this.#before = this.#line.share;
    this.#unseen = unseen;
    this.#bytes = 0;
  }

  /**
   * Reports received bytes. Only enough of them count as progress.
   *
   * @param count The number of bytes.
   */
  moved(count: number): void {
    this.#line.count(count);
    this.#bytes += count;
    if (this.#bytes >= this.#limit / 1000 * LEAST_RATE) this.touch();
  }

  /** Stops watching for a while, because the reader is slow and not the server. */
  rest(): void {
    if (this.#resting) return;
    this.#resting = true;
    this.#awake = this.#line.clock.now() - this.#last;
  }

  /** Continues watching after {@linkcode Watchdog.rest}. */
  wake(): void {
    this.#resting = false;
    this.#last = this.#line.clock.now() - this.#awake;
    if (this.#disarm === undefined && !this.#ended) this.#arm(Math.max(0, this.#left()));
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#line.active--;
    this.#disarm?.();
    this.#disarm = undefined;
    this.#outer?.removeEventListener("abort", this.#forward);
  }

  /** One timer for all touches: it checks the clock when it fires, and restarts if necessary. */
  #arm(ms: number): void {
    this.#disarm = this.#line.clock.after(ms, () => {
      this.#disarm = undefined;
      // There is nothing to watch until it wakes up; to stop the timer at each rest costs more.
      if (this.#resting) return;
      const left = this.#left();
      if (left > 0) this.#arm(left);
      else this.#controller.abort(new StalledError(this.#line.clock.now() - this.#last));
    });
  }

  /** The time until the next check in milliseconds; 0 or less if the request is stalled. */
  #left(): number {
    const left = this.#last + this.#limit * (1 + this.#unseen / PER_LIMIT) - this.#line.clock.now();
    if (left > 0) return left;
    const { idle, share } = this.#line;
    if (share - this.#before >= SHARES * Math.max(PIECE, this.#unseen)) return 0;
    const spared = left + MOST_SPARED * this.#limit;
    // The share has to be checked again soon: it can't be predicted.
    return Math.min(spared, this.#limit - idle, this.#limit / 4);
  }
}
