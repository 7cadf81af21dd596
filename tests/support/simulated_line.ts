/**
 * A line to a server in virtual time: latency, a rate for each connection and one for all together.
 *
 * @module
 */

import type { StreamCount } from "../../src/storage/stream_count.ts";

/** What decides the number of streams. */
export type Controller = Pick<
  StreamCount,
  "allowed" | "began" | "moved" | "complained" | "ended" | "generation"
>;

/** Always the same number of streams. */
export function fixed(allowed: number): Controller {
  return { allowed, generation: 0, began() {}, moved() {}, complained() {}, ended() {} };
}

/** What a line is like. */
export interface SimulatedLine {
  /** The time until the first bytes of a stream, in milliseconds. */
  readonly latency: number;
  /** What a connection brings at most, in bytes per millisecond. */
  readonly each: number;
  /** What all connections bring at most, in bytes per millisecond. */
  readonly total: number;
  /** The mean size of the objects in bytes: they have half of it to half more. */
  readonly size: number;
  /** How unsteady the line is: 0.2 for up to a fifth more or less than `total`. Default: 0. */
  readonly noise?: number;
  /** Nothing is known of a stream before its end, as of an upload. Default: `false`. */
  readonly isUpload?: boolean;
  /** The server refuses streams above this number. */
  readonly refusesAbove?: number;
}

interface Stream {
  readonly size: number;
  readonly generation: number;
  readonly began: number;
  left: number;
  isFlowing: boolean;
}

/** Transfers endless objects. */
export class Simulation {
  /** How many bytes have arrived. */
  bytes = 0;
  /** How many streams the server has refused. */
  refused = 0;
  /** The most streams at once. */
  most = 0;
  #line: SimulatedLine;
  readonly #count: Controller;
  readonly #random = random(1);
  /** How much faster than usual the line is for a while. */
  #mood = 0;
  #now = 0;
  #halted = 0;
  #streams: Stream[] = [];

  constructor(line: SimulatedLine, count: Controller) {
    this.#line = line;
    this.#count = count;
  }

  /** Changes the line. */
  become(line: Partial<SimulatedLine>): void {
    this.#line = { ...this.#line, ...line };
  }

  /**
   * Lets time pass.
   *
   * @returns What arrived in it, in bytes per millisecond.
   */
  run(ms: number): number {
    const before = this.bytes;
    const step = Math.max(1, this.#line.latency / 10);
    for (const end = this.#now + ms; this.#now < end; this.#now += step) this.#step(step);
    return (this.bytes - before) / ms;
  }

  #step(ms: number): void {
    const { latency, each, total, noise = 0, refusesAbove = Infinity, size } = this.#line;
    while (this.#streams.length < this.#count.allowed && this.#now >= this.#halted) {
      if (this.#streams.length >= refusesAbove) {
        this.refused++;
        this.#count.complained();
        // A retry waits.
        this.#halted = this.#now + 100;
        break;
      }
      const left = size * (0.5 + this.#random());
      const { generation } = this.#count;
      const began = this.#now;
      this.#streams.push({ began, left, size: left, generation, isFlowing: false });
    }
    this.most = Math.max(this.most, this.#streams.length);
    const flowing = this.#streams.filter(({ began }) => this.#now - began >= latency);
    if (this.#random() < 0.05) this.#mood = noise * (2 * this.#random() - 1);
    const share = Math.min(each, total * (1 + this.#mood) / flowing.length) * ms;
    let moved = 0;
    for (const stream of flowing) {
      if (!stream.isFlowing) this.#count.began(this.#now - stream.began);
      stream.isFlowing = true;
      const bytes = Math.min(stream.left, share);
      stream.left -= bytes;
      if (this.#line.isUpload && stream.left <= 0) {
        const took = this.#now + ms - stream.began;
        this.#count.ended(stream.size, took, this.#streams.length, stream.generation);
      }
      moved += bytes;
    }
    this.bytes += moved;
    const running = this.#streams.length;
    this.#streams = this.#streams.filter(({ left }) => left > 0);
    if (this.#line.isUpload) return;
    if (moved > 0) this.#count.moved(this.#now + ms, moved, running);
  }
}

/** Numbers from 0 to below 1. The same seed gives the same ones. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t ^= t + Math.imul(t ^ t >>> 7, 61 | t);
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}
