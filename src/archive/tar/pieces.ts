/**
 * Splits a tar archive into pieces of equal size, which can be read from disk independently: in any
 * order, in any thread.
 *
 * The pieces depend only on the members, and so do their compressed bytes.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import {
  encodeHeaders,
  END_MARKER,
  headerLength,
  padded,
  recordLength,
  type TarRecord,
} from "./records.ts";

/** A piece of an archive. */
export interface TarPiece {
  /** The members that it contains parts of. */
  readonly records: readonly TarRecord[];
  /** How many bytes of the first member are in earlier pieces. */
  readonly skip: number;
  /** Its size in bytes. */
  readonly length: number;
}

/**
 * Splits an archive.
 *
 * @param records Its members.
 * @param size The size of a piece; the last one may be smaller.
 * @returns The pieces, at least one.
 */
export function* cutTar(records: Iterable<TarRecord>, size: number): Generator<TarPiece> {
  let piece: TarRecord[] = [];
  let [skip, length] = [0, 0];
  for (const record of records) {
    const total = recordLength(record);
    piece.push(record);
    length += total;
    while (length >= size) {
      yield { records: piece, skip, length: size };
      length -= size;
      // The rest of this member begins the next piece.
      piece = length > 0 ? [record] : [];
      skip = length > 0 ? total - length : 0;
    }
  }
  // The end marker, after the last member, can be split too.
  for (length += END_MARKER; length > 0;) {
    const now = Math.min(length, size);
    yield { records: piece, skip, length: now };
    length -= now;
    [piece, skip] = [[], 0];
  }
}

/**
 * Reads a piece.
 *
 * @param piece The piece.
 * @param buffer Is filled repeatedly.
 * @returns Full buffers, and a last one that may be partly filled; each is valid until the next is
 * read.
 * @throws {RunOutputsError} `failed`, if a file changed its size; or errors of the disk.
 */
export function* readPiece(piece: TarPiece, buffer: Uint8Array): Generator<Uint8Array> {
  let filled = 0;
  for (const { length, fill } of parts(piece)) {
    for (let left = length; left > 0;) {
      const count = fill(buffer.subarray(filled, filled + left));
      left -= count;
      filled += count;
      if (filled < buffer.length) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

/** A range of bytes. */
interface Part {
  /** Its length. */
  readonly length: number;
  /** Writes at least one of them, and returns how many. */
  fill(into: Uint8Array): number;
}

function* parts({ records, skip, length }: TarPiece): Generator<Part> {
  let left = length;
  for (const record of records) {
    if (left === 0) return;
    const header = headerLength(record);
    if (skip < header) {
      const bytes = encodeHeaders(record).subarray(skip, skip + left);
      yield bytesPart(bytes);
      left -= bytes.length;
    }
    const start = Math.max(skip - header, 0);
    if (record.type === "0" && start <= record.size) {
      const count = Math.min(record.size - start, left);
      using file = openFile(record, start);
      yield { length: count, fill: (into) => readSome(file, record, into) };
      if (start + count === record.size) expectEnd(file, record);
      left -= count;
    }
    const zeros = Math.min(padded(record.size) - Math.max(record.size, start), left);
    yield zerosPart(zeros);
    left -= zeros;
    skip = 0;
  }
  yield zerosPart(left);
}

function bytesPart(bytes: Uint8Array): Part {
  let at = 0;
  const fill = (into: Uint8Array) => {
    into.set(bytes.subarray(at, at + into.length));
    at += into.length;
    return into.length;
  };
  return { length: bytes.length, fill };
}

function zerosPart(length: number): Part {
  return { length, fill: (into) => into.fill(0).length };
}

function openFile({ path }: TarRecord, start: number): Deno.FsFile {
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path);
    if (start > 0) file.seekSync(start, Deno.SeekMode.Start);
    return file;
  } catch (error) {
    file?.close();
    throw diskError("read", path, error);
  }
}

function readSome(file: Deno.FsFile, { path }: TarRecord, into: Uint8Array): number {
  let count: number | null;
  try {
    count = file.readSync(into);
  } catch (error) {
    throw diskError("read", path, error);
  }
  if (count === null) throw changed(path);
  return count;
}

function expectEnd(file: Deno.FsFile, { path }: TarRecord): void {
  let count: number | null;
  try {
    count = file.readSync(new Uint8Array(1));
  } catch (error) {
    throw diskError("read", path, error);
  }
  if (count !== null) throw changed(path);
}

function changed(path: string): RunOutputsError {
  return new RunOutputsError(
    "failed",
    `Cannot pack '${path}': its size changed while it was read; run the upload again when nothing ` +
      "writes to it",
  );
}
