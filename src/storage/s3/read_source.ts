/**
 * Fills a buffer from a source, and checks the size.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteRange, ByteSource } from "../backend.ts";

/**
 * Reads a range of a source into a buffer of exactly its size.
 *
 * @param location The destination of the bytes, for messages.
 * @param source The source.
 * @param range The range. Default: all of it.
 * @param into The buffer, as large as the range.
 * @param signal Aborts reading.
 * @throws {RunOutputsError} `integrity`, if the source returns fewer or more bytes than its size.
 */
export async function readExactly(
  location: OutputLocation,
  source: ByteSource,
  range: ByteRange | undefined,
  into: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  let offset = 0;
  for await (const chunk of source.open(range, signal, into)) {
    signal?.throwIfAborted();
    if (offset + chunk.length > into.length) {
      throw wrongSize(location, offset + chunk.length, into.length, range);
    }
    const isThere = chunk.buffer === into.buffer &&
      chunk.byteOffset === into.byteOffset + offset;
    if (!isThere) into.set(chunk, offset);
    offset += chunk.length;
  }
  signal?.throwIfAborted();
  if (offset !== into.length) throw wrongSize(location, offset, into.length, range);
}

/**
 * The error of a source that returned another number of bytes than its size.
 *
 * @param location The destination of the bytes.
 * @param actual The actual number.
 * @param expected The expected number.
 * @param range The part that was read.
 * @returns An `integrity` error.
 */
export function wrongSize(
  location: OutputLocation,
  actual: number,
  expected: number,
  range?: ByteRange,
): RunOutputsError {
  const where = range === undefined || range.start === 0 ? "" : ` from byte ${range.start}`;
  return new RunOutputsError(
    "integrity",
    `Cannot write '${location}': got ${actual} bytes${where}, expected ${expected}; ` +
      "did the file change?",
  );
}
