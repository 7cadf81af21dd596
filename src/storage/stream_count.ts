/**
 * Finds how many concurrent streams a line needs: more while they make it faster, no more than that.
 * Pure: the caller passes the time.
 *
 * @module
 */

/** The number of streams at the beginning. */
export const START_STREAMS = 8;

/** The maximum number of streams. */
export const MAX_STREAMS = 64;

/** The minimum length of an interval, in milliseconds. */
const INTERVAL = 50;

/** An interval lasts at least this many latencies, so that it shows what new streams bring. */
const LATENCIES = 2;

/** But not for the latency's sake longer than this, in milliseconds. */
const LONG_INTERVAL = 500;

/** The minimum number of bytes of an interval for each stream: fewer are noise. */
const BYTES_EACH = 64 * 1024;

/** At the beginning: twice as many streams bring at least this, or the line may be full. */
const GROWTH = 1.3;

/** At the beginning: after this many intervals without growth in a row, the line is full. */
const PATIENCE = 3;

/** Fewer streams are as fast as more if they reach this part of their rate. */
const SAME = 0.98;

/** A trial of more streams must bring at least this. */
const GAIN = 1.06;

/** The number of streams of a trial, compared with the number before it. */
const MORE = 1.5;
const FEWER = 0.75;

/** A trial takes this long, in milliseconds, after a first interval in which streams begin and end. */
const TRIAL = 1000;

/** The time before a trial, in milliseconds. It doubles after each trial that has failed. */
const SHORTEST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/** Less of the allowed streams in use than this says nothing about their number. */
const USED = 0.6;

/** Limits of {@linkcode StreamCount}. */
export interface StreamCountOptions {
  /** The number of streams at the beginning. Default: 8. */
  readonly start?: number;
  /** The maximum number of streams. Default: 64. */
  readonly max?: number;
}

/** Bytes, and the time in which they were transferred. */
interface Sum {
  bytes: number;
  ms: number;
}

/**
 * The number of streams.
 *
 * At the beginning it doubles with each interval, like a TCP connection in its slow start, until the
 * line is not faster any more. Then it is the smallest number that was as fast. From then on, trials
 * with a few more and with a few less find whether the line has changed. The more of them fail, the
 * rarer they are. A complaint of the server ends a trial, or else halves the number; only trials raise
 * it again.
 */
export class StreamCount {
  readonly #max: number;
  #allowed: number;
  /** The highest rate so far of each number of streams; `undefined` after the beginning. */
  #rates: Map<number, number> | undefined = new Map();
  #best = 0;
  #misses = 0;
  /** The number of streams to return to, while another is tried. */
  #before: number | undefined;
  #isNew = false;
  #hold: Sum = { bytes: 0, ms: 0 };
  #trial: Sum = { bytes: 0, ms: 0 };
  #direction: "more" | "fewer" = "more";
  #wait = SHORTEST_WAIT;
  #latency = 0;
  /** What calls that began after the last change have brought, and the sum of their times. */
  #ended: Sum & { count: number } = { bytes: 0, ms: 0, count: 0 };
  #generation = 0;
  #since: number | undefined;
  #bytes = 0;
  #idle = false;

  /**
   * Creates the count of a line that nothing is known of.
   *
   * @param options The limits.
   */
  constructor({ start = START_STREAMS, max = MAX_STREAMS }: StreamCountOptions = {}) {
    this.#max = max;
    this.#allowed = Math.min(start, max);
  }

  /** The number of streams that may run now. */
  get allowed(): number {
    return this.#allowed;
  }

  /** The maximum number of streams. */
  get max(): number {
    return this.#max;
  }

  /**
   * Reports the first bytes of a stream.
   *
   * @param ms How long it took until they arrived, in milliseconds.
   */
  began(ms: number): void {
    // Towards the latest, because an overloaded line answers later.
    this.#latency += (ms - this.#latency) / 4;
  }

  /**
   * Reports transferred bytes.
   *
   * @param now The time in milliseconds, on any clock that never goes back.
   * @param bytes The number of bytes of all streams together since the last report.
   * @param running The number of running streams.
   */
  moved(now: number, bytes: number, running: number): void {
    if (this.#since === undefined || running > this.#allowed) return this.#restart(now);
    this.#bytes += bytes;
    if (running < this.#allowed * USED) this.#idle = true;
    const ms = now - this.#since;
    const least = Math.max(INTERVAL, Math.min(LONG_INTERVAL, LATENCIES * this.#latency));
    if (ms < least) return;
    if (this.#bytes < BYTES_EACH * this.#allowed && !this.#idle) return;
    const interval = { bytes: this.#bytes, ms };
    const isUsed = !this.#idle;
    this.#restart(now);
    if (isUsed) this.#observe(interval);
  }

  /** How often the number has changed. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Reports the end of a call of which nothing was known before: an upload, whose bytes the system
   * takes at once. What all of them bring follows from what each has brought in its time.
   *
   * @param bytes The bytes of the call.
   * @param ms How long it took, in milliseconds.
   * @param running The number of running calls, this one included.
   * @param generation {@linkcode StreamCount.generation} when it began.
   */
  ended(bytes: number, ms: number, running: number, generation: number): void {
    if (generation !== this.#generation || running > this.#allowed) return;
    if (running < this.#allowed * USED) this.#idle = true;
    this.#ended.bytes += bytes;
    this.#ended.ms += ms;
    const interval = { bytes: this.#ended.bytes, ms: this.#ended.ms / running };
    if (++this.#ended.count < running || interval.ms < INTERVAL) return;
    if (interval.bytes < BYTES_EACH * this.#allowed && !this.#idle) return;
    const isUsed = !this.#idle;
    this.#restart(undefined);
    if (isUsed) this.#observe(interval);
  }

  /** Reports that the server asks for fewer requests, for the first time since the last change. */
  complained(): void {
    this.#rates = undefined;
    const isOnlyTried = this.#before !== undefined && this.#before < this.#allowed;
    this.#direction = "more";
    this.#wait = Math.min(LONGEST_WAIT, 2 * this.#wait);
    this.#settle(isOnlyTried ? this.#before! : Math.max(1, Math.floor(this.#allowed / 2)));
  }

  #restart(now: number | undefined): void {
    this.#since = now;
    this.#bytes = 0;
    this.#ended = { bytes: 0, ms: 0, count: 0 };
    this.#idle = false;
  }

  #set(allowed: number): void {
    if (allowed !== this.#allowed) this.#generation++;
    this.#allowed = allowed;
    this.#restart(undefined);
  }

  #observe(interval: Sum): void {
    if (this.#rates !== undefined) return this.#start(this.#rates, interval);
    if (this.#before !== undefined) return this.#try(this.#before, interval);
    this.#hold.bytes += interval.bytes;
    this.#hold.ms += interval.ms;
    if (this.#hold.ms >= this.#wait) this.#beginTrial(this.#allowed);
  }

  /** Doubles the number, as long as that helps. */
  #start(rates: Map<number, number>, interval: Sum): void {
    const rate = interval.bytes / interval.ms;
    rates.set(this.#allowed, Math.max(rate, rates.get(this.#allowed) ?? 0));
    if (rate >= GROWTH * this.#best) {
      this.#best = rate;
      this.#misses = 0;
      if (this.#allowed < this.#max) return this.#set(Math.min(this.#max, 2 * this.#allowed));
    } else if (++this.#misses < PATIENCE) return;
    const enough = SAME * Math.max(...rates.values());
    const [least] = [...rates].filter(([, rate]) => rate >= enough).map(([count]) => count);
    this.#rates = undefined;
    this.#settle(least);
  }

  #settle(count: number): void {
    this.#before = undefined;
    this.#hold = { bytes: 0, ms: 0 };
    this.#set(count);
  }

  #beginTrial(before: number): void {
    const isMore = this.#direction === "more";
    const tried = isMore
      ? Math.min(this.#max, Math.ceil(before * MORE))
      : Math.max(1, Math.floor(before * FEWER));
    if (tried === before) {
      this.#direction = isMore ? "fewer" : "more";
      return this.#settle(before);
    }
    this.#before = before;
    this.#isNew = true;
    this.#trial = { bytes: 0, ms: 0 };
    this.#set(tried);
  }

  #try(before: number, interval: Sum): void {
    if (this.#isNew) {
      this.#isNew = false;
      return;
    }
    this.#trial.bytes += interval.bytes;
    this.#trial.ms += interval.ms;
    if (this.#trial.ms < TRIAL) return;
    const rate = this.#trial.bytes / this.#trial.ms;
    const usual = this.#hold.bytes / this.#hold.ms;
    const isMore = this.#direction === "more";
    if (rate >= (isMore ? GAIN : SAME) * usual) {
      this.#wait = SHORTEST_WAIT;
      return this.#settle(this.#allowed);
    }
    this.#direction = isMore ? "fewer" : "more";
    this.#wait = Math.min(LONGEST_WAIT, 2 * this.#wait);
    this.#settle(before);
  }
}
