/**
 * Decompresses small files in memory, such as the control part of a package or the metadata of a
 * repository.
 *
 * @module
 */

import zlib from "node:zlib";
import { RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import type { ArchiveFormat } from "./decompress.ts";
import { compileLzma, Lzma } from "./liblzma.ts";
import { ZstdFrames } from "./zstd_frames.ts";

/**
 * Decompresses bytes.
 *
 * @param bytes The compressed bytes; with the format `tar` they are returned unchanged.
 * @param format The compression.
 * @param limit The maximum number of decompressed bytes.
 * @returns The decompressed bytes.
 * @throws {BadArchive} If the data is corrupt, incomplete or larger than the limit.
 * @throws {RunOutputsError} `failed`, if this runtime has no zstd.
 */
export async function decompressInMemory(
  bytes: Uint8Array,
  format: ArchiveFormat,
  limit: number,
): Promise<Uint8Array> {
  if (format === "tar") return bytes;
  if (format === "gz") return decompress(format, limit, (o) => zlib.gunzipSync(bytes, o));
  return format === "zst" ? decompressZstd(bytes, limit) : await decompressXz(bytes, limit);
}

function decompressZstd(bytes: Uint8Array, limit: number): Uint8Array {
  if (typeof zlib.zstdDecompressSync !== "function") {
    throw new RunOutputsError(
      "failed",
      `Cannot unpack zstd: Deno ${Deno.version.deno} does not support it; use Deno 2.9.6 or newer`,
    );
  }
  // The decoder ends silently after the first frame, and within an incomplete one.
  const frames = new ZstdFrames();
  const parts: Uint8Array[] = [];
  let frame: Uint8Array[] = [];
  let left = limit;
  for (const piece of frames.push(bytes)) {
    frame.push(piece.bytes);
    if (!piece.last) continue;
    const whole = joined(frame);
    const part = decompress("zst", left, (o) => zlib.zstdDecompressSync(whole, o));
    parts.push(part);
    left -= part.length;
    frame = [];
  }
  frames.finish();
  return joined(parts);
}

async function decompressXz(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let left = limit;
  const sink = (part: Uint8Array) => {
    left -= part.length;
    if (left < 0) throw tooLarge(limit);
    parts.push(part.slice());
  };
  using decoder = (await Lzma.load(await compileLzma())).decoder();
  decoder.push(bytes, sink);
  decoder.finish(sink);
  return joined(parts);
}

function decompress(
  format: string,
  limit: number,
  run: (options: { readonly maxOutputLength: number }) => Uint8Array,
): Uint8Array {
  try {
    return run({ maxOutputLength: Math.max(limit, 1) });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limit);
    const reason = error instanceof Error ? error.message : String(error);
    throw new BadArchive(`its ${format} data is corrupt or incomplete (${reason})`);
  }
}

function tooLarge(limit: number): BadArchive {
  return new BadArchive(`it has more than ${limit} bytes when it is decompressed`);
}

/**
 * Joins pieces.
 *
 * @param pieces The pieces.
 * @returns All bytes.
 */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0];
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
