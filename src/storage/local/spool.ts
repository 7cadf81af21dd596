/**
 * Keeps a stream of bytes in a temporary file, to read it as a source of known size without using
 * memory.
 *
 * @module
 */

import { basename } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { createTemporary, fill, isTemporary } from "./atomic_file.ts";
import type { ByteSource, Chunks } from "../backend.ts";
import { readFile } from "../byte_source.ts";

/** A source that must be disposed of. */
export interface SpooledSource extends ByteSource, AsyncDisposable {
  /** The SHA-256 of the bytes, 64 hex digits. */
  readonly sha256: string;
}

/**
 * Writes a stream into a temporary file, to read from there repeatedly. Disposing of it deletes the
 * file; after a kill, the next use of the directory does.
 *
 * @param directory The directory of the file, which must have the space. One with the name of a
 * temporary file is deleted with the last file in it.
 * @param chunks The bytes.
 * @param signal Aborts writing and deletes the file.
 * @returns The source.
 * @throws {RunOutputsError} Errors of the disk or of the stream.
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
    // A directory of its own is deleted with the last file.
    if (isTemporary(basename(directory))) await Deno.remove(directory).catch(() => {});
  }
  try {
    const content = await fill(file, chunks, { signal });
    if (Deno.build.os === "windows") {
      // An exclusive lock there blocks even our second handle, which reads. So a shared one is
      // added, and the first unlock releases the exclusive one.
      await file.lock(false);
      await file.unlock();
    }
    return {
      ...content,
      open: (range, signal, into) => readFile(path, range, signal, into),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    signal?.throwIfAborted();
    throw diskError("write", path, error);
  }
}
