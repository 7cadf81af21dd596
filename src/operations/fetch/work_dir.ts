/**
 * The working directory of a fetch, for files that must not be in its output directory yet.
 *
 * It has a random name, and its output directory is recorded in the user's state directory. So
 * nothing beside or inside the output that came from an archive or another user is ever mistaken
 * for ours.
 *
 * @module
 */

import { fileIdentity } from "../../storage/local/file_identity.ts";
import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { removeTree } from "../../archive/unpack/remove_tree.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { writeFileAtomic } from "../../storage/local/atomic_file.ts";
import { type LockedFile, removeLock, tryLockFile } from "../../storage/local/file_lock.ts";
import { realPath } from "../../storage/local/real_path.ts";
import { againIfVanished } from "../../storage/vanished.ts";
import { look } from "../../storage/local/look.ts";

/** The end of the name of each working directory, without its random part. */
const NAME = "run-outputs-fetch";

/** Options of {@linkcode openWorkDir}. */
export interface WorkDirOptions {
  /** The directory of the records. Default: none, nothing is resumed. */
  readonly recordsDir?: string;
  /** Called with a line for other such directories, which may be deleted. */
  readonly onNote?: (text: string) => void;
}

/** A working directory that is locked for this fetch. Dispose of it. */
export interface WorkDir extends AsyncDisposable {
  /** Its location. */
  readonly path: string;
  /** Whether the next fetch to the same output directory gets the same one. */
  readonly lasts: boolean;
}

/** The record of an output directory's working directory. */
interface WorkRecord {
  readonly output: string;
  readonly directory: string;
  /** The directory's device and inode; missing until it was created. */
  readonly identity?: string;
}

/**
 * Opens the working directory of an output directory: the one that an earlier fetch has left, else
 * a new one, beside the output and on the same file system. If that is impossible (a mounted
 * volume, a parent without write permission), it is inside the output.
 *
 * @param outputDir The output directory; it need not exist.
 * @param options The directory of the records.
 * @returns The directory. At the end it is deleted if it is empty, or without a record.
 * @throws {RunOutputsError} `conflict`, if another fetch to the same directory is in progress; or
 * errors of the disk.
 */
export async function openWorkDir(
  outputDir: string,
  { recordsDir, onNote }: WorkDirOptions = {},
): Promise<WorkDir> {
  const target = await realPath(outputDir);
  const record = recordsDir && await Record.lock(target, recordsDir, onNote);
  if (!record) {
    await noteOthers(target, onNote);
    const path = await makeWorkDir(outputDir, target);
    return { path, lasts: false, [Symbol.asyncDispose]: () => removeUnlessKept(path) };
  }
  try {
    let path = await record.read();
    if (path === undefined) {
      await noteOthers(target, onNote);
      path = await makeWorkDir(outputDir, target, (directory) => record.write(directory));
      await record.write(path, fileIdentity(await Deno.lstat(path)));
    }
    return { path, lasts: true, [Symbol.asyncDispose]: () => record.close() };
  } catch (error) {
    await record.close();
    throw error;
  }
}

/**
 * Deletes what a fetch has left for an output directory that is not needed any more.
 *
 * @param outputDir The output directory.
 * @param recordsDir The directory of the records.
 * @throws {RunOutputsError} `conflict`, if a fetch is in progress; or errors of the disk.
 */
export async function removeWorkDir(
  outputDir: string,
  recordsDir: string | undefined,
): Promise<void> {
  const record = recordsDir && await Record.lock(await realPath(outputDir), recordsDir);
  if (!record) return;
  try {
    const path = await record.read();
    if (path !== undefined) {
      await removeTree(path).catch((error) => {
        throw diskError("remove", path, error);
      });
    }
  } finally {
    await record.close();
  }
}

/**
 * The missing directories in a path, for {@linkcode removeEmpty}.
 *
 * @param path A directory.
 * @returns The directory and its parents, as far as they are missing, the deepest first.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function missingDirs(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = resolve(path); dirname(at) !== at; at = dirname(at)) {
    if (await look(at) !== undefined) break;
    missing.push(at);
  }
  return missing;
}

/**
 * Deletes empty directories.
 *
 * @param dirs The directories, each before its parent.
 */
export async function removeEmpty(dirs: readonly string[]): Promise<void> {
  for (const dir of dirs) {
    // It has content that is needed, or it does not exist.
    await Deno.remove(dir).catch(() => {});
  }
}

/** The locked record of an output directory. */
class Record {
  readonly #target: string;
  readonly #file: string;
  readonly #lockFile: string;
  readonly #lock: LockedFile;
  /** Directories that were created for it. */
  readonly #made: readonly string[];

  private constructor(target: string, file: string, lock: LockedFile, made: readonly string[]) {
    this.#target = target;
    this.#file = file;
    this.#lockFile = lockOf(file);
    this.#lock = lock;
    this.#made = made;
  }

  /** `undefined`, if the state directory cannot be used: the fetch continues without it. */
  static async lock(
    target: string,
    recordsDir: string,
    onNote?: (text: string) => void,
  ): Promise<Record | undefined> {
    const id = createHash("sha256").update(target).digest("hex").slice(0, 32);
    const file = join(recordsDir, `${id}.json`);
    // Runtimes before 2.9 cannot check whether a file is locked.
    if (Deno.FsFile.prototype.tryLock === undefined) return undefined;
    let lock: LockedFile | undefined;
    let made: string[];
    try {
      made = await missingDirs(recordsDir);
      lock = await againIfVanished(async () => {
        await Deno.mkdir(recordsDir, { recursive: true, mode: 0o700 });
        return await tryLockFile(lockOf(file), { create: true });
      });
    } catch (error) {
      const { message } = diskError("write to", recordsDir, error);
      onNote?.(`${message}; if this fetch is interrupted, the next one starts again`);
      return undefined;
    }
    if (lock === undefined) {
      throw new RunOutputsError(
        "conflict",
        `Cannot fetch into '${target}': another process is unpacking to the same directory; wait for ` +
          `it or choose another directory`,
      );
    }
    return new Record(target, file, lock, made);
  }

  /** The directory, if it is still the recorded one. */
  async read(): Promise<string | undefined> {
    let record: unknown;
    try {
      record = JSON.parse(await Deno.readTextFile(this.#file));
    } catch (error) {
      // An incomplete record is invalid: its directory is reported as that of another process.
      if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
      throw diskError("read", this.#file, error);
    }
    const { output, directory, identity } = (record ?? {}) as Partial<WorkRecord>;
    if (output !== this.#target || typeof directory !== "string") return undefined;
    const info = await look(directory);
    if (info?.isDirectory && fileIdentity(info) === identity) return directory;
    // If the fetch was killed while it was created, it is empty, and a new one replaces it.
    if (info?.isDirectory && identity === undefined) await removeEmpty([directory]);
    return undefined;
  }

  async write(directory: string, identity?: string): Promise<void> {
    const record: WorkRecord = { output: this.#target, directory, identity };
    await writeFileAtomic(this.#file, bytesSource(JSON.stringify(record)).open());
  }

  /** Deletes the directory if it is empty, with its record, and unlocks it. */
  async close(): Promise<void> {
    try {
      const directory = await this.read();
      if (directory !== undefined) await removeEmpty([directory]);
      if (await this.read() === undefined) {
        await Deno.remove(this.#file).catch(() => {/* an empty record is harmless */});
        await removeLock(this.#lockFile, this.#lock);
        await removeEmpty(this.#made);
      }
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }
}

function lockOf(file: string): string {
  return `${file}.lock`;
}

/**
 * Creates a new private directory. Its name is recorded first, so that a kill leaves no unknown
 * one.
 */
async function makeWorkDir(
  outputDir: string,
  target: string,
  beforeMaking: (directory: string) => Promise<void> = async () => {},
): Promise<string> {
  const random = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  const { inside, beside } = placesOf(target, random);
  try {
    if (dirname(target) !== target && await onOneFileSystem(target)) {
      try {
        await Deno.mkdir(dirname(target), { recursive: true });
        await beforeMaking(beside);
        await Deno.mkdir(beside, { mode: 0o700 });
        return beside;
      } catch {
        // If the disk is the reason, the same error occurs inside, and is reported there.
      }
    }
    await Deno.mkdir(target, { recursive: true });
    await beforeMaking(inside);
    await Deno.mkdir(inside, { mode: 0o700 });
    return inside;
  } catch (error) {
    throw diskError("write to", outputDir, error);
  }
}

/** Deletes a directory that nobody will find again, unless the user may need its content. */
async function removeUnlessKept(path: string): Promise<void> {
  const staging = await look(join(path, STAGING));
  if (staging !== undefined) return;
  await removeTree(path).catch(() => {/* what was fetched is in place all the same */});
}

/** The directory for unpacked content, in the working directory. */
export const STAGING = "staging";

/** Reports working directories that are not recorded here. */
async function noteOthers(target: string, onNote?: (text: string) => void): Promise<void> {
  if (onNote === undefined) return;
  for (const place of Object.values(placesOf(target, ""))) {
    try {
      for await (const { name } of Deno.readDir(dirname(place))) {
        if (!name.startsWith(basename(place)) || name === basename(place)) continue;
        onNote(
          `'${
            join(dirname(place), name)
          }' is left by another user's fetch, or by one whose record ` +
            `is gone; delete it if none is in progress`,
        );
      }
    } catch {
      // What cannot be listed cannot be reported.
    }
  }
}

function placesOf(
  target: string,
  random: string,
): { readonly inside: string; readonly beside: string } {
  return {
    inside: join(target, `.${NAME}-${random}`),
    beside: join(dirname(target), `.${basename(target)}.${NAME}-${random}`),
  };
}

/** Whether a directory is, or will be, on its parent's file system. */
async function onOneFileSystem(target: string): Promise<boolean> {
  const [own, above] = await Promise.all([device(target), device(dirname(target))]);
  return own === undefined || own === above;
}

async function device(path: string): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
