/**
 * Files and directories of runs as the service reads them, from a disk or from any other storage.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteRange, CallOptions, Child, ObjectInfo } from "../../storage/backend.ts";

/** A version of a file that is open. Close it, however the request ends. */
export interface StoredFile {
  /** What is known of it. */
  readonly info: ObjectInfo;
  /**
   * Reads a range. Unlike those of a `StorageBackend`, the chunks can be kept.
   *
   * @param range A range inside the file.
   * @param options A signal.
   * @returns The bytes, all of this version. If it was replaced and the rest cannot be read, or was
   * changed, this throws, so that versions are never mixed.
   */
  chunks(range: ByteRange, options?: CallOptions): AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Closes it. */
  close(): void;
}

/** Where the files of runs are. */
export interface FileStore {
  /**
   * Opens a file.
   *
   * @param location The file.
   * @param options A signal.
   * @returns The file; `undefined`, if there is no regular file of exactly this name.
   */
  open(location: OutputLocation, options?: CallOptions): Promise<StoredFile | undefined>;
  /**
   * Whether a directory exists.
   *
   * @param location The directory.
   * @param options A signal.
   * @returns `true`, if it does. In a bucket, it has objects then.
   */
  isDirectory(location: OutputLocation, options?: CallOptions): Promise<boolean>;
  /**
   * Lists a directory.
   *
   * @param location The directory.
   * @param options A signal.
   * @returns The files and directories in it, in the order of their keys; `undefined`, if it does
   * not exist.
   */
  list(
    location: OutputLocation,
    options?: CallOptions,
  ): Promise<readonly Child[] | undefined>;
}
