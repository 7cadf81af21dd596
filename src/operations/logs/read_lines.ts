/**
 * Reads lines of a log that can be very large: only the part of it that is shown.
 *
 * @module
 */

import { invalid } from "../../errors/error.ts";
import type { LineIndex } from "./line_index.ts";
import type { LogFile } from "./log_file.ts";
import { type LogRow, MAX_ROW, rowStart, type SplitRow, splitRows } from "./rows.ts";

/** What is read at first for a few lines, in bytes. */
const FIRST_READ = 64 * 1024;

/** The most that is read for the rows of one answer, in bytes. */
const MAX_READ = 512 * 1024;

/** About this many bytes has a line. */
const USUAL_LINE = 128;

/** Options of {@linkcode readLines}. */
export interface ReadLinesOptions {
  /** The offset of a byte. Default: the file's start; with `back`, its end. */
  readonly at?: number;
  /** Whether the rows before that byte are wanted. Default: the row that has it, and those after it. */
  readonly back?: boolean;
  /** How many rows at most. */
  readonly count: number;
  /** The number of the line that begins at that byte, if it is known. */
  readonly line?: number;
  /** The line numbers of the file, as far as they are known. */
  readonly index?: LineIndex;
  /** The name of `at` in messages. Default: `at`. */
  readonly field?: string;
}

/** Rows of a file. */
export interface LogWindow {
  /** The offset of the first row: the rows before are those `back` from here. */
  readonly start: number;
  /** The offset after the last row, where the next ones begin. */
  readonly end: number;
  /** The rows. */
  readonly rows: readonly LogRow[];
}

/** Rows, and the offset after them. */
interface Found {
  readonly rows: readonly SplitRow[];
  readonly end: number;
}

/**
 * Reads the rows at a place of a file, with one or two requests for at most 528 KiB. There can be fewer
 * rows than requested, but one at least, unless the file ends there.
 *
 * @param file The file.
 * @param options The place, and the number of rows.
 * @returns The rows.
 * @throws {RunOutputsError} `invalid`, if the place is after the end of the file.
 */
export async function readLines(
  file: LogFile,
  { at: wanted, back = false, count, line, index, field = "at" }: ReadLinesOptions,
): Promise<LogWindow> {
  const { size } = file.info;
  const at = wanted ?? (back ? size : 0);
  if (at > size) throw invalid(field, at, `at most ${size}, the size of the file`);
  const { rows, end } = back ? await rowsBefore(file, at, count) : await rowsFrom(file, at, count);
  const start = rows.at(0)?.at ?? end;
  const first = start === 0 ? 1 : start === at && line || await index?.lineAt(file, start);
  return { start, end, rows: numbered(rows, first) };
}

/** Numbers rows, if the number of the first one is known. */
function numbered(rows: readonly SplitRow[], first: number | undefined): LogRow[] {
  let line = first;
  return rows.map(({ at, text, continued, continues_at }) => {
    const row = { at, line, text, continued, continues_at };
    if (line !== undefined && continues_at === undefined) line++;
    return row;
  });
}

function firstRead(count: number): number {
  return Math.min(MAX_READ, Math.max(FIRST_READ, count * USUAL_LINE));
}

async function rowsFrom(file: LogFile, at: number, count: number): Promise<Found> {
  const { size } = file.info;
  const base = Math.max(0, at - MAX_ROW);
  let bytes = await file.read(base, Math.min(size, at + firstRead(count)));
  const { start, continued } = rowStart(bytes, at - base, base);
  for (;;) {
    const end = base + bytes.length;
    const window = { bytes: bytes.subarray(start), base: base + start, continued };
    const rows = [...take(splitRows({ ...window, isWhole: end === size }), count)];
    if (rows.length === count || end === size || end >= at + MAX_READ) {
      return { rows, end: rows.at(-1)?.end ?? base + start };
    }
    bytes = joined(bytes, await file.read(end, Math.min(size, at + MAX_READ)));
  }
}

async function rowsBefore(file: LogFile, at: number, count: number): Promise<Found> {
  const { size } = file.info;
  let base = Math.max(0, at - Math.max(MAX_ROW, firstRead(count)));
  let bytes = await file.read(base, at);
  // The row that has the byte is not among those before it.
  if (at < size) bytes = bytes.subarray(0, rowStart(bytes, at - base, base).start);
  const end = base + bytes.length;
  for (;;) {
    const isAll = base === 0 || end - base >= MAX_READ - MAX_ROW;
    const lf = bytes.indexOf(10);
    const isAtLine = base > 0 && lf >= 0 && lf < bytes.length - 1;
    if (base === 0 || isAtLine || isAll) {
      const start = base === 0 ? 0 : isAtLine ? lf + 1 : afterCharacter(bytes);
      const continued = base > 0 && !isAtLine;
      const window = { bytes: bytes.subarray(start), base: base + start, continued };
      const rows = [...splitRows({ ...window, isWhole: true })];
      if (rows.length >= count || isAll) {
        return { rows: endingAt(rows.slice(-count), end, bytes, size), end };
      }
    }
    const from = Math.max(0, end - MAX_READ);
    bytes = joined(await file.read(from, base), bytes);
    base = from;
  }
}

/** Where the first character begins that is not cut by the start of the bytes. */
function afterCharacter(bytes: Uint8Array): number {
  let at = 0;
  while (at < 3 && (bytes[at] & 0xc0) === 0x80) at++;
  return at;
}

/** Marks the last row, if its line continues after it. */
function endingAt(rows: SplitRow[], end: number, bytes: Uint8Array, size: number): SplitRow[] {
  const last = rows.at(-1);
  if (last === undefined || end === size || bytes.at(-1) === 10) return rows;
  return [...rows.slice(0, -1), { ...last, continues_at: end }];
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  if (left === 0) return;
  for (const item of items) {
    yield item;
    if (--left === 0) return;
  }
}
