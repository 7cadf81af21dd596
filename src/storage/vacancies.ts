/**
 * Where nothing is yet, found out by a list instead of a question for each file.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { StorageBackend } from "./backend.ts";

/** For fewer files of one directory, asking for each is as fast. */
const WORTH_A_LIST = 16;

/** For how long a list is believed where a write can't be made to depend on it, in milliseconds. */
const BELIEVED = 3000;

/** A directory with more objects than this for each file of ours is not listed to its end. */
const MOST_PER_FILE = 20;

/** One directory: how many files are for it, and what is in it, once that was asked for. */
interface Directory {
  readonly location: OutputLocation;
  files: number;
  taken?: Promise<ReadonlySet<string> | undefined>;
  /** When the list is too old. */
  until: number;
}

/**
 * Tells which locations of a large set are free. What it does not know it does not claim: the
 * caller then asks for the one location.
 */
export class Vacancies {
  readonly #backend: StorageBackend;
  readonly #directories = new Map<string, Directory>();

  /**
   * Looks at the set; nothing is asked yet.
   *
   * @param backend The storage.
   * @param locations Where files are to go.
   */
  constructor(backend: StorageBackend, locations: Iterable<OutputLocation>) {
    this.#backend = backend;
    for (const location of locations) {
      const above = location.parent;
      const directory = this.#directories.get(above.s3Uri) ??
        { location: above, files: 0, until: Infinity };
      directory.files++;
      this.#directories.set(above.s3Uri, directory);
    }
  }

  /**
   * Whether a list of its directory shows nothing at a location: one made during this upload, or
   * just now, where the storage does not enforce that nothing is replaced.
   *
   * @param location The location.
   * @param signal Stops the list.
   * @returns `true`, if nothing was there; `false`, if something was or it is not known.
   */
  async isFree(location: OutputLocation, signal?: AbortSignal): Promise<boolean> {
    const directory = this.#directories.get(location.parent.s3Uri);
    if (directory === undefined || directory.files < WORTH_A_LIST) return false;
    if (directory.taken === undefined || Date.now() > directory.until) {
      directory.until = Infinity;
      directory.taken = this.#list(directory, signal).finally(() => {
        if (!this.#backend.enforcesAbsence) directory.until = Date.now() + BELIEVED;
      });
    }
    const taken = await directory.taken;
    return taken !== undefined && !taken.has(location.key);
  }

  async #list(
    { location, files }: Directory,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlySet<string> | undefined> {
    const taken = new Set<string>();
    try {
      for await (const info of this.#backend.list(location, { recursive: false, signal })) {
        taken.add(info.location.key);
        if (taken.size > files * MOST_PER_FILE) return undefined;
      }
      return taken;
    } catch {
      signal?.throwIfAborted();
      // Who may write need not be allowed to list, and what is wrong otherwise the writing tells.
      return undefined;
    }
  }
}
