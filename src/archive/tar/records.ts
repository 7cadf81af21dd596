/**
 * Members as they stand in a tar archive: their headers, and how many bytes each takes.
 *
 * ustar where a name, a size or a time fits into it, and pax records where not, so that every
 * program that knows POSIX.1-2001 reads them. (POSIX.1-2024, `pax`, "ustar Interchange Format" and
 * "pax Interchange Format".)
 *
 * @module
 */

import type { ArchiveMember } from "./members.ts";
import { BLOCK } from "./header.ts";

/** A member that is ready to be written: plain values, which can be posted to a worker. */
export interface TarRecord {
  /** Its name, a directory's with a `/` at its end. */
  readonly name: string;
  /** Where its content is on disk. */
  readonly path: string;
  /** ustar's type flag: `0` file, `1` hard link, `2` symbolic link, `5` directory. */
  readonly type: "0" | "1" | "2" | "5";
  /** The size of its content; 0 for all but files. */
  readonly size: number;
  /** The permission bits. */
  readonly mode: number;
  /** When it was changed, in whole seconds since 1970. */
  readonly modified: number;
  /** Where a link points; empty for what is no link. */
  readonly target: string;
}

/** What ends an archive: two blocks of zeros. */
export const END_MARKER = 2 * BLOCK;

const TYPES = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;

/** What eleven octal digits hold. */
const MAX_NUMBER = 8 ** 11 - 1;

const encoder = new TextEncoder();

/** Which time a member gets. */
export interface TimeOptions {
  /** The time of every member, instead of its own. */
  readonly modified?: Date;
  /** The latest time of any member: later ones become it. */
  readonly notAfter?: Date;
}

/**
 * Makes a member ready.
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
 * How many bytes a record's headers take.
 *
 * @param record The record.
 * @returns A multiple of {@linkcode BLOCK}.
 */
export function headerLength(record: TarRecord): number {
  const extended = paxRecords(record);
  return extended.length === 0 ? BLOCK : 2 * BLOCK + padded(extended.length);
}

/**
 * How many bytes a record takes, with its content and what fills up the last block.
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
 * The place that something takes in an archive.
 *
 * @param length Its own length.
 * @returns The length up to the next block's beginning.
 */
export function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

/** What ustar can't say of a record. */
function paxRecords(record: TarRecord): Uint8Array {
  const { name, target, size, modified } = record;
  let records = "";
  if (splitName(name) === undefined) records += paxRecord("path", name);
  if (!isAscii(target) || target.length > 100) records += paxRecord("linkpath", target);
  if (size > MAX_NUMBER) records += paxRecord("size", String(size));
  if (modified < 0 || modified > MAX_NUMBER) records += paxRecord("mtime", String(modified));
  return encoder.encode(records);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits as well. */
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
  // A directory's own `/` at the end is no place to split.
  const at = name.indexOf("/", name.length - 101);
  return at < 1 || at > 155 || at === name.length - 1
    ? undefined
    : [name.slice(0, at), name.slice(at + 1)];
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Encodes one block; what does not fit stands in the pax records. */
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
