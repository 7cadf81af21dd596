/**
 * The directory beside a target in which archives are unpacked first, and its lock.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../layout/disk_error.ts";
import { RunOutputsError } from "../layout/error.ts";
import { isHalfDone, recover } from "./commit.ts";

const LOCK = "lock";

/** A staging directory that nobody else uses. */
export class Staging implements AsyncDisposable {
  /** Where it is: a real path. */
  readonly path: string;
  /** The permission bits that new files do not get in it. */
  readonly umask: number;
  /** Whether the disk takes names that differ only in case for one. */
  readonly caseless: boolean;
  readonly #lock: Deno.FsFile;

  private constructor(path: string, lock: Deno.FsFile, umask: number, caseless: boolean) {
    this.path = path;
    this.#lock = lock;
    this.umask = umask;
    this.caseless = caseless;
  }

  /**
   * Makes the directory or takes over what a killed process left: its changes to the target are
   * taken back, its files removed.
   *
   * @param directory Where.
   * @returns The directory, with nothing in it.
   * @throws {RunOutputsError} `conflict`, if another process uses it; or what the disk says.
   */
  static async open(directory: string): Promise<Staging> {
    let lock: Deno.FsFile | undefined;
    try {
      lock = await takeLock(directory);
      const path = await Deno.realPath(directory);
      await recover(path);
      await clear(path);
      const probe = join(path, "probe");
      await Deno.mkdir(probe);
      const mode = (await Deno.lstat(probe)).mode ?? 0o755;
      const caseless = await Deno.lstat(join(path, "PROBE")).then(() => true, () => false);
      await Deno.remove(probe);
      return new Staging(path, lock, ~mode & 0o777, caseless);
    } catch (error) {
      lock?.close();
      throw diskError("write", directory, error);
    }
  }

  /** Removes the directory, unless there is something in it that the next one has to take back. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (await isHalfDone(this.path)) return;
      await clear(this.path);
      // The lock goes last, and with it the right to be here.
      await Deno.remove(join(this.path, LOCK));
      await Deno.remove(this.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("remove", this.path, error);
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

/** Removes everything but the lock. */
async function clear(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (name !== LOCK) await Deno.remove(join(directory, name), { recursive: true });
  }
}
