/**
 * Creates archives, as streams of bytes.
 *
 * The tar archive is split into pieces of equal size. Each becomes a zstd frame or a block of an
 * .xz file, so that all cores compress at once. The same members give the same bytes, whatever the
 * number and speed of workers.
 *
 * @module
 */

import { pipeline, Readable } from "node:stream";
import zlib from "node:zlib";
import { RunOutputsError } from "../../errors/error.ts";
import type { PieceCompression } from "../compression/compress_piece.ts";
import { COMPRESSION_LEVELS, type PackCompression } from "../compression/format.ts";
import { ratioPadding } from "../compression/ratio.ts";
import { compileLzma } from "../compression/liblzma.ts";
import type { ArchiveMember } from "../tar/list_members.ts";
import { PackPool } from "./pool.ts";
import { cutTar, readPiece } from "../tar/pieces.ts";
import {
  END_MARKER,
  recordLength,
  type TarRecord,
  tarRecord,
  type TimeOptions,
} from "../tar/records.ts";
import { XzJoiner } from "../compression/xz_join.ts";

/** Options of {@linkcode pack}. */
export interface PackOptions {
  /** The compression. */
  readonly compression: PackCompression;
  /** The level. Default: that of the compression (zstd 3, xz 6, gzip 6). */
  readonly level?: number;
  /** The time of every member, instead of its own. */
  readonly modified?: Date;
  /**
   * The latest time of a member; later times are replaced by it, as `SOURCE_DATE_EPOCH` requires.
   */
  readonly notAfter?: Date;
  /** Called with the number of bytes packed since the last call, before compression. */
  readonly onPacked?: (bytes: number) => void;
  /** Aborts packing. */
  readonly signal?: AbortSignal;
}

const MIB = 1024 * 1024;

/** The uncompressed size of a zstd frame. */
const FRAME = 8 * MIB;

/** The number of bytes passed to gzip at once. */
const GZIP_INPUT = MIB;

/** The size of gzip's output chunks; smaller ones take more time. */
const GZIP_OUTPUT = 512 * 1024;

const sharedPool = new PackPool();

/**
 * Creates an archive, with a worker on each core for zstd and xz. Of concurrent
 * archives, the first gets the workers that it can use, the next the others.
 *
 * The same members with the same content, modes and times give the same bytes: owners are left out,
 * and gzip's header has no time.
 *
 * @param members The members, in order.
 * @param options Compression, level, times, a signal.
 * @returns The archive's bytes. Leaving the loop early stops packing and closes all files.
 * @throws {RunOutputsError} While iterating: `failed`, if a file changes its size; `invalid`, for a
 * level that the compression does not have; `failed`, if this runtime has no zstd; or errors of the
 * disk.
 */
export function pack(
  members: Iterable<ArchiveMember>,
  options: PackOptions,
): AsyncGenerator<Uint8Array> {
  return packIn(sharedPool, members, options);
}

/**
 * Creates an archive with the given workers.
 *
 * @param pool The workers.
 * @param members The members, in order.
 * @param options Compression, level, times, a signal.
 * @returns The archive's bytes.
 */
export async function* packIn(
  pool: PackPool,
  members: Iterable<ArchiveMember>,
  options: PackOptions,
): AsyncGenerator<Uint8Array> {
  const { compression } = options;
  const level = checkLevel(options);
  const records = tarRecords(members, options);
  if (compression === "gz") return yield* packGzip(records, level, options);
  let [packed, unpacked] = [0, 0];
  const onPacked = (bytes: number) => {
    unpacked += bytes;
    options.onPacked?.(bytes);
  };
  for await (
    const bytes of packPieces(pool, records, compression, level, { ...options, onPacked })
  ) {
    packed += bytes.length;
    yield bytes;
  }
  const padding = ratioPadding(compression, packed, unpacked);
  if (padding.length > 0) yield padding;
}

async function* packPieces(
  pool: PackPool,
  records: Iterable<TarRecord>,
  compression: PieceCompression,
  level: number,
  options: WatchOptions,
): AsyncGenerator<Uint8Array> {
  if (compression === "zst") {
    checkZstd();
    return yield* compressPieces(pool, records, { compression, level, size: FRAME }, options);
  }
  const joiner = new XzJoiner();
  const size = blockSize(level);
  for await (const file of compressPieces(pool, records, { compression, level, size }, options)) {
    yield* joiner.add(file);
  }
  yield joiner.finish();
}

/**
 * The size of an archive before compression.
 *
 * @param members The members.
 * @param times Times that replace their own.
 * @returns The bytes.
 */
export function packedLength(
  members: Iterable<ArchiveMember>,
  times: Pick<PackOptions, "modified" | "notAfter"> = {},
): number {
  let length = END_MARKER;
  for (const record of tarRecords(members, times)) length += recordLength(record);
  return length;
}

/** Progress and abort. */
type WatchOptions = Pick<PackOptions, "signal" | "onPacked">;

function* tarRecords(
  members: Iterable<ArchiveMember>,
  times: TimeOptions,
): Generator<TarRecord> {
  for (const member of members) yield tarRecord(member, times);
}

function checkLevel({ compression, level }: PackOptions): number {
  const { min, max, standard } = COMPRESSION_LEVELS[compression];
  if (level === undefined) return standard;
  if (Number.isInteger(level) && level >= min && level <= max) return level;
  throw new RunOutputsError(
    "invalid",
    `Cannot pack with ${compression} level ${level}: expected a whole number from ${min} to ${max}`,
  );
}

function checkZstd(): void {
  if (typeof zlib.createZstdCompress === "function") return;
  throw new RunOutputsError(
    "failed",
    `Cannot compress with zstd: Deno ${Deno.version.deno} does not support it; use Deno 2.9.6 or newer`,
  );
}

/**
 * Three dictionaries, as for `xz -T`; with small dictionaries no less than with the default one.
 */
function blockSize(level: number): number {
  return level <= 6 ? 24 * MIB : 48 * MIB;
}

/** How an archive is split. */
interface Cut {
  readonly compression: PieceCompression;
  readonly level: number;
  /** The size of a piece. */
  readonly size: number;
}

/** The compressed pieces of an archive, in order. */
async function* compressPieces(
  pool: PackPool,
  records: Iterable<TarRecord>,
  { compression, level, size }: Cut,
  { signal, onPacked }: WatchOptions,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  const lzmaModule = compression === "xz" ? await compileLzma() : undefined;
  const left = new AbortController();
  const stop = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  const pieces = cutTar(records, size);
  const underWay: { readonly bytes: Promise<Uint8Array>; readonly length: number }[] = [];
  using member = pool.join();
  try {
    for (let ended = false;;) {
      while (!ended && underWay.length < pool.share(member)) {
        const { value: piece, done } = pieces.next();
        if (done) ended = true;
        else {
          const bytes = pool.run(member, { piece, compression, level, lzmaModule }, stop);
          bytes.catch(() => {/* thrown when it is awaited */});
          member.pieces = underWay.push({ bytes, length: piece.length });
        }
      }
      const next = underWay.shift();
      if (next === undefined) break;
      const bytes = await next.bytes;
      onPacked?.(next.length);
      yield bytes;
      member.pieces = underWay.length;
      signal?.throwIfAborted();
    }
    signal?.throwIfAborted();
  } finally {
    left.abort();
    await Promise.allSettled(underWay.map(({ bytes }) => bytes));
  }
}

/** One gzip stream, compressed in this thread, because browsers read only one. */
async function* packGzip(
  records: Iterable<TarRecord>,
  level: number,
  { signal, onPacked }: WatchOptions,
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  const source = Readable.from(tarBytes(records, onPacked), { objectMode: false });
  const gzip = zlib.createGzip({ level, chunkSize: GZIP_OUTPUT });
  // Errors are thrown in the loop; the callback only keeps them from being thrown twice.
  for await (const chunk of pipeline(source, gzip, () => {})) {
    signal?.throwIfAborted();
    yield chunk;
  }
  signal?.throwIfAborted();
}

function* tarBytes(
  records: Iterable<TarRecord>,
  onPacked: WatchOptions["onPacked"],
): Generator<Uint8Array> {
  for (const piece of cutTar(records, GZIP_INPUT)) {
    // gzip reads its input later, so each piece has its own buffer.
    yield* readPiece(piece, new Uint8Array(piece.length));
    onPacked?.(piece.length);
  }
}
