/**
 * The directory beside a target in which archives are unpacked first, and its lock.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { isHalfDone, recover } from "./commit.ts";
import { removeTree } from "./remove_tree.ts";

const LOCK = "lock";

/** What can't be removed: it is in nobody's way under such a name. */
const LEFT = /^left-\d+$/;

/** A staging directory that nobody else uses. */
export class Staging implements AsyncDisposable {
  /** Where it is: a real path. */
  readonly path: string;
  /** The permission bits that new files do not get in it. */
  readonly umask: number;
  /** Who files belong to that are made in it; nobody, where the system has no such thing. */
  readonly user: number | null;
  /** Whether the disk takes names that differ only in case for one. */
  readonly caseless: boolean;
  readonly #lock: Deno.FsFile;
  readonly #onLeft: ((error: Error) => void) | undefined;

  private constructor(
    of: Pick<Staging, "path" | "umask" | "user" | "caseless">,
    lock: Deno.FsFile,
    onLeft?: (error: Error) => void,
  ) {
    this.path = of.path;
    this.umask = of.umask;
    this.user = of.user;
    this.caseless = of.caseless;
    this.#lock = lock;
    this.#onLeft = onLeft;
  }

  /**
   * Makes the directory or takes over what a killed process left: its changes to the target are
   * taken back, its files removed.
   *
   * @param directory Where.
   * @param onLeft Told in the end of what can't be removed. It stays, and the next one tries again.
   * @returns The directory, with nothing in it that is in the way.
   * @throws {RunOutputsError} `conflict`, if another process uses it; or what the disk says.
   */
  static async open(directory: string, onLeft?: (error: Error) => void): Promise<Staging> {
    let lock: Deno.FsFile | undefined;
    try {
      lock = await takeLock(directory);
      const path = await Deno.realPath(directory);
      await recover(path);
      await clear(path);
      const probe = join(path, "probe");
      await Deno.mkdir(probe);
      const { mode, uid: user } = await Deno.lstat(probe);
      const caseless = await Deno.lstat(join(path, "PROBE")).then(() => true, () => false);
      await Deno.remove(probe);
      return new Staging({ path, umask: ~(mode ?? 0o755) & 0o777, user, caseless }, lock, onLeft);
    } catch (error) {
      lock?.close();
      throw diskError("write", directory, error);
    }
  }

  /**
   * Removes what is in the directory under a name, or at least makes the name free.
   *
   * @param path What to remove; it need not be there.
   * @throws {RunOutputsError} What the disk says, if neither can be done.
   */
  async discard(path: string): Promise<void> {
    await discard(path).catch((error) => {
      throw diskError("remove", path, error);
    });
  }

  /** Removes the directory, unless there is something in it that the next one has to take back. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (await isHalfDone(this.path)) return;
      const left = await clear(this.path);
      if (left !== undefined) return this.#onLeft?.(left);
      // The lock goes last, and with it the right to be here.
      await Deno.remove(join(this.path, LOCK));
      await Deno.remove(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#onLeft?.(diskError("remove", this.path, error));
    } finally {
      this.#lock.close();
    }
  }
}

async function takeLock(directory: string): Promise<Deno.FsFile> {
  for (;;) {
    await Deno.mkdir(directory, { recursive: true });
    const path = join(directory, LOCK);
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path, { write: true, create: true });
    } catch (error) {
      // Another process has just finished and removed the directory.
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    // Runtimes before 2.9 have no `tryLock`, some file systems no locks: nobody is kept out there.
    const locked = await file.tryLock?.(true).catch(() => true) ?? true;
    if (!locked) {
      file.close();
      throw new RunOutputsError(
        "conflict",
        `Cannot unpack: another process is unpacking to the same place, by way of '${directory}'; ` +
          `wait for it or choose another directory`,
      );
    }
    const [mine, there] = [await file.stat(), await Deno.lstat(path).catch(() => undefined)];
    if (there !== undefined && mine.ino === there.ino) return file;
    file.close();
  }
}

/** Removes everything but the lock; tells of the first thing that can't be removed and has to stay. */
async function clear(directory: string): Promise<Error | undefined> {
  let left: Error | undefined;
  for (const { name } of await Array.fromAsync(Deno.readDir(directory))) {
    if (name === LOCK) continue;
    const stays = await discard(join(directory, name));
    left ??= stays;
  }
  return left;
}

/** Removes a path or, where that can't be done, gives it another name; tells why it is still there. */
async function discard(path: string): Promise<Error | undefined> {
  try {
    await removeTree(path);
  } catch (error) {
    const left = LEFT.test(basename(path)) ? path : await moveAside(path);
    return diskError("remove", left, error);
  }
}

async function moveAside(path: string): Promise<string> {
  for (let i = 1;; i++) {
    const left = join(dirname(path), `left-${i}`);
    if (await Deno.lstat(left).then(() => true, () => false)) continue;
    await Deno.rename(path, left);
    return left;
  }
}
