/**
 * The local driver: a staging directory on a disk.
 *
 * An object's path is its key in the staging directory, without the bucket. Only regular files are
 * objects. Symbolic links below the staging directory are neither listed nor followed, so nothing
 * outside of it is read or written; the staging directory itself may be a link.
 *
 * @module
 */

import { dirname, join, resolve } from "node:path";
import { invalid, quote, RunOutputsError } from "../../errors/error.ts";
import { statIfThere } from "../if_there.ts";
import { decodeWindowsName, encodeWindowsName } from "../../layout/local_name.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { isTemporary, writeFileAtomic } from "./atomic_file.ts";
import type {
  ByteSource,
  CallOptions,
  Child,
  DeleteFailure,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
  WriteOptions,
} from "../backend.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { diskError } from "../../errors/disk.ts";
import { FileBody } from "./file_body.ts";
import type { NamedEntry } from "./disk_name.ts";
import { deleteEach } from "../delete_each.ts";
import { isPartName, isUnfinished, refuseUnlisted } from "./download_part.ts";
import { checkFilesFit } from "./enough_space.ts";
import { isMissing, listedObject, objectInfo } from "./object_info.ts";
import { Inside } from "./inside.ts";
import type { ReadableFile } from "../byte_source.ts";
import { clipRange } from "../range.ts";
import { takeTurn } from "./turn.ts";

/** Options of {@linkcode LocalBackend}. */
export interface LocalBackendOptions {
  /**
   * Whether names are encoded for Windows. Default: on Windows. A disk that is used on both systems
   * needs the same setting on both.
   */
  readonly encodeNames?: boolean;
  /**
   * Called with one line for each file that a list must skip, because no key has such a name: with
   * control characters, or not UTF-8. Once per file. Default: the list fails.
   */
  readonly onNotice?: (message: string) => void;
  /**
   * Whether files are opened without waiting, even if a named pipe is put in the place of one that
   * was checked: its opening waits for a writer, and with it the whole program. Each file takes about
   * 60 µs more. Default: false.
   */
  readonly neverWaits?: boolean;
}

/** A file or directory that a key names. */
interface Entry {
  readonly location: OutputLocation;
  readonly path: string;
  readonly isDirectory: boolean;
}

/**
 * Storage in a staging directory.
 *
 * @example
 * ```ts
 * import { bytesSource, LocalBackend, OutputLocation } from "@therock/run-outputs";
 *
 * const dir = await Deno.makeTempDir();
 * const backend = new LocalBackend(dir);
 * const location = new OutputLocation("local", "local-linux/a.log");
 * await backend.write(location, bytesSource("hello\n"));
 * console.assert(await Deno.readTextFile(`${dir}/local-linux/a.log`) === "hello\n");
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export class LocalBackend implements StorageBackend {
  /** The kind of storage. */
  readonly name = "local";
  /** Writes have an effect. */
  readonly writes = true;
  /** With a hard link, if the file system has them. */
  readonly enforcesAbsence = true;
  /** The staging directory, as an absolute path. */
  readonly stagingDir: string;
  readonly #inside: Inside;
  readonly #encode: boolean;
  readonly #onNotice: ((message: string) => void) | undefined;
  readonly #reported = new Set<string>();

  /**
   * Creates a driver. The directory need not exist: it is created by the first write, and is empty
   * before.
   *
   * @param stagingDir The staging directory.
   * @param options How names are encoded on disk.
   * @throws {RunOutputsError} `invalid`, if the directory's name is empty.
   */
  constructor(stagingDir: string, options: LocalBackendOptions = {}) {
    if (stagingDir === "") throw invalid("staging directory", stagingDir, "a directory");
    this.stagingDir = resolve(stagingDir);
    this.#inside = new Inside(this.stagingDir, options.neverWaits);
    this.#encode = options.encodeNames ?? Deno.build.os === "windows";
    this.#onNotice = options.onNotice;
  }

  /** {@inheritDoc StorageBackend.stat} */
  async stat(location: OutputLocation, options: CallOptions = {}): Promise<ObjectInfo> {
    await takeTurn(options.signal);
    const path = this.#path(location);
    try {
      this.#stayInside(path);
      const stat = Deno.lstatSync(path);
      if (!stat.isFile) throw notFound("read", path);
      return objectInfo(location, stat);
    } catch (error) {
      throw asMissing("read", path, error);
    }
  }

  /** {@inheritDoc StorageBackend.list} */
  async *list(prefix: OutputLocation, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const path = this.#path(prefix);
    if (this.#isPrefix(prefix, path)) yield* this.#walk(prefix, path, options);
  }

  /** {@inheritDoc StorageBackend.children} */
  async *children(prefix: OutputLocation, options: CallOptions = {}): AsyncGenerator<Child> {
    const path = this.#path(prefix);
    if (!this.#isPrefix(prefix, path)) return;
    for (const entry of await this.#entries(prefix, path, true, options)) {
      const { location } = entry;
      options.signal?.throwIfAborted();
      if (entry.isDirectory) yield { location };
      else {
        const found = listedObject(location, entry.path);
        if (found !== undefined) yield { location, info: found };
      }
    }
  }

  /** {@inheritDoc StorageBackend.read} */
  async read(location: OutputLocation, options: ReadOptions = {}): Promise<ObjectBody> {
    await takeTurn(options.signal);
    const path = this.#path(location);
    let file: ReadableFile | undefined;
    try {
      const opened = this.#inside.open(path, () => this.#stayInside(path));
      if (opened === undefined) throw notFound("read", path);
      ({ file } = opened);
      const found = objectInfo(location, opened.stat);
      if (options.ifMatch !== undefined && options.ifMatch !== found.etag) {
        throw new RunOutputsError("conflict", `Cannot read '${path}': it has changed`);
      }
      return new FileBody(path, file, found, clipRange(options.range, found.size), options.signal);
    } catch (error) {
      file?.close();
      throw asMissing("read", path, error);
    }
  }

  /** {@inheritDoc StorageBackend.write} */
  async write(
    location: OutputLocation,
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    options.signal?.throwIfAborted();
    const path = this.#writable(location);
    this.#stayInside(path, "write");
    await refuseUnlisted(path, () => source.open(undefined, options.signal));
    const { sha256, stat } = await writeFileAtomic(path, source.open(undefined, options.signal), {
      size: source.size,
      sha256: options.sha256,
      ifAbsent: Boolean(options.ifAbsent),
      // Between this and the rename is a gap of microseconds in which another writer is not
      // noticed.
      condition: options.ifMatch === undefined
        ? undefined
        : () => this.#insistOn(location, options.ifMatch!),
      onBytes: options.onBytes,
      signal: options.signal,
    });
    return { ...objectInfo(location, stat), sha256 };
  }

  /** {@inheritDoc StorageBackend.checkWrite} */
  async checkWrite(location: OutputLocation, options: CallOptions = {}): Promise<void> {
    await takeTurn(options.signal);
    const path = this.#writable(location);
    try {
      this.#stayInside(path, "write");
      const stat = Deno.lstatSync(path);
      if (stat.isDirectory) throw new Deno.errors.IsADirectory();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("write", path, error);
    }
  }

  /** {@inheritDoc StorageBackend.checkSpace} */
  async checkSpace(files: Iterable<Pick<ObjectInfo, "location" | "size">>): Promise<void> {
    const toWrite = ({ location, size }: Pick<ObjectInfo, "location" | "size">) => ({
      path: this.#path(location),
      size,
    });
    const onDisk = { [Symbol.iterator]: () => Iterator.from(files).map(toWrite) };
    await checkFilesFit("write to", this.stagingDir, onDisk);
  }

  /** {@inheritDoc StorageBackend.show} */
  show(location: OutputLocation): string {
    return this.#path(location);
  }

  /** {@inheritDoc StorageBackend.copy} */
  async copy(
    from: OutputLocation,
    to: OutputLocation,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    const found = await this.stat(from, options);
    const target = this.#writable(to);
    if (this.#path(from) === target) {
      if (options.ifAbsent) {
        throw new RunOutputsError("conflict", `Cannot write '${target}': it already exists`);
      }
      return { ...found, location: to };
    }
    this.#stayInside(target, "write");
    const open = async function* (this: LocalBackend) {
      await using body = await this.read(from, { ifMatch: found.etag, signal: options.signal });
      yield* body;
    };
    await refuseUnlisted(target, () => open.call(this));
    const { sha256, stat } = await writeFileAtomic(target, open.call(this), {
      ...options,
      sha256: undefined,
      ifAbsent: Boolean(options.ifAbsent),
    });
    return { ...objectInfo(to, stat), sha256 };
  }

  /** {@inheritDoc StorageBackend.delete} */
  async delete(location: OutputLocation, options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const path = this.#writable(location);
    try {
      this.#stayInside(path, "delete");
      if (!Deno.lstatSync(path).isFile) return;
      await Deno.remove(path);
    } catch (error) {
      if (isMissing(error)) return;
      throw diskError("delete", path, error);
    }
    await this.#removeEmptyAbove(path);
  }

  /** {@inheritDoc StorageBackend.deleteAll} */
  async deleteAll(
    locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
    options?: CallOptions,
  ): Promise<readonly DeleteFailure[]> {
    return await deleteEach(this, locations, options);
  }

  async #insistOn(location: OutputLocation, etag: string): Promise<void> {
    const now = await statIfThere(this, location, undefined);
    if (now?.etag === etag) return;
    const path = this.#path(location);
    throw new RunOutputsError(
      "conflict",
      `Cannot write '${path}': it was changed by another write`,
    );
  }

  /** The path of a location. */
  #path(location: OutputLocation): string {
    const names = location.key === "" ? [] : location.key.split("/");
    return join(this.stagingDir, ...(this.#encode ? names.map(encodeWindowsName) : names));
  }

  /** The path of a location that can be an object. */
  #writable(location: OutputLocation): string {
    if (location.key === "" || isTemporary(location.name)) {
      throw invalid("key", location.key, "an object name that is not reserved for temporary files");
    }
    return this.#path(location);
  }

  /**
   * Rejects a path through a symbolic link below the staging directory. Missing parts cannot be
   * links.
   */
  #stayInside(path: string, action = "read"): void {
    for (let dir = dirname(path); dir.length > this.stagingDir.length; dir = dirname(dir)) {
      try {
        if (!Deno.lstatSync(dir).isSymlink) continue;
      } catch (error) {
        if (isMissing(error)) continue;
        throw diskError(action, path, error);
      }
      throw new RunOutputsError(
        "denied",
        `Cannot use '${path}': '${dir}' is a symbolic link, which could point outside the ` +
          `staging directory`,
      );
    }
  }

  /** Whether a path is a directory, so that something can be below the prefix. */
  #isPrefix(prefix: OutputLocation, path: string): boolean {
    try {
      this.#stayInside(path, "list");
      const stat = prefix.key === "" ? Deno.statSync(path) : Deno.lstatSync(path);
      return stat.isDirectory;
    } catch (error) {
      if (isMissing(error)) return false;
      throw diskError("list", path, error);
    }
  }

  /** The files of a directory, and its directories if they are wanted, in the order of keys. */
  async #entries(
    above: OutputLocation,
    path: string,
    directories: boolean,
    { signal }: CallOptions,
  ): Promise<Entry[]> {
    signal?.throwIfAborted();
    const entries: (NamedEntry & { readonly key: string })[] = [];
    try {
      const check = () => this.#stayInside(path, "list");
      for (const entry of await this.#inside.readDirectory(path, check, signal)) {
        signal?.throwIfAborted();
        // Only files: a directory with such a name is not ours.
        if (entry.isFile && isTemporary(entry.name)) continue;
        if (!(entry.isFile || (entry.isDirectory && directories))) continue;
        const mayBeOurs = entry.isFile && entry.misread === undefined && isPartName(entry.name);
        if (mayBeOurs && await isUnfinished(join(path, entry.name))) continue;
        entries.push({ ...entry, key: this.#encode ? decode(entry.name) : entry.name });
      }
    } catch (error) {
      if (isMissing(error)) return [];
      throw diskError("list", path, error);
    }
    // The keys below a directory continue with "/", so its name is sorted with it.
    entries.sort((a, b) =>
      compareKeys(a.isDirectory ? `${a.key}/` : a.key, b.isDirectory ? `${b.key}/` : b.key)
    );
    return entries.flatMap(({ key, name, isDirectory, misread }) => {
      const inside = join(path, name);
      const location = this.#joinKey(above, key, inside, misread);
      return location === undefined ? [] : [{ location, path: inside, isDirectory }];
    });
  }

  async *#walk(
    above: OutputLocation,
    path: string,
    options: ListOptions,
  ): AsyncGenerator<ObjectInfo> {
    const { signal, recursive = true } = options;
    for (const entry of await this.#entries(above, path, recursive, options)) {
      signal?.throwIfAborted();
      if (entry.isDirectory) yield* this.#walk(entry.location, entry.path, options);
      else {
        const found = listedObject(entry.location, entry.path);
        if (found !== undefined) yield found;
      }
    }
  }

  /** The location of a name; `undefined`, if no key can have the name and that was reported. */
  #joinKey(
    above: OutputLocation,
    name: string,
    path: string,
    misread: NamedEntry["misread"],
  ): OutputLocation | undefined {
    let reason: string | undefined = misread;
    try {
      const location = above.join(name);
      if (misread === undefined) return location;
    } catch (error) {
      reason ??= (error as Error).message;
    }
    // To skip it silently would make the list wrong.
    if (this.#onNotice === undefined) {
      throw new RunOutputsError("failed", `Cannot list ${quote(path)}: ${reason}`);
    }
    if (!this.#reported.has(path)) this.#onNotice(`Skipped ${quote(path)}: ${reason}`);
    this.#reported.add(path);
    return undefined;
  }

  /**
   * Deletes the directories above a deleted object that are empty now, because keys have no
   * directories.
   */
  async #removeEmptyAbove(path: string): Promise<void> {
    for (let dir = dirname(path); dir.length > this.stagingDir.length; dir = dirname(dir)) {
      try {
        await Deno.remove(dir);
      } catch {
        // It is not empty, or another process deleted it. In both cases nothing is left to do.
        return;
      }
    }
  }
}

/** The key's segment for a name on disk; a name that we did not encode is used unchanged. */
function decode(name: string): string {
  const segment = decodeWindowsName(name);
  return encodeWindowsName(segment) === name ? segment : name;
}

function notFound(action: string, path: string, cause?: unknown): RunOutputsError {
  return new RunOutputsError("not_found", `Cannot ${action} '${path}': no such file`, { cause });
}

/** A path through a file that is not a directory counts as missing. */
function asMissing(action: string, path: string, error: unknown): Error {
  return isMissing(error) ? notFound(action, path, error) : diskError(action, path, error);
}
