/**
 * The recent speed of something that is counted.
 *
 * @module
 */

/** The time over which the speed is measured, in milliseconds. */
const WINDOW = 8000;

/** Less time says nothing about what is left, in milliseconds. */
const LEAST_TIME = 1000;

/** Measures a speed. Time in which there was nothing to do does not count. */
export class Speed {
  /** At which time of work what was reached. */
  readonly #samples: { readonly time: number; readonly count: number }[] = [{ time: 0, count: 0 }];
  #count = 0;
  #time = 0;
  #now: number;

  /**
   * Begins to measure.
   *
   * @param now The time, in milliseconds.
   */
  constructor(now: number) {
    this.#now = now;
  }

  /** Counts. A negative number takes back what was counted. */
  add(count: number): void {
    this.#count += count;
  }

  /** Whether it was measured long enough to say what is left. */
  get isKnown(): boolean {
    return this.#time >= LEAST_TIME;
  }

  /**
   * The speed at a time, which is also the time of a measurement.
   *
   * @param now The time, in milliseconds.
   * @param isBusy Whether there is something to do.
   * @returns The number per second.
   */
  at(now: number, isBusy: boolean): number {
    const isWorking = isBusy || this.#count !== this.#samples.at(-1)!.count;
    if (isWorking) {
      this.#time += now - this.#now;
      this.#samples.push({ time: this.#time, count: this.#count });
    }
    this.#now = now;
    while (this.#samples.length > 2 && this.#samples[1].time <= this.#time - WINDOW) {
      this.#samples.shift();
    }
    const [first] = this.#samples;
    const seconds = (this.#time - first.time) / 1000;
    return seconds <= 0 ? 0 : Math.max(0, (this.#count - first.count) / seconds);
  }
}
