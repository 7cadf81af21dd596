/**
 * Files of runs on a disk. Nothing outside of the staging directory is read, whatever its names lead
 * to: a link, another file that takes a name between two steps, a second name for the same file.
 *
 * @module
 */

import type { Stats } from "node:fs";
import { join, resolve } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { SEPARATOR } from "../../layout/separator.ts";
import type {
  ByteRange,
  CallOptions,
  Child,
  ObjectInfo,
  StorageBackend,
} from "../../storage/backend.ts";
import { DiskPace } from "../../storage/disk_pace.ts";
import { isUnfinished } from "../../storage/local/download_part.ts";
import { objectInfo } from "../../storage/local/object_info.ts";
import { RegularFile } from "../../storage/local/regular_file.ts";
import type { FileStore, StoredFile } from "./stored_file.ts";

/**
 * How much is read at once. Larger chunks don't stay in the processor's cache until they are sent;
 * smaller ones take more calls, of which the comparison after each one is the most expensive.
 */
const CHUNK = 256 * 1024;

/** How much is read at first, to see how fast the disk is. */
const FIRST = 64 * 1024;

/** How often a file is opened again that was replaced while it was opened. */
const ATTEMPTS = 3;

/** How often a name is checked after its use: a check can be between two replacements. */
const CHECKS = 3;

/** How many files are known at most: about 10 MB. */
const MAX_KNOWN = 10_000;

/** How long ago a file must have been changed to be known, in milliseconds. */
const SETTLED = 2000;

/** For how many milliseconds a file that was found under a name is expected there. */
const FRESH = 10_000;

/** What tests do between two steps. */
export interface DiskHooks {
  /** Called between the check of a name and its use. */
  readonly checked?: (path: string) => void;
  /** Called when a file has been opened, before it is compared with its name. */
  readonly opened?: (path: string) => void;
  /** Called after each comparison of an open file with its name. */
  readonly compared?: (path: string) => void;
  /** The current time in milliseconds. */
  readonly now?: () => number;
}

/** A file as it was when it was found under its name, by all checks. */
interface Known {
  readonly info: ObjectInfo;
  readonly stat: Deno.FileInfo;
  /** When. */
  readonly at: number;
}

/** The files in a staging directory. */
export class DiskFiles implements FileStore {
  readonly #backend: StorageBackend;
  readonly #dir: string;
  readonly #hooks: DiskHooks;
  readonly #now: () => number;
  /** By path; the one that was found last is the last one. */
  readonly #known = new Map<string, Known>();
  /** The path of the staging directory without links, when it was last looked up. */
  #root: string | undefined;

  /**
   * Opens a staging directory.
   *
   * @param backend The storage in this directory, for lists.
   * @param dir The staging directory; it can be a link itself.
   * @param hooks For tests.
   */
  constructor(backend: StorageBackend, dir: string, hooks: DiskHooks = {}) {
    this.#backend = backend;
    this.#dir = resolve(dir);
    this.#hooks = hooks;
    this.#now = hooks.now ?? Date.now;
  }

  /** {@inheritDoc FileStore.open} */
  async open(
    location: OutputLocation,
    { signal }: CallOptions = {},
  ): Promise<StoredFile | undefined> {
    for (let attempt = 1;; attempt++) {
      signal?.throwIfAborted();
      const opened = await reading(location, () => this.#tryOpen(location));
      if (opened !== "changed") return opened;
      if (attempt === ATTEMPTS) return undefined;
    }
  }

  /** {@inheritDoc FileStore.isDirectory} */
  async isDirectory(location: OutputLocation): Promise<boolean> {
    return await reading(location, () => this.#directory(location)) !== undefined;
  }

  /** {@inheritDoc FileStore.list} */
  async list(
    location: OutputLocation,
    options?: CallOptions,
  ): Promise<readonly Child[] | undefined> {
    const before = await reading(location, () => this.#directory(location));
    if (before === undefined) return undefined;
    this.#hooks.checked?.(location.localPath(this.#dir));
    const children = await Array.fromAsync(this.#backend.children(location, options));
    const after = await reading(location, () => this.#directory(location));
    // If the name led elsewhere meanwhile, the names may be those of another directory.
    return after !== undefined && isSame(before, after) ? children : undefined;
  }

  /** Checks the name, opens the file, and checks that the name still leads to this file. */
  async #tryOpen(location: OutputLocation): Promise<StoredFile | "changed" | undefined> {
    const path = location.localPath(this.#dir);
    const known = this.#openKnown(path);
    if (known !== undefined) return known;
    if (!this.#walk(location)?.isFile) return undefined;
    const isPart = /\.part(?:\.journal)?$/.test(path);
    if (isPart && await isUnfinished(path)) return undefined;
    this.#hooks.checked?.(path);
    // A pipe without a writer would block the whole service.
    const file = new RegularFile(path);
    try {
      this.#hooks.opened?.(path);
      const opened = file.statSync();
      const named = Deno.lstatSync(path);
      let isExact = opened.isFile();
      for (let i = 0; i < CHECKS && isExact; i++) {
        isExact = isSame(opened, Deno.lstatSync(path));
        this.#hooks.compared?.(path);
        isExact = isExact && this.#leadsTo(location);
        this.#hooks.compared?.(path);
      }
      if (isExact && isSame(opened, named)) {
        const info = objectInfo(location, named);
        if (!isPart) this.#remember(path, { info, stat: named, at: this.#now() });
        return new DiskFile(file, info, named);
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return "changed";
  }

  /**
   * Opens a file that was found under this name a moment ago, without a check of the name: it costs
   * three quarters of an answer with a small file. The name may lead elsewhere by now, but only this
   * file is answered with. The time of its last change shows that: a write, a link to it, and another
   * file with its number change it.
   */
  #openKnown(path: string): StoredFile | undefined {
    const known = this.#known.get(path);
    if (known === undefined) return undefined;
    if (Math.abs(this.#now() - known.at) < FRESH) {
      const file = new RegularFile(path);
      if (isUnchanged(file.statSync(), known.stat)) {
        return new DiskFile(file, known.info, known.stat);
      }
      file.close();
    }
    this.#known.delete(path);
    return undefined;
  }

  #remember(path: string, known: Known): void {
    // Windows has no such time. Elsewhere it is in whole seconds, so a second change within the same
    // second would not show.
    const changed = known.stat.ctime?.getTime();
    if (changed === undefined || this.#now() - changed < SETTLED) return;
    this.#known.set(path, known);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!);
  }

  /** The directory of a location, if its name leads to itself. */
  #directory(location: OutputLocation): Promise<Deno.FileInfo | undefined> {
    const info = this.#walk(location);
    return Promise.resolve(info?.isDirectory && this.#leadsTo(location) ? info : undefined);
  }

  /**
   * Looks at each name on the way to a file or directory. None may be a link.
   *
   * @returns The last one; `undefined`, if there is anything else than a directory above it.
   */
  #walk(location: OutputLocation): Deno.FileInfo | undefined {
    let path = this.#dir;
    let info: Deno.FileInfo | undefined;
    for (const name of this.#names(location)) {
      if (info !== undefined && !info.isDirectory) return undefined;
      path = join(path, name);
      info = Deno.lstatSync(path);
      if (info.isSymlink) return undefined;
    }
    return info;
  }

  /** Whether the system's name for a path is the path itself: not another name of the same file. */
  #leadsTo(location: OutputLocation): boolean {
    const names = this.#names(location);
    const real = Deno.realPathSync(location.localPath(this.#dir));
    if (this.#root !== undefined && real === join(this.#root, ...names)) return true;
    // The staging directory can be a link to another one since.
    this.#root = Deno.realPathSync(this.#dir);
    return real === join(this.#root, ...names);
  }

  #names(location: OutputLocation): string[] {
    return location.localPath("").split(SEPARATOR).filter((name) => name !== "");
  }
}

/** An open file. */
class DiskFile implements StoredFile {
  readonly info: ObjectInfo;
  readonly #file: RegularFile;
  readonly #modified: number | undefined;
  /** Other requests don't wait for a slow disk. */
  readonly #pace = new DiskPace();

  constructor(file: RegularFile, info: ObjectInfo, stat: Deno.FileInfo) {
    this.#file = file;
    this.info = info;
    this.#modified = stat.mtime?.getTime();
  }

  async *chunks(
    { start, end }: ByteRange,
    { signal }: CallOptions = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = start; at < end;) {
      signal?.throwIfAborted();
      const buffer = new Uint8Array(Math.min(at === start ? FIRST : CHUNK, end - at));
      const count = await this.#read(buffer, at);
      this.#checkUnchanged(count);
      at += count;
      yield buffer.subarray(0, count);
    }
  }

  async #read(into: Uint8Array, at: number): Promise<number> {
    const file = this.#file;
    file.seek(at);
    return await this.#pace.call(() => file.readSync(into), () => file.read(into)) ?? 0;
  }

  close(): void {
    this.#file.close();
  }

  /**
   * run-outputs replaces files and leaves an open one unchanged. Other programs write into files: then
   * what was read before and what is read now would be different versions.
   */
  #checkUnchanged(count: number): void {
    const { size, mtime } = this.#file.statSync();
    if (count > 0 && size === this.info.size && mtime.getTime() === this.#modified) return;
    const { name } = this.info.location;
    throw new RunOutputsError(
      "conflict",
      `Cannot read '${name}': it was changed while it was read`,
    );
  }
}

function isUnchanged(opened: Stats, known: Deno.FileInfo): boolean {
  return opened.isFile() && isSame(opened, known) && opened.size === known.size &&
    opened.ctime.getTime() === known.ctime?.getTime() &&
    opened.mtime.getTime() === known.mtime?.getTime();
}

function isSame(
  a: { readonly dev: number; readonly ino: number | null },
  b: { readonly dev: number; readonly ino: number | null },
): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** What says that there is no such file: a missing name, a link, a socket, a name that is too long. */
const MISSING = new Set(["ENOENT", "ENOTDIR", "ELOOP", "EMLINK", "ENXIO", "ENAMETOOLONG"]);

/** Calls the disk. What does not exist is `undefined`; messages don't contain the path. */
async function reading<T>(
  { key }: OutputLocation,
  call: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof RunOutputsError) throw error;
    const { code } = error as { readonly code?: string };
    // The service may read the staging directory only, and a link leads out of it.
    if (error instanceof Deno.errors.NotCapable || MISSING.has(code ?? "")) return undefined;
    const isDenied = error instanceof Deno.errors.PermissionDenied || code === "EACCES";
    throw isDenied
      ? new RunOutputsError("denied", `Cannot read '${key}': permission denied`, { cause: error })
      : new RunOutputsError("failed", `Cannot read '${key}': ${code ?? "unknown error"}`, {
        cause: error,
      });
  }
}
