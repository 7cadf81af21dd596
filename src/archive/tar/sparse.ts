/**
 * Sparse files: the map of the parts that an archive contains, in the four formats of GNU tar and
 * others (the manual of GNU tar, "Storing Sparse Files").
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { BadArchive } from "./bad_archive.ts";
import { BLOCK, readNumber } from "./header.ts";

/** A sparse file in a pax header. */
export interface SparseHeader {
  /** The file's name; that of the member is artificial. */
  readonly name?: string;
  /** The file's size, including holes. */
  readonly size: number;
  /**
   * Alternating offsets and lengths of its parts; `undefined`, if the map is before the content.
   */
  readonly map?: readonly number[];
}

/** Enough for a disk image of a terabyte with a part in each megabyte. */
const MAX_NUMBERS = 2_000_000;

/**
 * Parses the map in a pax header: the formats 0.0, 0.1 and 1.0.
 *
 * @param records The header's records.
 * @returns The map; `undefined` if the file is not sparse.
 * @throws {BadArchive} If it has another format.
 */
export function readSparse(records: ReadonlyMap<string, string>): SparseHeader | undefined {
  const keys = [...records.keys()];
  if (keys.some((key) => key.startsWith("SCHILY.real"))) {
    throw new BadArchive("it is a sparse file in the format of star");
  }
  if (!keys.some((key) => key.startsWith("GNU.sparse."))) return undefined;
  const version = `${records.get("GNU.sparse.major") ?? 0}.${records.get("GNU.sparse.minor") ?? 0}`;
  const name = records.get("GNU.sparse.name");
  const realSize = records.get("GNU.sparse.realsize") ?? records.get("GNU.sparse.size");
  if (realSize === undefined) throw new BadArchive("it is a sparse file without a size");
  const size = readDigits(realSize);
  if (version === "1.0") return { name, size };
  const map = records.get("GNU.sparse.map");
  if (version !== "0.0" && version !== "0.1" || map === undefined && realSize !== "0") {
    throw new BadArchive(`it is a sparse file of the unknown version ${quote(version)}`);
  }
  return { name, size, map: map ? map.split(",").map(readDigits) : [] };
}

function readDigits(text: string): number {
  const number = Number(text);
  if (!/^\d{1,16}$/.test(text) || number > Number.MAX_SAFE_INTEGER) {
    throw new BadArchive(`the number ${quote(text)} of its sparse map is none`);
  }
  return number;
}

/** The map of GNU tar's own format, in the header and in blocks after it. */
export class HeaderMap {
  /** Alternating offsets and lengths. */
  readonly map: number[] = [];
  /** The file's size. */
  readonly size: number;
  /** Whether another block follows. */
  more: boolean;

  /**
   * Reads the header.
   *
   * @param header Its 512 bytes.
   * @throws {BadArchive} If it is not in GNU tar's format.
   */
  constructor(header: Uint8Array) {
    if (String.fromCharCode(...header.subarray(257, 265)) !== "ustar  \0") {
      throw new BadArchive("it is a sparse file in an unknown format");
    }
    this.size = readNumber(header, 483, 12, "size");
    this.more = header[482] !== 0;
    this.#read(header, 386, 4);
  }

  /**
   * Reads a block that follows.
   *
   * @param block Its 512 bytes.
   */
  add(block: Uint8Array): void {
    this.more = block[504] !== 0;
    this.#read(block, 0, 21);
  }

  #read(block: Uint8Array, offset: number, count: number): void {
    for (let at = offset; count > 0 && block[at] !== 0; at += 24, count--) {
      this.map.push(readNumber(block, at, 12, "sparse map"));
      this.map.push(readNumber(block, at + 12, 12, "sparse map"));
    }
    if (this.map.length > MAX_NUMBERS) throw tooMany();
  }
}

/** The map of format 1.0, before the content: one number per line, the first is their count. */
export class TextMap {
  /** Alternating offsets and lengths. */
  readonly map: number[] = [];
  /** Its size in bytes, including padding. */
  length = 0;
  #count: number | undefined;
  #digits = "";

  /** Whether it is complete. */
  get done(): boolean {
    return this.map.length === this.#count && this.length % BLOCK === 0;
  }

  /**
   * Reads a piece.
   *
   * @param bytes The piece.
   * @returns The number of its bytes that belong to the map.
   * @throws {BadArchive} If it is not a map.
   */
  push(bytes: Uint8Array): number {
    for (let at = 0; at < bytes.length; at++) {
      if (this.done) return at;
      this.length++;
      if (this.map.length === this.#count) continue;
      if (bytes[at] !== 0x0a) {
        this.#digits += String.fromCharCode(bytes[at]);
        if (this.#digits.length > 16) readDigits(this.#digits);
        continue;
      }
      const number = readDigits(this.#digits);
      this.#digits = "";
      if (this.#count !== undefined) this.map.push(number);
      else if (number * 2 > MAX_NUMBERS) throw tooMany();
      else this.#count = number * 2;
    }
    return bytes.length;
  }
}

function tooMany(): BadArchive {
  return new BadArchive(`it is a sparse file of more than ${MAX_NUMBERS / 2} parts`);
}

/** Receives the content of a sparse file. */
export interface SparseSink {
  /** A part. */
  data(bytes: Uint8Array): void;
  /** A hole. */
  hole(length: number): void;
}

/** Inserts holes between the parts of a file. */
export class SparseContent {
  readonly #map: readonly number[];
  readonly #size: number;
  readonly #sink: SparseSink;
  #part = 0;
  #at = 0;

  /**
   * Checks a map.
   *
   * @param map Alternating offsets and lengths.
   * @param size The file's size.
   * @param stored The number of bytes stored in the archive.
   * @param sink Receives its content.
   * @throws {BadArchive} If parts overlap, or do not match the stored bytes.
   */
  constructor(map: readonly number[], size: number, stored: number, sink: SparseSink) {
    let [end, total] = [0, 0];
    for (let i = 0; i < map.length; i += 2) {
      const length = map[i + 1];
      if (length === undefined || map[i] < end || map[i] + length > size) {
        throw new BadArchive("its sparse map is wrong");
      }
      end = map[i] + length;
      total += length;
    }
    if (total !== stored) throw new BadArchive("its sparse map does not fit its content");
    this.#map = map;
    this.#size = size;
    this.#sink = sink;
  }

  /** Processes a piece of the stored bytes. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const [offset, length] = [this.#map[this.#part], this.#map[this.#part + 1]];
      if (this.#at >= offset + length) {
        this.#part += 2;
        continue;
      }
      this.#goTo(offset);
      const piece = bytes.subarray(at, at + offset + length - this.#at);
      this.#sink.data(piece);
      this.#at += piece.length;
      at += piece.length;
    }
  }

  /** Reports a hole at the end. */
  finish(): void {
    this.#goTo(this.#size);
  }

  #goTo(offset: number): void {
    if (this.#at < offset) this.#sink.hole(offset - this.#at);
    this.#at = Math.max(this.#at, offset);
  }
}
