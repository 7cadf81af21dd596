/**
 * Ranges of bytes in requests and answers (RFC 9110, section 14). Pure.
 *
 * @module
 */

import type { ByteRange } from "../../storage/backend.ts";

/** How many ranges a request may have. */
const MAX_RANGES = 8;

/** What a request's `Range` means for a file: the whole file, ranges of it, or nothing in it. */
export type RequestedRanges = "whole" | "unsatisfiable" | readonly ByteRange[];

/**
 * Parses the header `Range`.
 *
 * A malformed header and one in another unit than bytes are ignored. More than 8 ranges, and ranges
 * that overlap or are not in ascending order, are rejected: no client needs them, and they can be
 * used to make a server send a file many times.
 *
 * @param header The value, if there is one.
 * @param size The size of the file in bytes.
 * @returns The ranges that the file has, in ascending order, at least one; or what else it means.
 */
export function parseRanges(header: string | null, size: number): RequestedRanges {
  const list = /^bytes=(.*)$/i.exec(header ?? "")?.[1];
  if (list === undefined) return "whole";
  const specs = list.split(",").map((spec) => spec.trim()).filter((spec) => spec !== "");
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = parseSpec(spec, size);
    if (range === undefined) return "whole";
    ranges.push(range);
  }
  if (ranges.length === 0) return "whole";
  if (ranges.length > MAX_RANGES) return "unsatisfiable";
  const existing = ranges.filter(({ start, end }) => start < end);
  if (existing.length === 0) return "unsatisfiable";
  const isAscending = existing.every(({ start }, i) => i === 0 || start >= existing[i - 1].end);
  return isAscending ? existing : "unsatisfiable";
}

/** A range, empty if the file has none of it; `undefined`, if it is malformed. */
function parseSpec(spec: string, size: number): ByteRange | undefined {
  const [, first, last, suffix] = /^(\d+)-(\d*)$|^-(\d+)$/.exec(spec) ?? [];
  if (suffix !== undefined) return { start: Math.max(0, size - toNumber(suffix)), end: size };
  if (first === undefined) return undefined;
  const start = toNumber(first);
  const end = last === "" ? Infinity : toNumber(last) + 1;
  if (end <= start) return undefined;
  return { start: Math.min(start, size), end: Math.min(end, size) };
}

/** Digits as a number. One that is larger than any file has no exact value. */
function toNumber(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER - 1);
}

/**
 * Formats the header `Content-Range`.
 *
 * @param range The range; `undefined` in an answer with status 416.
 * @param size The size of the file.
 * @returns As in `bytes 0-9/100`.
 */
export function contentRange(range: ByteRange | undefined, size: number): string {
  return `bytes ${range === undefined ? "*" : `${range.start}-${range.end - 1}`}/${size}`;
}

/** What an answer with several ranges has around their bytes. */
export interface MultipartFrame {
  /** What comes before each range. */
  readonly heads: readonly Uint8Array<ArrayBuffer>[];
  /** What comes after the last one. */
  readonly tail: Uint8Array<ArrayBuffer>;
  /** The length of the whole answer in bytes. */
  readonly length: number;
}

/**
 * Frames several ranges as `multipart/byteranges`.
 *
 * @param ranges The ranges.
 * @param size The size of the file.
 * @param type The content type of the file.
 * @param boundary A random text.
 * @returns The frame.
 */
export function multipartFrame(
  ranges: readonly ByteRange[],
  size: number,
  type: string,
  boundary: string,
): MultipartFrame {
  const encoder = new TextEncoder();
  const heads = ranges.map((range, i) =>
    encoder.encode(
      `${i === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\n` +
        `Content-Range: ${contentRange(range, size)}\r\n\r\n`,
    )
  );
  const tail = encoder.encode(`\r\n--${boundary}--\r\n`);
  const bytes = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const framing = heads.reduce((sum, { length }) => sum + length, tail.length);
  return { heads, tail, length: bytes + framing };
}
