/**
 * A storage with one file that is too large to exist: its bytes are computed when they are read.
 *
 * @module
 */

import { RunOutputsError } from "../../src/errors/error.ts";
import type { OutputLocation } from "../../src/layout/output_location.ts";
import type { ObjectBody, ObjectInfo, StorageBackend } from "../../src/storage/backend.ts";
import { MemoryBackend } from "../../src/storage/memory.ts";
import { clipRange } from "../../src/storage/range.ts";
import { changed } from "./changed_backend.ts";

/** A storage with a huge file, and what was read from that. */
export interface HugeFile {
  /** The storage; all other objects are in memory. */
  readonly backend: StorageBackend;
  /** What is known of the file. */
  readonly info: ObjectInfo;
  /** The number of bytes of each read of it. */
  readonly reads: number[];
}

/** Makes a storage with a huge file, whose bytes `fill` writes: those from `start` on. */
export function hugeFile(
  location: OutputLocation,
  size: number,
  fill: (bytes: Uint8Array, start: number) => void,
): HugeFile {
  const inner = new MemoryBackend();
  const info: ObjectInfo = { location, size, etag: "huge", modified: new Date(0) };
  const reads: number[] = [];
  const backend = changed(inner, {
    stat: async (at, options) => at.equals(location) ? info : await inner.stat(at, options),
    async *list(prefix, options) {
      yield* inner.list(prefix, options);
      if (location.relativeTo(prefix) !== undefined) yield info;
    },
    read: async (at, options = {}): Promise<ObjectBody> => {
      if (!at.equals(location)) return await inner.read(at, options);
      if (options.ifMatch !== undefined && options.ifMatch !== info.etag) {
        throw new RunOutputsError("conflict", "it has changed");
      }
      const { start, end } = clipRange(options.range, size);
      reads.push(end - start);
      return {
        info,
        async *[Symbol.asyncIterator]() {
          const chunk = new Uint8Array(1024 * 1024);
          for (let from = start; from < end; from += chunk.length) {
            const bytes = chunk.subarray(0, Math.min(chunk.length, end - from));
            fill(bytes, from);
            yield bytes;
          }
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
    },
  });
  return { backend, info, reads };
}

/** Fills with lines of 100 bytes: their number, and x. */
export function numberedLines(bytes: Uint8Array, start: number): void {
  bytes.fill(120);
  for (let line = Math.floor(start / 100); line * 100 < start + bytes.length; line++) {
    const at = line * 100 - start;
    const digits = `${line + 1} `;
    for (let i = 0; i < digits.length; i++) {
      if (at + i >= 0 && at + i < bytes.length) bytes[at + i] = digits.charCodeAt(i);
    }
    if (at + 99 < bytes.length) bytes[at + 99] = 10;
  }
}
