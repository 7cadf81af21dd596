/**
 * Compresses a piece of a tar archive: to a zstd frame, or to an .xz file of one block.
 *
 * The result depends only on the piece, the compression and the level, so it is the same in every
 * thread.
 *
 * @module
 */

import zlib from "node:zlib";
import { Lzma } from "./liblzma.ts";
import { readPiece, type TarPiece } from "../tar/pieces.ts";

/** The compressions whose pieces can be compressed independently. */
export type PieceCompression = "zst" | "xz";

/** A piece to compress. */
export interface PieceTask {
  /** The piece. */
  readonly piece: TarPiece;
  /** The compression. */
  readonly compression: PieceCompression;
  /** The level. */
  readonly level: number;
  /** liblzma, for xz. */
  readonly lzmaModule?: WebAssembly.Module;
}

/**
 * The number of bytes read from files at once, for xz. Between two reads, other tasks of the thread
 * can run.
 */
const XZ_INPUT = 256 * 1024;

/** The size of zstd's output chunks; smaller ones halve its speed. */
const ZSTD_OUTPUT = 512 * 1024;

let lzma: Promise<Lzma> | undefined;
let input = new Uint8Array(0);

/**
 * Compresses a piece. Only one at a time per thread, because it uses the thread's buffer.
 *
 * @param task The piece and how to compress it.
 * @param pause Awaited regularly, so that the thread can do other work.
 * @returns The bytes, in a buffer of their own.
 * @throws {RunOutputsError} Errors of the disk, or a file that changed its size.
 */
export async function compressPiece(
  task: PieceTask,
  pause?: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  await pause?.();
  return task.compression === "zst" ? compressZstd(task) : await compressXz(task, pause);
}

/** Frees the buffers of this thread. */
export function freeBuffers(): void {
  lzma = undefined;
  input = new Uint8Array(0);
}

function compressZstd({ piece, level }: PieceTask): Uint8Array<ArrayBuffer> {
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = zlib.constants;
  const whole = buffer(piece.length);
  // Read to the end, because only then the sizes of the files are checked.
  for (const _ of readPiece(piece, whole));
  const bytes = zlib.zstdCompressSync(whole, {
    chunkSize: ZSTD_OUTPUT,
    params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 },
  });
  return bytes.length === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer as ArrayBuffer)
    : alone([bytes]);
}

async function compressXz(
  { piece, level, lzmaModule }: PieceTask,
  pause?: () => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  lzma ??= Lzma.load(lzmaModule!);
  using encoder = (await lzma).encoder({ preset: level });
  const made: Uint8Array[] = [];
  const sink = (bytes: Uint8Array) => made.push(bytes.slice());
  for (const bytes of readPiece(piece, buffer(XZ_INPUT))) {
    encoder.push(bytes, sink);
    await pause?.();
  }
  encoder.finish(sink);
  return alone(made);
}

/** The thread's buffer, with the given size. */
function buffer(size: number): Uint8Array {
  if (input.length < size) input = new Uint8Array(size);
  return input.subarray(0, size);
}

function alone(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
