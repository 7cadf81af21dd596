/**
 * How far a transfer is: events add up to numbers. Pure; who shows them asks now and then.
 *
 * @module
 */

import type { TransferEvent } from "../../storage/transfer/transfer.ts";

/** A file of a plan. */
export interface PlannedFile {
  /** What the events call it. */
  readonly path: string;
  /** Its size in bytes, where it is known. */
  readonly size?: number;
}

/** A file that is under way. */
export interface ActiveFile extends PlannedFile {
  /** How many of its bytes are done. */
  readonly bytes: number;
  /** How many bytes of what it is made from are done. */
  readonly made: number;
  /** How many bytes it is made from, where that is known. */
  readonly madeFrom?: number;
}

/** How far a transfer is at one moment. */
export interface TransferSnapshot {
  /** How many files have ended, well or not. */
  readonly files: number;
  /** How many there are. */
  readonly totalFiles: number;
  /** How many bytes are done, those that were there already counted. */
  readonly bytes: number;
  /** How many there are; more, if `sizesKnown` is `false`. */
  readonly totalBytes: number;
  /** Whether the size of every file is known. */
  readonly sizesKnown: boolean;
  /** Bytes per second of late. */
  readonly speed: number;
  /** Seconds that are left at this speed, where that can be told. */
  readonly secondsLeft?: number;
  /** What is under way, what began first comes first. */
  readonly active: readonly ActiveFile[];
  /** How many bytes of what files are made from are done. */
  readonly made: number;
  /** How many bytes were unpacked. */
  readonly unpacked: number;
}

/** Over how many milliseconds the speed is measured. */
const SPEED_WINDOW = 8000;

/** A file under way, as it is counted. */
interface Counted {
  readonly path: string;
  readonly size?: number;
  bytes: number;
  made: number;
  madeFrom?: number;
}

/** Adds up what happens. */
export class TransferState {
  readonly #keyOf: (path: string) => string;
  /** Of planned files that have not begun, by key; one file can go to several places. */
  readonly #waiting = new Map<string, (number | undefined)[]>();
  readonly #active = new Map<string, Counted[]>();
  readonly #samples: { readonly time: number; readonly moved: number }[];
  #files = 0;
  #totalFiles = 0;
  #bytes = 0;
  #totalBytes = 0;
  #unknown = 0;
  #moved = 0;
  #made = 0;
  #unpacked = 0;

  /**
   * Creates the state at the beginning.
   *
   * @param planned The files. More can come: an archive brings its checksum.
   * @param now The time, in milliseconds.
   * @param keyOf What of a path tells files apart. Default: all of it.
   */
  constructor(
    planned: readonly PlannedFile[],
    now: number,
    keyOf: (path: string) => string = (path) => path,
  ) {
    this.#keyOf = keyOf;
    for (const { path, size } of planned) {
      push(this.#waiting, keyOf(path), size);
      this.#count(size);
    }
    this.#samples = [{ time: now, moved: 0 }];
  }

  /** Takes an event. Cheap: it comes with each piece of a file. */
  apply(event: TransferEvent): void {
    if (event.type === "bytes") this.#move(event.path, event.bytes);
    else if (event.type === "made") this.#make(event.path, event.bytes, event.of);
    else if (event.type === "start") this.#start(event.path, event.size);
    else this.#finish(event.result.path, event.result.size);
  }

  /** Takes how many bytes more were unpacked. */
  addUnpacked(bytes: number): void {
    this.#unpacked += bytes;
  }

  /**
   * How far it is.
   *
   * @param now The time, in milliseconds.
   * @returns The numbers.
   */
  at(now: number): TransferSnapshot {
    this.#samples.push({ time: now, moved: this.#moved });
    while (this.#samples.length > 2 && this.#samples[1].time <= now - SPEED_WINDOW) {
      this.#samples.shift();
    }
    const [first] = this.#samples;
    const seconds = (now - first.time) / 1000;
    const speed = seconds <= 0 ? 0 : Math.max(0, (this.#moved - first.moved) / seconds);
    const sizesKnown = this.#unknown === 0;
    const left = Math.max(0, this.#totalBytes - this.#bytes);
    return {
      files: this.#files,
      totalFiles: this.#totalFiles,
      bytes: this.#bytes,
      totalBytes: this.#totalBytes,
      sizesKnown,
      speed,
      secondsLeft: sizesKnown && speed > 0 ? left / speed : undefined,
      active: [...this.#active.values()].flat(),
      made: this.#made,
      unpacked: this.#unpacked,
    };
  }

  #count(size: number | undefined): void {
    this.#totalFiles++;
    if (size === undefined) this.#unknown++;
    else this.#totalBytes += size;
  }

  #start(path: string, told: number | undefined): void {
    const key = this.#keyOf(path);
    const waiting = this.#waiting.get(key);
    const size = waiting === undefined ? told : shift(this.#waiting, key);
    if (waiting === undefined) this.#count(size);
    push(this.#active, key, { path, size, bytes: 0, made: 0 });
  }

  #move(path: string, bytes: number): void {
    this.#moved += bytes;
    this.#bytes += bytes;
    const file = this.#active.get(this.#keyOf(path))?.at(-1);
    if (file !== undefined) file.bytes += bytes;
  }

  #make(path: string, bytes: number, of: number | undefined): void {
    this.#made += bytes;
    const file = this.#active.get(this.#keyOf(path))?.at(-1);
    if (file === undefined) return;
    file.made += bytes;
    file.madeFrom = of;
  }

  #finish(path: string, told: number | undefined): void {
    const key = this.#keyOf(path);
    // What is there already ends without a beginning.
    if (!this.#active.has(key)) this.#start(path, told);
    const { size, bytes } = shift(this.#active, key)!;
    this.#files++;
    const expected = size ?? told ?? bytes;
    if (size === undefined) {
      this.#unknown--;
      this.#totalBytes += expected;
    }
    // What was there already, or failed, is done with too.
    this.#bytes += expected - bytes;
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}

function shift<T>(map: Map<string, T[]>, key: string): T | undefined {
  const values = map.get(key);
  const first = values?.shift();
  if (values?.length === 0) map.delete(key);
  return first;
}
