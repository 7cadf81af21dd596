/**
 * Making archives, as streams of bytes.
 *
 * @module
 */

import { pipeline, Readable, type Transform } from "node:stream";
import zlib from "node:zlib";
import { type Header, type Pack, pack as tarPack } from "tar-stream";
import { diskError } from "../layout/disk_error.ts";
import { RunOutputsError } from "../layout/error.ts";
import type { ArchiveMember } from "./members.ts";

/** How an archive is compressed: zstd (`.tar.zst`) or gzip (`.tar.gz`). */
export type PackCompression = "zst" | "gz";

/** The levels that each compression knows. */
export const COMPRESSION_LEVELS: Readonly<
  Record<PackCompression, { readonly min: number; readonly max: number; readonly standard: number }>
> = {
  zst: { min: 1, max: 19, standard: 3 },
  gz: { min: 1, max: 9, standard: 6 },
};

/** Options of {@linkcode pack}. */
export interface PackOptions {
  /** How to compress. */
  readonly compression: PackCompression;
  /** The level; the compression's own default if not given (zstd 3, gzip 6). */
  readonly level?: number;
  /** Stops the packing. */
  readonly signal?: AbortSignal;
}

/** Compressed bytes come in pieces of this size; smaller ones halve zstd's speed. */
const OUTPUT_CHUNK = 512 * 1024;

/** What is read of a file at once. */
const INPUT_CHUNK = 256 * 1024;

/**
 * Makes an archive.
 *
 * The same members with the same content, modes and times make the same bytes: owners are left
 * out, and gzip's header carries no time.
 *
 * @param members What goes in, in this order.
 * @param options Compression, level, a signal.
 * @returns The archive's bytes. Leaving the loop early stops the work and closes all files.
 * @throws {RunOutputsError} While the bytes are asked for: `integrity`, if a file changes its size
 * meanwhile; `failed`, if this runtime has no zstd; or what the disk says.
 */
export async function* pack(
  members: Iterable<ArchiveMember>,
  options: PackOptions,
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  const compressor = createCompressor(options);
  const archive = tarPack();
  const filled = fill(archive, members, signal).then(
    () => archive.finalize(),
    (error) => archive.destroy(error),
  );
  const source = Readable.from(archive as AsyncIterable<Uint8Array>, { objectMode: false });
  try {
    // Errors arrive in the loop; the callback only keeps them from being thrown twice.
    for await (const chunk of pipeline(source, compressor, () => {})) {
      signal?.throwIfAborted();
      yield chunk;
    }
    signal?.throwIfAborted();
  } finally {
    // Whoever leaves early waits until the last file is closed.
    archive.destroy();
    await filled;
  }
}

function createCompressor({ compression, level }: PackOptions): Transform {
  const chosen = level ?? COMPRESSION_LEVELS[compression].standard;
  if (compression === "gz") return zlib.createGzip({ level: chosen, chunkSize: OUTPUT_CHUNK });
  if (typeof zlib.createZstdCompress !== "function") {
    throw new RunOutputsError(
      "failed",
      `Cannot compress with zstd: Deno ${Deno.version.deno} does not have it, Deno 2.9.6 does`,
    );
  }
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = zlib.constants;
  return zlib.createZstdCompress({
    chunkSize: OUTPUT_CHUNK,
    params: { [ZSTD_c_compressionLevel]: chosen, [ZSTD_c_checksumFlag]: 1 },
  });
}

/** Puts all members into an archive. */
async function fill(
  archive: Pack,
  members: Iterable<ArchiveMember>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const member of members) {
    signal?.throwIfAborted();
    const header = {
      name: member.type === "directory" ? `${member.name}/` : member.name,
      mode: member.mode,
      mtime: member.modified,
      uid: 0,
      gid: 0,
    };
    if (member.type === "file") {
      const { path, size } = member;
      await addFile(archive, { ...header, type: "file" as const, size }, path).catch((error) => {
        throw diskError("read", path, error);
      });
    } else if (member.type === "directory") {
      archive.entry({ ...header, type: "directory" });
    } else {
      const type = member.type === "symlink" ? "symlink" : "link";
      archive.entry({ ...header, type, linkname: member.target });
    }
  }
}

/** Adds a file of any size, never holding more than a few pieces of it. */
async function addFile(
  archive: Pack,
  header: Partial<Header> & Pick<Header, "name" | "size">,
  path: string,
): Promise<void> {
  using file = await Deno.open(path);
  const entry = archive.entry(header);
  const closed = new Promise<void>((resolve, reject) => {
    entry.once("error", reject);
    entry.once("close", resolve);
  });
  closed.catch(() => {/* awaited below, unless something else fails first */});
  let left = header.size;
  for (;;) {
    // tar-stream keeps what it is given until it is asked for, so each piece is a buffer of its own.
    const buffer = new Uint8Array(Math.min(INPUT_CHUNK, left + 1));
    const count = await file.read(buffer);
    if (count === null) break;
    left -= count;
    if (left < 0) break;
    if (!entry.write(buffer.subarray(0, count))) {
      await Promise.race([
        new Promise<void>((resolve) => entry.once("drain", () => resolve())),
        closed,
      ]);
      if (entry.destroyed) return;
    }
  }
  if (left !== 0) {
    throw new RunOutputsError(
      "integrity",
      `Cannot pack '${path}': its size changed while it was read`,
    );
  }
  entry.end(undefined);
  await closed;
}
