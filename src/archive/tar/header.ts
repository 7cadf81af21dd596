/**
 * Parses tar headers, the 512 bytes before each member, and pax records.
 *
 * Sources: POSIX.1-2024 (`pax`, "ustar Interchange Format" and "pax Interchange Format") and the
 * manual of GNU tar ("Basic Tar Format").
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { BadArchive } from "./bad_archive.ts";

/** The block size of tar archives. */
export const BLOCK = 512;

/** One header, unchecked. */
export interface TarHeader {
  /** The name, including ustar's prefix. */
  readonly name: string;
  /** The type: one character; `"0"` for a file of an old archive. */
  readonly type: string;
  /** The number of bytes that follow. */
  readonly size: number;
  /** The mode: permissions and the three bits above them. */
  readonly mode: number;
  /** Its modification time, in seconds since 1970. */
  readonly modified: number;
  /** The target of a link. */
  readonly target: string;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a header.
 *
 * @param block Its 512 bytes.
 * @returns The header; `undefined` for a block of zeros, two of which end the archive.
 * @throws {BadArchive} If the checksum is wrong, or a field is invalid.
 */
export function readHeader(block: Uint8Array): TarHeader | undefined {
  if (block[0] === 0 && isZero(block)) return undefined;
  checkSum(block);
  const format = readFormat(block);
  const short = readText(block, 0, 100);
  const prefix = format === "ustar" ? readText(block, 345, 155) : "";
  const name = prefix === "" ? short : `${prefix}/${short}`;
  const type = block[156] === 0 ? "0" : String.fromCharCode(block[156]);
  try {
    return {
      name,
      type,
      size: readNumber(block, 124, 12, "size"),
      mode: readNumber(block, 100, 8, "mode"),
      modified: readNumber(block, 136, 12, "time"),
      target: readText(block, 157, 100),
    };
  } catch (error) {
    throw error instanceof BadArchive ? new BadArchive(error.message, name) : error;
  }
}

/**
 * Whether a block contains only zeros.
 *
 * @param bytes Any bytes.
 * @returns `true` if all are zero.
 */
export function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/**
 * Parses the records of a pax header: `LENGTH KEY=VALUE\n`, one after the other.
 *
 * @param bytes The content of a member of type `x` or `g`.
 * @returns The values by key; the last value of a key wins, and an empty value deletes the key.
 * @throws {BadArchive} If a record has another form.
 */
export function readPax(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0
      ? ""
      : String.fromCharCode(...bytes.subarray(at, Math.min(space, at + 9)));
    const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (end > bytes.length || end < space + 3 || bytes[end - 1] !== 0x0a) {
      throw new BadArchive("a pax header record has the wrong length");
    }
    const equals = bytes.indexOf(0x3d, space);
    if (equals < 0 || equals >= end || equals === space + 1) {
      throw new BadArchive("a pax header record has no key");
    }
    const key = decodeText(bytes.subarray(space + 1, equals), "a pax header key");
    // Keys of other programs may contain any bytes, and are ignored.
    if (KNOWN_KEYS.has(key) || key.startsWith("GNU.sparse.") || key.startsWith("SCHILY.real")) {
      const value = decodeText(bytes.subarray(equals + 1, end - 1), `the pax header's ${key}`);
      // The oldest form of a sparse map has one record per number.
      const numbers = key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes";
      const before = numbers ? records.get("GNU.sparse.map") : undefined;
      records.set(numbers ? "GNU.sparse.map" : key, before ? `${before},${value}` : value);
    }
    at = end;
  }
  return records;
}

/** The pax keys for names and content. */
const KNOWN_KEYS: ReadonlySet<string> = new Set(["path", "linkpath", "size", "mtime"]);

/**
 * Parses a number in a pax record.
 *
 * @param key Its key.
 * @param value Digits; for `mtime` also a sign and a fraction.
 * @returns The number.
 * @throws {BadArchive} If it is not a number.
 */
export function readPaxNumber(key: "size" | "mtime", value: string): number {
  const form = key === "size" ? /^\d{1,16}$/ : /^-?\d{1,15}(?:\.\d*)?$/;
  const number = Number(value);
  if (!form.test(value) || number > Number.MAX_SAFE_INTEGER) {
    throw new BadArchive(`the pax header's ${key} ${quote(value)} is not a number`);
  }
  return number;
}

/**
 * Decodes a name.
 *
 * @param bytes UTF-8.
 * @param what What it is the name of, for the message.
 * @returns The text.
 * @throws {BadArchive} If it is not UTF-8, or contains a NUL.
 */
export function decodeText(bytes: Uint8Array, what: string): string {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new BadArchive(`${what} is not UTF-8`);
  }
  if (text.includes("\0")) throw new BadArchive(`${what} has a NUL byte`);
  return text;
}

function readText(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return end === 0
    ? ""
    : decodeText(end < 0 ? field : field.subarray(0, end), "a name in a header");
}

/** The format from a header's magic; an unknown magic means an unknown format. */
function readFormat(block: Uint8Array): "ustar" | "gnu" | "v7" {
  const magic = String.fromCharCode(...block.subarray(257, 265));
  if (magic === "ustar\x0000") return "ustar";
  if (magic === "ustar  \0") return "gnu";
  if (isZero(block.subarray(257, 265))) return "v7";
  throw new BadArchive(`a header has the unknown format ${quote(magic)}`);
}

/** The sum of all bytes, with its own field as spaces. Some old programs add signed bytes. */
function checkSum(block: Uint8Array): void {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    unsigned += block[i];
    signed += block[i] << 24 >> 24;
  }
  const expected = readNumber(block, 148, 8, "checksum");
  if (expected !== unsigned && expected !== signed) {
    throw new BadArchive("a header has an invalid checksum");
  }
}

/**
 * Parses a number in octal digits or, if the highest bit is set, in base 256.
 *
 * @param block The block.
 * @param offset Start of the field.
 * @param length Its size in bytes.
 * @param what Its name, for the message.
 * @returns The number.
 * @throws {BadArchive} If it is not a number.
 */
export function readNumber(
  block: Uint8Array,
  offset: number,
  length: number,
  what: string,
): number {
  const first = block[offset];
  if (first === 0x80 || first === 0xff) {
    let value = first === 0xff ? -1 : 0;
    for (let i = offset + 1; i < offset + length; i++) value = value * 256 + block[i];
    const lowest = what === "time" ? -Number.MAX_SAFE_INTEGER : 0;
    if (value < lowest || value > Number.MAX_SAFE_INTEGER) {
      throw new BadArchive(`a header's ${what} is out of range`);
    }
    return value;
  }
  let end = offset + length;
  while (end > offset && (block[end - 1] === 0 || block[end - 1] === 0x20)) end--;
  let start = offset;
  while (start < end && block[start] === 0x20) start++;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = block[i] - 0x30;
    if (digit < 0 || digit > 7) throw new BadArchive(`a header's ${what} is not a number`);
    value = value * 8 + digit;
  }
  return value;
}
