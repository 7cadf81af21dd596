/**
 * A cache of files on disk, identified by the SHA-256 of their bytes, which processes share.
 *
 * docs/cache.md describes its directories and locks.
 *
 * @module
 */

import { diskError, isDiskFull } from "../../errors/disk.ts";
import { invalid, type RunOutputsError } from "../../errors/error.ts";
import { readFile } from "../byte_source.ts";
import { sha256Of } from "../sha256_of.ts";
import { Evictor, removeEntry } from "./eviction.ts";
import {
  type CachedFile,
  checkKey,
  type ContentKey,
  hold,
  otherSize,
  shortDigest,
} from "./cached_file.ts";
import { addError, Making, type ProduceContent } from "./making.ts";
import { CacheLayout } from "./layout.ts";
import { isOursAlone } from "../../ownership/ours_alone.ts";
import { ownUser } from "../../ownership/own_user.ts";
import { type LockedFile, lockFile, tryLockFile } from "../local/file_lock.ts";

/** The default maximum size of a cache: 50 GiB, two or three runs. */
export const DEFAULT_CACHE_BYTES = 50 * 1024 ** 3;

/** The default of {@linkcode ContentCacheOptions.patience}. */
const PATIENCE = 10_000;

/** A wait of this time, in milliseconds, is worth a note. */
const QUIET = 1000;

/** Options of {@linkcode ContentCache.open}. */
export interface ContentCacheOptions {
  /** The maximum size in bytes. Default: 50 GiB. */
  readonly maxBytes?: number;
  /**
   * How long to wait for a lock that others only hold for a moment, in milliseconds. Everyone who
   * may read an entry can lock it. Default: 10 s.
   */
  readonly patience?: number;
  /** Called with one-line notes for the user that are not errors, such as a damaged file. */
  readonly onNote?: (note: string) => void;
}

/** Options of {@linkcode ContentCache.take} and {@linkcode ContentCache.find}. */
export interface TakeOptions {
  /**
   * Verify the file's hash before returning it. Without it, the caller verifies what it reads, and
   * calls {@linkcode CachedFile.discard} on a mismatch. Default: `true`.
   */
  readonly verify?: boolean;
  /** Called once before waiting for another process that creates the same content. */
  readonly onWait?: () => void;
  /** Aborts waiting and reading. */
  readonly signal?: AbortSignal;
}

/**
 * A directory with files that are identified by their content.
 *
 * @example
 * ```ts
 * import { ContentCache } from "@therock/run-outputs";
 *
 * const dir = await Deno.makeTempDir();
 * const cache = await ContentCache.open(dir, { maxBytes: 1_000_000 });
 * const key = { sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" };
 * {
 *   await using file = await cache.take(key, (path) => Deno.writeTextFile(path, "hello"));
 *   console.assert(file.origin === "network");
 *   await file.place(`${dir}/greeting`);
 * }
 * await using again = await cache.take(key, () => Promise.reject(new Error("not asked")));
 * console.assert(again.origin === "cache");
 * console.assert(await Deno.readTextFile(`${dir}/greeting`) === "hello");
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export class ContentCache {
  /** The directory. */
  readonly dir: string;
  /** Whether files can be added. If not, existing files can still be found. */
  readonly writable: boolean;
  /** Why it is not writable, in one line. */
  readonly refusal?: string;
  /** The error of the disk behind it. */
  readonly #refusal: unknown;
  /** The user id of files that this process creates, if it can create any. */
  readonly #user: number | null;
  readonly #layout: CacheLayout;
  readonly #evictor: Evictor;
  readonly #patience: number;
  readonly #onNote: (note: string) => void;

  private constructor(
    layout: CacheLayout,
    options: ContentCacheOptions,
    user: number | null,
    refusal?: unknown,
  ) {
    this.#user = user;
    this.dir = layout.dir;
    this.writable = refusal === undefined;
    this.#refusal = refusal;
    if (refusal !== undefined) {
      this.refusal = diskError("use the cache", layout.dir, refusal).message;
    }
    this.#layout = layout;
    this.#patience = options.patience ?? PATIENCE;
    this.#onNote = options.onNote ?? (() => {});
    this.#evictor = new Evictor(layout, options.maxBytes ?? DEFAULT_CACHE_BYTES, {
      patience: this.#patience,
      quiet: QUIET,
      onWait: () => this.#onNote(`waiting for another process that uses the cache '${this.dir}'`),
    });
  }

  /**
   * Opens a cache; creates it if it does not exist. It need not be closed.
   *
   * @param dir Its directory. Only its subdirectory `v1` is used.
   * @param options Its maximum size.
   * @returns The cache; not writable, if it exists and can only be read, or its disk is full.
   * @throws {RunOutputsError} `invalid`, if the maximum size is invalid; otherwise errors of the
   * disk, including a file system without locks.
   */
  static async open(dir: string, options: ContentCacheOptions = {}): Promise<ContentCache> {
    const { maxBytes } = options;
    if (maxBytes !== undefined && (!Number.isSafeInteger(maxBytes) || maxBytes < 1)) {
      throw invalid("maxBytes", maxBytes, "a whole number of bytes, at least 1");
    }
    const layout = new CacheLayout(dir);
    try {
      await Deno.mkdir(layout.entries, { recursive: true });
      await Deno.mkdir(layout.makings, { recursive: true });
      // Checks for locks, without which nothing would be safe. If another process has this one,
      // there are locks.
      using _lock = await tryLockFile(layout.evictionLock, { create: true, shared: true });
      return new ContentCache(layout, options, await ownUser(layout.makings));
    } catch (error) {
      const made = diskError("use the cache", dir, error) as RunOutputsError;
      const isThere = await Deno.stat(layout.entries).then((stat) => stat.isDirectory, () => false);
      const isRead = made.code === "denied" || isDiskFull(error);
      if (isRead && isThere) return new ContentCache(layout, options, null, error);
      throw made;
    }
  }

  /**
   * Finds the file with a content, if it is cached. A damaged one causes a note.
   *
   * @param key The content.
   * @param options Without `verify`, only its size is checked.
   * @returns The file, to be disposed of; `undefined`, if it must be created.
   * @throws {RunOutputsError} `invalid`, if the key is invalid; `integrity`, if the content has
   * another size than the key. The signal's reason.
   */
  async find(key: ContentKey, options: TakeOptions = {}): Promise<CachedFile | undefined> {
    checkKey(key);
    return await this.#find(key, options, (damage) => this.#note(key, `${damage}: ignored`));
  }

  /**
   * Returns the file with a content, and creates it if it is missing or damaged. If processes need
   * the same content, one of them creates it and the others wait; if that one fails or is killed,
   * the next one creates it.
   *
   * If the disk is full, the least recently used files are deleted from the cache, and the content
   * is created again.
   *
   * @param key The content.
   * @param produce Creates and verifies it.
   * @param options Verification, a signal, a callback for waits.
   * @returns The file, to be disposed of.
   * @throws {RunOutputsError} `invalid`, if the key is invalid; `denied`, if the content is not
   * cached and the cache is not writable; `integrity`, if the content has another size than the
   * key; errors of the disk; errors of `produce`; the signal's reason.
   */
  async take(
    key: ContentKey,
    produce: ProduceContent,
    options: TakeOptions = {},
  ): Promise<CachedFile> {
    checkKey(key);
    if (!this.writable) {
      const found = await this.find(key, options);
      if (found !== undefined) return found;
      throw addError(this.#refusal, this.#layout, key);
    }
    // Deleting a damaged content needs the lock for creating it: without the lock, a new one may
    // have just replaced it.
    const found = await this.#find(key, options, () => {});
    if (found !== undefined) return found;
    using making = await Making.begin(this.#layout, key, this.#user, options);
    // Most likely the process that we waited for has created it.
    const other = await this.#find(
      key,
      options,
      (damage) => this.#removeDamaged(key, damage),
      Math.min(this.#patience, QUIET),
    );
    if (other !== undefined) {
      await making.end();
      return other;
    }
    const { pin, resumed } = await making.make(produce, this.#evictor, options.signal);
    await this.#used(key.sha256);
    await this.#evict(() => this.#evictor.added(pin.stat.size));
    return this.#hold(key.sha256, pin, "network", resumed);
  }

  /** The file, if it exists and is valid. */
  async #find(
    key: ContentKey,
    { verify = true, signal }: TakeOptions,
    onDamage: (damage: string) => unknown,
    patience = this.#patience,
  ): Promise<CachedFile | undefined> {
    const { sha256 } = key;
    const path = this.#layout.entry(sha256);
    let damage: string;
    try {
      if (!(await Deno.lstat(path)).isFile) damage = "is not a regular file";
      else {
        const pin = await lockFile(path, {
          shared: true,
          patience,
          quiet: QUIET,
          onWait: () => this.#note(key, "is locked by another process: waiting"),
          signal,
        });
        try {
          const { size } = pin.stat;
          const rightSize = key.size === undefined || size === key.size;
          if (
            (!verify && rightSize) || await sha256Of(readFile(path, undefined, signal)) === sha256
          ) {
            if (!rightSize) throw otherSize(key, `${size} bytes`);
            await this.#used(sha256);
            return this.#hold(sha256, pin, "cache");
          }
          damage = `has a checksum mismatch (${size} bytes)`;
        } catch (error) {
          pin[Symbol.dispose]();
          throw error;
        }
        pin[Symbol.dispose]();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof Deno.errors.NotFound) return undefined;
      const failure = diskError("read", path, error) as RunOutputsError;
      if (failure.code === "integrity") throw failure;
      damage = `can't be read (${failure.message})`;
    }
    await onDamage(damage);
    return undefined;
  }

  #hold(
    sha256: string,
    pin: LockedFile,
    origin: CachedFile["origin"],
    resumed?: number,
  ): CachedFile {
    return hold({
      path: this.#layout.entry(sha256),
      shared: !isOursAlone(this.#layout.entry(sha256), this.#user),
      sha256,
      pin,
      origin,
      resumed,
      onRelease: async (size) => {
        if (this.writable) await this.#evict(() => this.#evictor.released(size));
      },
      onDiscard: async () => {
        if (!this.writable) return;
        const key = { sha256 };
        using making = await Making.begin(this.#layout, key, this.#user, {
          quiet: QUIET,
          onWait: () => this.#note(key, "is created by another process: waiting"),
        });
        const whole = await this.#find(key, {}, (damage) => this.#removeDamaged(key, damage));
        await whole?.[Symbol.asyncDispose]();
        await making.end("if nothing is left");
      },
    });
  }

  /** Deletes a damaged content, unless a process reads it. Then the new one replaces it. */
  async #removeDamaged(key: ContentKey, damage: string): Promise<void> {
    this.#note(key, `${damage}: rebuilding it`);
    const path = this.#layout.entry(key.sha256);
    if (await removeEntry(this.#layout, key.sha256)) return;
    // Other obstacles are reported when the new one cannot replace it.
    const existing = await Deno.lstat(path).catch(() => undefined);
    if (existing?.isFile === false) await Deno.remove(path).catch(() => {});
  }

  #note({ sha256 }: ContentKey, what: string): void {
    this.#onNote(`sha256 ${shortDigest(sha256)} in the cache '${this.dir}' ${what}`);
  }

  /** Records that a content was used now, for the eviction of the least recently used. */
  async #used(sha256: string): Promise<void> {
    if (!this.writable) return;
    const path = this.#layout.stamp(sha256);
    try {
      // A new file, because only its owner may set the times of a file.
      await Deno.remove(path).catch(() => {/* its first use */});
      (await Deno.open(path, { write: true, createNew: true })).close();
    } catch {
      // Another process does the same at this moment, or it is impossible: it only looks older.
    }
  }

  /** A failed eviction is not an error, because the content exists. */
  async #evict(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#onNote(
        diskError("remove the least recently used files from the cache", this.dir, error).message,
      );
    }
  }
}
