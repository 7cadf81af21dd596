/**
 * A file of a cache: its key, and the handle that callers get.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../../errors/error.ts";
import { isDigest } from "./layout.ts";
import { readFile } from "../byte_source.ts";
import { writeFileAtomic } from "../local/atomic_file.ts";
import type { LockedFile } from "../local/file_lock.ts";
import { placeFile, type Placement, type PlaceOptions } from "../local/place_file.ts";

/** Identifies a content. */
export interface ContentKey {
  /** The SHA-256 of its bytes, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Its size in bytes, if known. */
  readonly size?: number;
}

/** A file of the cache that stays there until it is disposed of, whatever other processes do. */
export interface CachedFile extends AsyncDisposable {
  /** Its path. Only read it, never write or move it. */
  readonly path: string;
  /**
   * Whether another user owns it or a directory above it, or may write there. Then its content can
   * change after it was hashed, and only the result of {@linkcode CachedFile.place} is verified.
   */
  readonly shared: boolean;
  /** The SHA-256 of its bytes. */
  readonly sha256: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Whether it was cached already, or was created by this call. */
  readonly origin: "cache" | "network";
  /** Bytes that an earlier attempt had downloaded. */
  readonly resumed?: number;
  /**
   * Puts its content at a path, replacing an existing file, atomically.
   *
   * @param target The path; missing directories above it are created.
   * @param options A hard link instead of a copy; a signal.
   * @returns How it was placed. A copy shares its blocks with the cache if the file system supports
   * it. A shared file is always copied and verified.
   * @throws {RunOutputsError} `integrity`, if a shared file has changed; errors of the disk.
   */
  place(target: string, options?: PlaceOptions): Promise<Placement>;
  /**
   * Disposes of it and verifies it: a damaged file is deleted from the cache, so that the next
   * caller creates it again.
   */
  discard(): Promise<void>;
}

/** What {@linkcode hold} needs. */
export interface Held {
  /** Where the file is. */
  readonly path: string;
  /** Whether other users can change it. */
  readonly shared: boolean;
  /** The SHA-256 of its bytes. */
  readonly sha256: string;
  /** The shared lock that keeps it in the cache. */
  readonly pin: LockedFile;
  /** Its origin. */
  readonly origin: CachedFile["origin"];
  /** Bytes that an earlier attempt had downloaded. */
  readonly resumed?: number;
  /** Called after the lock is released. */
  readonly onRelease: (size: number) => Promise<void>;
  /** Called after that, if the bytes were wrong. */
  readonly onDiscard: () => Promise<void>;
}

/**
 * Wraps a locked file.
 *
 * @param held The file and its lock.
 * @returns The file; disposing of it a second time does nothing.
 */
export function hold(held: Held): CachedFile {
  const { path, shared, sha256, pin, origin, resumed } = held;
  const { size } = pin.stat;
  let released = false;
  const release = async () => {
    if (released) return;
    released = true;
    pin[Symbol.dispose]();
    await held.onRelease(size);
  };
  return {
    path,
    shared,
    sha256,
    size,
    origin,
    ...(resumed !== undefined && { resumed }),
    place: async (target, options = {}) => {
      if (!shared) return await placeFile(path, target, options);
      const { signal } = options;
      try {
        await writeFileAtomic(target, readFile(path, undefined, signal), { sha256, size, signal });
      } catch (error) {
        throw error instanceof RunOutputsError && error.code === "integrity"
          ? changed(path, error)
          : error;
      }
      return "copy";
    },
    discard: async () => {
      await release();
      await held.onDiscard();
    },
    [Symbol.asyncDispose]: release,
  };
}

function changed(path: string, cause: RunOutputsError): RunOutputsError {
  return new RunOutputsError(
    "integrity",
    `Cannot copy '${path}': it has changed since it was hashed, and other users can change it; use ` +
      "a cache of your own",
    { cause },
  );
}

/**
 * Checks a key.
 *
 * @param key The key.
 * @throws {RunOutputsError} `invalid`, naming the field.
 */
export function checkKey({ sha256, size }: ContentKey): void {
  if (!isDigest(sha256)) throw invalid("sha256", sha256, "64 hex digits in lower case");
  if (size !== undefined && (!Number.isSafeInteger(size) || size < 0)) {
    throw invalid("size", size, "a whole number of bytes");
  }
}

/**
 * The error of a content with the wrong size.
 *
 * @param key The request.
 * @param actual Its actual size.
 * @returns An error with code `integrity`.
 */
export function otherSize({ sha256, size }: ContentKey, actual: string): RunOutputsError {
  return new RunOutputsError(
    "integrity",
    `Cannot add sha256 ${shortDigest(sha256)} to the cache: got ${actual}, expected ` +
      (size === undefined ? "a file" : `${size} bytes`),
  );
}

/**
 * A digest shortened for messages.
 *
 * @param sha256 The digest.
 * @returns Its first 12 digits.
 */
export function shortDigest(sha256: string): string {
  return `${sha256.slice(0, 12)}…`;
}
