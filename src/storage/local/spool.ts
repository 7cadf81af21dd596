/**
 * Bytes that are made as a stream but have to be read as a source of known size: they wait in a
 * temporary file, not in memory.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { createTemporary, fill } from "./atomic_file.ts";
import type { ByteSource, Chunks } from "../backend.ts";
import { readFile } from "../byte_source.ts";

/** A source that has to be disposed of. */
export interface SpooledSource extends ByteSource, AsyncDisposable {
  /** The SHA-256 of the bytes, 64 hex digits. */
  readonly sha256: string;
}

/**
 * Writes a stream into a temporary file, to be read from there as often as needed. Disposing of it
 * removes the file; after a kill, the next use of the same directory does.
 *
 * @param directory Where the file is to be; it has to have the space.
 * @param chunks The bytes.
 * @param signal Stops the writing and removes the file.
 * @returns The source.
 * @throws {RunOutputsError} What the disk says, or what the stream throws.
 */
export async function spool(
  directory: string,
  chunks: Chunks,
  signal?: AbortSignal,
): Promise<SpooledSource> {
  const { path, file } = await createTemporary(directory).catch((error) => {
    throw diskError("write a temporary file in", directory, error);
  });
  async function dispose(): Promise<void> {
    file.close();
    await Deno.remove(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("remove", path, error);
    });
  }
  try {
    const content = await fill(file, chunks, { signal });
    if (Deno.build.os === "windows") {
      // There an exclusive lock keeps out our own second handle, which reads. A shared one is
      // added, and the first unlock ends the exclusive one.
      await file.lock(false);
      await file.unlock();
    }
    return {
      ...content,
      open: (range, signal) => readFile(path, range, signal),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    signal?.throwIfAborted();
    throw diskError("write", path, error);
  }
}
