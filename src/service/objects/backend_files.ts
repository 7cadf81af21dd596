/**
 * Files of runs in a bucket.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions, Child, StorageBackend } from "../../storage/backend.ts";
import { statIfThere } from "../../storage/if_there.ts";
import type { FileStore, StoredFile } from "./stored_file.ts";

/** The files in any storage. Its names are exact, and it has no links. */
export class BackendFiles implements FileStore {
  readonly #backend: StorageBackend;

  /**
   * Opens a storage.
   *
   * @param backend The storage.
   */
  constructor(backend: StorageBackend) {
    this.#backend = backend;
  }

  /** {@inheritDoc FileStore.open} */
  async open(
    location: OutputLocation,
    { signal }: CallOptions = {},
  ): Promise<StoredFile | undefined> {
    const backend = this.#backend;
    const info = await statIfThere(backend, location, signal);
    if (info === undefined) return undefined;
    return {
      info,
      async *chunks(range, { signal } = {}) {
        await using body = await backend.read(location, { range, ifMatch: info.etag, signal });
        for await (const chunk of body) yield chunk.slice();
      },
      close() {},
    };
  }

  /** {@inheritDoc FileStore.isDirectory} */
  async isDirectory(location: OutputLocation, options?: CallOptions): Promise<boolean> {
    for await (const _ of this.#backend.children(location, options)) return true;
    return false;
  }

  /** {@inheritDoc FileStore.list} */
  async list(
    location: OutputLocation,
    options?: CallOptions,
  ): Promise<readonly Child[] | undefined> {
    const children = await Array.fromAsync(this.#backend.children(location, options));
    return children.length === 0 ? undefined : children;
  }
}
