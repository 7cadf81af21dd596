/**
 * The progress of a transfer in numbers, computed from its events. Pure.
 *
 * @module
 */

import type { TransferEvent } from "../../storage/transfer/transfer.ts";

/** A file of a plan. */
export interface PlannedFile {
  /** Its name in events. */
  readonly path: string;
  /** Its size in bytes, if known. */
  readonly size?: number;
}

/** A file in progress. */
export interface ActiveFile extends PlannedFile {
  /** The bytes transferred so far. */
  readonly bytes: number;
  /** The bytes of its sources packed so far. */
  readonly made: number;
  /** The total bytes of its sources, if known. */
  readonly madeFrom?: number;
}

/** The progress of a transfer at one moment. */
export interface TransferSnapshot {
  /** The number of files that succeeded or failed. */
  readonly files: number;
  /** The number of all files. */
  readonly totalFiles: number;
  /** The bytes transferred, including those of existing files. */
  readonly bytes: number;
  /** The bytes of all files; a lower bound, if `sizesKnown` is `false`. */
  readonly totalBytes: number;
  /** Whether the size of every file is known. */
  readonly sizesKnown: boolean;
  /** The recent speed in bytes per second. */
  readonly speed: number;
  /** The seconds left at this speed, if known. */
  readonly secondsLeft?: number;
  /** The files in progress, in the order of their start. */
  readonly active: readonly ActiveFile[];
  /** The bytes of sources packed. */
  readonly made: number;
  /** The bytes unpacked. */
  readonly unpacked: number;
}

/** The time over which the speed is measured, in milliseconds. */
const SPEED_WINDOW = 8000;

/** A file in progress, with mutable counters. */
interface Counted {
  readonly path: string;
  readonly size?: number;
  bytes: number;
  made: number;
  madeFrom?: number;
}

/** Counts the events of a transfer. */
export class TransferState {
  readonly #keyOf: (path: string) => string;
  /** The sizes of files that have not started, by key. One file can have several destinations. */
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
   * Creates the initial state.
   *
   * @param planned The files. Events can add more, such as the checksum file of an archive.
   * @param now The time, in milliseconds.
   * @param keyOf Returns the identifying part of a path. Default: the whole path.
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

  /** Counts an event. Must be cheap: there is one per chunk of a file. */
  apply(event: TransferEvent): void {
    if (event.type === "bytes") this.#move(event.path, event.bytes);
    else if (event.type === "made") this.#make(event.path, event.bytes, event.of);
    else if (event.type === "start") this.#start(event.path, event.size);
    else this.#finish(event.result.path, event.result.size);
  }

  /** Counts additional unpacked bytes. */
  addUnpacked(bytes: number): void {
    this.#unpacked += bytes;
  }

  /**
   * The progress at a time.
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

  #start(path: string, given: number | undefined): void {
    const key = this.#keyOf(path);
    const waiting = this.#waiting.get(key);
    const size = waiting === undefined ? given : shift(this.#waiting, key);
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

  #finish(path: string, given: number | undefined): void {
    const key = this.#keyOf(path);
    // Existing files finish without a start event.
    if (!this.#active.has(key)) this.#start(path, given);
    const { size, bytes } = shift(this.#active, key)!;
    this.#files++;
    const expected = size ?? given ?? bytes;
    if (size === undefined) {
      this.#unknown--;
      this.#totalBytes += expected;
    }
    // Existing and failed files count as done too.
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
