/**
 * Writes files atomically: under a temporary name in the same directory, renamed once they are
 * complete. Used for uploads into a staging directory and for downloads.
 *
 * The writer holds a lock on its temporary file for as long as it lives. A file with such a name
 * but without a lock was left by a killed process, and the next writer in the same directory
 * deletes it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { checksumMismatch } from "../../errors/checksum_mismatch.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Chunks } from "../backend.ts";
import { WRITING } from "../disk_pace.ts";
import { diskError } from "../../errors/disk.ts";
import { againIfVanished } from "../vanished.ts";
import { makeDirs } from "./make_dirs.ts";

/** The prefix of the names of temporary files. No object can have such a name. */
export const TEMPORARY_PREFIX = ".run-outputs-tmp-";

/** Options of {@linkcode writeFileAtomic}. */
export interface AtomicWriteOptions {
  /** The expected number of bytes. */
  readonly size?: number;
  /** The SHA-256 that they must have, 64 hex digits in lower case. */
  readonly sha256?: string;
  /** Fail if the file exists. */
  readonly ifAbsent?: boolean;
  /** Called when the file is complete, before it is renamed; throws to reject it. */
  readonly condition?: () => Promise<void>;
  /** Called for each piece, with its number of bytes. */
  readonly onBytes?: (bytes: number) => void;
  /** Aborts writing; an existing file stays. */
  readonly signal?: AbortSignal;
  /** The mode of the file; ignored on Windows. Default: the umask's. */
  readonly mode?: number;
}

/** What was written. */
export interface WrittenFile {
  /** The number of bytes. */
  readonly size: number;
  /** Their SHA-256, 64 hex digits. */
  readonly sha256: string;
  /** The file information. */
  readonly stat: Deno.FileInfo;
}

/**
 * Writes a file so that it is never visible incomplete.
 *
 * Missing directories are created.
 *
 * @param path The path of the file.
 * @param chunks Its bytes.
 * @param options Required size and hash, and conditions.
 * @returns Size and hash of the written file.
 * @throws {RunOutputsError} `integrity`, if size or hash are wrong; `conflict`, with `ifAbsent` if
 * the file exists, or if there is a directory or file of that name in the path; otherwise errors of
 * the disk.
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
      if (options.mode !== undefined && Deno.build.os !== "windows") {
        await Deno.chmod(temporary.path, options.mode);
      }
      // Of the open file, because another writer may have replaced the name.
      const { file } = temporary;
      const stat = await WRITING.call(() => file.statSync(), () => file.stat());
      await options.condition?.();
      if (options.ifAbsent) await linkInPlace(temporary.path, path);
      else {
        await WRITING.call(
          () => Deno.renameSync(temporary.path, path),
          () => Deno.rename(temporary.path, path),
        );
      }
      return { ...content, stat };
    } catch (error) {
      await Deno.remove(temporary.path).catch(() => {/* the first error is thrown */});
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
 * Whether a name is that of a temporary file of ours.
 *
 * @param name The file name, without directory.
 * @returns `true` for a temporary file.
 */
export function isTemporary(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX);
}

/** The content written to a file. */
export type Content = Pick<WrittenFile, "size" | "sha256">;

/**
 * Writes all bytes and hashes them.
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
    // The chunk's buffer is reused, so both must finish before the next one.
    hash.update(chunk);
    await writeChunk(file, chunk);
    size += chunk.length;
    options.onBytes?.(chunk.length);
  }
  return { size, sha256: hash.digest("hex") };
}

/**
 * Writes all bytes of a chunk at the file's position.
 *
 * @param file The file.
 * @param chunk The bytes.
 */
export async function writeChunk(file: Deno.FsFile, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    const rest = offset === 0 ? chunk : chunk.subarray(offset);
    offset += await WRITING.call(() => file.writeSync(rest), () => file.write(rest));
  }
}

function check(path: string, written: Content, expected: AtomicWriteOptions): void {
  if (expected.size !== undefined && written.size !== expected.size) {
    throw new RunOutputsError(
      "integrity",
      `Cannot write '${path}': got ${written.size} bytes, expected ${expected.size}`,
    );
  }
  if (expected.sha256 !== undefined && written.sha256 !== expected.sha256) {
    const hashes = { expected: expected.sha256, actual: written.sha256 };
    throw checksumMismatch(`Cannot write '${path}'`, hashes);
  }
}

/**
 * Gives a finished file its name only if that is free. A hard link is the only call that does it
 * atomically. File systems without hard links get a check before the rename, with a gap of
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

/** Directories that this process has cleaned of files of killed processes. */
const cleaned = new Set<string>();

/** A temporary file that is locked while it is open. */
export interface TemporaryFile {
  /** Its location. */
  readonly path: string;
  /** The open file. */
  readonly file: Deno.FsFile;
}

/**
 * Creates and locks a temporary file. After a kill it is not locked, and the next process that
 * creates one in this directory deletes it.
 *
 * @param directory The directory; created if missing.
 * @returns The file, which the caller must close and delete.
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
    makeDirs(directory);
    await removeAbandoned(directory);
    cleaned.add(directory);
  }
  const path = join(directory, TEMPORARY_PREFIX + crypto.randomUUID());
  const how = { read: true, write: true, createNew: true };
  const file = await WRITING.call(() => Deno.openSync(path, how), () => Deno.open(path, how));
  try {
    await lock(file);
    // Between the two calls another process could treat the file as abandoned.
    await WRITING.call(() => Deno.lstatSync(path), () => Deno.lstat(path));
    return { path, file };
  } catch (error) {
    file.close();
    throw error;
  }
}

/**
 * Locks a new file. Only a process that looks for abandoned files can have locked it, for a moment.
 */
async function lock(file: Deno.FsFile): Promise<void> {
  try {
    // Runtimes before 2.9 have no `tryLockSync`.
    const tryNow = () => file.tryLockSync?.(true) ?? false;
    if (!await WRITING.call(tryNow, () => Promise.resolve(false))) await file.lock(true);
  } catch {
    // If a file system has no locks, no file there is treated as abandoned.
  }
}

/** Deletes the temporary files in a directory that no living process has locked. */
async function removeAbandoned(directory: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) {
    if (!entry.isFile || !isTemporary(basename(entry.name))) continue;
    const path = join(directory, entry.name);
    try {
      using file = await openToLock(path);
      // Runtimes before 2.9 have no `tryLock`, so nothing is treated as abandoned.
      if (await file.tryLock?.(true)) await Deno.remove(path);
    } catch {
      // Its writer has just finished, or it has another owner.
    }
  }
}

/** Network file systems need write access for an exclusive lock, but a copy can be read-only. */
async function openToLock(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { read: true, write: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    return await Deno.open(path);
  }
}
