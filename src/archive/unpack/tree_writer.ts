/**
 * Writes the members of an archive: below a directory on disk, or nowhere, to check whether they
 * could be written.
 *
 * Everything is synchronous, from the decoder's buffer to the file.
 *
 * @module
 */

import { join } from "node:path";
import { diskError, isNameTooLong } from "../../errors/disk.ts";
import { quote } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { diskName, type PathStyle } from "../tar/member_path.ts";

/** The mode and the time of a member in the archive. */
export interface MemberMetadata {
  /** The permission bits. */
  readonly mode: number;
  /** In seconds since 1970. */
  readonly modified: number;
}

/**
 * Writes files and directories. Paths are those of the archive, with `/`, without links. Conflicts
 * and errors are {@linkcode BadArchive}s.
 */
export interface TreeWriter extends Disposable {
  /** Creates a directory in an existing directory. */
  makeDirectory(path: string): void;
  /** Sets the mode and time of a directory, after the last write to it. */
  finishDirectory(path: string, metadata: MemberMetadata): void;
  /** Opens a new file; an existing file of this name is deleted first. */
  openFile(path: string, metadata: MemberMetadata): void;
  /** Writes to the open file. */
  write(bytes: Uint8Array): void;
  /** Leaves a hole in the open file, which reads as zeros. */
  hole(length: number): void;
  /** Closes the open file. */
  closeFile(): void;
  /** Deletes a file, if it exists. */
  remove(path: string): void;
  /** Gives a file another name; an existing file of that name is deleted first. */
  link(from: string, to: string): void;
}

/** What {@linkcode DiskTree} needs to know. */
export interface DiskTreeOptions {
  /** The directory, which is empty. */
  readonly root: string;
  /** The rules for names. */
  readonly style: PathStyle;
  /** The umask of new files and directories. */
  readonly umask: number;
  /** Whether to set the archive's modes and times. */
  readonly keepMetadata: boolean;
}

const EXECUTABLE = 0o111;

/**
 * The mode bits that plain extraction keeps: no set-user-ID and the like, and no write access for
 * others.
 */
const KEPT_MODE = 0o755;

/** A file, link or empty directory that was unpacked. */
export interface PlacedEntry {
  /** Its path, with names as on disk and `/` between them; `/` at the end means a directory. */
  readonly path: string;
  /** The size of a file in bytes. */
  readonly size?: number;
  /** The modification time of a file in milliseconds since 1970, as the disk reports it. */
  readonly mtime?: number;
  /** The target of a symbolic link, as on disk. */
  readonly link?: string;
}

/** Writes to the disk. */
export class DiskTree implements TreeWriter {
  readonly #options: DiskTreeOptions;
  readonly #directories = new Set<string>();
  /** Size and time of each file, by its path in the archive. */
  readonly #files = new Map<string, Pick<PlacedEntry, "size" | "mtime">>();
  #file:
    | {
      readonly file: Deno.FsFile;
      readonly path: string;
      readonly name: string;
      readonly modified: number;
      /** The file's final size, if it ends with a hole. */
      end: number | undefined;
    }
    | undefined;

  /**
   * Creates a writer.
   *
   * @param options The directory and the rules.
   */
  constructor(options: DiskTreeOptions) {
    this.#options = options;
  }

  makeDirectory(path: string): void {
    const full = this.#full(path);
    try {
      Deno.mkdirSync(full);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) throw fileInTheWay(path);
      throw writeError(full, error);
    }
    this.#directories.add(path);
  }

  finishDirectory(path: string, { mode, modified }: MemberMetadata): void {
    if (!this.#options.keepMetadata) return;
    const full = this.#full(path);
    try {
      // The owner can always change its content, because it will be moved and later replaced.
      if (this.#options.style === "posix") Deno.chmodSync(full, (mode & KEPT_MODE) | 0o700);
      Deno.utimeSync(full, modified, modified);
    } catch (error) {
      throw writeError(full, error);
    }
  }

  openFile(path: string, { mode, modified }: MemberMetadata): void {
    const full = this.#full(path);
    const { umask, style, keepMetadata } = this.#options;
    const own = keepMetadata ? mode & KEPT_MODE : (0o666 & ~umask) | (mode & EXECUTABLE);
    try {
      const file = openNew(full, { write: true, createNew: true, mode: own });
      this.#file = { file, path: full, name: path, modified, end: undefined };
      // The system applies the umask.
      if ((own & umask) !== 0 && style === "posix") Deno.chmodSync(full, own);
    } catch (error) {
      throw writeError(full, error);
    }
  }

  write(bytes: Uint8Array): void {
    const { file, path } = this.#file!;
    this.#file!.end = undefined;
    try {
      for (let at = 0; at < bytes.length;) {
        at += file.writeSync(at === 0 ? bytes : bytes.subarray(at));
      }
    } catch (error) {
      throw writeError(path, error);
    }
  }

  hole(length: number): void {
    const { file, path } = this.#file!;
    try {
      this.#file!.end = file.seekSync(length, Deno.SeekMode.Current);
    } catch (error) {
      throw writeError(path, error);
    }
  }

  closeFile(): void {
    const { file, path, name, modified, end } = this.#file!;
    try {
      if (end !== undefined) file.truncateSync(end);
      if (this.#options.keepMetadata) file.utimeSync(modified, modified);
      this.#file = undefined;
      file.close();
      // Not of the open file: with restricted permissions, Deno resolves its whole path for that.
      const { size, mtime } = Deno.lstatSync(path);
      this.#files.set(name, { size, mtime: mtime?.getTime() });
    } catch (error) {
      throw writeError(path, error);
    }
  }

  remove(path: string): void {
    const full = this.#full(path);
    this.#files.delete(path);
    try {
      Deno.removeSync(full);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw writeError(full, error);
    }
  }

  link(from: string, to: string): void {
    const [source, target] = [this.#full(from), this.#full(to)];
    let stat: Deno.FileInfo;
    try {
      stat = Deno.lstatSync(source);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("read", source, error);
      throw notBefore(from);
    }
    if (!stat.isFile) throw noFile(from);
    if (from === to) return;
    this.remove(to);
    try {
      Deno.linkSync(source, target);
    } catch (error) {
      throw writeError(target, error);
    }
    this.#files.set(to, this.#files.get(from)!);
  }

  /**
   * What is in the tree.
   *
   * @param links The paths of symbolic links, which this class does not create.
   * @returns Its files and empty directories, with names as on disk.
   */
  entries(links: readonly string[]): PlacedEntry[] {
    const { style } = this.#options;
    const needed = new Set(
      [...this.#files.keys(), ...this.#directories, ...links].map(parentOf),
    );
    const empty = [...this.#directories].filter((path) => !needed.has(path));
    return [
      ...Array.from(this.#files, ([path, facts]) => ({ path: onDisk(path, style), ...facts })),
      ...empty.map((path) => ({ path: `${onDisk(path, style)}/` })),
    ];
  }

  /** Closes a file that an error left open. */
  [Symbol.dispose](): void {
    this.#file?.file.close();
    this.#file = undefined;
  }

  #full(path: string): string {
    const { root, style } = this.#options;
    if (style === "posix") return `${root}/${path}`;
    return join(root, ...onDisk(path, style).split("/"));
  }
}

function onDisk(path: string, style: PathStyle): string {
  if (style === "posix") return path;
  return path.split("/").map((name) => diskName(name, style)).join("/");
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Writes nothing, and finds the same conflicts as a disk. */
export class ImaginedTree implements TreeWriter {
  readonly #entries = new Map<string, "file" | "directory">();

  makeDirectory(path: string): void {
    if (this.#entries.has(path)) throw fileInTheWay(path);
    this.#entries.set(path, "directory");
  }

  finishDirectory(): void {}

  openFile(path: string): void {
    this.#entries.set(path, "file");
  }

  write(): void {}

  hole(): void {}

  closeFile(): void {}

  remove(path: string): void {
    this.#entries.delete(path);
  }

  link(from: string, to: string): void {
    const kind = this.#entries.get(from);
    if (kind === undefined) throw notBefore(from);
    if (kind !== "file") throw noFile(from);
    this.#entries.set(to, "file");
  }

  [Symbol.dispose](): void {}
}

function fileInTheWay(path: string): BadArchive {
  return new BadArchive(`the file ${quote(path)} exists where a directory is needed`);
}

function notBefore(path: string): BadArchive {
  return new BadArchive(`the target of its hard link, ${quote(path)}, is not an earlier member`);
}

function noFile(path: string): BadArchive {
  return new BadArchive(`the target of its hard link, ${quote(path)}, is not a file`);
}

function writeError(path: string, error: unknown): Error {
  if (isNameTooLong(error)) return new BadArchive("its name is too long for this file system");
  return diskError("write", path, error);
}

/** Opens a new file. An existing file, from a member with the same name, is deleted first. */
function openNew(path: string, options: Deno.OpenOptions): Deno.FsFile {
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    Deno.removeSync(path);
    return Deno.openSync(path, options);
  }
}
