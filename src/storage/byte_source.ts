/**
 * Sources of existing bytes: memory and files.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RunOutputsError } from "../errors/error.ts";
import type { ByteRange, ByteSource, Chunks } from "./backend.ts";
import { diskError } from "../errors/disk.ts";
import { READING } from "./disk_pace.ts";

/**
 * The number of bytes read from disk at once. Larger reads are not faster; smaller ones are slower.
 */
const CHUNK = 1024 * 1024;

/** The size of the first read: allocating a MiB for each of many small files is slow. */
const FIRST_CHUNK = 64 * 1024;

/**
 * Creates a source from bytes in memory.
 *
 * @param content The bytes, or a text to encode as UTF-8.
 * @returns The source.
 *
 * @example
 * ```ts
 * import { bytesSource } from "@therock/run-outputs";
 *
 * console.assert(bytesSource("ü").size === 2);
 * ```
 */
export function bytesSource(content: Uint8Array | string): ByteSource {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return {
    size: bytes.length,
    async *open(range?: ByteRange, signal?: AbortSignal): Chunks {
      signal?.throwIfAborted();
      yield bytes.subarray(range?.start ?? 0, range?.end ?? bytes.length);
    },
  };
}

/** Options of {@linkcode fileSource}. */
export interface FileSourceOptions {
  /**
   * Whether the file may grow, like a log. Then the source has its present bytes. Default: `false`;
   * reading a file that has grown fails.
   */
  readonly mayGrow?: boolean;
}

/**
 * Creates a source from a file on disk, with the present size.
 *
 * @param path The file.
 * @param options Whether the file may grow.
 * @returns The source. Reading it throws `failed`, naming the file, if it is shorter by then, or
 * longer and must not grow.
 * @throws {RunOutputsError} `not_found` or `denied`, if it cannot be inspected; `failed`, if it is
 * not a regular file.
 */
// deno-lint-ignore require-await -- errors must be rejections
export async function fileSource(
  path: string,
  { mayGrow = false }: FileSourceOptions = {},
): Promise<ByteSource> {
  const info = lookAt(path);
  if (!info.isFile) {
    throw new RunOutputsError("failed", `Cannot read '${path}': it is not a regular file`);
  }
  const { size } = info;
  const changed = () => {
    try {
      return changeOf(info, Deno.statSync(path));
    } catch {
      // It was deleted or is not accessible, so it has changed.
      return "changed";
    }
  };
  return {
    size,
    // A file that may grow need not contain exactly these bytes.
    path: mayGrow ? undefined : path,
    changed,
    async *open(
      { start, end }: ByteRange = { start: 0, end: size },
      signal?: AbortSignal,
      into?: Uint8Array,
    ) {
      let left = end - start;
      // A small file is read at once, with room for one more byte, which shows whether it has
      // grown.
      const isWhole = into === undefined && left === size && size < CHUNK;
      const chunks = isWhole
        ? readWhole(path, mayGrow ? size : size + 1, signal)
        : readFile(path, { start, end }, signal, into);
      for await (const chunk of chunks) {
        left -= chunk.length;
        if (left < 0) throw changedError(path, "grew");
        yield chunk;
      }
      if (left > 0) throw changedError(path, "shrank");
      if (!isWhole && !mayGrow && end === size && changed() === "grew") {
        throw changedError(path, "grew");
      }
    },
  };
}

/** How a file has changed. */
function changeOf(before: Deno.FileInfo, now: Deno.FileInfo): ReturnType<Changed> {
  if (now.size > before.size) return "grew";
  if (now.size < before.size) return "shrank";
  const isSame = now.mtime?.getTime() === before.mtime?.getTime() && now.ino === before.ino;
  return isSame ? undefined : "changed";
}

type Changed = NonNullable<ByteSource["changed"]>;

/**
 * The error of a file that was changed while it was read.
 *
 * @param path The file.
 * @param how How it has changed.
 * @param cause The error that revealed it, if any.
 * @returns An error with code `failed`, because nothing is corrupt.
 */
export function changedError(
  path: string,
  how: NonNullable<ReturnType<Changed>>,
  cause?: unknown,
): RunOutputsError {
  return new RunOutputsError(
    "failed",
    `Cannot upload '${path}': it ${how} while it was read; run the upload again when nothing ` +
      "writes to it",
    { cause },
  );
}

/** Synchronous: a thread switch takes twenty times as long as the call itself. */
function lookAt(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    throw diskError("read", path, error);
  }
}

/** Reads a file in one piece, up to a number of bytes. */
async function* readWhole(
  path: string,
  most: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    using file = await openToRead(path);
    signal?.throwIfAborted();
    const buffer = new Uint8Array(most);
    // A file returns fewer bytes than requested only at its end.
    const count = await READING.call(() => file.readSync(buffer), () => file.read(buffer)) ?? 0;
    signal?.throwIfAborted();
    yield buffer.subarray(0, count);
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError("read", path, error);
  }
}

async function openToRead(path: string): Promise<Deno.FsFile> {
  return await READING.call(() => Deno.openSync(path), () => Deno.open(path));
}

/** A file that is open for reading. */
export type ReadableFile =
  & Pick<Deno.FsFile, "read" | "readSync" | "seek" | "close">
  & Disposable;

/**
 * Reads a file or a range of it, in chunks of up to 1 MiB in a reused buffer.
 *
 * @param path The file, or an open file, which is closed at the end.
 * @param range The range. Default: the whole file with its present size.
 * @param signal Aborts reading.
 * @param into Where to read the bytes to, one after the other, instead of a reused buffer.
 * @returns The bytes; fewer than in `range`, if the file ends before.
 */
export async function* readFile(
  path: string | { readonly file: ReadableFile; readonly path: string },
  range?: ByteRange,
  signal?: AbortSignal,
  into?: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const name = typeof path === "string" ? path : path.path;
  try {
    using file = typeof path === "string" ? await openToRead(path) : path.file;
    if (range !== undefined && range.start > 0) await file.seek(range.start, Deno.SeekMode.Start);
    let left = range === undefined ? Infinity : range.end - range.start;
    let buffer = into ?? new Uint8Array(Math.max(1, Math.min(FIRST_CHUNK, left)));
    let offset = 0;
    while (left > 0) {
      signal?.throwIfAborted();
      // Behind the end of the caller's memory, one byte shows whether the file has more.
      const rest = offset < buffer.length ? buffer.subarray(offset) : new Uint8Array(1);
      const piece = rest.subarray(0, Math.min(CHUNK, left));
      const count = await READING.call(() => file.readSync(piece), () => file.read(piece));
      if (count === null) return;
      left -= count;
      yield piece.subarray(0, count);
      if (into !== undefined) {
        offset += count;
        continue;
      }
      const isFull = count === buffer.length && left > 0;
      if (isFull && buffer.length < CHUNK) buffer = new Uint8Array(Math.min(CHUNK, left));
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError("read", name, error);
  }
}

/** The approximate number of text bytes that are encoded at once. */
const PIECE = 64 * 1024;

/**
 * Creates a source from a text that is generated again for each read, so that it is never in memory
 * as a whole.
 *
 * @param make Generates the text in pieces, the same each time.
 * @returns The source, with its hash.
 */
export function piecesSource(
  make: () => Iterable<string>,
): ByteSource & { readonly sha256: string } {
  const hash = createHash("sha256");
  let size = 0;
  for (const bytes of encode(make())) {
    hash.update(bytes);
    size += bytes.length;
  }
  return {
    size,
    sha256: hash.digest("hex"),
    async *open({ start = 0, end = size }: Partial<ByteRange> = {}, signal?: AbortSignal): Chunks {
      let at = 0;
      for (const bytes of encode(make())) {
        signal?.throwIfAborted();
        const [from, to] = [Math.max(start - at, 0), Math.min(end - at, bytes.length)];
        if (to <= 0) return;
        if (from < to) yield bytes.subarray(from, to);
        at += bytes.length;
      }
    },
  };
}

function* encode(pieces: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < PIECE) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}
