/**
 * The progress of a transfer in numbers, computed from its events. Pure.
 *
 * @module
 */

import type { TransferEvent } from "../../storage/transfer/transfer.ts";
import { PathBag } from "./path_bag.ts";
import { Speed } from "./speed.ts";

/** A file of a plan. */
export interface PlannedFile {
  /** Its name in events. */
  readonly path: string;
  /** Its size in bytes, if known. */
  readonly size?: number;
  /** The size of its sources in bytes, if it is packed first. */
  readonly madeFrom?: number;
}

/** A file in progress. */
export interface ActiveFile extends PlannedFile {
  /** The bytes transferred so far. */
  readonly bytes: number;
  /** The bytes of its sources packed so far. */
  readonly made: number;
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
  /**
   * How much is done, from 0 to 1. An archive that is packed first counts with the size of its
   * sources: half for packing, half for the transfer. So the whole is known from the start.
   */
  readonly done: number;
  /** The recent speed of the transfer in bytes per second. */
  readonly speed: number;
  /** The seconds left at the recent speeds, if known. */
  readonly secondsLeft?: number;
  /** The files in progress, in the order of their start. */
  readonly active: readonly ActiveFile[];
  /** The bytes of sources packed. */
  readonly made: number;
  /** The bytes of all sources to pack. */
  readonly totalMade: number;
  /** The bytes unpacked. */
  readonly unpacked: number;
}

/** A file, with mutable counters. */
interface Counted {
  readonly path: string;
  size?: number;
  madeFrom?: number;
  bytes: number;
  made: number;
}

/** The bytes after which a speed says how long the rest takes. */
const ENOUGH = 1_000_000;

/** Counts the events of a transfer. */
export class TransferState {
  readonly #keyOf: (path: string) => string;
  /** Files that have not started, by key. One file can have several destinations. */
  readonly #waiting = new Map<string, PlannedFile[]>();
  /** Those of them of which only the size is known, for there can be a million. */
  readonly #plain = new PathBag();
  /** The size of all of these. */
  #plainBytes = 0;
  readonly #active = new Map<string, Counted[]>();
  readonly #sending: Speed;
  readonly #making: Speed;
  #files = 0;
  #totalFiles = 0;
  #bytes = 0;
  #totalBytes = 0;
  #unknown = 0;
  #made = 0;
  #totalMade = 0;
  #unpacked = 0;
  /** Sources of finished archives, and the archives: the others will have that ratio too. */
  #packed = { from: 0, to: 0 };
  /** The sources of archives that are not finished. */
  #toPack = 0;
  /** The work of finished files, and of all files, as `done` counts it. */
  #work = 0;
  #totalWork = 0;
  /** The number of files with unknown work. */
  #unweighed = 0;

  /**
   * Creates the initial state.
   *
   * @param planned The files. Events can add more.
   * @param now The time, in milliseconds.
   * @param keyOf Returns the identifying part of a path. Default: the whole path.
   */
  constructor(
    planned: Iterable<PlannedFile>,
    now: number,
    keyOf: (path: string) => string = (path) => path,
  ) {
    this.#keyOf = keyOf;
    for (const { path, size, madeFrom } of planned) {
      const file = { path, size, madeFrom };
      if (madeFrom !== undefined || size === undefined) push(this.#waiting, keyOf(path), file);
      else {
        this.#plain.add(keyOf(path));
        this.#plainBytes += size;
      }
      this.#count(file);
    }
    this.#sending = new Speed(now);
    this.#making = new Speed(now);
  }

  /** Counts an event. Must be cheap: there is one per chunk of a file. */
  apply(event: TransferEvent): void {
    if (event.type === "bytes") this.#move(event.path, event.bytes);
    else if (event.type === "made") this.#make(event.path, event.bytes, event.of);
    else if (event.type === "ready") this.#ready(event.path, event.size);
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
    const active = [...this.#active.values()].flat();
    const isPacking = (file: Counted) => file.madeFrom !== undefined && file.size === undefined;
    const speed = this.#sending.at(now, active.some((file) => !isPacking(file)));
    const makingSpeed = this.#making.at(now, active.some(isPacking));
    return {
      files: this.#files,
      totalFiles: this.#totalFiles,
      bytes: this.#bytes,
      totalBytes: this.#totalBytes,
      sizesKnown: this.#unknown === 0,
      done: this.#done(active),
      speed,
      secondsLeft: this.#secondsLeft(speed, makingSpeed),
      active: active.map((file) => ({ ...file })),
      made: this.#made,
      totalMade: this.#totalMade,
      unpacked: this.#unpacked,
    };
  }

  #done(active: readonly Counted[]): number {
    // While the work is not known, use the number of files.
    if (this.#unweighed > 0 || this.#totalWork === 0) return share(this.#files, this.#totalFiles);
    let work = this.#work;
    for (const file of active) work += workDone(file);
    return share(work, this.#totalWork);
  }

  /** Packing and sending happen at the same time, so the slower one decides. */
  #secondsLeft(speed: number, makingSpeed: number): number | undefined {
    const toMake = Math.max(0, this.#totalMade - this.#made);
    let toSend = Math.max(0, this.#totalBytes - this.#bytes);
    if (this.#unknown > 0) {
      const { from, to } = this.#packed;
      if (this.#unweighed > 0 || from === 0) return undefined;
      toSend += this.#toPack * to / from;
    }
    const needed = [[toMake, makingSpeed], [toSend, speed]].filter(([left]) => left > 0);
    if (needed.some(([, perSecond]) => perSecond <= 0)) return undefined;
    // A few small files say nothing about the speed of large ones.
    const isSmall = toSend > 0 && this.#bytes < Math.min(ENOUGH, toSend / 100);
    if (isSmall || (toSend > 0 && !this.#sending.isKnown)) return undefined;
    if (toMake > 0 && !this.#making.isKnown) return undefined;
    if (needed.length === 0) return speed > 0 || makingSpeed > 0 ? 0 : undefined;
    return Math.max(...needed.map(([left, perSecond]) => left / perSecond));
  }

  #count({ size, madeFrom }: PlannedFile): void {
    this.#totalFiles++;
    if (size === undefined) this.#unknown++;
    else this.#totalBytes += size;
    this.#totalMade += madeFrom ?? 0;
    this.#toPack += madeFrom ?? 0;
    const work = madeFrom ?? size;
    if (work === undefined) this.#unweighed++;
    else this.#totalWork += work;
  }

  #start(path: string, size: number | undefined): void {
    const key = this.#keyOf(path);
    const isPlain = !this.#waiting.has(key) && this.#plain.take(key);
    const file = isPlain ? { size: size ?? 0, madeFrom: undefined } : shift(this.#waiting, key);
    if (isPlain) this.#takePlain(size ?? 0);
    else if (file === undefined) this.#count({ path, size });
    push(this.#active, key, { ...(file ?? { size }), path, bytes: 0, made: 0 });
  }

  /** Events name the sizes of files: in the end, all bytes are theirs, whatever was planned. */
  #takePlain(size: number): void {
    this.#plainBytes -= size;
    if (this.#plain.size > 0) return;
    this.#totalBytes -= this.#plainBytes;
    this.#totalWork -= this.#plainBytes;
    this.#plainBytes = 0;
  }

  #move(path: string, bytes: number): void {
    this.#sending.add(bytes);
    this.#bytes += bytes;
    const file = this.#file(path);
    if (file !== undefined) file.bytes += bytes;
  }

  #make(path: string, bytes: number, of: number | undefined): void {
    this.#making.add(bytes);
    this.#made += bytes;
    const file = this.#file(path);
    if (file === undefined) return;
    file.made += bytes;
    if (file.madeFrom !== undefined || of === undefined) return;
    // It was not planned as one that is packed.
    file.madeFrom = of;
    this.#totalMade += of;
    this.#toPack += of;
    if (file.size === undefined) this.#unweighed--;
    this.#totalWork += of - (file.size ?? 0);
  }

  #ready(path: string, size: number): void {
    const file = this.#file(path);
    if (file === undefined || file.size !== undefined) return;
    file.size = size;
    this.#unknown--;
    this.#totalBytes += size;
    if (file.madeFrom === undefined) return;
    this.#toPack -= file.madeFrom;
    this.#packed = { from: this.#packed.from + file.madeFrom, to: this.#packed.to + size };
  }

  #finish(path: string, given: number | undefined): void {
    const key = this.#keyOf(path);
    // Existing files finish without a start event.
    if (!this.#active.has(key)) this.#start(path, given);
    const { size, bytes, made, madeFrom } = shift(this.#active, key)!;
    this.#files++;
    const expected = size ?? given ?? bytes;
    if (size === undefined) {
      this.#unknown--;
      this.#totalBytes += expected;
      if (madeFrom === undefined) {
        this.#unweighed--;
        this.#totalWork += expected;
      } else this.#toPack -= madeFrom;
    }
    // Existing and failed files count as done too.
    this.#bytes += expected - bytes;
    this.#made += (madeFrom ?? made) - made;
    this.#work += madeFrom ?? expected;
  }

  #file(path: string): Counted | undefined {
    return this.#active.get(this.#keyOf(path))?.at(-1);
  }
}

/** The work done for a file, in bytes of its sources if it is packed first. */
function workDone({ size, madeFrom, bytes, made }: Counted): number {
  if (madeFrom === undefined) return bytes;
  const sent = size === undefined ? 0 : size === 0 ? 1 : share(bytes, size);
  return (Math.min(made, madeFrom) + sent * madeFrom) / 2;
}

/**
 * A part of a whole.
 *
 * @param part The part.
 * @param whole The whole.
 * @returns A number from 0 to 1.
 */
export function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.min(1, Math.max(0, part / whole));
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
