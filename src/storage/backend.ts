/**
 * The interface that every kind of storage implements.
 *
 * It is narrow on purpose. Transfer of files and trees, globs, retries, progress, dry runs and
 * limits are built once above it; a driver does only what no other code can do. The edge cases are
 * specified here, and `tests/storage/backend_suite.ts` tests every driver for them.
 *
 * @module
 */

import type { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";

/** A range of an object: bytes `start` up to, not including, `end`, counted from 0. */
export interface ByteRange {
  /** The first byte. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
}

/**
 * Bytes in pieces.
 *
 * **A chunk is valid only until the next one is read**: producers reuse their buffer, which is
 * several times as fast as a new one for each chunk. Copy a chunk to keep it.
 */
export type Chunks = AsyncIterable<Uint8Array>;

/** Bytes to write: of a known size, and readable again from any position. */
export interface ByteSource {
  /** The number of bytes. */
  readonly size: number;
  /** Their SHA-256, 64 hex digits, if it was computed while they were made. */
  readonly sha256?: string;
  /** The file that contains exactly these bytes, if there is one. */
  readonly path?: string;
  /** How the file of the bytes has changed since the source was created, if that can be seen. */
  changed?(): "grew" | "shrank" | "changed" | undefined;
  /**
   * Opens the bytes. It can be called again, for a retry or a part.
   *
   * @param range The range to read. Default: everything.
   * @param signal Aborts reading.
   * @param into Where the caller wants the bytes, one after the other. A source that can read them
   * there saves a copy: its chunks are then views of this memory.
   * @returns The bytes. If their number is not the requested one, the caller must notice.
   */
  open(range?: ByteRange, signal?: AbortSignal, into?: Uint8Array): Chunks;
}

/** What is known of an object without reading it. */
export interface ObjectInfo {
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes. */
  readonly size: number;
  /** An opaque value that changes whenever the content is written again. */
  readonly etag: string;
  /** When it was last written. */
  readonly modified: Date;
  /** The SHA-256 of the content, 64 hex digits, if the storage has recorded it. */
  readonly sha256?: string;
  /** The content type, if the storage has recorded it. */
  readonly contentType?: string;
  /**
   * The content encoding, such as `gzip`, if another tool has recorded one. Bytes are read as they
   * are stored.
   */
  readonly contentEncoding?: string;
}

/** What is directly below a prefix. */
export interface Child {
  /** The object; or a prefix, with objects below it. */
  readonly location: OutputLocation;
  /** What is known of the object. A prefix has none. */
  readonly info?: ObjectInfo;
}

/** An object that could not be deleted. */
export interface DeleteFailure {
  /** The object. */
  readonly location: OutputLocation;
  /** The reason. */
  readonly error: RunOutputsError;
}

/** An object that is being read. Dispose of it, or read it to its end. */
export interface ObjectBody extends Chunks, AsyncDisposable {
  /** Information on the object that is read. */
  readonly info: ObjectInfo;
  /**
   * The longest time so far that a reader waited without receiving bytes, in milliseconds. Not set by
   * storages without a network.
   */
  readonly quiet?: number;
}

/** Options of every call. */
export interface CallOptions {
  /** Aborts the call; it rejects with the signal's reason and leaves nothing incomplete. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode StorageBackend.list}. */
export interface ListOptions extends CallOptions {
  /**
   * Whether to list objects in deeper levels too. With `false`, only objects whose key has no `/`
   * after the prefix are listed, and deeper levels are not read. Default: `true`.
   */
  readonly recursive?: boolean;
}

/** Options of {@linkcode StorageBackend.read}. */
export interface ReadOptions extends CallOptions {
  /** The range to read. Default: the whole object. */
  readonly range?: ByteRange;
  /** Read only if the object still has this etag. */
  readonly ifMatch?: string;
}

/** Options of {@linkcode StorageBackend.write} and {@linkcode StorageBackend.copy}. */
export interface WriteOptions extends CallOptions {
  /** The content type to record. Default: `application/octet-stream`, or the source's in a copy. */
  readonly contentType?: string;
  /** The SHA-256 that the bytes must have, 64 hex digits in lower case. */
  readonly sha256?: string;
  /**
   * Write only if the object does not exist. `"seen"`: the caller has just checked that; storage
   * that cannot make it a condition of the write does not check again.
   */
  readonly ifAbsent?: boolean | "seen";
  /** Write only if the object still has this etag. */
  readonly ifMatch?: string;
  /** Called for each piece, with its number of bytes. A retry subtracts with a negative number. */
  readonly onBytes?: (bytes: number) => void;
  /**
   * Called with the number of bytes that an earlier, killed attempt had stored, if a driver
   * continues it. They count in `onBytes` too.
   */
  readonly onResumed?: (bytes: number) => void;
}

/**
 * A storage for objects.
 *
 * Errors are `RunOutputsError`s; each method documents its codes. In addition, every method can
 * fail with `denied`, `unauthenticated`, `transient` and `failed`.
 */
export interface StorageBackend {
  /** The kind of storage, for messages: `local`, `memory`, `s3`. */
  readonly name: string;

  /**
   * Whether writes have an effect. `false` in a dry run, so that nobody produces bytes that will
   * not be stored.
   */
  readonly writes: boolean;

  /**
   * Whether a write with `ifAbsent` certainly replaces nothing, even with concurrent writers.
   * Default: `false`.
   */
  readonly enforcesAbsence?: boolean;

  /**
   * Returns what is known of an object.
   *
   * @param location The object. A prefix with objects below it is not an object.
   * @param options A signal.
   * @returns What is known of it.
   * @throws {RunOutputsError} `not_found`, if there is no such object. Other failures have other
   * codes: a failed request never looks like a missing object.
   */
  stat(location: OutputLocation, options?: CallOptions): Promise<ObjectInfo>;

  /**
   * Lists the objects below a prefix, sorted by the UTF-8 bytes of their keys.
   *
   * A prefix consists of whole segments: below `123-linux` is `123-linux/a`, not `123-linux-old/a`,
   * and not an object named `123-linux`. The list is complete, over any number of pages, and is a
   * stream: it is not kept in memory. It is not a snapshot: an object that is written or deleted
   * meanwhile may or may not be listed.
   *
   * @param prefix The prefix; a bucket itself for all its objects.
   * @param options Whether to list deeper levels; a signal.
   * @returns The objects; empty, without an error, if there are none.
   */
  list(prefix: OutputLocation, options?: ListOptions): AsyncIterable<ObjectInfo>;

  /**
   * Lists what is directly below a prefix: objects, and the prefixes that have objects below them,
   * without reading those. The cost depends on the number of children, not of objects.
   *
   * The order is that of the keys' UTF-8 bytes, in which a prefix has its final `/`. On a disk, a
   * directory without files is a prefix too. In all else, this is as `list`.
   *
   * @param prefix What to list; a bucket itself lists its top level.
   * @param options A signal.
   * @returns The children, each once; none, without an error, if there are none. A storage that can
   * hold both an object and a prefix of one name lists both.
   */
  children(prefix: OutputLocation, options?: CallOptions): AsyncIterable<Child>;

  /**
   * Reads an object or a range of it.
   *
   * When the promise resolves, the object is known to exist; its bytes are fetched on demand. They
   * all come from one version of the object; if a storage cannot continue because the version was
   * replaced, the body throws `conflict`. A truncated body throws; it never just ends.
   *
   * @param location The object.
   * @param options The range, which is limited to the object's size; a required etag; a signal.
   * @returns The body.
   * @throws {RunOutputsError} `not_found`; `conflict`, if the object does not match `ifMatch`;
   * `invalid`, if the range starts after the object's end or is invalid.
   */
  read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody>;

  /**
   * Writes an object: completely, or nothing that anyone can see.
   *
   * Concurrent readers get the old or the new object, complete. After two concurrent writes, one of
   * them is complete. After a failure, an abort or a kill, the existing object is unchanged. What
   * is written is listed: a driver rejects a name that its list would skip.
   *
   * @param location The object; not a bucket itself.
   * @param source The bytes.
   * @param options Content type, required hash, `ifAbsent`, `ifMatch`, progress, a signal.
   * @returns The written object, with its SHA-256.
   * @throws {RunOutputsError} `integrity`, if the hash of the bytes is wrong, or their number is
   * not the source's; `conflict`, with `ifAbsent` if the object exists, with `ifMatch` if it has
   * another etag or is missing, or if an object of this name is impossible beside the existing
   * ones. Not every storage decides this atomically with the write; see its driver. `invalid`, if
   * the driver uses the name for its own files.
   */
  write(
    location: OutputLocation,
    source: ByteSource,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;

  /**
   * Checks whether a write could be rejected because of existing content, without changing
   * anything. For dry runs. Storage without such conflicts does not implement it.
   *
   * @param location The destination.
   * @param options A signal.
   * @throws {RunOutputsError} `conflict` or `denied`, as `write` would.
   */
  checkWrite?(location: OutputLocation, options?: CallOptions): Promise<void>;

  /**
   * Checks that files fit, before the first of them is written. Storage that can't know does not
   * implement it. A storage that passes may still fill up.
   *
   * @param files The files: locations and sizes in bytes. They can be iterated repeatedly.
   * @throws {RunOutputsError} `failed`, if there is certainly too little space.
   */
  checkSpace?(files: Iterable<Pick<ObjectInfo, "location" | "size">>): Promise<void>;

  /**
   * Formats a location for messages: a path on disk, for a storage that is a directory. Default: its
   * S3 URI.
   *
   * @param location The location.
   * @returns The text.
   */
  show?(location: OutputLocation): string;

  /**
   * Copies an object inside the storage, without downloading it. Completely or not at all, as in
   * {@linkcode StorageBackend.write}. Content type and recorded hash are copied too.
   *
   * @param from The object to copy.
   * @param to The destination. The same location is allowed and changes nothing.
   * @param options As in `write`; `sha256` and `ifMatch` are ignored.
   * @returns The copy.
   * @throws {RunOutputsError} `not_found`, if the source does not exist; `conflict` as in `write`.
   */
  copy(
    from: OutputLocation,
    to: OutputLocation,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;

  /**
   * Deletes an object. A missing object is not an error, because the outcome is the same.
   *
   * @param location The object. Objects below it as a prefix stay.
   * @param options A signal.
   */
  delete(location: OutputLocation, options?: CallOptions): Promise<void>;

  /**
   * Deletes many objects, with few requests where the storage can. That one was not there is no
   * failure. A failure does not stop the rest.
   *
   * @param locations The objects. They are deleted in this order, one batch after the other.
   * @param options A signal.
   * @returns The objects that could not be deleted, with the reason; empty if all are gone.
   * @throws {RunOutputsError} What no further object could be deleted for, such as the network; what
   * came before may be deleted.
   */
  deleteAll(
    locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
    options?: CallOptions,
  ): Promise<readonly DeleteFailure[]>;
}
