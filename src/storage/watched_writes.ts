/**
 * A wrapper that calls a function before each write.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { ByteSource, ObjectInfo, StorageBackend, WriteOptions } from "./backend.ts";
import { ForwardingBackend } from "./forwarding.ts";

/** Called before a write; the write waits for it, and fails if it does. */
export type BeforeWrite = (location: OutputLocation, options: WriteOptions) => Promise<void>;

/** A storage that calls a function before each write and each copy. */
export class WatchedWrites extends ForwardingBackend {
  readonly #before: BeforeWrite;

  /**
   * Wraps a storage.
   *
   * @param inner The storage.
   * @param before The function.
   */
  constructor(inner: StorageBackend, before: BeforeWrite) {
    super(inner);
    this.#before = before;
  }

  /** {@inheritDoc StorageBackend.write} */
  override async write(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    await this.#before(location, options);
    return await super.write(location, source, options);
  }

  /** {@inheritDoc StorageBackend.copy} */
  override async copy(
    from: OutputLocation,
    to: OutputLocation,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    await this.#before(to, options);
    return await super.copy(from, to, options);
  }
}
