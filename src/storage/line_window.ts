/**
 * A limit for the bytes on the line: sent or requested, and not known to have arrived. Pure.
 *
 * @module
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/** The initial size. A line of 64 kB/s needs half a minute for it. */
export const START = 2 * MiB;

/** The minimum size, so that many tiny files are still sent concurrently. */
export const LEAST = 64 * KiB;

/** A stall divides the size by this. */
const AFTER_STALL = 4;

/** After the first decrease, the size grows by this part of the successful bytes. */
const GROW_AFTER = 4;

/** What one call observed. */
export interface LineNews {
  /** Its bytes on the line. */
  readonly bytes: number;
  /** The bytes of all calls on the line during the call, at the maximum. */
  readonly flight: number;
  /** {@linkcode LineWindow.shrinks} when it began. */
  readonly shrinks: number;
  /** The longest time without observable progress, in milliseconds. */
  readonly quiet: number;
}

/**
 * The window. While calls are fast it doubles with each round, like that of TCP. A slow call shrinks it
 * to what the line transfers in the wanted time. After that it grows slowly. A call that began before
 * the window shrank does not shrink it again, because it is about the previous size.
 */
export class LineWindow {
  readonly #wanted: number;
  #size = START;
  #shrinks = 0;

  /**
   * Creates a window.
   *
   * @param wanted How long a call may make no observable progress, in milliseconds.
   */
  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  /** How many bytes may be on the line. */
  get size(): number {
    return this.#size;
  }

  /** How often it has shrunk. */
  get shrinks(): number {
    return this.#shrinks;
  }

  /**
   * Whether another call may begin. One call always may.
   *
   * @param flight The number of bytes on the line.
   * @returns `true`, if it is below the size.
   */
  hasRoom(flight: number): boolean {
    return flight < this.#size;
  }

  /**
   * Reports a successful call.
   *
   * @param news What it observed.
   */
  answered(news: LineNews): void {
    const { bytes, flight, quiet } = news;
    if (quiet > this.#wanted) return this.#shrink(news, this.#wanted / quiet);
    // A size that was not used is not tested.
    if (quiet * 2 > this.#wanted || flight * 2 < this.#size) return;
    this.#size += this.#shrinks === 0 ? bytes : bytes / GROW_AFTER;
  }

  /**
   * Reports a call that was aborted because it made no progress.
   *
   * @param news What it observed.
   */
  stalled(news: Omit<LineNews, "quiet">): void {
    this.#shrink(news, 1 / AFTER_STALL);
  }

  #shrink({ flight, shrinks }: Pick<LineNews, "flight" | "shrinks">, factor: number): void {
    if (shrinks !== this.#shrinks) return;
    this.#shrinks++;
    this.#size = Math.max(LEAST, Math.min(this.#size, flight) * factor);
  }
}
