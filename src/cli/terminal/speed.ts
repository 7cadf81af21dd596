/**
 * The recent speed of something that is counted.
 *
 * @module
 */

/** The time over which the speed is measured, in milliseconds. */
const WINDOW = 8000;

/** Measures a speed. */
export class Speed {
  readonly #samples: { readonly time: number; readonly count: number }[];
  #count = 0;

  /**
   * Begins to measure.
   *
   * @param now The time, in milliseconds.
   */
  constructor(now: number) {
    this.#samples = [{ time: now, count: 0 }];
  }

  /** Counts. A negative number takes back what was counted. */
  add(count: number): void {
    this.#count += count;
  }

  /**
   * The speed at a time, which is also the time of a measurement.
   *
   * @param now The time, in milliseconds.
   * @returns The number per second.
   */
  at(now: number): number {
    this.#samples.push({ time: now, count: this.#count });
    while (this.#samples.length > 2 && this.#samples[1].time <= now - WINDOW) {
      this.#samples.shift();
    }
    const [first] = this.#samples;
    const seconds = (now - first.time) / 1000;
    return seconds <= 0 ? 0 : Math.max(0, (this.#count - first.count) / seconds);
  }
}
