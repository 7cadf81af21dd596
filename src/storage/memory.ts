/**
 * The memory driver, for tests of this project and of programs that use it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { checksumMismatch } from "../errors/checksum_mismatch.ts";
import { invalid, RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type {
  ByteSource,
  CallOptions,
  Child,
  Chunks,
  DeleteFailure,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "./backend.ts";
import { compareKeys } from "../layout/compare_keys.ts";
import { childrenFrom } from "./children.ts";
import { deleteEach } from "./delete_each.ts";
import { clipRange } from "./range.ts";

interface Entry {
  readonly info: ObjectInfo;
  readonly bytes: Uint8Array;
}

/** Options of {@linkcode MemoryBackend}. */
export interface MemoryBackendOptions {
  /** The time of a write. Default: the system's clock. */
  readonly now?: () => Date;
}

/**
 * Storage in memory. It has separate buckets and records hashes, as S3 does.
 *
 * @example
 * ```ts
 * import { bytesSource, MemoryBackend, OutputLocation } from "@therock/run-outputs";
 *
 * const backend = new MemoryBackend();
 * const location = new OutputLocation("therock-ci-artifacts", "1-linux/a.log");
 * const { size } = await backend.write(location, bytesSource("hello\n"));
 * console.assert(size === 6);
 * ```
 */
export class MemoryBackend implements StorageBackend {
  /** The kind of storage. */
  readonly name = "memory";
  /** Writes have an effect. */
  readonly writes = true;
  /** A check and the following write are atomic. */
  readonly enforcesAbsence = true;
  readonly #objects = new Map<string, Entry>();
  readonly #now: () => Date;
  #version = 0;

  /**
   * Creates an empty storage.
   *
   * @param options The clock.
   */
  constructor({ now = () => new Date() }: MemoryBackendOptions = {}) {
    this.#now = now;
  }

  /** {@inheritDoc StorageBackend.stat} */
  async stat(location: OutputLocation, options: CallOptions = {}): Promise<ObjectInfo> {
    await turn(options.signal);
    return this.#get(location).info;
  }

  /** {@inheritDoc StorageBackend.list} */
  async *list(prefix: OutputLocation, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const found = [...this.#objects.values()]
      .filter(({ info }) => {
        const path = info.location.relativeTo(prefix);
        return path && (options.recursive !== false || !path.includes("/"));
      })
      .sort((a, b) => compareKeys(a.info.location.key, b.info.location.key));
    for (const { info } of found) {
      await turn(options.signal);
      yield info;
    }
  }

  /** {@inheritDoc StorageBackend.children} */
  children(prefix: OutputLocation, options?: CallOptions): AsyncGenerator<Child> {
    return childrenFrom(prefix, this.list(prefix, options));
  }

  /** {@inheritDoc StorageBackend.read} */
  async read(location: OutputLocation, options: ReadOptions = {}): Promise<ObjectBody> {
    await turn(options.signal);
    const { info, bytes } = this.#get(location);
    if (options.ifMatch !== undefined && options.ifMatch !== info.etag) {
      throw new RunOutputsError("conflict", `Cannot read '${location}': it has changed`);
    }
    const { start, end } = clipRange(options.range, info.size);
    return {
      info,
      async *[Symbol.asyncIterator]() {
        await turn(options.signal);
        if (end > start) yield bytes.subarray(start, end);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** {@inheritDoc StorageBackend.write} */
  async write(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    await turn(options.signal);
    this.#checkWritable(location, options);
    const bytes = await collect(source.open(undefined, options.signal), options);
    if (bytes.length !== source.size) {
      throw new RunOutputsError(
        "integrity",
        `Cannot write '${location}': got ${bytes.length} bytes, expected ${source.size}`,
      );
    }
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (options.sha256 !== undefined && options.sha256 !== sha256) {
      const hashes = { expected: options.sha256, actual: sha256 };
      throw checksumMismatch(`Cannot write '${location}'`, hashes);
    }
    this.#checkWritable(location, options);
    return this.#put(location, bytes, sha256, options.contentType ?? "application/octet-stream");
  }

  /** {@inheritDoc StorageBackend.copy} */
  async copy(
    from: OutputLocation,
    to: OutputLocation,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    await turn(options.signal);
    const { info, bytes } = this.#get(from);
    this.#checkWritable(to, { ifAbsent: options.ifAbsent });
    if (from.equals(to)) return info;
    options.onBytes?.(bytes.length);
    return this.#put(to, bytes, info.sha256, options.contentType ?? info.contentType);
  }

  /** {@inheritDoc StorageBackend.delete} */
  async delete(location: OutputLocation, options: CallOptions = {}): Promise<void> {
    await turn(options.signal);
    this.#objects.delete(location.s3Uri);
  }

  /** {@inheritDoc StorageBackend.deleteAll} */
  async deleteAll(
    locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
    options?: CallOptions,
  ): Promise<readonly DeleteFailure[]> {
    return await deleteEach(this, locations, options);
  }

  #get(location: OutputLocation): Entry {
    const entry = this.#objects.get(location.s3Uri);
    if (entry === undefined) {
      throw new RunOutputsError("not_found", `Cannot read '${location}': no such object`);
    }
    return entry;
  }

  #checkWritable(location: OutputLocation, { ifAbsent, ifMatch }: WriteOptions): void {
    if (location.key === "") throw invalid("key", location.key, "an object name");
    const existing = this.#objects.get(location.s3Uri);
    if (ifAbsent && existing !== undefined) {
      throw new RunOutputsError("conflict", `Cannot write '${location}': it already exists`);
    }
    if (ifMatch !== undefined && existing?.info.etag !== ifMatch) {
      throw new RunOutputsError(
        "conflict",
        `Cannot write '${location}': it was changed by another write`,
      );
    }
  }

  #put(
    location: OutputLocation,
    bytes: Uint8Array,
    sha256: string | undefined,
    contentType: string | undefined,
  ): ObjectInfo {
    const info: ObjectInfo = {
      location,
      size: bytes.length,
      etag: `${++this.#version}`,
      modified: this.#now(),
      sha256,
      contentType,
    };
    this.#objects.set(location.s3Uri, { info, bytes });
    return info;
  }
}

/** Yields, as real storage does, so that tests see overlapping calls. */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await Promise.resolve();
  signal?.throwIfAborted();
}

async function collect(chunks: Chunks, options: WriteOptions): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    parts.push(chunk.slice());
    size += chunk.length;
    options.onBytes?.(chunk.length);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
