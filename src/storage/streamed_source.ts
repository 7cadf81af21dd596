/**
 * A source of bytes from a generated text, which is generated again for each read from the start,
 * so that it is never in memory as a whole.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ByteRange, ByteSource, Chunks } from "./backend.ts";

/** A source that may keep something open between two reads. Dispose of it. */
export interface StreamedSource extends ByteSource, AsyncDisposable {
  /** The SHA-256 of the bytes, 64 hex digits. */
  readonly sha256: string;
}

/** The approximate number of text bytes that are encoded at once. */
const PIECE = 64 * 1024;

/**
 * Creates a source from a generated text. It is read once at the start, for its size and hash. A
 * read that begins where the last one ended continues it, as in multipart uploads.
 *
 * @param make Generates the text in pieces, the same each time.
 * @param signal Aborts the first read.
 * @returns The source.
 * @throws Errors of the stream; the signal's reason.
 */
export async function streamedSource(
  make: () => AsyncIterable<string>,
  signal?: AbortSignal,
): Promise<StreamedSource> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const bytes of encode(make())) {
    signal?.throwIfAborted();
    hash.update(bytes);
    size += bytes.length;
  }
  let waiting: Reader | undefined;

  async function* open(
    { start = 0, end = size }: Partial<ByteRange> = {},
    signal?: AbortSignal,
  ): Chunks {
    const before = waiting;
    waiting = undefined;
    if (before?.at !== start) await before?.close();
    const reader = before?.at === start ? before : new Reader(encode(make()));
    let goesOn = false;
    try {
      while (reader.at < end) {
        signal?.throwIfAborted();
        const bytes = await reader.take(reader.at < start ? start : end);
        if (bytes === undefined) return;
        if (reader.at > start) yield bytes;
      }
      goesOn = end < size;
    } finally {
      if (goesOn && waiting === undefined) waiting = reader;
      else await reader.close();
    }
  }

  return {
    size,
    sha256: hash.digest("hex"),
    open,
    async [Symbol.asyncDispose]() {
      await waiting?.close();
      waiting = undefined;
    },
  };
}

/** An unfinished read. */
class Reader {
  /** The number of bytes read. */
  at = 0;
  readonly #pieces: AsyncGenerator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncGenerator<Uint8Array>) {
    this.#pieces = pieces;
  }

  /** The next bytes, before `end`; `undefined` at the end of the text. */
  async take(end: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return undefined;
      this.#rest = next.value;
    }
    const bytes = this.#rest.subarray(0, end - this.at);
    this.#rest = this.#rest.subarray(bytes.length);
    this.at += bytes.length;
    return bytes;
  }

  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }
}

async function* encode(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (text.length < PIECE) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}
