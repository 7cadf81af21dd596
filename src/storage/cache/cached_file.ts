/**
 * A file that is held in a cache: what is asked for, what is handed out.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../../errors/error.ts";
import { isDigest } from "./layout.ts";
import { readFile } from "../byte_source.ts";
import { writeFileAtomic } from "../local/atomic_file.ts";
import type { LockedFile } from "../local/file_lock.ts";
import { placeFile, type Placement, type PlaceOptions } from "../local/place_file.ts";

/** Which content. */
export interface ContentKey {
  /** The SHA-256 of its bytes, 64 hex digits in lower case. */
  readonly sha256: string;
  /** How many bytes it has, where that is known. */
  readonly size?: number;
}

/** A file of the cache that stays there until it is disposed of, whatever other processes do. */
export interface CachedFile extends AsyncDisposable {
  /** Where it is. To be read, never to be written or moved. */
  readonly path: string;
  /**
   * Whether another user owns it or a directory above it, or may write there. Then its content can
   * change after it was hashed: only what {@linkcode CachedFile.place} makes of it is certain.
   */
  readonly shared: boolean;
  /** The SHA-256 of its bytes. */
  readonly sha256: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Whether it was there, or was made for this call. */
  readonly origin: "cache" | "network";
  /** Bytes that an earlier attempt had downloaded. */
  readonly resumed?: number;
  /**
   * Puts its content at another place, instead of what is there, at once and whole.
   *
   * @param target The file to make; directories above it are made as needed.
   * @param options A hard link instead of a copy; a signal.
   * @returns What was made. A copy shares its blocks with the cache where the file system can. Of a
   * shared file it is always a copy, hashed while it is made.
   * @throws {RunOutputsError} `integrity`, if a shared file has changed; what the disk says.
   */
  place(target: string, options?: PlaceOptions): Promise<Placement>;
  /**
   * Disposes of it and has it looked at again: what is not what it should be is removed, so that
   * the next one who asks gets it made anew.
   */
  discard(): Promise<void>;
}

/** What {@linkcode hold} makes a file of. */
export interface Held {
  /** Where the file is. */
  readonly path: string;
  /** Whether other users can change it. */
  readonly shared: boolean;
  /** The SHA-256 of its bytes. */
  readonly sha256: string;
  /** The shared lock that keeps it there. */
  readonly pin: LockedFile;
  /** Where it came from. */
  readonly origin: CachedFile["origin"];
  /** Bytes that an earlier attempt had downloaded. */
  readonly resumed?: number;
  /** Called once the lock is given back. */
  readonly onRelease: (size: number) => Promise<void>;
  /** Called, after that, if the bytes were found to be wrong. */
  readonly onDiscard: () => Promise<void>;
}

/**
 * Hands out a file that is locked.
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
      await writeFileAtomic(target, readFile(path, undefined, signal), { sha256, size, signal });
      return "copy";
    },
    discard: async () => {
      await release();
      await held.onDiscard();
    },
    [Symbol.asyncDispose]: release,
  };
}

/**
 * Holds a key to being one.
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
 * The error of a content that has another size than it should have.
 *
 * @param key The request.
 * @param actual What there is instead.
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
 * Enough of a digest for a person to tell it from others.
 *
 * @param sha256 The digest.
 * @returns Its first 12 digits.
 */
export function shortDigest(sha256: string): string {
  return `${sha256.slice(0, 12)}…`;
}
