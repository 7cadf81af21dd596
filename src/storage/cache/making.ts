/**
 * The making of a content that a cache lacks: by one process at a time, beside the contents, until
 * it is whole and gets its name.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { diskError, isDiskFull } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Evictor } from "./eviction.ts";
import type { CacheLayout } from "./layout.ts";
import { type ContentKey, otherSize, shortDigest } from "./cached_file.ts";
import { type LockedFile, lockFile, type LockOptions, removeLock } from "../local/file_lock.ts";

/**
 * Makes a file with the content that was asked for, verified.
 *
 * @param path The file to make. The same content always gets the same path, and no other process
 * has it at the time, so what a killed process left there or beside it (`NAME.part`) can be
 * continued, and a file that is whole already may be left as it is.
 * @param signal That of the caller.
 * @returns How many bytes an earlier attempt had, where it was continued.
 */
export type ProduceContent = (
  path: string,
  signal: AbortSignal | undefined,
) => Promise<{ readonly resumed?: number } | void>;

/** A content that was made. */
export interface MadeContent {
  /** The shared lock that keeps it in the cache. */
  readonly pin: LockedFile;
  /** Bytes that an earlier attempt had downloaded. */
  readonly resumed?: number;
}

/** The right to make a content, and to remove a damaged one; nobody else has it. */
export class Making implements Disposable {
  readonly #layout: CacheLayout;
  readonly #key: ContentKey;
  readonly #path: string;
  readonly #lock: LockedFile;

  private constructor(layout: CacheLayout, key: ContentKey, lock: LockedFile) {
    this.#layout = layout;
    this.#key = key;
    this.#path = join(layout.making(key.sha256), "data");
    this.#lock = lock;
  }

  /**
   * Waits for the right to make a content.
   *
   * @param layout The cache.
   * @param key The content.
   * @param options Who is told of a wait, and what stops it.
   * @returns The right, until it is disposed of or the process ends.
   * @throws {RunOutputsError} Errors of the disk; the signal's reason.
   */
  static async begin(
    layout: CacheLayout,
    key: ContentKey,
    options: Pick<LockOptions, "onWait" | "signal">,
  ): Promise<Making> {
    const lock = await onDisk(layout, key, options.signal, async () => {
      await Deno.mkdir(layout.makings, { recursive: true });
      return await lockFile(layout.makingLock(key.sha256), { ...options, create: true });
    });
    return new Making(layout, key, lock);
  }

  /**
   * Makes the content and gives it its name. After a failure nothing has the name, and what can be
   * continued stays, unless the disk is full.
   *
   * @param produce Makes and verifies it.
   * @param evictor Makes room if the disk is full.
   * @param signal For `produce`.
   * @returns The content, locked.
   * @throws {RunOutputsError} `integrity`, if what was made has another size; `failed`, if there is
   * no space; what the disk says. What `produce` throws.
   */
  async make(
    produce: ProduceContent,
    evictor: Evictor,
    signal: AbortSignal | undefined,
  ): Promise<MadeContent> {
    const { sha256, size } = this.#key;
    let resumed: number | undefined;
    try {
      resumed = (await this.#produce(produce, evictor, signal))?.resumed;
    } catch (error) {
      await this.end(isDiskFull(error) ? "all" : "if nothing is left");
      throw error;
    }
    const actual = await Deno.lstat(this.#path).catch(() => undefined);
    if (!actual?.isFile || actual.size !== (size ?? actual.size)) {
      await this.end();
      throw otherSize(this.#key, actual?.isFile ? `${actual.size} bytes` : "no file");
    }
    const pin = await onDisk(this.#layout, this.#key, signal, () => this.#publish(sha256));
    await this.end();
    return { pin, resumed };
  }

  /**
   * Removes what the making needs; also the lock, while it is held.
   *
   * @param what Whether something that could be continued goes, too.
   */
  async end(what: "all" | "if nothing is left" = "all"): Promise<void> {
    try {
      await Deno.remove(dirname(this.#path), { recursive: what === "all" });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return;
    }
    await removeLock(this.#layout.makingLock(this.#key.sha256), this.#lock);
  }

  /** Lets others make it. */
  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  /** Calls `produce`, and again after room was made if the disk is full. */
  async #produce(
    produce: ProduceContent,
    evictor: Evictor,
    signal: AbortSignal | undefined,
  ): ReturnType<ProduceContent> {
    const { sha256, size } = this.#key;
    // First what the content needs; if that does not help, all that can be had.
    const wanted = size === undefined ? [Infinity] : [size, Infinity];
    for (;;) {
      try {
        const dir = dirname(this.#path);
        await onDisk(this.#layout, this.#key, signal, () => Deno.mkdir(dir, { recursive: true }));
        return await produce(this.#path, signal);
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

  /** Gives a whole content its name, locked before it can be found, so that nobody removes it. */
  async #publish(sha256: string): Promise<LockedFile> {
    const pin = await lockFile(this.#path, { shared: true });
    try {
      // A hard link of it may lie where a person works. Windows can't remove what is read-only.
      if (Deno.build.os !== "windows") await Deno.chmod(this.#path, 0o444);
      await Deno.mkdir(this.#layout.shard(sha256), { recursive: true });
      await Deno.rename(this.#path, this.#layout.entry(sha256));
      return pin;
    } catch (error) {
      pin[Symbol.dispose]();
      throw error;
    }
  }
}

/**
 * Turns what the disk says into an error that names the cache.
 *
 * @param error What was thrown.
 * @param layout The cache.
 * @param key What was to be added to it.
 * @returns The error to throw.
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
