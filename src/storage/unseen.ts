/**
 * Uploads for a role that may write but not read.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import { ForwardingBackend } from "./forwarding.ts";
import type {
  ByteSource,
  CallOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "./backend.ts";

/**
 * A storage in which an object that the role may not read counts as missing, so that an upload that
 * replaces existing files needs only write permission. S3 also denies access to a missing object,
 * if the role may not list the bucket.
 */
export class UnseenBackend extends ForwardingBackend {
  readonly #onUnseen: (error: RunOutputsError) => void;
  /** Locations that could not be read, and what this upload has written there. */
  readonly #unseen = new Map<string, ObjectInfo | undefined>();

  /**
   * Wraps a storage.
   *
   * @param inner The storage.
   * @param onUnseen Called for each denied read.
   */
  constructor(inner: StorageBackend, onUnseen: (error: RunOutputsError) => void) {
    super(inner);
    this.#onUnseen = onUnseen;
  }

  /** {@inheritDoc StorageBackend.stat} */
  override async stat(location: OutputLocation, options?: CallOptions): Promise<ObjectInfo> {
    return await this.#look(location, () => super.stat(location, options), (ours) => ours);
  }

  /** {@inheritDoc StorageBackend.read} */
  override async read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    return await this.#look(location, () => super.read(location, options));
  }

  /** {@inheritDoc StorageBackend.write} */
  override async write(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    if (!this.#unseen.has(location.s3Uri)) return await super.write(location, source, options);
    const written = await this.#writeUnseen(location, source, options);
    this.#unseen.set(location.s3Uri, written);
    return written;
  }

  async #writeUnseen(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions,
  ): Promise<ObjectInfo> {
    if (!options.ifAbsent) return await super.write(location, source, options);
    try {
      return await super.write(location, source, { ...options, ifAbsent: "seen" });
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "conflict") throw error;
      // It exists. If it can be read, it is new, and the caller can compare; otherwise it may have
      // existed all the time.
      try {
        await super.stat(location, options);
      } catch (failure) {
        options.signal?.throwIfAborted();
        if (!(failure instanceof RunOutputsError) || failure.code !== "denied") throw failure;
        return await super.write(location, source, { ...options, ifAbsent: undefined });
      }
      throw error;
    }
  }

  async #look<T>(
    location: OutputLocation,
    look: () => Promise<T>,
    known: (ours: ObjectInfo) => T | undefined = () => undefined,
  ): Promise<T> {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "denied") throw error;
      const ours = this.#unseen.get(location.s3Uri);
      const answer = ours && known(ours);
      if (answer !== undefined) return answer;
      this.#unseen.set(location.s3Uri, ours);
      this.#onUnseen(error);
      throw new RunOutputsError("not_found", error.message, { cause: error });
    }
  }
}
