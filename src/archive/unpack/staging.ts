/**
 * The directory beside a target in which archives are unpacked first, and its lock.
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

/** Where workers may write. The journal is not there. */
const ARCHIVES = "archives";

/** What can't be removed: it is in nobody's way under such a name. */
const LEFT = /^left-\d+$/;

/** Options of {@linkcode Staging.open}. */
export interface StagingOptions {
  /** Told in the end of what can't be removed. It stays, and the next one tries again. */
  readonly onLeft?: (error: Error) => void;
  /** Told in one line that changes of a killed process were undone. */
  readonly onUndone?: (text: string) => void;
}

/** A staging directory that nobody else uses. */
export class Staging implements AsyncDisposable {
  /** Where it is: a real path. */
  readonly path: string;
  /** The directory in it that workers may write to. */
  readonly archives: string;
  /** The permission bits that new files do not get in it. */
  readonly umask: number;
  /** Who files belong to that are made in it; nobody, where the system has no such thing. */
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
   * Makes the directory or takes over what a killed process left: its changes to the target are
   * undone, its files removed.
   *
   * @param directory Where.
   * @param outputDir The target, as a real path.
   * @param options Who is told of what.
   * @returns The directory, with nothing in it that is in the way.
   * @throws {RunOutputsError} `conflict`, if another process uses it, if it is a link, or if other
   * users own it or may write to it; or what the disk says.
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
   * Removes what is in the directory under a name, or at least makes the name free.
   *
   * @param path What to remove; it need not be there.
   * @throws {RunOutputsError} What the disk says, if neither can be done.
   */
  async discard(path: string): Promise<void> {
    await discard(path).catch((error) => {
      throw diskError("remove", path, error);
    });
  }

  /** Removes the directory, unless there is something in it that the next one has to take back. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (await isHalfDone(this.path)) return;
      const left = await clear(this.path);
      if (left !== undefined) return this.#onLeft?.(left);
      if (await hasKept(this.path)) return;
      // The lock goes last, and with it the right to be here.
      await Deno.remove(join(this.path, LOCK));
      await Deno.remove(this.path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#onLeft?.(diskError("remove", this.path, error));
    } finally {
      this.#lock.close();
    }
  }
}

/** Makes the directory for this user alone, or checks that it is no link to another one. */
async function makePrivate(directory: string): Promise<void> {
  await Deno.mkdir(dirname(directory), { recursive: true });
  try {
    await Deno.mkdir(directory, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    if ((await Deno.lstat(directory)).isDirectory) return;
    throw new RunOutputsError(
      "conflict",
      `Cannot unpack through '${directory}': it is not a directory; delete it`,
    );
  }
}

/** Refuses a directory that another user owns, or that other users may write to. */
async function checkOwner(directory: string, user: number | null): Promise<void> {
  const { uid, mode, isDirectory } = await Deno.lstat(directory);
  const isOurs = isDirectory && (user === null || uid === user && ((mode ?? 0) & 0o022) === 0);
  if (isOurs) return;
  throw new RunOutputsError(
    "conflict",
    `Cannot unpack through '${directory}': other users own it or may write to it; delete it, ` +
      `or choose another directory`,
  );
}

/** What the system does with new files in a directory. */
type DiskFacts = Pick<Staging, "umask" | "user" | "caseless">;

async function probe(directory: string): Promise<DiskFacts> {
  // A composed letter: some disks tell case apart, but not how a letter is written.
  const name = `probe-\u00e9-${crypto.randomUUID()}`;
  const path = join(directory, name);
  await Deno.mkdir(path);
  const { mode, uid: user } = await Deno.lstat(path);
  const others = [name.toUpperCase(), name.normalize("NFD")];
  const found = others.map((other) => Deno.lstat(join(directory, other)).then(() => 1, () => 0));
  const caseless = (await Promise.all(found)).includes(1);
  await Deno.remove(path);
  return { umask: ~(mode ?? 0o755) & 0o777, user, caseless };
}

/** Makes a directory and locks it, or one that is there and can be nobody else's. */
async function claim(directory: string): Promise<{ lock: Deno.FsFile; rules: DiskFacts }> {
  for (;;) {
    await makePrivate(directory);
    try {
      const rules = await probe(directory);
      // Before anything in it is believed or removed.
      await checkOwner(directory, rules.user);
      const lock = await takeLock(directory);
      if (lock !== undefined) return { lock, rules };
    } catch (error) {
      // Another process has just finished and removed the directory.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Locks a directory; `undefined` if it was removed meanwhile. */
async function takeLock(directory: string): Promise<Deno.FsFile | undefined> {
  const path = join(directory, LOCK);
  // To open a pipe would wait for somebody at its other end.
  const found = await Deno.lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile) {
    throw new RunOutputsError(
      "conflict",
      `Cannot unpack through '${directory}': '${path}' is not a file; delete the directory`,
    );
  }
  const file = await Deno.open(path, { write: true, create: true });
  // Runtimes before 2.9 have no `tryLock`, some file systems no locks: nobody is kept out there.
  const locked = await file.tryLock?.(true).catch(() => true) ?? true;
  if (!locked) {
    file.close();
    throw new RunOutputsError(
      "conflict",
      `Cannot unpack: another process is unpacking to the same directory, through '${directory}'; ` +
        `wait for it or choose another directory`,
    );
  }
  const [mine, there] = [await file.stat(), await Deno.lstat(path).catch(() => undefined)];
  if (there !== undefined && mine.ino === there.ino) return file;
  file.close();
  return undefined;
}

/** Removes everything but the lock; tells of the first thing that can't be removed and has to stay. */
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

/** Removes a path or, where that can't be done, gives it another name; tells why it is still there. */
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
