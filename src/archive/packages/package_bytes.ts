/**
 * The bytes of a package, of which only the first few are read, because packages have several GB.
 *
 * @module
 */

import { BadArchive } from "../tar/bad_archive.ts";

/** A package that can be read from any position. */
export interface PackageBytes {
  /** Its size in bytes. */
  readonly size: number;
  /** Opens a range of it; a chunk is valid only until the next one is read. */
  open(
    range: { readonly start: number; readonly end: number },
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

/**
 * Reads a range of a package into memory.
 *
 * @param source The package.
 * @param start Start of the range.
 * @param length Its size in bytes.
 * @param what Its name in messages, such as `the RPM header`.
 * @param signal Aborts reading.
 * @returns The bytes.
 * @throws {BadArchive} If the package ends before.
 */
export async function readPart(
  source: PackageBytes,
  start: number,
  length: number,
  what: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const incomplete = new BadArchive(`it ends in the middle of ${what}`);
  if (start + length > source.size) throw incomplete;
  const bytes = new Uint8Array(length);
  let at = 0;
  for await (const chunk of source.open({ start, end: start + length }, signal)) {
    const piece = chunk.subarray(0, length - at);
    bytes.set(piece, at);
    at += piece.length;
  }
  if (at < length) throw incomplete;
  return bytes;
}
