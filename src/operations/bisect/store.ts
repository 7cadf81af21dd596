/**
 * Where the state of a bisect is kept: a directory that one process at a time may change.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { diskError } from "../../layout/disk_error.ts";
import { RunOutputsError } from "../../layout/error.ts";
import { isTemporary, writeFileAtomic } from "../../storage/atomic_file.ts";
import { type LockedFile, lockFile, removeLock } from "../../storage/file_lock.ts";
import { type BisectState, parseBisectState } from "./state.ts";

/** The file with the state. */
const STATE = "state.json";

/** The lock of who works on the bisect. */
const LOCK = "lock";

/** Keeps git from seeing the directory, wherever it is. */
const IGNORE = ".gitignore";

/** What is removed with the state; what killed processes have left is, too. */
const OURS: ReadonlySet<string> = new Set([STATE, IGNORE]);

/** How long to wait for another process, in milliseconds. */
const PATIENCE = 2000;

/** Where a state is kept. It belongs to its holder until it is disposed of. */
export interface BisectStore extends Disposable {
  /** Where, for messages. */
  readonly name: string;
  /**
   * Reads the state.
   *
   * @returns The state; `undefined`, if there is none.
   * @throws {RunOutputsError} If what is there is none.
   */
  read(): Promise<BisectState | undefined>;
  /**
   * Keeps a state: all of it, or the one before.
   *
   * @param state The state.
   */
  write(state: BisectState): Promise<void>;
  /** Removes the state, and what is kept with it. */
  remove(): Promise<void>;
}

/** Options of {@linkcode openBisectStore}. */
export interface OpenBisectStoreOptions {
  /** Make the directory if there is none. Default: no. */
  readonly create?: boolean;
  /** How long to wait for another process that has it, in milliseconds. Default: 2 s. */
  readonly patience?: number;
  /** Stops the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the directory of a bisect. A process that is killed loses nothing but its lock.
 *
 * @param dir The directory.
 * @param options Whether to make it, and how long to wait for it.
 * @returns The store; to be disposed of.
 * @throws {RunOutputsError} `not_found`, if there is no such directory; `conflict`, if another
 * process has it; otherwise what the disk says.
 *
 * @example
 * ```ts
 * import { openBisectStore } from "@therock/run-outputs";
 *
 * const dir = await Deno.makeTempDir();
 * {
 *   using store = await openBisectStore(dir);
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
  if (options.create) {
    try {
      await Deno.mkdir(path, { recursive: true });
      await Deno.writeTextFile(join(path, IGNORE), "*\n");
    } catch (error) {
      throw diskError("write to", path, error);
    }
  }
  return new DirectoryStore(path, await lockWithin(path, options));
}

/**
 * The error of a directory that holds no bisect.
 *
 * @param dir The directory.
 * @returns An error with code `not_found`, which says how to begin one.
 */
export function noBisect(dir: string): RunOutputsError {
  return new RunOutputsError(
    "not_found",
    `There is no bisect in '${dir}': 'run-outputs bisect start --good COMMIT --bad COMMIT' begins one`,
  );
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
    let text: string;
    try {
      text = await Deno.readTextFile(this.name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw diskError("read", this.name, error);
    }
    return parseBisectState(text, this.name);
  }

  async write(state: BisectState): Promise<void> {
    await writeFileAtomic(this.name, chunks(`${JSON.stringify(state, null, 2)}\n`));
  }

  async remove(): Promise<void> {
    const names = await Array.fromAsync(Deno.readDir(this.#dir), ({ name }) => name);
    for (const name of names.filter((name) => OURS.has(name) || isTemporary(name))) {
      const path = join(this.#dir, name);
      await Deno.remove(path).catch((error) => {
        throw diskError("remove", path, error);
      });
    }
    await removeLock(join(this.#dir, LOCK), this.#lock);
    // What somebody else has put there stays.
    await Deno.remove(this.#dir).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}

async function lockWithin(
  dir: string,
  { patience = PATIENCE, signal }: OpenBisectStoreOptions,
): Promise<LockedFile> {
  const impatience = new AbortController();
  const stop = () => impatience.abort(signal?.reason);
  const timer = setTimeout(stop, patience);
  signal?.addEventListener("abort", stop);
  try {
    signal?.throwIfAborted();
    return await lockFile(join(dir, LOCK), { create: true, signal: impatience.signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (impatience.signal.aborted) {
      throw new RunOutputsError(
        "conflict",
        `Cannot work on the bisect in '${dir}': another process does; wait for it, or end it`,
      );
    }
    if (error instanceof Deno.errors.NotFound) throw noBisect(dir);
    throw diskError("lock", dir, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
