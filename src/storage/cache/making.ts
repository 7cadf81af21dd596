/**
 * Creates a content that is missing from a cache: in one process at a time, in a separate
 * directory, until it is complete and renamed.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";
import { diskError, isDiskFull } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Evictor } from "./eviction.ts";
import type { CacheLayout } from "./layout.ts";
import { type ContentKey, otherSize, shortDigest } from "./cached_file.ts";
import { type LockedFile, lockFile, type LockOptions, removeLock } from "../local/file_lock.ts";
import { isOwnedBy } from "../../ownership/own_user.ts";

/**
 * Creates a file with the requested content, verified.
 *
 * @param path The file to create, in a private directory. After a kill the same user gets the same
 * path for the same content, and no other process uses it at the same time. So what a killed
 * process left there or beside it (`NAME.part`) can be resumed, and a complete file can be kept.
 * @param signal The caller's signal.
 * @returns The bytes of an earlier attempt, if it was resumed.
 */
export type ProduceContent = (
  path: string,
  signal: AbortSignal | undefined,
) => Promise<{ readonly resumed?: number } | void>;

/** A content that was created. */
export interface MadeContent {
  /** The shared lock that keeps it in the cache. */
  readonly pin: LockedFile;
  /** Bytes that an earlier attempt had downloaded. */
  readonly resumed?: number;
}

/** The exclusive right to create a content, and to delete a damaged one. */
export class Making implements Disposable {
  readonly #layout: CacheLayout;
  readonly #key: ContentKey;
  readonly #user: number | null;
  readonly #lock: LockedFile;

  private constructor(
    layout: CacheLayout,
    key: ContentKey,
    user: number | null,
    lock: LockedFile,
  ) {
    this.#layout = layout;
    this.#key = key;
    this.#user = user;
    this.#lock = lock;
  }

  /**
   * Waits for the right to create a content.
   *
   * @param layout The cache.
   * @param key The content.
   * @param user The user id of files that this process creates.
   * @param options A callback for waits, and a signal.
   * @returns The right, until it is disposed of or the process ends.
   * @throws {RunOutputsError} Errors of the disk; the signal's reason.
   */
  static async begin(
    layout: CacheLayout,
    key: ContentKey,
    user: number | null,
    options: Pick<LockOptions, "onWait" | "quiet" | "signal">,
  ): Promise<Making> {
    const lock = await onDisk(layout, key, options.signal, async () => {
      await Deno.mkdir(layout.makings, { recursive: true });
      return await lockFile(layout.makingLock(key.sha256), { ...options, create: true });
    });
    return new Making(layout, key, user, lock);
  }

  /**
   * Creates the content and renames it. After a failure the content is missing, and a download that
   * can be resumed stays, unless the disk is full.
   *
   * @param produce Creates and verifies it.
   * @param evictor Frees space if the disk is full.
   * @param signal For `produce`.
   * @returns The content, locked.
   * @throws {RunOutputsError} `integrity`, if the new file has another size; `failed`, if there is
   * no space left; errors of the disk; errors of `produce`.
   */
  async make(
    produce: ProduceContent,
    evictor: Evictor,
    signal: AbortSignal | undefined,
  ): Promise<MadeContent> {
    const { size } = this.#key;
    let made: { readonly path: string; readonly resumed?: number };
    try {
      made = await this.#produce(produce, evictor, signal);
    } catch (error) {
      await this.end(isDiskFull(error) ? "all" : "if nothing is left");
      throw error;
    }
    const { path, resumed } = made;
    const actual = await Deno.lstat(path).catch(() => undefined);
    if (!actual?.isFile || actual.size !== (size ?? actual.size)) {
      await this.end();
      throw otherSize(this.#key, actual?.isFile ? `${actual.size} bytes` : "no file");
    }
    try {
      const pin = await onDisk(this.#layout, this.#key, signal, () => this.#publish(path));
      return { pin, resumed };
    } finally {
      await this.end();
    }
  }

  /**
   * Deletes the working files; also the lock, while it is held.
   *
   * @param what Whether to delete what could be resumed too.
   */
  async end(what: "all" | "if nothing is left" = "all"): Promise<void> {
    try {
      for (const dir of await this.#own()) await Deno.remove(dir, { recursive: what === "all" });
    } catch {
      return;
    }
    await removeLock(this.#layout.makingLock(this.#key.sha256), this.#lock);
  }

  /** Lets other processes create it. */
  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  /**
   * The directories for this content that this user made. What another user has prepared is not
   * used: its owner could exchange each file in it.
   */
  async #own(): Promise<string[]> {
    const dirs = await this.#layout.makingsOf(this.#key.sha256);
    return dirs.filter((dir) => {
      const info = Deno.lstatSync(dir);
      return info.isDirectory && (Deno.build.os === "windows" || isOwnedBy(info, this.#user));
    });
  }

  /** The file to create: the one of an earlier attempt of this user, or a new one. */
  async #path(): Promise<string> {
    const [dir = await this.#layout.newMaking(this.#key.sha256)] = await this.#own();
    return join(dir, "data");
  }

  /** Calls `produce`, and again after freeing space if the disk is full. */
  async #produce(
    produce: ProduceContent,
    evictor: Evictor,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly path: string; readonly resumed?: number }> {
    const { sha256, size } = this.#key;
    // First frees the size of the content; if that does not help, as much as possible.
    const wanted = size === undefined ? [Infinity] : [size, Infinity];
    for (;;) {
      try {
        const path = await onDisk(this.#layout, this.#key, signal, () => this.#path());
        return { path, resumed: (await produce(path, signal))?.resumed };
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        let freed = 0;
        while (freed === 0 && wanted.length > 0) {
          freed = await evictor.free(wanted.shift()!, signal);
        }
        if (freed > 0) continue;
        throw new RunOutputsError(
          "failed",
          `Cannot add sha256 ${shortDigest(sha256)} to the cache '${this.#layout.dir}': no space ` +
            `left on device, and everything in the cache is in use`,
          { cause: error },
        );
      }
    }
  }

  /** Renames a complete content. It is locked before it can be found, so that nobody deletes it. */
  async #publish(path: string): Promise<LockedFile> {
    const { sha256 } = this.#key;
    const entry = this.#layout.entry(sha256);
    const pin = await lockFile(path, { shared: true });
    try {
      // A hard link of it may be in a user's directory. Windows cannot delete read-only files.
      if (Deno.build.os !== "windows") makeReadOnly(path, pin.stat);
      await Deno.mkdir(this.#layout.shard(sha256), { recursive: true });
      await Deno.rename(path, entry);
      const { isFile, ino } = await Deno.lstat(entry);
      if (!isFile || (ino !== null && ino !== pin.stat.ino)) throw replaced(entry);
      return pin;
    } catch (error) {
      pin[Symbol.dispose]();
      throw error;
    }
  }
}

/**
 * Makes the locked file read-only. By its name, a link in its place would change another file, which
 * is also checked for where others can rename the directory.
 */
function makeReadOnly(path: string, { dev, ino }: Deno.FileInfo): void {
  const file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const opened = fs.fstatSync(file);
    if (opened.dev !== dev || opened.ino !== ino) throw replaced(path);
    fs.fchmodSync(file, 0o444);
  } finally {
    fs.closeSync(file);
  }
}

function replaced(path: string): RunOutputsError {
  return new RunOutputsError(
    "conflict",
    `Cannot write '${path}': another process has replaced it; choose another cache`,
  );
}

/**
 * Turns an error of the disk into one that names the cache.
 *
 * @param error What was thrown.
 * @param layout The cache.
 * @param key The key of the content.
 * @returns The error.
 */
export function addError(error: unknown, { dir }: CacheLayout, { sha256 }: ContentKey): Error {
  return diskError(`add sha256 ${shortDigest(sha256)} to the cache`, dir, error);
}

async function onDisk<T>(
  layout: CacheLayout,
  key: ContentKey,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw addError(error, layout, key);
  }
}
