/**
 * The line to the server, which all requests share: its progress, and the bytes on their way.
 *
 * @module
 */

/** How much of a body may still be in the system's buffers after all of it was passed on. */
const BUFFERED = 4 * 1024 * 1024;

/** The time, and timers. */
export interface Clock {
  /** The time in milliseconds. */
  now(): number;
  /**
   * Does something later.
   *
   * @param ms When, in milliseconds from now.
   * @param act What to do.
   * @returns Cancels it.
   */
  after(ms: number, act: () => void): () => void;
}

const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** What all requests of a backend observe together. */
export class Line {
  /** The clock of the line's requests. */
  readonly clock: Clock;
  /** The number of requests in progress. */
  active = 0;
  #unanswered = 0;
  #share = 0;
  #last = -Infinity;

  /**
   * Creates a line that nothing was transferred on.
   *
   * @param clock The clock. Default: the system's.
   */
  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.clock = clock;
  }

  /** How many bytes were transferred so far per request in progress. */
  get share(): number {
    return this.#share;
  }

  /** How many bytes may be on their way without observable progress. */
  get unseen(): number {
    return Math.min(this.#unanswered, BUFFERED);
  }

  /**
   * Reports that a body will be sent.
   *
   * @param bytes Its size in bytes.
   */
  sending(bytes: number): void {
    this.#unanswered += bytes;
  }

  /**
   * Reports that the request with a body has ended.
   *
   * @param bytes Its size in bytes.
   */
  sent(bytes: number): void {
    this.#unanswered -= bytes;
  }

  /**
   * Reports transferred bytes.
   *
   * @param bytes Their number.
   */
  count(bytes: number): void {
    this.#share += bytes / Math.max(1, this.active);
  }

  /** Reports progress. */
  touch(): void {
    this.#last = this.clock.now();
  }

  /** The time since the last progress, in milliseconds. */
  get idle(): number {
    return this.clock.now() - this.#last;
  }
}
