/**
 * The directory beside a target to which archives are unpacked first, and its lock.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { isHalfDone } from "./commit.ts";
import { removeTree } from "./remove_tree.ts";
import { describeUndone, isKept, recover } from "./undo.ts";

const LOCK = "lock";

/** The part that workers may write to. It does not contain the journal. */
const ARCHIVES = "archives";

/** What cannot be deleted is renamed to this, so that it is in nobody's way. */
const LEFT = /^left-\d+$/;

/** Options of {@linkcode Staging.open}. */
export interface StagingOptions {
  /** Called at the end with what cannot be deleted. It stays, and the next process tries again. */
  readonly onLeft?: (error: Error) => void;
  /** Called with one line if changes of a killed process were undone. */
  readonly onUndone?: (text: string) => void;
}

/** A staging directory with a lock. */
export class Staging implements AsyncDisposable {
  /** Its real path. */
  readonly path: string;
  /** The directory in it that workers may write to. */
  readonly archives: string;
  /** The umask in it. */
  readonly umask: number;
  /** The user id of new files in it; `undefined` if the system has none. */
  readonly user: number | null;
  /** Whether the disk ignores case in names. */
  readonly caseless: boolean;
  readonly #lock: Deno.FsFile;
  readonly #onLeft: ((error: Error) => void) | undefined;

  private constructor(
    of: DiskFacts & Pick<Staging, "path">,
    lock: Deno.FsFile,
    onLeft?: (error: Error) => void,
  ) {
    this.path = of.path;
    this.archives = join(of.path, ARCHIVES);
    this.umask = of.umask;
    this.user = of.user;
    this.caseless = of.caseless;
    this.#lock = lock;
    this.#onLeft = onLeft;
  }

  /**
   * Creates the directory or takes over that of a killed process: undoes its changes to the target,
   * and deletes its files.
   *
   * @param directory The directory.
   * @param outputDir The target, as a real path.
   * @param options Callbacks.
   * @returns The directory, with nothing in the way.
   * @throws {RunOutputsError} `conflict`, if another process uses it, if it is a link, or if other
   * users own it or may write to it; or errors of the disk.
   */
  static async open(
    directory: string,
    outputDir: string,
    { onLeft, onUndone }: StagingOptions = {},
  ): Promise<Staging> {
    let lock: Deno.FsFile | undefined;
    try {
      const claimed = await claim(directory);
      lock = claimed.lock;
      const path = await Deno.realPath(directory);
      const undone = await recover({ stagingDir: path, outputDir });
      if (undone !== undefined) onUndone?.(describeUndone(outputDir, undone));
      await clear(path);
      await Deno.mkdir(join(path, ARCHIVES));
      return new Staging({ path, ...claimed.rules }, lock, onLeft);
    } catch (error) {
      lock?.close();
      throw diskError("write", directory, error);
    }
  }

  /**
   * Deletes what has a name in the directory, or at least frees the name.
   *
   * @param path The path; it need not exist.
   * @throws {RunOutputsError} Errors of the disk, if neither is possible.
   */
  async discard(path: string): Promise<void> {
    await discard(path).catch((error) => {
      throw diskError("remove", path, error);
    });
  }

  /** Deletes the directory, unless it contains something that the next process must restore. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (await isHalfDone(this.path)) return;
      const left = await clear(this.path);
      if (left !== undefined) return this.#onLeft?.(left);
      if (await hasKept(this.path)) return;
      // The lock is released last, because it protects the directory.
      await Deno.remove(join(this.path, LOCK));
      await Deno.remove(this.path).catch(async () => {
        // NFS keeps an open file under another name.
        this.#lock.close();
        await Deno.remove(this.path);
      });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#onLeft?.(diskError("remove", this.path, error));
    } finally {
      try {
        this.#lock.close();
      } catch {
        // It is closed.
      }
    }
  }
}

/** Creates the directory for this user only, or checks that it is not a link. */
async function makePrivate(directory: string): Promise<void> {
  try {
    await Deno.mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    if ((await Deno.lstat(directory)).isDirectory) return;
    throw new RunOutputsError(
      "conflict",
      `Cannot unpack through '${directory}': it is not a directory; move it away`,
    );
  }
}

/** Rejects a directory that other users own, or may write to. */
async function checkOwner(directory: string, { user, hasModes }: Probed): Promise<void> {
  const { uid, mode, isDirectory } = await Deno.lstat(directory);
  const isPrivate = !hasModes || ((mode ?? 0) & 0o022) === 0;
  const isOurs = isDirectory && (user === null || (uid === user && isPrivate));
  if (isOurs) return;
  throw new RunOutputsError(
    "conflict",
    `Cannot unpack through '${directory}': other users own it or may write to it; choose ` +
      `another directory`,
  );
}

/** How the system creates files in a directory. */
type DiskFacts = Pick<Staging, "umask" | "user" | "caseless">;

interface Probed extends DiskFacts {
  /** `false` on a mount that gives all files one mode, such as CIFS or a Windows disk in WSL. */
  readonly hasModes: boolean;
}

async function probe(directory: string): Promise<Probed> {
  // A composed letter, because some disks are case-sensitive but ignore how letters are composed.
  const name = `probe-\u00e9-${crypto.randomUUID()}`;
  const path = join(directory, name);
  await Deno.mkdir(path);
  const { mode, uid: user } = await Deno.lstat(path);
  const others = [name.toUpperCase(), name.normalize("NFD")];
  const found = others.map((other) => Deno.lstat(join(directory, other)).then(() => 1, () => 0));
  const caseless = (await Promise.all(found)).includes(1);
  const hasModes = await Deno.chmod(path, 0o700).then(
    async () => (((await Deno.lstat(path)).mode ?? 0) & 0o077) === 0,
    () => false,
  );
  await Deno.remove(path);
  return { umask: ~(mode ?? 0o755) & 0o777, user, caseless, hasModes };
}

/** Creates and locks a directory, or an existing one that nobody else can own. */
async function claim(directory: string): Promise<{ lock: Deno.FsFile; rules: DiskFacts }> {
  for (;;) {
    await makePrivate(directory);
    try {
      const rules = await probe(directory);
      // Checked before anything in it is trusted or deleted.
      await checkOwner(directory, rules);
      const lock = await takeLock(directory);
      if (lock !== undefined) return { lock, rules };
    } catch (error) {
      // Another process has just finished and deleted the directory.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Locks a directory; `undefined` if it was deleted meanwhile. */
async function takeLock(directory: string): Promise<Deno.FsFile | undefined> {
  const path = join(directory, LOCK);
  // Opening a pipe would wait for its other end.
  const found = await Deno.lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile) {
    throw new RunOutputsError(
      "conflict",
      `Cannot unpack through '${directory}': '${path}' is not a file; move it away`,
    );
  }
  const file = await Deno.open(path, { write: true, create: true });
  // Runtimes before 2.9 have no `tryLock`, and some file systems have no locks; then there is no
  // protection.
  const locked = await file.tryLock?.(true).catch(() => true) ?? true;
  if (!locked) {
    file.close();
    throw new RunOutputsError(
      "conflict",
      `Cannot unpack: another process is unpacking to the same directory, through '${directory}'; ` +
        `wait for it or choose another directory`,
    );
  }
  const [mine, existing] = [await file.stat(), await Deno.lstat(path).catch(() => undefined)];
  if (existing !== undefined && mine.ino === existing.ino) return file;
  file.close();
  return undefined;
}

/**
 * Deletes everything except the lock; reports the first thing that cannot be deleted and must stay.
 */
async function clear(directory: string): Promise<Error | undefined> {
  let left: Error | undefined;
  for (const { name } of await Array.fromAsync(Deno.readDir(directory))) {
    if (name === LOCK || isKept(name)) continue;
    const stays = await discard(join(directory, name));
    left ??= stays;
  }
  return left;
}

async function hasKept(directory: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(directory)) if (isKept(name)) return true;
  return false;
}

/** Deletes a path or, if that fails, renames it; reports why it still exists. */
async function discard(path: string): Promise<Error | undefined> {
  try {
    await removeTree(path);
  } catch (error) {
    const left = LEFT.test(basename(path)) ? path : await moveAside(path);
    return diskError("remove", left, error);
  }
}

async function moveAside(path: string): Promise<string> {
  for (let i = 1;; i++) {
    const left = join(dirname(path), `left-${i}`);
    if (await Deno.lstat(left).then(() => true, () => false)) continue;
    await Deno.rename(path, left);
    return left;
  }
}
