/**
 * Locks on files between processes. The kernel releases a lock when its process ends in any way.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { pause } from "../pause.ts";

/** The longest pause between two attempts to get a lock, in milliseconds. */
const LONGEST_PAUSE = 100;

/** An open file that is locked until it is disposed of. */
export interface LockedFile extends Disposable {
  /** Its file information. */
  readonly stat: Deno.FileInfo;
}

/** Options of {@linkcode lockFile}. */
export interface LockOptions {
  /** Create the file if it does not exist. Default: `false`. */
  readonly create?: boolean;
  /** Allow others to lock it too, if all of them share. Default: `false`. */
  readonly shared?: boolean;
  /** Called once before waiting. */
  readonly onWait?: () => void;
  /** Call it only after this time of waiting, in milliseconds. Default: 0. */
  readonly quiet?: number;
  /** The longest wait in milliseconds. Default: without end. */
  readonly patience?: number;
  /** Aborts waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Locks the file that has a name now. If it is deleted and created again during the wait, the new
 * one is locked.
 *
 * @param path The file.
 * @param options How to lock.
 * @returns The lock.
 * @throws {RunOutputsError} `conflict`, if it is still locked after `patience`, or is not a regular
 * file. Errors of the disk; the signal's reason.
 */
export async function lockFile(path: string, options: LockOptions = {}): Promise<LockedFile> {
  const { shared = false, create = false, onWait, quiet = 0, patience, signal } = options;
  let start: number | undefined;
  let called = false;
  return (await lockNamed(path, create, async (file) => {
    signal?.throwIfAborted();
    if (file.tryLock === undefined) {
      // Runtimes before 2.9 can only wait, without abort.
      await file.lock(!shared);
      return true;
    }
    // A wait inside the system could not be aborted, so we poll.
    let wait = 5;
    while (!await tryLock(file, !shared, path)) {
      start ??= performance.now();
      const waited = performance.now() - start;
      if (patience !== undefined && waited >= patience) throw stillLocked(path);
      if (!called && waited >= quiet) {
        called = true;
        onWait?.();
      }
      await pause(wait, signal);
      wait = Math.min(2 * wait, LONGEST_PAUSE);
    }
    return true;
  }))!;
}

function stillLocked(path: string): RunOutputsError {
  return new RunOutputsError(
    "conflict",
    `Cannot lock '${path}': another process keeps it locked`,
  );
}

/**
 * Locks a file, if nobody else has locked it.
 *
 * @param path The file.
 * @param options Whether to create it, and to share the lock.
 * @returns The lock; `undefined`, if it is locked, or in a runtime (before 2.9) that cannot check.
 * @throws Errors of the disk.
 */
export async function tryLockFile(
  path: string,
  options: Pick<LockOptions, "create" | "shared"> = {},
): Promise<LockedFile | undefined> {
  const { create = false, shared = false } = options;
  return await lockNamed(
    path,
    create,
    async (file) => file.tryLock !== undefined && await tryLock(file, !shared, path),
  );
}

/**
 * Deletes a file that is only a lock. Processes that wait for it notice.
 *
 * @param path The file.
 * @param held The exclusive lock on it.
 */
export async function removeLock(path: string, held: LockedFile): Promise<void> {
  // Without file identities, nobody would notice.
  if (held.stat.ino === null) return;
  await Deno.remove(path).catch(() => {/* an empty file that stays does no harm */});
}

async function lockNamed(
  path: string,
  create: boolean,
  lock: (file: Deno.FsFile) => Promise<boolean>,
): Promise<LockedFile | undefined> {
  for (;;) {
    // A link could lead to a file elsewhere, which `create` would create there.
    await regular(path);
    const file = await Deno.open(path, { read: true, write: create, create });
    let locked = false;
    let named = false;
    try {
      locked = await lock(file);
      if (!locked) return undefined;
      const stat = await file.stat();
      named = await hasName(stat, path);
      if (named) return { stat, [Symbol.dispose]: () => release(file) };
    } finally {
      if (!named) locked ? release(file) : file.close();
    }
  }
}

/** Whether an open file is still the one at a path. */
async function hasName(stat: Deno.FileInfo, path: string): Promise<boolean> {
  const named = await regular(path);
  return named !== undefined && (stat.ino === null || stat.ino === named.ino);
}

/** The file at a path; `undefined`, if there is none. Anything else there is an error. */
async function regular(path: string): Promise<Deno.FileInfo | undefined> {
  let named: Deno.FileInfo;
  try {
    named = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (named.isFile) return named;
  throw new RunOutputsError("conflict", `Cannot lock '${path}': it is not a regular file`);
}

/**
 * Releases a lock. Closing the file is not enough: a child process that was just started may still
 * have an inherited copy.
 */
function release(file: Deno.FsFile): void {
  try {
    file.unlockSync();
  } finally {
    file.close();
  }
}

async function tryLock(file: Deno.FsFile, exclusive: boolean, path: string): Promise<boolean> {
  try {
    return await file.tryLock(exclusive);
  } catch (cause) {
    throw new RunOutputsError(
      "failed",
      `Cannot lock '${path}': ${(cause as Error).message}; choose a directory on a file ` +
        `system that supports locks, such as a local disk`,
      { cause },
    );
  }
}
