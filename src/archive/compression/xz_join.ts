/**
 * Joins several .xz files, each with one stream of one block, into one stream with all blocks, like
 * the output of `xz -T`. Every reader accepts it; some readers stop after the first of several
 * streams.
 *
 * The header of each block gets its two sizes, which `xz` needs to decode blocks in parallel. (The
 * .xz File Format 1.2.0, sections 2 and 3.)
 *
 * @module
 */

import zlib from "node:zlib";
import { encodeIndex, encodeNumber, readXzIndex, type XzBlock } from "./xz_index.ts";

/**
 * The size of a stream header, the size of a CRC64, and the flags and properties of one LZMA2
 * filter.
 */
const STREAM_HEADER = 12;
const CHECK = 8;
const LZMA2_FLAGS = 3;
/** Flags in a block header: it contains the compressed and the uncompressed size. */
const HAS_SIZES = 0xc0;

/** Joins files one after the other. */
export class XzJoiner {
  readonly #blocks: Pick<XzBlock, "unpadded" | "size">[] = [];
  #header: Uint8Array | undefined;

  /**
   * Adds a file.
   *
   * @param file A stream of one block, with one LZMA2 filter and a CRC64.
   * @returns The bytes that follow those of the previous file.
   */
  add(file: Uint8Array): Uint8Array[] {
    const readAt = (offset: number, length: number) => file.subarray(offset, offset + length);
    const index = readXzIndex(readAt, file.length);
    const block = index?.blocks[0];
    const oldHeader = (file[STREAM_HEADER] + 1) * 4;
    const flags = file[STREAM_HEADER + 1];
    if (index?.blocks.length !== 1 || block === undefined || flags !== 0) {
      throw new TypeError("liblzma did not produce a stream of one block");
    }
    const compressed = block.unpadded - oldHeader - CHECK;
    const filter = file.subarray(STREAM_HEADER + 2, STREAM_HEADER + 2 + LZMA2_FLAGS);
    const header = blockHeader(compressed, block.size, filter);
    const data = file.subarray(
      STREAM_HEADER + oldHeader,
      STREAM_HEADER + Math.ceil(block.unpadded / 4) * 4,
    );
    this.#blocks.push({ unpadded: header.length + compressed + CHECK, size: block.size });
    if (this.#header !== undefined) return [header, data];
    this.#header = index.header;
    return [this.#header, header, data];
  }

  /**
   * Ends the file.
   *
   * @returns The bytes that follow the last block.
   */
  finish(): Uint8Array {
    if (this.#header === undefined) throw new TypeError("Nothing was added");
    return encodeIndex(this.#header, this.#blocks);
  }
}

function blockHeader(compressed: number, size: number, filter: Uint8Array): Uint8Array {
  const fields = [HAS_SIZES, ...encodeNumber(compressed), ...encodeNumber(size), ...filter];
  const length = Math.ceil((1 + fields.length) / 4) * 4 + 4;
  const header = new Uint8Array(length);
  header[0] = length / 4 - 1;
  header.set(fields, 1);
  const checked = header.subarray(0, -4);
  new DataView(header.buffer).setUint32(length - 4, zlib.crc32(checked), true);
  return header;
}
