/**
 * The one interface that every kind of storage implements.
 *
 * It is narrow on purpose. Transfer of files and trees, choice by globs, retries, progress, dry
 * runs and limits are built once above it; a driver does what only it can do. What happens at the
 * edges stands here, and `tests/storage/backend_suite.ts` holds every driver to it.
 *
 * @module
 */

import type { RunOutputsError } from "../errors/error.ts";
import type { OutputLocation } from "../layout/output_location.ts";

/** A part of an object: bytes `start` up to, not including, `end`, counted from 0. */
export interface ByteRange {
  /** The first byte. */
  readonly start: number;
  /** The byte after the last one. */
  readonly end: number;
}

/**
 * Bytes in pieces.
 *
 * **A chunk is valid only until the next one is asked for**: producers reuse their buffer, which
 * is several times as fast as a fresh one for each chunk. Who keeps a chunk copies it.
 */
export type Chunks = AsyncIterable<Uint8Array>;

/** Bytes that can be written: of a known size, and readable again from any point. */
export interface ByteSource {
  /** How many bytes there are. */
  readonly size: number;
  /** Their SHA-256, 64 hex digits, where whoever made them has computed it on the way. */
  readonly sha256?: string;
  /** The file on disk whose bytes these are, where they are just that. */
  readonly path?: string;
  /**
   * What has become of the file that the bytes come from since the source was made, where that can
   * be seen.
   */
  changed?(): "grew" | "shrank" | "changed" | undefined;
  /**
   * Opens the bytes. It can be called again, for a retry or a part.
   *
   * @param range The part to read; all of it by default.
   * @param signal Aborts reading.
   * @returns The bytes; a different number of them than asked for is the caller's to notice.
   */
  open(range?: ByteRange, signal?: AbortSignal): Chunks;
}

/** What is known of an object without reading it. */
export interface ObjectInfo {
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes. */
  readonly size: number;
  /** An opaque mark that changes whenever the content is written anew. */
  readonly etag: string;
  /** When it was last written. */
  readonly modified: Date;
  /** The SHA-256 of the content, 64 hex digits, where the storage has it on record. */
  readonly sha256?: string;
  /** The content type, where the storage has it on record. */
  readonly contentType?: string;
  /**
   * How the content is encoded, such as `gzip`, where another tool has put that on record. The bytes
   * are read as they are stored.
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
  /** What is known of the object whose bytes these are. */
  readonly info: ObjectInfo;
}

/** Options that every call takes. */
export interface CallOptions {
  /** Stops the call; it rejects with the signal's reason and leaves nothing half done. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode StorageBackend.list}. */
export interface ListOptions extends CallOptions {
  /**
   * Whether objects further down are listed too. With `false` only those are whose key has no `/`
   * behind the prefix, and what is further down is not even looked at. Default: `true`.
   */
  readonly recursive?: boolean;
}

/** Options of {@linkcode StorageBackend.read}. */
export interface ReadOptions extends CallOptions {
  /** The part to read; the whole object by default. */
  readonly range?: ByteRange;
  /** Read only if the object still has this etag. */
  readonly ifMatch?: string;
}

/** Options of {@linkcode StorageBackend.write} and {@linkcode StorageBackend.copy}. */
export interface WriteOptions extends CallOptions {
  /** The content type to record; `application/octet-stream` by default, or the source's in a copy. */
  readonly contentType?: string;
  /** The SHA-256 that the bytes must have, 64 hex digits in lower case. */
  readonly sha256?: string;
  /**
   * Write only if nothing is there. `"seen"`: the caller has just seen that nothing is; a storage
   * that can't make it a condition of the write itself then does not look once more.
   */
  readonly ifAbsent?: boolean | "seen";
  /** Write only if what is there still has this etag. */
  readonly ifMatch?: string;
  /** Told of each piece, with its number of bytes. A retry counts back with a negative number. */
  readonly onBytes?: (bytes: number) => void;
  /**
   * Told how many bytes an earlier, killed attempt had stored already, where a driver continues
   * it. They count in `onBytes` too.
   */
  readonly onResumed?: (bytes: number) => void;
}

/**
 * A place for objects.
 *
 * Errors are `RunOutputsError`s; which code stands for what is told with each method. Beyond
 * those, every method can fail with `denied`, `unauthenticated`, `transient` and `failed`.
 */
export interface StorageBackend {
  /** What kind of storage this is, for messages: `local`, `memory`, `s3`. */
  readonly name: string;

  /**
   * Whether writing has an effect. `false` in a dry run, so that nobody produces bytes that will
   * not be stored.
   */
  readonly writes: boolean;

  /**
   * Whether a write with `ifAbsent` is certain to replace nothing, whoever else writes at the time.
   * Default: no.
   */
  readonly enforcesAbsence?: boolean;

  /**
   * Tells what is known of an object.
   *
   * @param location The object. A prefix with objects below it is not an object.
   * @param options A signal.
   * @returns What is known of it.
   * @throws {RunOutputsError} `not_found`, if there is no such object. Any other trouble is
   * another code: "could not be asked" never reads as "absent".
   */
  stat(location: OutputLocation, options?: CallOptions): Promise<ObjectInfo>;

  /**
   * Lists the objects below a prefix, in the order of their keys' UTF-8 bytes.
   *
   * The prefix goes by whole segments: below `123-linux` is `123-linux/a`, not `123-linux-old/a`,
   * and not an object named `123-linux` itself. The list is complete, over as many pages as it
   * takes, and arrives as a stream: it does not sit in memory. It is not a snapshot: an object
   * that is written or deleted meanwhile may or may not be in it.
   *
   * @param prefix What to list; a bucket itself lists all of it.
   * @param options Whether to go further down; a signal.
   * @returns The objects; none, without an error, if there are none.
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
   * Reads an object or a part of it.
   *
   * When the promise resolves the object is known to exist; its bytes come while they are asked
   * for. They all come from one version of the object; a storage that can't go on with a version
   * because another has replaced it throws `conflict` from the body. A body that ends early
   * throws; it never just ends.
   *
   * @param location The object.
   * @param options The range, which is cut at the object's end; an etag to insist on; a signal.
   * @returns The body.
   * @throws {RunOutputsError} `not_found`; `conflict`, if the object is not the one of `ifMatch`;
   * `invalid`, if the range starts behind the object's end or is no range.
   */
  read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody>;

  /**
   * Writes an object: all of it, or nothing that anyone can see.
   *
   * Who reads meanwhile gets the old object or the new one, whole. Two writers at once leave one
   * of theirs, whole. After a failure, an abort or a kill what was there before is there still.
   * What is written is listed: a driver refuses a name that its own list would leave out.
   *
   * @param location Where to; not a bucket itself.
   * @param source The bytes.
   * @param options Content type, the hash to insist on, `ifAbsent`, `ifMatch`, progress, a signal.
   * @returns What is there now, with its SHA-256.
   * @throws {RunOutputsError} `integrity`, if the bytes do not have the expected hash or are not
   * as many as the source said; `conflict`, with `ifAbsent` if something is there, with `ifMatch` if
   * another version or nothing is, or if the storage can't have an object of this name beside what
   * it has. Not every storage can decide this in the moment of the write; its driver tells.
   * `invalid`, if the driver uses the name for files of its own.
   */
  write(
    location: OutputLocation,
    source: ByteSource,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;

  /**
   * Looks whether a write to a place could be refused for what is there, and changes nothing: what
   * a dry run asks. A storage in which nothing can be in the way does not have it.
   *
   * @param location The destination.
   * @param options A signal.
   * @throws {RunOutputsError} `conflict` or `denied`, as `write` would.
   */
  checkWrite?(location: OutputLocation, options?: CallOptions): Promise<void>;

  /**
   * Copies an object inside the storage, its bytes not passing through here. All or nothing, as
   * in {@linkcode StorageBackend.write}. Content type and recorded hash come along.
   *
   * @param from The object to copy.
   * @param to Where to. The same place is allowed and changes nothing.
   * @param options As in `write`; `sha256` and `ifMatch` are not looked at.
   * @returns What is there now.
   * @throws {RunOutputsError} `not_found`, if there is no object to copy; `conflict` as in
   * `write`.
   */
  copy(
    from: OutputLocation,
    to: OutputLocation,
    options?: WriteOptions,
  ): Promise<ObjectInfo>;

  /**
   * Deletes an object. That it was not there is no error: the outcome is the same.
   *
   * @param location The object; what is below it as a prefix stays.
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
