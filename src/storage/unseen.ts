/**
 * Uploads by a role that may write and not look.
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
 * A storage in which an object that the role may not look at counts as missing, so that an upload
 * that replaces what is there needs no permission but the one to write. S3 also denies a look at an
 * object that is missing, if the role may not list the bucket.
 */
export class UnseenBackend extends ForwardingBackend {
  readonly #onUnseen: (error: RunOutputsError) => void;
  /** What could not be looked at, and what this upload has put there since. */
  readonly #unseen = new Map<string, ObjectInfo | undefined>();

  /**
   * Wraps a storage.
   *
   * @param inner The storage.
   * @param onUnseen Receives each denial of a look.
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
      // Something is there. If it can be looked at, it has appeared since, and the caller can
      // compare; otherwise it may have been there all the time.
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
