/**
 * A wrapper that tells of each write before it happens.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type {
  ByteSource,
  CallOptions,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "./backend.ts";

/** Told what is about to be written; the write waits for it, and fails if it does. */
export type BeforeWrite = (location: OutputLocation, options: WriteOptions) => Promise<void>;

/** A storage that does something before each write and each copy. */
export class WatchedWrites implements StorageBackend {
  /** What kind of storage is wrapped. */
  readonly name: string;
  /** Whether writing has an effect. */
  readonly writes: boolean;
  /** As the wrapped storage. */
  readonly enforcesAbsence?: boolean;
  readonly #inner: StorageBackend;
  readonly #before: BeforeWrite;

  /**
   * Wraps a storage.
   *
   * @param inner The storage.
   * @param before What comes before a write.
   */
  constructor(inner: StorageBackend, before: BeforeWrite) {
    this.name = inner.name;
    this.writes = inner.writes;
    this.enforcesAbsence = inner.enforcesAbsence;
    this.#inner = inner;
    this.#before = before;
  }

  /** {@inheritDoc StorageBackend.stat} */
  stat(location: OutputLocation, options?: CallOptions): Promise<ObjectInfo> {
    return this.#inner.stat(location, options);
  }

  /** {@inheritDoc StorageBackend.list} */
  list(prefix: OutputLocation, options?: ListOptions): AsyncIterable<ObjectInfo> {
    return this.#inner.list(prefix, options);
  }

  /** {@inheritDoc StorageBackend.read} */
  read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    return this.#inner.read(location, options);
  }

  /** {@inheritDoc StorageBackend.write} */
  async write(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    await this.#before(location, options);
    return await this.#inner.write(location, source, options);
  }

  /** {@inheritDoc StorageBackend.copy} */
  async copy(
    from: OutputLocation,
    to: OutputLocation,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    await this.#before(to, options);
    return await this.#inner.copy(from, to, options);
  }

  /** {@inheritDoc StorageBackend.delete} */
  delete(location: OutputLocation, options?: CallOptions): Promise<void> {
    return this.#inner.delete(location, options);
  }
}
