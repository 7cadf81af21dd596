/**
 * Keeps the state of a bisect in a directory that one process at a time may change.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { isTemporary, writeFileAtomic } from "../../storage/local/atomic_file.ts";
import { type LockedFile, lockFile, removeLock } from "../../storage/local/file_lock.ts";
import { fileIdentity } from "../../storage/local/file_identity.ts";
import { look, readTextFile } from "../../storage/local/look.ts";
import { isOwnedBy, isProbe, ownUser } from "../../ownership/own_user.ts";
import { type BisectState, parseBisectState } from "./state.ts";

/** The file of the state. */
const STATE = "bisect.json";

/** The lock of the process that uses the bisect. */
const LOCK = "bisect.lock";

/** Makes git ignore the directory, if nothing else is in it. */
const IGNORE = ".gitignore";

/** Its content. */
const IGNORE_ALL = "# made by run-outputs bisect\n*\n";

/** The mode of the state, whatever the umask. */
const OWN_FILE = 0o600;

/** How long to wait for another process, in milliseconds. */
const PATIENCE = 2000;

/** A store of a state. It is locked until it is disposed of. */
export interface BisectStore extends Disposable {
  /** Its location, for messages. */
  readonly name: string;
  /**
   * Reads the state.
   *
   * @returns The state; `undefined`, if there is none.
   * @throws {RunOutputsError} `integrity`, if its content is invalid; `denied`, if this user did not
   * start it there.
   */
  read(): Promise<BisectState | undefined>;
  /**
   * Writes a state atomically.
   *
   * @param state The state.
   */
  write(state: BisectState): Promise<void>;
  /** Deletes the state, and everything else in the store. */
  remove(): Promise<void>;
}

/** Options of {@linkcode openBisectStore}. */
export interface OpenBisectStoreOptions {
  /** Create the directory if it does not exist, to start a bisect. Default: `false`. */
  readonly create?: boolean;
  /** How long to wait for another process that has locked it, in milliseconds. Default: 2 s. */
  readonly patience?: number;
  /** Aborts waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the directory of a bisect. A killed process loses nothing but its lock.
 *
 * @param dir The directory.
 * @param options Whether to create it, and how long to wait for it.
 * @returns The store; to be disposed of.
 * @throws {RunOutputsError} `not_found`, if it contains no bisect and is not to be created;
 * `conflict`, if another process has locked it; otherwise errors of the disk.
 *
 * @example
 * ```ts
 * import { openBisectStore } from "@therock/run-outputs/operations";
 *
 * const dir = await Deno.makeTempDir();
 * {
 *   using store = await openBisectStore(dir, { create: true });
 *   console.assert(await store.read() === undefined);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export async function openBisectStore(
  dir: string,
  options: OpenBisectStoreOptions = {},
): Promise<BisectStore> {
  const path = resolve(dir);
  // Without a bisect, not even a lock is left.
  if (options.create) await makeDirectory(path);
  else if (await look(join(path, STATE)) === undefined) throw noBisect(dir);
  return new DirectoryStore(path, await lockWithin(path, options));
}

/**
 * The error of a directory without a bisect.
 *
 * @param dir The directory.
 * @returns An error with code `not_found`, which says how to start one.
 */
export function noBisect(dir: string): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `No bisect in '${dir}': 'run-outputs bisect start --good COMMIT --bad COMMIT' starts one`,
  );
}

/**
 * Checks that a store contains no bisect.
 *
 * @param store The store.
 * @throws {RunOutputsError} `conflict`, if it contains one.
 */
export async function checkVacant(store: BisectStore): Promise<void> {
  if (await store.read() === undefined) return;
  throw new RunOutputsError(
    "conflict",
    `Cannot start a bisect: one is in progress in '${store.name}'; 'run-outputs bisect next' ` +
      "continues it, 'run-outputs bisect reset' ends it",
  );
}

/**
 * Reads the state of a bisect that another process may be using.
 *
 * @param dir Its directory.
 * @returns The state.
 * @throws {RunOutputsError} `not_found`, if there is none; `integrity`, if its content is invalid;
 * `denied`, if this user did not start it there.
 */
export async function readBisectState(dir: string): Promise<BisectState> {
  const state = await readState(join(resolve(dir), STATE));
  if (state === undefined) throw noBisect(dir);
  return state;
}

class DirectoryStore implements BisectStore {
  readonly name: string;
  readonly #dir: string;
  readonly #lock: LockedFile;

  constructor(dir: string, lock: LockedFile) {
    this.name = join(dir, STATE);
    this.#dir = dir;
    this.#lock = lock;
  }

  async read(): Promise<BisectState | undefined> {
    return await readState(this.name);
  }

  async write(state: BisectState): Promise<void> {
    const seal = await sealOf(this.#dir);
    const text = `${JSON.stringify({ ...state, seal }, null, 2)}\n`;
    await writeFileAtomic(this.name, chunks(text), { mode: OWN_FILE });
  }

  async remove(): Promise<void> {
    for await (const { name } of Deno.readDir(this.#dir)) {
      const path = join(this.#dir, name);
      const isOurs = name === STATE || isTemporary(name) || isProbe(name) ||
        await isOurIgnore(path, name);
      if (!isOurs) continue;
      await Deno.remove(path).catch((error) => {
        throw diskError("remove", path, error);
      });
    }
    await removeLock(join(this.#dir, LOCK), this.#lock);
    // Files of others stay.
    await Deno.remove(this.#dir).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}

async function readState(path: string): Promise<BisectState | undefined> {
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  const state = parseBisectState(text, path);
  await checkOwner(path, JSON.parse(text).seal);
  return state;
}

/**
 * Checks that this user has started a bisect here. A state says where artifacts come from and where
 * they go, so one that somebody else has written, as in a cloned repository, is not used.
 */
async function checkOwner(path: string, seal: unknown): Promise<void> {
  const dir = dirname(path);
  const user = await ownUser(dir);
  const info = await Deno.lstat(path);
  const isOurs = info.isFile && (user === null || isOwnedBy(info, user));
  if (isOurs && seal === await sealOf(dir)) return;
  throw new RunOutputsError(
    "denied",
    `Cannot use the bisect in '${dir}': you did not start it in this directory; 'run-outputs ` +
      "bisect reset' deletes it, then start your own",
  );
}

/** What nobody could know before the directory existed: a repository cannot bring it. */
async function sealOf(dir: string): Promise<string> {
  return createHash("sha256").update(fileIdentity(await Deno.stat(dir))).digest("hex").slice(0, 32);
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    const entries = await Array.fromAsync(Deno.readDir(path));
    if (entries.length > 0) return;
    await Deno.writeTextFile(join(path, IGNORE), IGNORE_ALL, { createNew: true });
  } catch (error) {
    // Another process has just started one here: the lock decides.
    if (!(error instanceof Deno.errors.AlreadyExists)) throw diskError("write to", path, error);
  }
}

async function isOurIgnore(path: string, name: string): Promise<boolean> {
  return name === IGNORE && await Deno.readTextFile(path).catch(() => "") === IGNORE_ALL;
}

async function lockWithin(
  dir: string,
  { patience = PATIENCE, signal }: OpenBisectStoreOptions,
): Promise<LockedFile> {
  const path = join(dir, LOCK);
  try {
    return await lockFile(path, { create: true, patience, signal });
  } catch (error) {
    signal?.throwIfAborted();
    const isConflict = error instanceof RunOutputsError && error.code === "conflict";
    if (isConflict && (await look(path))?.isFile) {
      throw new RunOutputsError(
        "conflict",
        `Cannot use the bisect in '${dir}': another process is using it; wait for it, or stop it`,
      );
    }
    throw diskError("lock", dir, error);
  }
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
