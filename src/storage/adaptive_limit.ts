/**
 * A limit for concurrent calls, by their number and by their bytes on the line. It decreases when a
 * server is overloaded or the line is slow.
 *
 * @module
 */

import { LineWindow } from "./line_window.ts";
import type { StreamCount } from "./stream_count.ts";

/** The number of successful calls, per allowed call, before one more is allowed. */
const GROW_AFTER = 4;

/** The default of {@linkcode AdaptiveLimitOptions.wanted}. */
const WANTED = 15_000;

/** Options of {@linkcode AdaptiveLimit}. */
export interface AdaptiveLimitOptions {
  /** The maximum number of concurrent calls. */
  readonly max: number;
  /** How long a call may make no observable progress, in milliseconds. Default: 15 s. */
  readonly wanted?: number;
  /**
   * Finds the number of calls by the speed of the line. Default: as many as are allowed, fewer after a
   * complaint.
   */
  readonly count?: StreamCount;
  /** The time in milliseconds. Default: the system's. */
  readonly now?: () => number;
}

/** The permission for one call. */
export interface Place {
  /** Reports that the first bytes have arrived. */
  opened(): void;
  /**
   * Reports that all bytes that were on the line without observable progress have arrived, while the
   * call continues. Only the first time counts.
   *
   * @param quiet The longest time without observable progress, in milliseconds.
   */
  arrived(quiet: number): void;
  /**
   * Reports that the call has sent its bytes and was answered, for a limit that finds its number by
   * that. Before the end of the call.
   *
   * @param bytes The number of bytes.
   * @param ms How long it took, in milliseconds.
   */
  sent(bytes: number, ms: number): void;
  /** Reports that the server complains about too many requests. */
  slowDown(): void;
  /** Reports that the call is aborted because it made no progress. */
  stalled(): void;
  /**
   * Ends the call. Only the first time counts.
   *
   * @param quiet If the call was successful: the longest time without observable progress, in
   * milliseconds.
   */
  end(quiet?: number): void;
}

interface Waiting {
  readonly bytes: number;
  readonly grant: () => void;
}

/**
 * Limits concurrent calls, in the order of their requests. Calls without bytes don't wait for calls
 * with bytes.
 *
 * A complaint of the server halves the number of calls, and successful calls raise it one by one, like
 * the window of TCP. Complaints about calls that began before the last halving are ignored, because
 * they are about the previous number. With a {@linkcode StreamCount}, that decides instead. A
 * {@linkcode LineWindow} decides how many bytes may be on the line.
 */
export class AdaptiveLimit {
  readonly #max: number;
  readonly #window: LineWindow;
  readonly #count: StreamCount | undefined;
  readonly #now: () => number;
  #limit: number;
  #running = 0;
  #flight = 0;
  #good = 0;
  #halvings = 0;
  readonly #waiting: Waiting[] = [];
  readonly #pins = new Set<{ readonly max: number }>();

  /**
   * Creates a limit.
   *
   * @param options The maximum number of calls, and how long they may make no progress.
   */
  constructor(
    { max, wanted = WANTED, count, now = () => performance.now() }: AdaptiveLimitOptions,
  ) {
    this.#max = max;
    this.#limit = max;
    this.#count = count;
    this.#now = now;
    this.#window = new LineWindow(wanted);
  }

  /** The present maximum number of concurrent calls. */
  get limit(): number {
    if (this.#pins.size > 0) return Math.min(...Array.from(this.#pins, ({ max }) => max));
    return this.#count?.allowed ?? this.#limit;
  }

  /**
   * Fixes the number for a while, for a caller who asks for it. Of several numbers, the lowest counts.
   *
   * @param max The number.
   * @returns Ends it when disposed of.
   */
  pin(max: number): Disposable {
    const pin = { max };
    this.#pins.add(pin);
    this.#serve();
    return {
      [Symbol.dispose]: () => {
        this.#pins.delete(pin);
        this.#serve();
      },
    };
  }

  /** The maximum of {@linkcode AdaptiveLimit.limit}. */
  get max(): number {
    return this.#max;
  }

  /** How often complaints have decreased it. */
  get halvings(): number {
    return this.#halvings;
  }

  /**
   * Reports bytes of any call.
   *
   * @param bytes The number of bytes.
   */
  moved(bytes: number): void {
    if (this.#count === undefined) return;
    const before = this.#count.allowed;
    this.#count.moved(this.#now(), bytes, this.#running);
    if (this.#count.allowed > before) this.#serve();
  }

  /**
   * Reports that the server complains about too many requests.
   *
   * @param halvings {@linkcode AdaptiveLimit.halvings} when the request began.
   */
  slowDown(halvings: number): void {
    if (halvings === this.#halvings) this.#halve();
  }

  /**
   * Waits until a call may begin.
   *
   * @param bytes How many bytes of the call will be on the line without observable progress.
   * @param signal Aborts waiting.
   * @returns The place of the call. End it.
   * @throws The signal's reason.
   */
  async acquire(bytes: number, signal?: AbortSignal): Promise<Place> {
    signal?.throwIfAborted();
    if (!this.#hasRoom(bytes)) await this.#wait(bytes, signal);
    else this.#begin(bytes);
    const halvings = this.#halvings;
    const { shrinks } = this.#window;
    let flight = this.#flight;
    const news = () => ({ bytes, flight: flight = Math.max(flight, this.#flight), shrinks });
    let ended = false;
    let arrived = false;
    const began = this.#now();
    const generation = this.#count?.generation ?? 0;
    return {
      opened: () => this.#count?.began(this.#now() - began),
      arrived: (quiet) => {
        if (arrived || bytes === 0) return;
        arrived = true;
        this.#window.answered({ ...news(), quiet });
        this.#serve();
      },
      sent: (bytes, ms) => {
        if (this.#pins.size === 0) this.#count?.ended(bytes, ms, this.#running, generation);
      },
      slowDown: () => this.slowDown(halvings),
      stalled: () => {
        if (bytes > 0) this.#window.stalled(news());
      },
      end: (quiet) => {
        if (ended) return;
        ended = true;
        if (quiet !== undefined) {
          // Bytes that have arrived before are not counted again.
          const { flight, shrinks } = news();
          const left = arrived ? 0 : bytes;
          if (bytes > 0) this.#window.answered({ bytes: left, flight, shrinks, quiet });
          this.#wentWell();
        }
        this.#running--;
        this.#flight -= bytes;
        this.#serve();
      },
    };
  }

  #hasRoom(bytes: number): boolean {
    return this.#running < this.limit && (bytes === 0 || this.#window.hasRoom(this.#flight));
  }

  #begin(bytes: number): void {
    this.#running++;
    this.#flight += bytes;
  }

  #wentWell(): void {
    if (this.#count !== undefined || this.#limit === this.#max) return;
    if (++this.#good < this.#limit * GROW_AFTER) return;
    this.#good = 0;
    this.#limit++;
  }

  #halve(): void {
    this.#halvings++;
    if (this.#count !== undefined) return this.#count.complained();
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#good = 0;
  }

  #wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        bytes,
        grant: () => {
          signal?.removeEventListener("abort", stop);
          this.#begin(bytes);
          resolve();
        },
      };
      const stop = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
      this.#waiting.push(entry);
    });
  }

  #serve(): void {
    for (;;) {
      const next = this.#waiting.findIndex(({ bytes }) => this.#hasRoom(bytes));
      if (next === -1) return;
      this.#waiting.splice(next, 1)[0].grant();
    }
  }
}
