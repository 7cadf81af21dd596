/**
 * Encodes members of a tar archive: their headers, and the number of bytes that they take.
 *
 * ustar, with pax records for names, sizes and times that do not fit, so that every program that
 * knows POSIX.1-2001 can read them. (POSIX.1-2024, `pax`, "ustar Interchange Format" and "pax
 * Interchange Format".)
 *
 * @module
 */

import type { ArchiveMember } from "./list_members.ts";
import { BLOCK } from "./header.ts";

/** A member ready to be written: plain values, which can be posted to a worker. */
export interface TarRecord {
  /** Its name; a directory's ends with `/`. */
  readonly name: string;
  /** The path of its content on disk. */
  readonly path: string;
  /** ustar's type flag: `0` file, `1` hard link, `2` symbolic link, `5` directory. */
  readonly type: "0" | "1" | "2" | "5";
  /** The size of its content; 0 for everything except files. */
  readonly size: number;
  /** The permission bits. */
  readonly mode: number;
  /** Its modification time, in whole seconds since 1970. */
  readonly modified: number;
  /** The target of a link; empty for everything else. */
  readonly target: string;
}

/** The end of an archive: two blocks of zeros. */
export const END_MARKER = 2 * BLOCK;

const TYPES = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;

/** The largest number in eleven octal digits. */
const MAX_NUMBER = 8 ** 11 - 1;

const encoder = new TextEncoder();

/** The times of members. */
export interface TimeOptions {
  /** The time of every member, instead of its own. */
  readonly modified?: Date;
  /** The latest time of any member; later times are replaced by it. */
  readonly notAfter?: Date;
}

/**
 * Prepares a member.
 *
 * @param member The member.
 * @param times Times that replace its own.
 * @returns Its record.
 */
export function tarRecord(member: ArchiveMember, times: TimeOptions = {}): TarRecord {
  const { name, path, type, size, mode, target = "" } = member;
  const own = (times.modified ?? member.modified).getTime();
  const time = Math.min(own, times.notAfter?.getTime() ?? Infinity);
  return {
    name: type === "directory" ? `${name}/` : name,
    path,
    type: TYPES[type],
    size,
    mode,
    modified: Math.floor(time / 1000),
    target,
  };
}

/**
 * The size of a record's headers in bytes.
 *
 * @param record The record.
 * @returns A multiple of {@linkcode BLOCK}.
 */
export function headerLength(record: TarRecord): number {
  const extended = paxRecords(record);
  return extended.length === 0 ? BLOCK : 2 * BLOCK + padded(extended.length);
}

/**
 * The size of a record in bytes, with its content and padding.
 *
 * @param record The record.
 * @returns A multiple of {@linkcode BLOCK}.
 */
export function recordLength(record: TarRecord): number {
  return headerLength(record) + padded(record.size);
}

/**
 * Encodes a record's headers.
 *
 * @param record The record.
 * @returns {@linkcode headerLength} bytes.
 */
export function encodeHeaders(record: TarRecord): Uint8Array {
  const extended = paxRecords(record);
  const own = encodeHeader(record);
  if (extended.length === 0) return own;
  const bytes = new Uint8Array(2 * BLOCK + padded(extended.length));
  const { mode, modified } = record;
  const size = extended.length;
  bytes.set(encodeHeader({ name: "PaxHeader", type: "x", size, mode, modified, target: "" }));
  bytes.set(extended, BLOCK);
  bytes.set(own, bytes.length - BLOCK);
  return bytes;
}

/**
 * The size of something in an archive, including padding.
 *
 * @param length Its own length.
 * @returns The length rounded up to whole blocks.
 */
export function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

/** The values of a record that do not fit into ustar. */
function paxRecords(record: TarRecord): Uint8Array {
  const { name, target, size, modified } = record;
  let records = "";
  if (splitName(name) === undefined) records += paxRecord("path", name);
  if (!isAscii(target) || target.length > 100) records += paxRecord("linkpath", target);
  if (size > MAX_NUMBER) records += paxRecord("size", String(size));
  if (modified < 0 || modified > MAX_NUMBER) records += paxRecord("mtime", String(modified));
  return encoder.encode(records);
}

/** `LENGTH KEY=VALUE\n`, where the length includes its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = encoder.encode(rest).length;
  let digits = 1;
  while (String(length + digits).length > digits) digits++;
  return `${length + digits}${rest}`;
}

/** Splits a name into ustar's prefix and name; `undefined` if it does not fit. */
function splitName(name: string): readonly [prefix: string, name: string] | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return ["", name];
  // Don't split at the `/` that ends a directory's name.
  const at = name.indexOf("/", name.length - 101);
  return at < 1 || at > 155 || at === name.length - 1
    ? undefined
    : [name.slice(0, at), name.slice(at + 1)];
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Encodes one block; what does not fit is in the pax records. */
function encodeHeader(
  { name, type, size, mode, modified, target }:
    & Omit<TarRecord, "type" | "path">
    & { readonly type: TarRecord["type"] | "x" },
): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const text = (offset: number, length: number, value: string) => {
    encoder.encodeInto(value, block.subarray(offset, offset + length));
  };
  const number = (offset: number, length: number, value: number) =>
    text(offset, length, value.toString(8).padStart(length - 1, "0"));
  const [prefix, short] = splitName(name) ?? ["", name];
  text(0, 100, short);
  number(100, 8, mode);
  number(108, 8, 0);
  number(116, 8, 0);
  number(124, 12, size > MAX_NUMBER ? 0 : size);
  number(136, 12, Math.min(Math.max(modified, 0), MAX_NUMBER));
  text(148, 8, " ".repeat(8));
  text(156, 1, type);
  text(157, 100, target);
  text(257, 8, "ustar\x0000");
  number(329, 8, 0);
  number(337, 8, 0);
  text(345, 155, prefix);
  let sum = 0;
  for (const byte of block) sum += byte;
  text(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}
