/**
 * Divides a text into rows: its lines; a longer line is divided into several rows.
 *
 * @module
 */

import { charStart, CR, decodeText, LF } from "./text_bytes.ts";

/** A longer line is divided into rows of about this many bytes. */
export const MAX_ROW: number = 16 * 1024;

/** A row: a line without its end, or a piece of a line. */
export interface LogRow {
  /** The offset of its first byte in the file. */
  readonly at: number;
  /** The number of its line, counted from 1, if it is known. */
  readonly line?: number;
  /** The text, as it is stored, without the end of the line. Bytes that are not UTF-8 are U+FFFD. */
  readonly text: string;
  /** The row begins inside a line, because that is longer than a row. */
  readonly continued?: true;
  /** The row ends inside a line: the offset of the rest of that line. */
  readonly continues_at?: number;
}

/** A row, and the offset of the byte after it. */
export interface SplitRow extends LogRow {
  /** Where the next row begins. */
  readonly end: number;
}

/** A part of a file. */
export interface TextWindow {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** The offset of the first one in the file, where a row begins. */
  readonly base: number;
  /** Whether that row begins inside a line. */
  readonly continued: boolean;
  /**
   * Whether the last byte ends a row. If not, a last line without an end is returned only as far as it
   * fills rows.
   */
  readonly isWhole: boolean;
}

/**
 * Divides a part of a file into rows. Each begins where the one before it ends.
 *
 * @param window The part of the file.
 * @returns The rows.
 */
export function* splitRows(
  { bytes, base, continued, isWhole }: TextWindow,
): Generator<SplitRow> {
  let isInside = continued;
  for (let at = 0; at < bytes.length;) {
    const lf = bytes.indexOf(LF, at);
    const hasEnd = lf >= 0 || isWhole;
    const last = lf >= 0 ? lf : bytes.length;
    const textEnd = lf > at && bytes[lf - 1] === CR ? lf - 1 : last;
    // One byte more could be the CR of the line's end.
    if (!hasEnd && last - at <= MAX_ROW + 1) return;
    const isLong = textEnd - at > MAX_ROW;
    const cut = isLong ? charStart(bytes, at + MAX_ROW) : textEnd;
    const end = base + (isLong ? cut : lf >= 0 ? lf + 1 : last);
    yield {
      at: base + at,
      text: decodeText(bytes.subarray(at, cut), base + at),
      continued: isInside || undefined,
      continues_at: isLong ? end : undefined,
      end,
    };
    isInside = isLong;
    at = end - base;
  }
}

/**
 * Finds the row that has a byte.
 *
 * @param bytes A part of the file: the byte, and at least {@linkcode MAX_ROW} bytes before it or all.
 * @param at The index of the byte in them.
 * @param base The offset of the part in the file.
 * @returns The index of the row's first byte, and whether it is inside a line. In a line that is longer
 * than a row, a row begins at the byte itself.
 */
export function rowStart(
  bytes: Uint8Array,
  at: number,
  base: number,
): { readonly start: number; readonly continued: boolean } {
  const lf = at === 0 ? -1 : bytes.lastIndexOf(LF, at - 1);
  const start = lf >= 0 || base === 0 ? lf + 1 : undefined;
  // A row that is cut is shorter than MAX_ROW by at most three bytes.
  if (start !== undefined && at - start < MAX_ROW - 3) return { start, continued: false };
  return { start: charStart(bytes, at), continued: true };
}
