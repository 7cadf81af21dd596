/**
 * Finds out which locations are free with a list instead of a request for each file.
 *
 * @module
 */

import type { OutputLocation } from "../layout/output_location.ts";
import type { StorageBackend } from "./backend.ts";

/** For fewer files in a directory, single requests are as fast. */
const WORTH_A_LIST = 16;

/**
 * How long a list is trusted if the storage does not enforce conditions of writes, in milliseconds.
 */
const BELIEVED = 3000;

/** A directory with more objects than this per file of ours is not listed to its end. */
const MOST_PER_FILE = 20;

/** A directory: the number of files for it, and its content, once it was listed. */
interface Directory {
  readonly location: OutputLocation;
  files: number;
  taken?: Promise<ReadonlySet<string> | undefined>;
  /** When the list becomes too old. */
  until: number;
}

/**
 * Says which locations of a large set are free. If it does not know, the caller checks the
 * location.
 */
export class Vacancies {
  readonly #backend: StorageBackend;
  readonly #directories = new Map<string, Directory>();

  /**
   * Prepares the set. It sends no request yet.
   *
   * @param backend The storage.
   * @param locations The destinations of files.
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
   * Whether a list of its directory shows nothing at a location. The list must be from this upload
   * or, if the storage does not enforce conditions, recent.
   *
   * @param location The location.
   * @param signal Aborts the list.
   * @returns `true`, if the location was free; `false`, if not or unknown.
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
      // A role may be allowed to write but not to list, and the write reports other errors.
      return undefined;
    }
  }
}
