/**
 * Decompresses a file to the bytes of its tar archive: xz, zstd, gzip, or none.
 *
 * Runs in a worker: `node:zlib` throws errors of broken zstd data where no caller can catch them,
 * so they must be caught where nothing else can throw.
 *
 * @module
 */

import type { Transform } from "node:stream";
import zlib from "node:zlib";
import { RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import type { ByteSink, Lzma } from "./liblzma.ts";
import { MAX_MEMORY, ZstdFrames } from "./zstd_frames.ts";

/** The compression of an archive. */
export type ArchiveFormat = "xz" | "zst" | "gz" | "tar";

/** The number of bytes read from a file at once. */
const INPUT_CHUNK = 256 * 1024;

/** With chunks of this size, zstd is nearly twice as fast as with Node's default. */
const OUTPUT_CHUNK = 512 * 1024;

/**
 * Determines the compression of an archive from its name.
 *
 * @param name Its file name.
 * @returns The compression, or `undefined` if it is not the name of a tar archive.
 */
export function archiveFormat(name: string): ArchiveFormat | undefined {
  const match = /\.(?:tar\.(xz|zst|gz)|(tgz|tar))$/.exec(name);
  return (match?.[2] === "tgz" ? "gz" : match?.[1] ?? match?.[2]) as ArchiveFormat | undefined;
}

/** Options of {@linkcode decompress}. */
export interface DecompressOptions {
  /** Whether the file's hash has been verified, so that xz need not check its own. */
  readonly verified?: boolean;
  /** The maximum memory of zstd, in bytes. */
  readonly maxMemory?: number;
}

/**
 * Decompresses a file from the current position to its end.
 *
 * @param file The open file.
 * @param format The compression.
 * @param sink Receives the bytes; an error that it throws ends the decompression.
 * @param loadLzma Loads liblzma, for xz.
 * @param options Whether the hash has been verified, and the memory for zstd.
 * @throws {BadArchive} If the file is broken, incomplete, or followed by other data.
 * @throws {RunOutputsError} `failed`, if this runtime has no zstd.
 */
export async function decompress(
  file: Deno.FsFile,
  format: ArchiveFormat,
  sink: ByteSink,
  loadLzma: () => Promise<Lzma>,
  { verified = false, maxMemory = MAX_MEMORY }: DecompressOptions = {},
): Promise<void> {
  const buffer = new Uint8Array(INPUT_CHUNK);
  const read = () => {
    const count = file.readSync(buffer);
    return count === null ? undefined : buffer.subarray(0, count);
  };
  if (format === "xz") {
    using decoder = (await loadLzma()).decoder({ ignoreCheck: verified });
    for (let bytes = read(); bytes !== undefined; bytes = read()) decoder.push(bytes, sink);
    decoder.finish(sink);
  } else if (format === "zst") await decompressZstd(read, sink, maxMemory);
  else if (format === "gz") {
    using decoder = new NodeDecoder(zlib.createGunzip({ chunkSize: OUTPUT_CHUNK }), "gzip", sink);
    for (let bytes = read(); bytes !== undefined; bytes = read()) await decoder.push(bytes);
    await decoder.finish();
  } else for (let bytes = read(); bytes !== undefined; bytes = read()) sink(bytes);
}

async function decompressZstd(
  read: () => Uint8Array | undefined,
  sink: ByteSink,
  maxMemory: number,
): Promise<void> {
  if (typeof zlib.createZstdDecompress !== "function") {
    throw new RunOutputsError(
      "failed",
      `Cannot unpack zstd: Deno ${Deno.version.deno} does not support it; use Deno 2.9.6 or newer`,
    );
  }
  const frames = new ZstdFrames(maxMemory);
  // Larger windows were rejected before; the decoder's own limit must be a power of two.
  const windowLog = Math.min(31, Math.max(27, Math.ceil(Math.log2(maxMemory))));
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: windowLog };
  let decoder: NodeDecoder | undefined;
  try {
    for (let bytes = read(); bytes !== undefined; bytes = read()) {
      for (const piece of frames.push(bytes)) {
        decoder ??= new NodeDecoder(
          zlib.createZstdDecompress({ chunkSize: OUTPUT_CHUNK, params }),
          "zstd",
          sink,
        );
        await decoder.push(piece.bytes);
        if (!piece.last) continue;
        await decoder.finish();
        decoder[Symbol.dispose]();
        decoder = undefined;
      }
    }
    frames.finish();
  } finally {
    decoder?.[Symbol.dispose]();
  }
}

/**
 * Frees a buffer as soon as the decoder has filled it and so does not need it any more. Left to the
 * garbage collector, buffers grow to 60 MB per thread, and the system must clear each new one
 * first, which takes a third of the time.
 */
function free({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): void {
  if (byteOffset + length === buffer.byteLength) buffer.transfer(0);
}

/** A decoder of `node:zlib` that is fed piece by piece. */
class NodeDecoder implements Disposable {
  readonly #stream: Transform;
  readonly #failed: Promise<never>;
  readonly #ended: Promise<void>;
  readonly #onUncaught: (event: ErrorEvent) => void;

  constructor(stream: Transform, what: string, sink: ByteSink) {
    this.#stream = stream;
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => {/* thrown by push() and finish() */});
    this.#failed = failed.promise;
    const corrupt = (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      failed.reject(new BadArchive(`its ${what} data is corrupt or incomplete (${reason})`));
    };
    this.#onUncaught = (event) => {
      event.preventDefault();
      corrupt(event.error);
    };
    globalThis.addEventListener("error", this.#onUncaught);
    stream.on("error", corrupt);
    stream.on("data", (bytes: Uint8Array<ArrayBuffer>) => {
      try {
        sink(bytes);
        free(bytes);
      } catch (error) {
        failed.reject(error);
        stream.destroy();
      }
    });
    this.#ended = new Promise((resolve) => stream.once("end", resolve));
  }

  /** Decodes a piece. When it returns, the piece's buffer can be reused. */
  async push(bytes: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve) => this.#stream.write(bytes, () => resolve()));
    await Promise.race([this.#failed, written]);
  }

  /** Waits until everything has reached the sink. */
  async finish(): Promise<void> {
    this.#stream.end();
    await Promise.race([this.#failed, this.#ended]);
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("error", this.#onUncaught);
    this.#stream.destroy();
  }
}
