/**
 * Locks on files between processes. The kernel gives a lock back when its process ends, however it
 * ends, so nothing stays locked that nobody uses.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { pause } from "../pause.ts";

/** The longest time between two looks at a lock that somebody else holds, in milliseconds. */
const LONGEST_PAUSE = 100;

/** A file that is open and locked until it is disposed of. */
export interface LockedFile extends Disposable {
  /** What the system says of it. */
  readonly stat: Deno.FileInfo;
}

/** Options of {@linkcode lockFile}. */
export interface LockOptions {
  /** Make the file if there is none. Default: no. */
  readonly create?: boolean;
  /** Others may have it too, if all of them share. Default: no. */
  readonly shared?: boolean;
  /** Told once, before a wait. */
  readonly onWait?: () => void;
  /** Stops the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Locks the file that has a name now. If it is removed and made anew while we wait, the new one is
 * locked.
 *
 * @param path The file.
 * @param options How.
 * @returns The lock.
 * @throws What the disk says; the signal's reason.
 */
export async function lockFile(path: string, options: LockOptions = {}): Promise<LockedFile> {
  const { shared = false, create = false, onWait, signal } = options;
  return (await lockNamed(path, create, async (file) => {
    signal?.throwIfAborted();
    if (file.tryLock === undefined) {
      // Runtimes before 2.9 can only wait, and not be stopped.
      await file.lock(!shared);
      return true;
    }
    // A wait inside the system could not be ended, so we look again and again.
    let told = false;
    for (
      let wait = 5;
      !await tryLock(file, !shared, path);
      wait = Math.min(2 * wait, LONGEST_PAUSE)
    ) {
      if (!told) onWait?.();
      told = true;
      await pause(wait, signal);
    }
    return true;
  }))!;
}

/**
 * Locks a file for ourselves, if nobody else has it.
 *
 * @param path The file.
 * @param options Whether to make it.
 * @returns The lock; `undefined`, if somebody has it, or in a runtime (before 2.9) that can't tell.
 * @throws What the disk says.
 */
export async function tryLockFile(
  path: string,
  options: Pick<LockOptions, "create"> = {},
): Promise<LockedFile | undefined> {
  const { create = false } = options;
  return await lockNamed(
    path,
    create,
    async (file) => file.tryLock !== undefined && await tryLock(file, true, path),
  );
}

/**
 * Removes a file that serves as nothing but a lock. Whoever waits for it notices.
 *
 * @param path The file.
 * @param held The exclusive lock on it.
 */
export async function removeLock(path: string, held: LockedFile): Promise<void> {
  // Where files have no identity nobody would notice.
  if (held.stat.ino === null) return;
  await Deno.remove(path).catch(() => {/* an empty file that stays does no harm */});
}

async function lockNamed(
  path: string,
  create: boolean,
  lock: (file: Deno.FsFile) => Promise<boolean>,
): Promise<LockedFile | undefined> {
  for (;;) {
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

/** Whether an open file is still the one that a path names. */
async function hasName(stat: Deno.FileInfo, path: string): Promise<boolean> {
  let named: Deno.FileInfo;
  try {
    named = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  if (!named.isFile) {
    throw new RunOutputsError("conflict", `Cannot lock '${path}': it is not a regular file`);
  }
  return stat.ino === null || stat.ino === named.ino;
}

/**
 * Gives a lock back. Closing alone would leave it with a child process that was just started, until
 * that has closed what it inherited.
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
