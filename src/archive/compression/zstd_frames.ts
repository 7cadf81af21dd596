/**
 * Finds the frames of a .zst file (RFC 8878, section 3).
 *
 * `node:zlib` ends silently if a frame is truncated, and drops a second frame that comes in the
 * same piece as the end of the first. So the file is split into frames here, and each gets its own
 * decoder.
 *
 * @module
 */

import { BadArchive } from "../tar/bad_archive.ts";

/** A part of a frame. */
export interface FramePiece {
  /** Bytes of the frame: a view of the input. */
  readonly bytes: Uint8Array;
  /** Whether they end the frame. */
  readonly last: boolean;
}

/** The maximum memory of decoding: the window of `zstd --ultra -22`. */
export const MAX_MEMORY = 128 * 1024 * 1024;

/** The largest window of any decoder: that of `zstd --long=31`. */
const MAX_WINDOW = 2 ** 31;
const MAX_BLOCK = 128 * 1024;

/** The kind of the next bytes. */
type Expected =
  | "magic"
  | "header"
  | "skippable size"
  | "block"
  | "content"
  | "checksum"
  | "skipped";

/** Splits one file. */
export class ZstdFrames {
  #expected: Expected = "magic";
  /** The number of bytes missing from what is expected. */
  #missing = 4;
  /** The part of the header received so far. */
  readonly #header = new Uint8Array(18);
  #length = 0;
  #lastBlock = false;
  #checksum = false;
  readonly #maxMemory: number;

  /**
   * Creates a splitter.
   *
   * @param maxMemory The maximum memory of decoding, in bytes.
   */
  constructor(maxMemory: number = MAX_MEMORY) {
    this.#maxMemory = maxMemory;
  }

  /**
   * Splits a piece of the file.
   *
   * @param bytes The piece, of any size.
   * @returns The parts of frames in it, without frames that have no content.
   * @throws {BadArchive} If it is not zstd.
   */
  push(bytes: Uint8Array): FramePiece[] {
    const pieces: FramePiece[] = [];
    // Start of the bytes that belong to a frame and are in no piece yet; -1 between frames.
    let start = this.#inFrame() ? 0 : -1;
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(this.#missing, bytes.length - at);
      if (this.#expected !== "content" && this.#expected !== "skipped") {
        for (let i = 0; i < count; i++) this.#header[this.#length++] = bytes[at + i];
      }
      at += count;
      this.#missing -= count;
      if (this.#missing > 0) break;
      const ended = this.#advance();
      if (ended && start >= 0) pieces.push({ bytes: bytes.subarray(start, at), last: true });
      if (ended) start = -1;
      else if (start < 0 && this.#inFrame()) {
        start = at;
        pieces.push({ bytes: this.#header.slice(0, 4), last: false });
      }
    }
    if (start >= 0 && start < bytes.length) {
      pieces.push({ bytes: bytes.subarray(start), last: false });
    }
    return pieces;
  }

  /**
   * Signals the end.
   *
   * @throws {BadArchive} If the last frame is not complete.
   */
  finish(): void {
    if (this.#expected !== "magic" || this.#missing !== 4) {
      throw new BadArchive("its zstd data is truncated, or unexpected data follows it");
    }
  }

  /** Whether the next bytes belong to a frame with content whose magic number was read. */
  #inFrame(): boolean {
    return this.#expected === "header" || this.#expected === "block" ||
      this.#expected === "content" || this.#expected === "checksum";
  }

  /** Reads the received header; returns whether the frame ends here. */
  #advance(): boolean {
    const header = this.#header;
    const view = new DataView(header.buffer);
    switch (this.#expected) {
      case "magic": {
        const magic = view.getUint32(0, true);
        if (magic === 0xfd2fb528) return this.#expect("header", 1);
        if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) return this.#expect("skippable size", 4);
        throw new BadArchive("it is not a zstd file, or unexpected data follows its zstd data");
      }
      case "skippable size":
        return this.#expect("skipped", view.getUint32(4, true));
      case "header": {
        const rest = headerSize(header[4]) - (this.#length - 4);
        if (rest > 0) return this.#expect("header", rest);
        this.#checksum = (header[4] & 0x04) !== 0;
        checkFrame(view, this.#maxMemory);
        return this.#block();
      }
      case "block": {
        const value = header[0] | header[1] << 8 | header[2] << 16;
        const [type, size] = [value >> 1 & 3, value >> 3];
        if (type === 3 || size > MAX_BLOCK) throw new BadArchive("its zstd data is corrupt");
        this.#lastBlock = (value & 1) !== 0;
        return this.#expect("content", type === 1 ? 1 : size);
      }
      case "content":
        if (!this.#lastBlock) return this.#block();
        return this.#checksum ? this.#expect("checksum", 4) : this.#end();
      case "checksum":
      case "skipped":
        return this.#end();
    }
  }

  #expect(what: Expected, count: number): boolean {
    this.#expected = what;
    this.#missing = count;
    return count === 0 ? this.#advance() : false;
  }

  #block(): boolean {
    this.#length = 0;
    return this.#expect("block", 3);
  }

  #end(): boolean {
    this.#length = 0;
    this.#expected = "magic";
    this.#missing = 4;
    return true;
  }
}

/** The size of a frame header without the magic number, from its first byte. */
function headerSize(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3];
  const content = [single ? 1 : 0, 2, 4, 8][descriptor >> 6];
  return 1 + (single ? 0 : 1) + dictionary + content;
}

function checkFrame(view: DataView, maxMemory: number): void {
  const descriptor = view.getUint8(4);
  if ((descriptor & 0x08) !== 0) throw new BadArchive("its zstd data has an unknown version");
  const single = (descriptor & 0x20) !== 0;
  const dictionaryAt = single ? 5 : 6;
  const dictionary = [0, 1, 2, 4][descriptor & 3];
  for (let i = 0; i < dictionary; i++) {
    if (view.getUint8(dictionaryAt + i) !== 0) throw new BadArchive("it needs a zstd dictionary");
  }
  const window = single
    ? contentSize(view, descriptor >> 6, dictionaryAt + dictionary)
    : windowSize(view.getUint8(5));
  if (window <= maxMemory && window <= MAX_WINDOW) return;
  const needed = Math.ceil(window / 1024 ** 2);
  throw new BadArchive(
    window > MAX_WINDOW
      ? `decoding it takes ${needed} MiB of memory, more than any decoder has`
      : `decoding it takes ${needed} MiB of memory (--max-memory ${needed}M)`,
  );
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + base / 8 * (descriptor & 7);
}

/** In a frame with a single segment, the window is as large as the content. */
function contentSize(view: DataView, flag: number, at: number): number {
  if (flag === 0) return view.getUint8(at);
  if (flag === 1) return view.getUint16(at, true) + 256;
  if (flag === 2) return view.getUint32(at, true);
  return Number(view.getBigUint64(at, true));
}
