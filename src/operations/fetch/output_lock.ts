/**
 * The lock of an output directory: two fetches into one directory would mix their files.
 *
 * It is on the directory itself, so it needs no file, and holds between users and between
 * containers that share a volume.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { againIfVanished } from "../../storage/vanished.ts";
import { missingDirs, removeEmpty } from "./missing_dirs.ts";

/** For how long a lock is awaited that another fetch may have for its record, in milliseconds. */
const PATIENCE = 500;

/** The pause between two attempts, in milliseconds. */
const PAUSE = 20;

/** How long to wait for a lock. */
export interface HoldOutputOptions {
  /** Wait until it is free. Default: only a moment, for fetches that write their record. */
  readonly forever?: boolean;
  /** Aborts waiting. */
  readonly signal?: AbortSignal;
}

/** A lock on a file or directory. */
export type Hold = Disposable;

/** A locked output directory. */
export interface OutputHold {
  /**
   * Unlocks it.
   *
   * @param keep Whether it stays if it was created for the lock, and is empty.
   */
  close(keep: boolean): Promise<void>;
}

/**
 * Creates an output directory if it does not exist, and locks it.
 *
 * @param target Its real path.
 * @param shown Its path as the user named it, for messages.
 * @param options How long to wait.
 * @returns The lock.
 * @throws {RunOutputsError} `conflict`, if another process has locked it; or errors of the disk.
 */
export async function holdOutput(
  target: string,
  shown: string,
  { forever = false, signal }: HoldOutputOptions = {},
): Promise<OutputHold> {
  const missing = await missingDirs(target);
  let lock: Hold | undefined;
  const until = performance.now() + PATIENCE;
  while ((lock = await tryHold(target, shown)) === undefined) {
    if (!forever && performance.now() > until) throw busyError(target);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    signal?.throwIfAborted();
  }
  return {
    async close(keep) {
      if (!keep) await removeEmpty(missing);
      lock[Symbol.dispose]();
    },
  };
}

async function tryHold(target: string, shown: string): Promise<Hold | undefined> {
  try {
    return await againIfVanished(async () => {
      await Deno.mkdir(target, { recursive: true });
      // Windows opens no directories. There, as on disks without locks, the lock of the working
      // directory must do.
      return await hold(target, { read: true }).catch((error) => {
        if (error instanceof Deno.errors.NotFound) throw error;
        return { [Symbol.dispose]() {} };
      });
    });
  } catch (error) {
    throw diskError("write to", shown, error);
  }
}

/**
 * Locks a file or directory, if nobody else has. Runtimes before 2.9 and some file systems cannot
 * lock; then there is no protection.
 *
 * @param path The path.
 * @param options How to open it.
 * @returns The lock; `undefined`, if another process has locked it.
 * @throws Errors of the disk; `NotFound`, if it was deleted meanwhile.
 */
export async function hold(path: string, options: Deno.OpenOptions): Promise<Hold | undefined> {
  const file = await Deno.open(path, options);
  try {
    if (!(await file.tryLock?.(true).catch(() => true) ?? true)) {
      file.close();
      return undefined;
    }
    const [mine, named] = [await file.stat(), await Deno.lstat(path)];
    if (mine.ino !== named.ino) throw new Deno.errors.NotFound(`'${path}' was replaced`);
  } catch (error) {
    file.close();
    throw error;
  }
  let open = true;
  return {
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      try {
        // A child process that was just started may still have a copy of the open file.
        file.unlockSync();
      } catch {
        // It could not be locked.
      }
      file.close();
    },
  };
}

/**
 * The error of a directory that is in use.
 *
 * @param target The output directory.
 * @returns The error, with code `conflict`.
 */
export function busyError(target: string): RunOutputsError {
  return new RunOutputsError(
    "conflict",
    `Cannot fetch into '${target}': another process is unpacking to the same directory or has ` +
      `locked it; wait for it or choose another directory`,
  );
}
