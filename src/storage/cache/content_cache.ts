/**
 * A cache of files on disk, each found by the SHA-256 of its bytes, that many processes share.
 *
 * docs/cache.md tells how it is laid out, and what is locked when.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
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
import { isOursAlone } from "./trust.ts";
import { ownUser } from "../local/own_user.ts";
import { type LockedFile, lockFile } from "../local/file_lock.ts";

/** How many bytes a cache may have if nobody says otherwise: 50 GiB, two or three runs. */
export const DEFAULT_CACHE_BYTES = 50 * 1024 ** 3;

/** Options of {@linkcode ContentCache.open}. */
export interface ContentCacheOptions {
  /** How many bytes may be kept. Default: 50 GiB. */
  readonly maxBytes?: number;
  /** Told, in one line, what a person should know though it goes on: a damaged file, for one. */
  readonly onNote?: (note: string) => void;
}

/** Options of {@linkcode ContentCache.take} and {@linkcode ContentCache.find}. */
export interface TakeOptions {
  /**
   * Hash the file before it is handed out. Without it the caller holds what it reads against the
   * hash, and calls {@linkcode CachedFile.discard} if it is another. Default: yes.
   */
  readonly verify?: boolean;
  /** Told once if another process is making the same content, before the wait for it. */
  readonly onWait?: () => void;
  /** Stops the waiting and the reading. */
  readonly signal?: AbortSignal;
}

/**
 * A directory with files that are found by their content.
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
  /** Whether anything can be added; if not, what is there can still be found. */
  readonly writable: boolean;
  /** Why it is not writable: what the disk said. */
  readonly #refusal: unknown;
  /** Who this process makes files as, where it can make any. */
  readonly #user: number | null;
  readonly #layout: CacheLayout;
  readonly #evictor: Evictor;
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
    this.#layout = layout;
    this.#evictor = new Evictor(layout, options.maxBytes ?? DEFAULT_CACHE_BYTES);
    this.#onNote = options.onNote ?? (() => {});
  }

  /**
   * Opens a cache, which is made if there is none. Nothing has to be closed.
   *
   * @param dir Its directory. Only the directory `v1` in it is touched.
   * @param options How large it may be.
   * @returns The cache; one that is not writable, if one is there and can only be read.
   * @throws {RunOutputsError} `invalid`, if the bound is none; otherwise what the disk says, also
   * if its file system has no locks.
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
      // This tells whether there are locks, too; where there are none nothing would be safe.
      using _lock = await lockFile(layout.evictionLock, { create: true, shared: true });
      return new ContentCache(layout, options, await ownUser(layout.makings));
    } catch (error) {
      const made = diskError("use the cache", dir, error) as RunOutputsError;
      const isThere = await Deno.stat(layout.entries).then((stat) => stat.isDirectory, () => false);
      if (made.code === "denied" && isThere) return new ContentCache(layout, options, null, error);
      throw made;
    }
  }

  /**
   * The file with a content, if the cache has it. Of a damaged one there is a note.
   *
   * @param key The content.
   * @param options Without `verify` only its size is looked at.
   * @returns The file, to be disposed of; `undefined`, if it has to be made.
   * @throws {RunOutputsError} `invalid`, if the key is none; `integrity`, if the content has another
   * size than the key tells. The signal's reason.
   */
  async find(key: ContentKey, options: TakeOptions = {}): Promise<CachedFile | undefined> {
    checkKey(key);
    return await this.#find(key, options, (damage) => this.#note(key, `${damage}: ignored`));
  }

  /**
   * The file with a content, made if the cache does not have it or has it damaged. Of all processes
   * that ask for the same content one makes it, and the others wait; if that one fails or is
   * killed, the next one makes it.
   *
   * On a full disk what is used least is removed from the cache, and the content is made again.
   *
   * @param key The content.
   * @param produce Makes and verifies it.
   * @param options Verification, a signal, who to tell of a wait.
   * @returns The file, to be disposed of.
   * @throws {RunOutputsError} `invalid`, if the key is none; `denied`, if the content is not there
   * and the cache is not writable; `integrity`, if the content has another size than the key tells;
   * what the disk says. What `produce` throws. The signal's reason.
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
    // Only who has the lock of its making removes a content that looks damaged: without it, a new
    // one may just have come in its place.
    const found = await this.#find(key, options, () => {});
    if (found !== undefined) return found;
    using making = await Making.begin(this.#layout, key, options);
    // Whoever we waited for has made it, most likely.
    const other = await this.#find(key, options, (damage) => this.#removeDamaged(key, damage));
    if (other !== undefined) {
      await making.end();
      return other;
    }
    const { pin, resumed } = await making.make(produce, this.#evictor, options.signal);
    await this.#used(key.sha256);
    await this.#evict(() => this.#evictor.added(pin.stat.size));
    return this.#hold(key.sha256, pin, "network", resumed);
  }

  /** The file, if it is there and what it should be. */
  async #find(
    key: ContentKey,
    { verify = true, signal }: TakeOptions,
    onDamage: (damage: string) => unknown,
  ): Promise<CachedFile | undefined> {
    const { sha256 } = key;
    const path = this.#layout.entry(sha256);
    let damage: string;
    try {
      if (!(await Deno.lstat(path)).isFile) damage = "is not a regular file";
      else {
        const pin = await lockFile(path, { shared: true, signal });
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
      const told = diskError("read", path, error) as RunOutputsError;
      if (told.code === "integrity") throw told;
      damage = `can't be read (${told.message})`;
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
      shared: !isOursAlone(this.#layout.entry(sha256), this.dir, this.#user),
      sha256,
      pin,
      origin,
      resumed,
      onRelease: async (size) => {
        if (this.writable) await this.#evict(() => this.#evictor.released(size));
      },
      onDiscard: async () => {
        if (!this.writable) return;
        using making = await Making.begin(this.#layout, { sha256 }, {});
        const key = { sha256 };
        const whole = await this.#find(key, {}, (damage) => this.#removeDamaged(key, damage));
        await whole?.[Symbol.asyncDispose]();
        await making.end("if nothing is left");
      },
    });
  }

  /** Removes a damaged content, unless somebody reads it: then the new one takes its place. */
  async #removeDamaged(key: ContentKey, damage: string): Promise<void> {
    this.#note(key, `${damage}: rebuilding it`);
    const path = this.#layout.entry(key.sha256);
    if (await removeEntry(this.#layout, key.sha256)) return;
    // Whatever else is in the way is told when the new one can't take its place.
    const there = await Deno.lstat(path).catch(() => undefined);
    if (there?.isFile === false) await Deno.remove(path).catch(() => {});
  }

  #note({ sha256 }: ContentKey, what: string): void {
    this.#onNote(`sha256 ${shortDigest(sha256)} in the cache '${this.dir}' ${what}`);
  }

  /** Notes that a content is used now, for who removes the least recently used. */
  async #used(sha256: string): Promise<void> {
    if (!this.writable) return;
    const path = this.#layout.stamp(sha256);
    try {
      // A new file, because nobody may set the times of a file that another user made.
      await Deno.remove(path).catch(() => {/* its first use */});
      (await Deno.open(path, { write: true, createNew: true })).close();
    } catch {
      // Somebody else notes it at this moment, or nobody can: it only looks older than it is.
    }
  }

  /** What can't be removed is no reason to fail: the content is there. */
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
