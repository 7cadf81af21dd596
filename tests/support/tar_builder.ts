/**
 * Tar archives made by hand: also those that no program makes.
 *
 * @module
 */

import zlib from "node:zlib";
import { compileLzma, Lzma } from "../../src/archive/compression/liblzma.ts";
import { readXzIndex } from "../../src/archive/compression/xz_index.ts";
import { concat } from "./bytes.ts";

/** A member, each field as it is to stand in the archive. */
export interface TarPart {
  readonly name: string | Uint8Array;
  /** The type's character. Default: `0`, a file. */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly target?: string;
  readonly mode?: number;
  readonly mtime?: number;
  /** What stands in the field of the size, if not that of the content. */
  readonly size?: string | Uint8Array;
  /** `ustar`, `gnu` or whatever else shall stand there. */
  readonly magic?: string;
  readonly prefix?: string;
  /** Fields that are overwritten after all else, before the checksum. */
  readonly raw?: Readonly<Record<number, string | Uint8Array>>;
  /** What stands in the field of the checksum, if not the right one. */
  readonly checksum?: string;
}

const encoder = new TextEncoder();
const bytesOf = (value: string | Uint8Array) =>
  typeof value === "string" ? encoder.encode(value) : value;

/** The two blocks of zeros that end an archive. */
export const END = new Uint8Array(1024);

/** A header and its content, padded. */
export function tarPart(part: TarPart): Uint8Array {
  const content = bytesOf(part.content ?? "");
  const block = new Uint8Array(512);
  const put = (offset: number, value: string | Uint8Array) => block.set(bytesOf(value), offset);
  const octal = (value: number, length: number) =>
    value.toString(8).padStart(length - 1, "0") + "\0";
  put(0, part.name);
  put(100, octal(part.mode ?? 0o644, 8));
  put(108, octal(0, 8));
  put(116, octal(0, 8));
  put(124, part.size ?? octal(content.length, 12));
  put(136, octal(part.mtime ?? 0, 12));
  put(156, part.type ?? "0");
  put(157, part.target ?? "");
  const magic = part.magic ?? "ustar";
  put(257, magic === "ustar" ? "ustar\x0000" : magic === "gnu" ? "ustar  \0" : magic);
  put(345, part.prefix ?? "");
  for (const [offset, value] of Object.entries(part.raw ?? {})) put(Number(offset), value);
  put(148, " ".repeat(8));
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, part.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `);
  return concat([block, content, new Uint8Array((512 - content.length % 512) % 512)]);
}

/** An archive of members, with its end. */
export function tar(...parts: readonly TarPart[]): Uint8Array {
  return concat([...parts.map(tarPart), END]);
}

/** A record of a pax header. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = encoder.encode(rest).length;
  let total = length + 1;
  while (String(total).length + length !== total) total++;
  return `${total}${rest}`;
}

/** A pax header for the next member. */
export function pax(records: Readonly<Record<string, string>>, type = "x"): TarPart {
  const content = Object.entries(records).map(([key, value]) => paxRecord(key, value)).join("");
  return { name: "PaxHeader/x", type, content };
}

/** A name or link target of GNU tar's for the next member. */
export function gnuLong(type: "L" | "K", text: string): TarPart {
  return { name: "././@LongLink", type, content: `${text}\0`, magic: "gnu" };
}

/** Compresses bytes as the end of a name tells. */
export async function compress(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  if (name.endsWith(".zst")) {
    const params = { [zlib.constants.ZSTD_c_checksumFlag]: 1 };
    // A copy: of a Buffer, `slice()` gives a view.
    return new Uint8Array(zlib.zstdCompressSync(bytes, { params }));
  }
  if (name.endsWith(".gz") || name.endsWith(".tgz")) return new Uint8Array(zlib.gzipSync(bytes));
  if (name.endsWith(".xz")) return await xz(bytes);
  return bytes;
}

/** Compresses bytes to one .xz stream of one block. */
export async function xz(bytes: Uint8Array, preset = 0): Promise<Uint8Array> {
  const lzma = await Lzma.load(await compileLzma());
  using encoder = lzma.encoder({ preset });
  const parts: Uint8Array[] = [];
  encoder.push(bytes, (part) => parts.push(part.slice()));
  encoder.finish((part) => parts.push(part.slice()));
  return concat(parts);
}

/** Compresses pieces to one .xz stream, each to a block of its own. */
export async function xzBlocks(pieces: readonly Uint8Array[]): Promise<Uint8Array> {
  const number = (value: number): number[] =>
    value < 0x80 ? [value] : [value % 0x80 | 0x80, ...number(Math.floor(value / 0x80))];
  const crc = (bytes: Uint8Array) => {
    const out = new Uint8Array(4);
    new DataView(out.buffer).setUint32(0, zlib.crc32(bytes), true);
    return out;
  };
  const blocks: Uint8Array[] = [];
  const records: number[] = [0, ...number(pieces.length)];
  let edge = new Uint8Array(12);
  for (const piece of pieces) {
    const file = await xz(piece);
    const readAt = (offset: number, length: number) => file.subarray(offset, offset + length);
    const { header, blocks: [block] } = readXzIndex(readAt, file.length)!;
    edge = new Uint8Array(header);
    blocks.push(file.subarray(12, 12 + Math.ceil(block.unpadded / 4) * 4));
    records.push(...number(block.unpadded), ...number(block.size));
  }
  while (records.length % 4 !== 0) records.push(0);
  const index = concat([new Uint8Array(records), crc(new Uint8Array(records))]);
  const tail = new Uint8Array(6);
  new DataView(tail.buffer).setUint32(0, index.length / 4 - 1, true);
  tail.set(edge.subarray(6, 8), 4);
  return concat([edge, ...blocks, index, crc(tail), tail, new Uint8Array([0x59, 0x5a])]);
}
