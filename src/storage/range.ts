/**
 * Byte ranges.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import type { ByteRange } from "./backend.ts";

/**
 * Limits a requested range to the object's size.
 *
 * @param range The requested range; the whole object if there is none.
 * @param size The object's size in bytes.
 * @returns A range inside the object, possibly empty.
 * @throws {RunOutputsError} `invalid`, if the range starts after the object's end, ends before its
 * start or does not consist of whole numbers.
 */
export function clipRange(range: ByteRange | undefined, size: number): ByteRange {
  if (range === undefined) return { start: 0, end: size };
  const { start, end } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw invalid("range", `${start}-${end}`, "whole numbers, the end not before the start");
  }
  if (start > size) throw invalid("range", `${start}-${end}`, `a start of at most ${size}`);
  return { start, end: Math.min(end, size) };
}
