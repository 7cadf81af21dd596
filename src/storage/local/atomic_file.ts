/**
 * Where a byte is written to a disk: a file under a temporary name beside its place, renamed once
 * it is whole. Uploads into a staging directory and downloads both end here.
 *
 * The writer holds a lock on its temporary file for as long as it lives. A file with such a name
 * that nobody holds is what a killed process left, and the next one that writes into the same
 * directory removes it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { Chunks } from "../backend.ts";
import { diskError } from "../../errors/disk.ts";
import { againIfVanished } from "../vanished.ts";

/** What the name of every temporary file starts with. No object can have such a name. */
export const TEMPORARY_PREFIX = ".run-outputs-tmp-";

/** Options of {@linkcode writeFileAtomic}. */
export interface AtomicWriteOptions {
  /** How many bytes have to come. */
  readonly size?: number;
  /** The SHA-256 that they must have, 64 hex digits in lower case. */
  readonly sha256?: string;
  /** Fail if something is there. */
  readonly ifAbsent?: boolean;
  /** Asked once the bytes are there, before the file gets its name; it throws if it must not. */
  readonly condition?: () => Promise<void>;
  /** Told of each piece, with its number of bytes. */
  readonly onBytes?: (bytes: number) => void;
  /** Stops the writing; what was there before stays. */
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface WrittenFile {
  /** The number of bytes. */
  readonly size: number;
  /** Their SHA-256, 64 hex digits. */
  readonly sha256: string;
  /** What the system says of the file. */
  readonly stat: Deno.FileInfo;
}

/**
 * Writes a file so that its name only ever stands for all of it.
 *
 * Directories above it are made as needed. A new file has the mode that the umask gives.
 *
 * @param path Where the file is to be.
 * @param chunks Its bytes.
 * @param options What they must be, and how.
 * @returns Size and hash of what is there now.
 * @throws {RunOutputsError} `integrity`, if size or hash are not the expected ones; `conflict`,
 * with `ifAbsent` if the file exists, or if a directory or file is in the way; otherwise what
 * the disk says.
 */
export async function writeFileAtomic(
  path: string,
  chunks: Chunks,
  options: AtomicWriteOptions = {},
): Promise<WrittenFile> {
  try {
    const temporary = await createTemporary(dirname(path));
    try {
      const content = await fill(temporary.file, chunks, options);
      check(path, content, options);
      options.signal?.throwIfAborted();
      // Of the open file: by its name, another writer's could answer.
      const stat = await temporary.file.stat();
      await options.condition?.();
      if (options.ifAbsent) await linkInPlace(temporary.path, path);
      else await Deno.rename(temporary.path, path);
      return { ...content, stat };
    } catch (error) {
      await Deno.remove(temporary.path).catch(() => {/* the first error is the one to tell */});
      throw error;
    } finally {
      temporary.file.close();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    throw diskError("write", path, error);
  }
}

/**
 * Whether a name is one of a temporary file of ours.
 *
 * @param name The name of a file, without its directory.
 * @returns `true` for a temporary file.
 */
export function isTemporary(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX);
}

/** What went into a file. */
export type Content = Pick<WrittenFile, "size" | "sha256">;

/**
 * Writes all bytes and hashes them on the way.
 *
 * @param file The destination.
 * @param chunks The bytes.
 * @param options Progress and a signal.
 * @returns Their number and hash.
 */
export async function fill(
  file: Deno.FsFile,
  chunks: Chunks,
  options: Pick<AtomicWriteOptions, "onBytes" | "signal"> = {},
): Promise<Content> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    // The chunk's buffer is reused, so both have to be done with it before the next one.
    hash.update(chunk);
    for (let offset = 0; offset < chunk.length;) {
      offset += await file.write(offset === 0 ? chunk : chunk.subarray(offset));
    }
    size += chunk.length;
    options.onBytes?.(chunk.length);
  }
  return { size, sha256: hash.digest("hex") };
}

function check(path: string, written: Content, expected: AtomicWriteOptions): void {
  if (expected.size !== undefined && written.size !== expected.size) {
    throw new RunOutputsError(
      "integrity",
      `Cannot write '${path}': got ${written.size} bytes, expected ${expected.size}`,
    );
  }
  if (expected.sha256 !== undefined && written.sha256 !== expected.sha256) {
    throw new RunOutputsError(
      "integrity",
      `Cannot write '${path}': checksum mismatch (expected ${expected.sha256}, ` +
        `got ${written.sha256})`,
    );
  }
}

/**
 * Gives a finished file its name only if that is free. A hard link is the one call that does it
 * in one step; file systems without hard links get a check before the rename, with a gap of
 * microseconds in which another writer wins unnoticed.
 */
async function linkInPlace(temporary: string, path: string): Promise<void> {
  try {
    await Deno.link(temporary, path);
    await Deno.remove(temporary);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) throw exists(path, error);
    if (await Deno.lstat(path).then(() => true, () => false)) throw exists(path, error);
    await Deno.rename(temporary, path);
  }
}

function exists(path: string, cause: unknown): RunOutputsError {
  return new RunOutputsError("conflict", `Cannot write '${path}': it already exists`, { cause });
}

/** Directories that this process has looked through for what killed ones left. */
const cleaned = new Set<string>();

/** A temporary file that is locked for as long as it is open. */
export interface TemporaryFile {
  /** Its location. */
  readonly path: string;
  /** The open file. */
  readonly file: Deno.FsFile;
}

/**
 * Makes and locks a temporary file. A killed process leaves it unlocked, and the next one that
 * makes one in this directory removes it.
 *
 * @param directory Where; made as needed.
 * @returns The file; closing and removing it is the caller's.
 */
export async function createTemporary(directory: string): Promise<TemporaryFile> {
  return await againIfVanished(async () => {
    try {
      return await tryCreate(directory);
    } catch (error) {
      cleaned.delete(directory);
      throw error;
    }
  });
}

async function tryCreate(directory: string): Promise<TemporaryFile> {
  if (!cleaned.has(directory)) {
    await Deno.mkdir(directory, { recursive: true });
    await removeAbandoned(directory);
    cleaned.add(directory);
  }
  const path = join(directory, TEMPORARY_PREFIX + crypto.randomUUID());
  const file = await Deno.open(path, { read: true, write: true, createNew: true });
  try {
    // Where a file system has no locks, nothing there is ever taken for abandoned.
    await file.lock(true).catch(() => {});
    // Between the two calls another process could take the file for an abandoned one.
    await Deno.lstat(path);
    return { path, file };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Removes the temporary files of a directory that no living process holds. */
async function removeAbandoned(directory: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) {
    if (!entry.isFile || !isTemporary(basename(entry.name))) continue;
    const path = join(directory, entry.name);
    try {
      using file = await openToLock(path);
      // Runtimes before 2.9 have no `tryLock`: there, nothing is taken for abandoned.
      if (await file.tryLock?.(true)) await Deno.remove(path);
    } catch {
      // Its writer has just finished, or it belongs to somebody else: not ours to clean.
    }
  }
}

/** Network file systems lock exclusively only what is open for writing; a copy can be read-only. */
async function openToLock(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { read: true, write: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    return await Deno.open(path);
  }
}
