/**
 * The working directory of a fetch, for files that must not be in its output directory yet.
 *
 * It is beside the output or in it, where other users may be able to rename it. So everything in it
 * is in one directory, whose name only this user can list: whatever others put in the place of the
 * working directory, no path of ours leads into it. That name also has a seal of the working
 * directory's inode, by which the next fetch knows what an earlier one has left.
 *
 * @module
 */

import { createHash, randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { isHalfDone } from "../../archive/unpack/commit.ts";
import { removeTree } from "../../archive/unpack/remove_tree.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { fileIdentity } from "../../storage/local/file_identity.ts";
import { look } from "../../storage/local/look.ts";
import { isOwnedBy, ownUser } from "../../ownership/own_user.ts";
import { realPath } from "../../storage/local/real_path.ts";
import { againIfVanished } from "../../storage/vanished.ts";
import { lookAt } from "../../ownership/way_to.ts";
import { busyError, type Hold, hold, holdOutput, type OutputHold } from "./output_lock.ts";
import { newWorkDir, workDirsAt, workPlaces } from "./work_names.ts";

/** The directory for unpacked content, in {@linkcode WorkDir.files}. */
export const STAGING = "staging";

/** The file that is locked while the working directory is used. */
const LOCK = "lock";

/** A name that nobody can guess, and the seal. */
const SEALED = /^[0-9a-f]{24}-[0-9a-f]{16}$/;

/** Options of {@linkcode openWorkDir}. */
export interface WorkDirOptions {
  /** Called with a line for other such directories. */
  readonly onNote?: (text: string) => void;
}

/** A working directory, locked together with its output directory. Dispose of it. */
export interface WorkDir extends AsyncDisposable {
  /** Its location, for messages. */
  readonly path: string;
  /** The directory in it for all files. */
  readonly files: string;
  /**
   * Whether it contains archives, complete or partial.
   *
   * @returns `true`, if anything was downloaded.
   */
  hasArchives(): Promise<boolean>;
  /**
   * Deletes the archives. The output directory then stays, even if it is empty.
   *
   * @returns What cannot be deleted, and why.
   */
  finish(): Promise<string[]>;
}

/**
 * Opens the working directory of an output directory: the one that an earlier fetch has left, else
 * a new one, beside the output and on the same file system. If that is impossible (a mounted
 * volume, a parent without write permission), it is inside the output.
 *
 * @param outputDir The output directory; it is created if it does not exist.
 * @param options A callback for notes.
 * @returns The directory. At the end it is deleted if nothing in it is needed.
 * @throws {RunOutputsError} `conflict`, if another fetch to the same directory is in progress;
 * `failed`, if an interrupted one cannot be undone; or errors of the disk.
 */
export async function openWorkDir(
  outputDir: string,
  { onNote }: WorkDirOptions = {},
): Promise<WorkDir> {
  const target = await realPath(outputDir);
  const output = await holdOutput(target, outputDir);
  let own: Sealed | undefined;
  try {
    own = await makeWorkDir(outputDir, target);
    // After this one is locked: of two fetches, at least the later one sees the other.
    const left = await takeLeft(target, own.user, own.path, onNote);
    if (left !== undefined) {
      await own[Symbol.asyncDispose]();
      own = left;
    }
    return new OpenWorkDir(own, output);
  } catch (error) {
    await own?.[Symbol.asyncDispose]();
    await output.close(false);
    throw error;
  }
}

/**
 * Deletes what a fetch has left for an output directory that is not needed any more.
 *
 * @param outputDir The output directory.
 * @throws {RunOutputsError} `conflict`, if a fetch is in progress; or errors of the disk.
 */
export async function removeWorkDir(outputDir: string): Promise<void> {
  const target = await realPath(outputDir);
  const user = await ownUser(dirname(target));
  for await (const found of findWorkDirs(target)) {
    if (found.sealed === undefined || !isOwn(found, user)) continue;
    const work = await take(found, target, user);
    if (work === undefined) continue;
    await using _work = work;
    for (const name of await work.names()) {
      await removeTree(join(work.files, name)).catch((error) => {
        throw diskError("remove", work.path, error);
      });
    }
  }
}

/**
 * The working directory of a fetch that was killed while it changed its output directory.
 *
 * @param outputDir The output directory.
 * @returns Its path; `undefined`, if there is none. A fetch in progress can look like this too.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function interruptedIn(outputDir: string): Promise<string | undefined> {
  for await (const { path, sealed } of findWorkDirs(await realPath(outputDir))) {
    if (sealed !== undefined && await isHalfDone(join(path, sealed, STAGING))) return path;
  }
}

class OpenWorkDir implements WorkDir {
  readonly path: string;
  readonly files: string;
  readonly #work: Sealed;
  readonly #output: OutputHold;
  #finished = false;

  constructor(work: Sealed, output: OutputHold) {
    this.path = work.path;
    this.files = work.files;
    this.#work = work;
    this.#output = output;
  }

  async hasArchives(): Promise<boolean> {
    return (await this.#work.names()).some((name) => name !== STAGING);
  }

  async finish(): Promise<string[]> {
    this.#finished = true;
    const left: string[] = [];
    for (const name of await this.#work.names()) {
      if (name === STAGING) continue;
      const path = join(this.files, name);
      await removeTree(path).catch((error) => left.push(diskError("remove", path, error).message));
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#work[Symbol.asyncDispose]();
    await this.#output.close(this.#finished);
  }
}

/** A locked working directory. */
class Sealed implements AsyncDisposable {
  readonly path: string;
  readonly files: string;
  readonly user: number | null;
  readonly #lock: Hold;

  constructor(path: string, files: string, user: number | null, lock: Hold) {
    this.path = path;
    this.files = files;
    this.user = user;
    this.#lock = lock;
  }

  /** What is in it, without the lock. */
  async names(): Promise<string[]> {
    try {
      return (await namesIn(this.files)).filter((name) => name !== LOCK);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw diskError("read", this.path, error);
    }
  }

  /** Deletes it if it is empty, and unlocks it. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if ((await this.names()).length > 0) return;
      // Windows keeps the name of an open file. Elsewhere the lock protects the directory.
      if (Deno.build.os === "windows") this.#lock[Symbol.dispose]();
      await Deno.remove(join(this.files, LOCK));
      await Deno.remove(this.files).catch(async () => {
        // NFS keeps an open file under another name.
        this.#lock[Symbol.dispose]();
        await Deno.remove(this.files);
      });
      await Deno.remove(this.path);
    } catch {
      // Others have put something in its place. An empty directory that stays does no harm.
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }
}

/** Creates and locks a new private directory. */
async function makeWorkDir(outputDir: string, target: string): Promise<Sealed> {
  const { inside, beside } = workPlaces(target);
  try {
    if (dirname(target) !== target && await onOneFileSystem(target)) {
      try {
        return await makeAt(beside);
      } catch {
        // If the disk is the reason, the same error occurs inside, and is reported there.
      }
    }
    return await makeAt(inside);
  } catch (error) {
    throw diskError("write to", outputDir, error);
  }
}

async function makeAt(place: string): Promise<Sealed> {
  // Another fetch may delete it as long as it is empty, as a leftover.
  return await againIfVanished(async () => {
    const path = newWorkDir(place);
    await Deno.mkdir(path, { mode: 0o700 });
    try {
      const info = await Deno.lstat(path);
      const files = join(path, newName(path, info));
      await Deno.mkdir(files, { mode: 0o700 });
      const lock = await hold(join(files, LOCK), { read: true, write: true, create: true });
      if (lock === undefined) throw busyError(path);
      return new Sealed(path, files, info.uid, lock);
    } catch (error) {
      await Deno.remove(path).catch(() => {/* it has another owner by now */});
      throw error;
    }
  });
}

/** A directory with the name of a working directory. */
interface Found {
  readonly path: string;
  readonly info: Deno.FileInfo;
  /** The names in it; empty, if it cannot be listed. */
  readonly names: readonly string[];
  /** The name in it with its seal, which only a fetch to this output can have made. */
  readonly sealed?: string;
}

/** Takes over what an earlier fetch has left, preferably one that changed the output. */
async function takeLeft(
  target: string,
  user: number | null,
  own: string,
  onNote?: (text: string) => void,
): Promise<Sealed | undefined> {
  let taken: Sealed | undefined;
  for await (const found of findWorkDirs(target)) {
    const { path, sealed, names } = found;
    if (path === own) continue;
    if (user !== found.info.uid) {
      onNote?.(`'${path}' is left by another user's fetch, or one in progress; it is not used`);
    } else if (!isOwn(found, user)) {
      onNote?.(unknown(path));
    } else if (sealed !== undefined) {
      const work = await take(found, target, user);
      if (work === undefined) continue;
      const change = taken === undefined || await isHalfDone(join(work.files, STAGING));
      await (change ? taken : work)?.[Symbol.asyncDispose]();
      if (change) taken = work;
    } else if (names.length === 0) {
      // A fetch was killed when it had just created it.
      await Deno.remove(path).catch(() => {/* it has content by now */});
    } else {
      await checkUnknown(found, target);
      onNote?.(unknown(path));
    }
  }
  return taken;
}

/** Locks what an earlier fetch has left, under a new name; `undefined`, if it was deleted. */
async function take(
  { path, info, sealed }: Found,
  target: string,
  user: number | null,
): Promise<Sealed | undefined> {
  const earlier = join(path, sealed!);
  try {
    const lock = await hold(join(earlier, LOCK), { read: true, write: true, create: true });
    if (lock === undefined) throw busyError(target);
    try {
      // Error messages may have shown the earlier name. Windows can't rename it: the lock is open.
      const files = Deno.build.os === "windows" ? earlier : join(path, newName(path, info));
      if (files !== earlier) await Deno.rename(earlier, files);
      return new Sealed(path, files, user, lock);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError("write to", path, error);
  }
}

/** Stops if a directory that cannot be trusted may have the only copies of replaced files. */
async function checkUnknown({ path, info, names }: Found, target: string): Promise<void> {
  // Only a fetch makes it private; archivers and git do not.
  if (info.mode !== null && (info.mode & 0o077) !== 0) return;
  for (const inner of ["", ...names]) {
    const staging = join(path, inner, STAGING);
    const isDirectory = await Deno.lstat(staging).then((info) => info.isDirectory, () => false);
    if (!isDirectory || !await isHalfDone(staging)) continue;
    throw new RunOutputsError(
      "failed",
      `Cannot fetch into '${target}': an interrupted fetch has changed it, and cannot be undone, ` +
        `because '${path}' was moved or copied since; the files that it replaced are in ` +
        `'${
          join(staging, "saved")
        }': move them back where they are needed, then move '${path}' away`,
    );
  }
}

function unknown(path: string): string {
  return `'${path}' is not left by a fetch to this directory, and is not used`;
}

/** Finds directories with the name of a working directory, whoever made them. */
async function* findWorkDirs(target: string): AsyncGenerator<Found> {
  for (const place of Object.values(workPlaces(target))) {
    for (const path of await workDirsAt(place)) {
      const info = await look(path);
      if (info === undefined) continue;
      const names = info.isDirectory ? await namesIn(path).catch(() => []) : [];
      const seal = sealOf(path, info);
      const sealed = names.find((inner) => SEALED.test(inner) && inner.endsWith(`-${seal}`));
      yield { path, info, names, sealed };
    }
  }
}

/** Whether nobody else could put anything into a directory. */
function isOwn({ info }: Found, user: number | null): boolean {
  return info.isDirectory && (Deno.build.os === "windows" || isOwnedBy(info, user));
}

function newName(path: string, info: Deno.FileInfo): string {
  return `${randomHex(12)}-${sealOf(path, info)}`;
}

/** What nobody could know before the directory existed: an archive cannot bring it. */
function sealOf(path: string, info: Deno.FileInfo): string {
  const text = `${basename(path)}/${fileIdentity(info)}`;
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

async function namesIn(path: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
}

/** Whether a directory is on its parent's file system. */
async function onOneFileSystem(target: string): Promise<boolean> {
  // The path is real: nothing on the way is a link.
  return (await Deno.stat(target)).dev === lookAt(dirname(target)).info.dev;
}
