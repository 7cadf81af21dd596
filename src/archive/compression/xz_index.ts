/**
 * The index at the end of an .xz file: the positions of its blocks, so that several workers can
 * decode them at once. (The .xz File Format 1.2.0, sections 2.1.1, 2.1.2 and 4.)
 *
 * @module
 */

import zlib from "node:zlib";

/** One block. */
export interface XzBlock {
  /** Its offset in the file. */
  readonly offset: number;
  /** Its size without padding, from the index. */
  readonly unpadded: number;
  /** Its decoded size in bytes. */
  readonly size: number;
}

/** An .xz file of one stream. */
export interface XzIndex {
  /** The stream's header, 12 bytes. */
  readonly header: Uint8Array;
  /** Its blocks. */
  readonly blocks: readonly XzBlock[];
}

/** Reads bytes of a file; fewer than requested only at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

const EDGE = 12;
const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];

/** An index of this size has 100,000 blocks; a larger one is not worth the memory. */
const MAX_INDEX = 1024 * 1024;

/**
 * Reads the index of a file.
 *
 * @param readAt Reads the file.
 * @param size The file's size.
 * @returns The index; `undefined` unless the file is one complete stream with a valid index. Other
 * files must be read from the beginning, which also finds their errors.
 */
export function readXzIndex(readAt: ReadAt, size: number): XzIndex | undefined {
  if (size < 2 * EDGE || size % 4 !== 0) return undefined;
  const header = readAt(0, EDGE).slice();
  const footer = readAt(size - EDGE, EDGE).slice();
  if (header.length < EDGE || MAGIC.some((byte, i) => header[i] !== byte)) return undefined;
  if (footer[10] !== 0x59 || footer[11] !== 0x5a) return undefined;
  // Header and footer must name the same check.
  if (footer[8] !== header[6] || footer[9] !== header[7]) return undefined;
  if (crc(footer.subarray(4, 10)) !== view(footer).getUint32(0, true)) return undefined;
  const indexSize = (view(footer).getUint32(4, true) + 1) * 4;
  if (indexSize > MAX_INDEX || indexSize > size - 2 * EDGE) return undefined;
  const index = readAt(size - EDGE - indexSize, indexSize);
  if (crc(index.subarray(0, -4)) !== view(index).getUint32(indexSize - 4, true)) return undefined;
  const blocks = readBlocks(index.subarray(0, -4));
  const last = blocks?.[blocks.length - 1];
  const end = last === undefined ? EDGE : last.offset + padded(last.unpadded);
  return blocks !== undefined && end + indexSize + EDGE === size ? { header, blocks } : undefined;
}

/** Bytes that turn a block into an .xz file of its own. */
export interface XzBlockFile {
  /** The bytes before the block. */
  readonly before: Uint8Array;
  /** The size of the block in the file, including padding. */
  readonly length: number;
  /** The bytes after the block. */
  readonly after: Uint8Array;
}

/**
 * Turns one block into a file of its own, whose check and sizes a decoder verifies as usual.
 *
 * @param header The stream's header.
 * @param block The block.
 * @returns The bytes around the block.
 */
export function blockFile(header: Uint8Array, block: XzBlock): XzBlockFile {
  const after = encodeIndex(header, [block]);
  return { before: header, length: padded(block.unpadded), after };
}

/**
 * Encodes the end of a stream: the index of its blocks, and the footer.
 *
 * @param header The stream's header.
 * @param blocks Its blocks.
 * @returns The bytes that follow the last block.
 */
export function encodeIndex(
  header: Uint8Array,
  blocks: readonly Pick<XzBlock, "unpadded" | "size">[],
): Uint8Array {
  const records = [0, ...encodeNumber(blocks.length)];
  for (const { unpadded, size } of blocks) {
    records.push(...encodeNumber(unpadded), ...encodeNumber(size));
  }
  while (records.length % 4 !== 0) records.push(0);
  const bytes = new Uint8Array(records.length + 4 + EDGE);
  bytes.set(records);
  const out = view(bytes);
  out.setUint32(records.length, crc(bytes.subarray(0, records.length)), true);
  const footer = records.length + 4;
  out.setUint32(footer + 4, (records.length + 4) / 4 - 1, true);
  bytes.set(header.subarray(6, 8), footer + 8);
  out.setUint32(footer, crc(bytes.subarray(footer + 4, footer + 10)), true);
  bytes.set([0x59, 0x5a], footer + 10);
  return bytes;
}

/**
 * Encodes a number in the format of .xz files: 7 bits per byte, the lowest first.
 *
 * @param value The number.
 * @returns Its bytes.
 */
export function encodeNumber(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push(value % 0x80 | 0x80);
  return [...bytes, value];
}

function readBlocks(index: Uint8Array): XzBlock[] | undefined {
  if (index[0] !== 0) return undefined;
  let at = 1;
  /** A number of up to 9 bytes, 7 bits each, the lowest first. */
  const next = () => {
    let value = 0;
    for (let i = 0; i < 9 && at < index.length; i++) {
      const byte = index[at++];
      value += (byte & 0x7f) * 2 ** (7 * i);
      // A last byte of zero is redundant; only the shortest form is valid.
      if (byte < 0x80) return byte === 0 && i > 0 ? NaN : value;
    }
    return NaN;
  };
  const count = next();
  const blocks: XzBlock[] = [];
  let offset = EDGE;
  for (let i = 0; i < count; i++) {
    const [unpadded, size] = [next(), next()];
    if (!Number.isSafeInteger(unpadded) || !Number.isSafeInteger(size)) return undefined;
    blocks.push({ offset, unpadded, size });
    offset += padded(unpadded);
  }
  const padding = index.subarray(at);
  if (padding.length > 3 || padding.some((byte) => byte !== 0)) return undefined;
  return blocks.length === count ? blocks : undefined;
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function crc(bytes: Uint8Array): number {
  return zlib.crc32(bytes);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
