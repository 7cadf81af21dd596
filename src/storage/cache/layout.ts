/**
 * The paths in a cache directory. A later layout will have another directory beside `v1`, so that
 * programs of different versions can share a cache directory.
 *
 * @module
 */

import { join } from "node:path";

const SHARD = /^[0-9a-f]{2}$/;
const DIGEST = /^[0-9a-f]{64}$/;

/** The name of a directory in which a content is created; a random part follows the digest. */
const MAKING = /^([0-9a-f]{64})(?:-\w+)?$/;

const STAMP = ".used";
const LOCK = ".lock";

/** An item that takes space in the cache. */
export interface Stored {
  /** The SHA-256 of the content, 64 hex digits. */
  readonly sha256: string;
  /** A cached file, or the unfinished file of an attempt to create one. */
  readonly kind: "entry" | "making";
  /** Its size in bytes. */
  readonly size: number;
  /** When it was last used or written, in milliseconds since 1970. */
  readonly usedAt: number;
}

/** The paths of a cache. */
export class CacheLayout {
  /** The cache directory, as given by the user. */
  readonly dir: string;
  /** The directory of the cached files. */
  readonly entries: string;
  /** The directory of unfinished files. */
  readonly makings: string;
  /** The lock for eviction. */
  readonly evictionLock: string;

  /**
   * The layout of a cache directory.
   *
   * @param dir The directory.
   */
  constructor(dir: string) {
    this.dir = dir;
    this.entries = join(dir, "v1", "sha256");
    this.makings = join(dir, "v1", "making");
    this.evictionLock = join(dir, "v1", "eviction.lock");
  }

  /** The subdirectory for a content. */
  shard(sha256: string): string {
    return join(this.entries, sha256.slice(0, 2));
  }

  /** The file of a content. A shared lock on it keeps it in the cache. */
  entry(sha256: string): string {
    return join(this.shard(sha256), sha256);
  }

  /** An empty file whose time is that of the last use of the content. */
  stamp(sha256: string): string {
    return this.entry(sha256) + STAMP;
  }

  /** The lock for creating a content. */
  makingLock(sha256: string): string {
    return join(this.makings, sha256 + LOCK);
  }

  /**
   * Creates a new private directory in which to create a content. Its name is random, so that no
   * other user can have prepared it.
   *
   * @param sha256 The content.
   * @returns Its path.
   * @throws Errors of the disk.
   */
  async newMaking(sha256: string): Promise<string> {
    return await Deno.makeTempDir({ dir: this.makings, prefix: `${sha256}-` });
  }

  /** The directories in which a content is or was being created, by any user. */
  async makingsOf(sha256: string): Promise<string[]> {
    const found = (await names(this.makings)).filter((name) => MAKING.exec(name)?.[1] === sha256);
    return found.sort().map((name) => join(this.makings, name));
  }

  /**
   * Everything that takes space, and locks without a content. Other processes add and delete
   * meanwhile, so each item existed at some moment.
   *
   * @param onFailure Called for each directory that can't be listed, except private ones in which
   * other users create contents. Default: what this user may not list counts as empty, and other
   * errors are thrown.
   * @returns The contents, the unfinished ones, and the digests of lone locks.
   */
  async scan(
    onFailure?: ListFailure,
  ): Promise<{ readonly stored: Stored[]; readonly lone: string[] }> {
    const stored: Stored[] = [];
    for (const shard of await names(this.entries, onFailure)) {
      if (!SHARD.test(shard)) continue;
      const dir = join(this.entries, shard);
      const found = new Set(await names(dir, onFailure));
      // The files of a subdirectory are inspected concurrently, which is far faster.
      for (const sha256 of found) {
        if (!DIGEST.test(sha256) || !sha256.startsWith(shard)) continue;
        const entry = look(join(dir, sha256));
        if (!entry?.isFile) continue;
        const stamp = found.has(sha256 + STAMP) ? look(join(dir, sha256 + STAMP)) : undefined;
        stored.push({ sha256, kind: "entry", size: entry.size, usedAt: time(stamp ?? entry) });
      }
    }
    const makings = new Map<string, Stored>();
    const all = await names(this.makings, onFailure);
    for (const name of all) {
      const sha256 = MAKING.exec(name)?.[1];
      if (sha256 === undefined) continue;
      const dir = join(this.makings, name);
      const files = (await names(dir)).map((name) => look(join(dir, name)));
      const size = files.reduce((sum, file) => sum + (file?.isFile ? file.size : 0), 0);
      const usedAt = Math.max(...[look(dir), ...files].map(time));
      const other = makings.get(sha256);
      makings.set(sha256, {
        sha256,
        kind: "making",
        size: size + (other?.size ?? 0),
        usedAt: Math.max(usedAt, other?.usedAt ?? 0),
      });
    }
    stored.push(...makings.values());
    const lone = all
      .filter((name) => name.endsWith(LOCK))
      .map((name) => name.slice(0, -LOCK.length))
      .filter((sha256) => DIGEST.test(sha256) && !makings.has(sha256));
    return { stored, lone };
  }
}

/** Whether a text is a SHA-256 digest in our form: 64 hex digits, lower case. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Receives the error of a directory that can't be listed. */
export type ListFailure = (path: string, error: unknown) => void;

/** The names in a directory; empty, if it does not exist, or is another user's private one. */
async function names(dir: string, onFailure?: ListFailure): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir))).map((entry) => entry.name);
  } catch (error) {
    if (onFailure !== undefined) {
      if (!(error instanceof Deno.errors.NotFound)) onFailure(dir, error);
      return [];
    }
    if (UNLISTED.some((kind) => error instanceof kind)) return [];
    throw error;
  }
}

const UNLISTED = [
  Deno.errors.NotFound,
  Deno.errors.NotADirectory,
  Deno.errors.PermissionDenied,
] as const;

function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (UNLISTED.some((kind) => error instanceof kind)) return undefined;
    throw error;
  }
}

function time(stat: Deno.FileInfo | undefined): number {
  return stat?.mtime?.getTime() ?? 0;
}
