/**
 * Where in a cache directory what lies. A later layout gets another directory beside `v1`, so that
 * programs of different age share a cache directory without seeing each other's.
 *
 * @module
 */

import { join } from "node:path";

const DIGEST = /^[0-9a-f]{64}$/;
const STAMP = ".used";
const LOCK = ".lock";

/** Something that takes space in the cache. */
export interface Stored {
  /** The SHA-256 of the content, 64 hex digits. */
  readonly sha256: string;
  /** A file with this content, or what an attempt to make one left or is writing. */
  readonly kind: "entry" | "making";
  /** Its size in bytes. */
  readonly size: number;
  /** When it was last used or written, in milliseconds since 1970. */
  readonly usedAt: number;
}

/** The paths of a cache. */
export class CacheLayout {
  /** The cache directory, as the user names it. */
  readonly dir: string;
  /** The directory of all contents. */
  readonly entries: string;
  /** The directory of what is being made. */
  readonly makings: string;
  /** The lock of who removes what is used least. */
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

  /** The directory of a content. */
  shard(sha256: string): string {
    return join(this.entries, sha256.slice(0, 2));
  }

  /** The file with a content. A shared lock on it keeps it there. */
  entry(sha256: string): string {
    return join(this.shard(sha256), sha256);
  }

  /** An empty file whose time is that of the content's last use. */
  stamp(sha256: string): string {
    return this.entry(sha256) + STAMP;
  }

  /** The directory in which a content is made. */
  making(sha256: string): string {
    return join(this.makings, sha256);
  }

  /** The lock of who makes a content. */
  makingLock(sha256: string): string {
    return this.making(sha256) + LOCK;
  }

  /**
   * All that takes space, and locks that belong to nothing. Other processes add and remove
   * meanwhile, so each thing was there at some moment.
   *
   * @returns The contents, what is being made, and the digests of lone locks.
   */
  async scan(): Promise<{ readonly stored: Stored[]; readonly lone: string[] }> {
    const stored: Stored[] = [];
    for (const shard of await names(this.entries)) {
      const dir = join(this.entries, shard);
      const found = new Set(await names(dir));
      // The files of one shard are looked at at once, which is far faster.
      for (const sha256 of found) {
        if (!DIGEST.test(sha256)) continue;
        const entry = look(join(dir, sha256));
        if (!entry?.isFile) continue;
        const stamp = found.has(sha256 + STAMP) ? look(join(dir, sha256 + STAMP)) : undefined;
        stored.push({ sha256, kind: "entry", size: entry.size, usedAt: time(stamp ?? entry) });
      }
    }
    const makings = new Set(await names(this.makings));
    for (const sha256 of makings) {
      if (!DIGEST.test(sha256)) continue;
      const dir = this.making(sha256);
      const files = (await names(dir)).map((name) => look(join(dir, name)));
      const size = files.reduce((sum, file) => sum + (file?.isFile ? file.size : 0), 0);
      const usedAt = Math.max(...[look(dir), ...files].map(time));
      stored.push({ sha256, kind: "making", size, usedAt });
    }
    const lone = [...makings]
      .filter((name) => name.endsWith(LOCK))
      .map((name) => name.slice(0, -LOCK.length))
      .filter((sha256) => DIGEST.test(sha256) && !makings.has(sha256));
    return { stored, lone };
  }
}

/** Whether a text is the digest of a SHA-256 as it is written here: 64 hex digits, lower case. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** The names in a directory; none, if there is none. */
async function names(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir))).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return [];
    }
    throw error;
  }
}

function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function time(stat: Deno.FileInfo | undefined): number {
  return stat?.mtime?.getTime() ?? 0;
}
