/**
 * Line numbers: how many lines end before each block of a file. The blocks are counted when somebody
 * asks for a line by its number, once for each version of a file.
 *
 * @module
 */

import type { ObjectInfo } from "../../storage/backend.ts";
import type { LogFile } from "./log_file.ts";
import { countLines, LF } from "./text_bytes.ts";

/** The size of a block, in bytes. */
const BLOCK = 64 * 1024;

/** How many bytes are read at once to count their lines. */
const SLICE = 64 * BLOCK;

/** Where a line begins. */
export type LineStart =
  /** Its offset. */
  | { readonly at: number }
  /** The file has only this many lines. */
  | { readonly lines: number }
  /** The time is over; this many bytes are counted, and the next call continues there. */
  | { readonly counted: number };

/** The number of lines before each block of one version of a file, as far as they are counted. */
export class LineIndex {
  /** How many lines end before each block. */
  readonly #before: number[] = [0];
  /** Whether the last byte of the file ends a line, when all is counted. */
  #isEnded = true;

  /** The number of counted blocks. */
  get blocks(): number {
    return this.#before.length;
  }

  /**
   * Finds a line. Blocks before it that are not counted yet are read and counted.
   *
   * @param file The file.
   * @param line The number of the line, from 1.
   * @param deadline When to end early, on the clock of `performance.now()`. One read is made always.
   * @returns Where the line begins.
   */
  async find(file: LogFile, line: number, deadline = Infinity): Promise<LineStart> {
    const { size } = file.info;
    const ends = line - 1;
    for (let reads = 0; this.#counted(size) < size && this.#before.at(-1)! < ends; reads++) {
      if (reads > 0 && performance.now() >= deadline) return { counted: this.#counted(size) };
      await this.#count(file);
    }
    const total = this.#before.at(-1)!;
    if (ends > total || ends === total && this.#counted(size) === size && this.#isEnded) {
      if (size > 0 || line > 1) return { lines: total + (this.#isEnded ? 0 : 1) };
    }
    if (ends === 0) return { at: 0 };
    const block = lastBelow(this.#before, ends);
    const start = block * BLOCK;
    const bytes = await file.read(start, Math.min(size, start + BLOCK));
    let at = -1;
    for (let left = ends - this.#before[block]; left > 0; left--) at = bytes.indexOf(LF, at + 1);
    return { at: start + at + 1 };
  }

  /**
   * The number of the line that has a byte, if the lines before it are counted.
   *
   * @param file The file.
   * @param at The byte.
   * @returns The number; `undefined`, if it is not known.
   */
  async lineAt(file: LogFile, at: number): Promise<number | undefined> {
    const block = Math.floor(at / BLOCK);
    if (block >= this.#before.length) return undefined;
    const bytes = await file.read(block * BLOCK, at);
    return 1 + this.#before[block] + countLines(bytes);
  }

  #counted(size: number): number {
    return Math.min(size, (this.#before.length - 1) * BLOCK);
  }

  async #count(file: LogFile): Promise<void> {
    const { size } = file.info;
    const first = this.#before.length;
    const start = (first - 1) * BLOCK;
    const bytes = await file.read(start, Math.min(size, start + SLICE));
    // Somebody else can have counted the same blocks meanwhile.
    if (this.#before.length !== first) return;
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const end = Math.min(bytes.length, at + BLOCK);
      this.#before.push(this.#before.at(-1)! + countLines(bytes, at, end));
    }
    if (start + bytes.length === size) this.#isEnded = bytes.at(-1) === LF;
  }
}

/** The last index whose value is below a limit; the values grow, and the first one is below it. */
function lastBelow(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (values[middle] < limit) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The most blocks that are kept, of all files together: the number of each takes 8 bytes. */
const MAX_BLOCKS = 1_000_000;

/** The most files that are kept. */
const MAX_FILES = 1000;

/** The line indexes of the files that were used last. A program that serves many requests keeps one. */
export class LineIndexes {
  readonly #indexes = new Map<string, LineIndex>();
  readonly #maxFiles: number;
  readonly #maxBlocks: number;

  /**
   * Creates an empty collection.
   *
   * @param maxFiles The most files that are kept.
   * @param maxBlocks The most blocks of 64 KiB that are kept.
   */
  constructor(maxFiles: number = MAX_FILES, maxBlocks: number = MAX_BLOCKS) {
    this.#maxFiles = maxFiles;
    this.#maxBlocks = maxBlocks;
  }

  /** The number of files. */
  get size(): number {
    return this.#indexes.size;
  }

  /**
   * The index of a version of a file, if there is one.
   *
   * @param info The file.
   * @returns The index.
   */
  get(info: ObjectInfo): LineIndex | undefined {
    const key = keyOf(info);
    const index = this.#indexes.get(key);
    if (index === undefined) return undefined;
    this.#indexes.delete(key);
    this.#indexes.set(key, index);
    return index;
  }

  /**
   * The index of a version of a file; a new one, if there is none. The files that were not used for the
   * longest time are dropped.
   *
   * @param info The file.
   * @returns The index.
   */
  obtain(info: ObjectInfo): LineIndex {
    const index = this.get(info) ?? new LineIndex();
    this.#indexes.set(keyOf(info), index);
    let blocks = 0;
    for (const [, { blocks: count }] of this.#indexes) blocks += count;
    for (const [key, { blocks: count }] of this.#indexes) {
      if (this.#indexes.size <= this.#maxFiles && blocks <= this.#maxBlocks) break;
      if (this.#indexes.size === 1) break;
      this.#indexes.delete(key);
      blocks -= count;
    }
    return index;
  }
}

function keyOf({ location, etag }: ObjectInfo): string {
  return JSON.stringify([location.s3Uri, etag]);
}
