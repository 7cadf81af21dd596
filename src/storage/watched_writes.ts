/**
 * A wrapper that tells of each write before it happens.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { ByteSource, ObjectInfo, StorageBackend, WriteOptions } from "./backend.ts";
import { ForwardingBackend } from "./forwarding.ts";

/** Told what is about to be written; the write waits for it, and fails if it does. */
export type BeforeWrite = (location: OutputLocation, options: WriteOptions) => Promise<void>;

/** A storage that does something before each write and each copy. */
export class WatchedWrites extends ForwardingBackend {
  readonly #before: BeforeWrite;

  /**
   * Wraps a storage.
   *
   * @param inner The storage.
   * @param before What comes before a write.
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
