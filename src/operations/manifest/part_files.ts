/**
 * The files of an existing part of the outputs manifest, as a stream that can be read again: how
 * they are compared with the storage, and merged with others.
 *
 * @module
 */

import { statIfThere } from "../../storage/if_there.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { OutputFile } from "../../runs/manifest.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import { type ReadOutputsOptions, type StoredPart, streamFiles } from "./read.ts";

/** Files sorted by path, which can be iterated repeatedly. */
export type FileStream = Iterable<OutputFile> | AsyncIterable<OutputFile>;

/** A run and its storage. */
export interface RunIn {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The run. */
  readonly root: OutputPaths;
}

/**
 * The files of a part: those in memory, or read again each time. Then the part must not have
 * changed, or reading fails with `conflict`.
 *
 * @param backend The storage.
 * @param part The part.
 * @param options How to format locations; a signal.
 * @returns Its files.
 */
export function filesOf(
  backend: StorageBackend,
  part: StoredPart,
  options: ReadOutputsOptions,
): FileStream {
  return part.files ?? streamFiles(backend, part.info, options);
}

/**
 * Adds files that only an earlier part lists, if their entries are still current. This needs a
 * listing of the run; it remembers only one bit per file.
 *
 * @param run The run and its storage.
 * @param before The part.
 * @param ours The files that exist by now.
 * @param options How to format locations; a signal.
 * @returns Both together. Reads the part again each time, like {@linkcode filesOf}.
 */
export async function uniteWith(
  run: RunIn,
  before: StoredPart,
  ours: FileStream,
  options: ReadOutputsOptions,
): Promise<FileStream> {
  const theirs = filesOf(run.backend, before, options);
  const { bits, count } = await findCurrent(run, before, theirs, ours, options);
  if (count === 0) return ours;
  return withMore(ours, restartable(() => select(theirs, bits)));
}

/**
 * Removes files.
 *
 * @param files The files.
 * @param paths The paths to remove.
 * @returns The other files.
 */
export function without(
  files: FileStream,
  paths: Pick<ReadonlySet<string>, "has">,
): FileStream {
  return filesWhere(files, ({ path }) => !paths.has(path));
}

/**
 * Selects files.
 *
 * @param files The files.
 * @param isSelected Whether a file is selected.
 * @returns The selected files.
 */
export function filesWhere(
  files: FileStream,
  isSelected: (file: OutputFile) => boolean,
): FileStream {
  return restartable(async function* () {
    for await (const file of files) if (isSelected(file)) yield file;
  });
}

/**
 * A set of paths that takes memory only if it is asked.
 *
 * @param paths The paths.
 * @returns The set.
 */
export function pathSet(paths: Iterable<string>): Pick<ReadonlySet<string>, "has"> {
  let set: ReadonlySet<string> | undefined;
  return { has: (path) => (set ??= new Set(paths)).has(path) };
}

/**
 * Locations with one that may be among them.
 *
 * @param locations The locations.
 * @param one The one.
 * @returns The locations; itself, if the one is among them.
 */
export function withOne(
  locations: Iterable<OutputLocation>,
  one: OutputLocation,
): Iterable<OutputLocation> {
  const isThere = Iterator.from(locations).some((location) => location.equals(one));
  return isThere ? locations : [...locations, one];
}

/** Which files of a part are in no other list, and are current: one bit per file. */
async function findCurrent(
  { backend, root }: RunIn,
  { info, count: all }: StoredPart,
  theirs: FileStream,
  ours: FileStream,
  { signal }: ReadOutputsOptions,
): Promise<{ bits: Uint8Array; count: number }> {
  const bits = new Uint8Array(Math.ceil(all / 8));
  const others = new Cursor(ours, ({ path }) => path);
  let listed: Cursor<ObjectInfo> | undefined;
  let lists = true;
  async function find(path: string): Promise<ObjectInfo | undefined> {
    if (!lists) return await statIfThere(backend, root.root().join(path), signal);
    listed ??= new Cursor(
      backend.list(root.root(), { signal }),
      ({ location }) => location.relativeTo(root.root())!,
    );
    try {
      return await listed.goTo(path);
    } catch (error) {
      // A role may be allowed to upload but not to list.
      if (!(error instanceof RunOutputsError) || error.code !== "denied") throw error;
      lists = false;
      return await find(path);
    }
  }
  let count = 0;
  let index = -1;
  try {
    for await (const { path, size } of theirs) {
      index++;
      if (await others.goTo(path) !== undefined) continue;
      const existing = await find(path);
      if (existing?.size !== size || isModifiedAfter(existing.modified, info.modified)) continue;
      bits[index >> 3] |= 1 << (index & 7);
      count++;
    }
    return { bits, count };
  } finally {
    await others.close();
    await listed?.close();
  }
}

async function* select(files: FileStream, bits: Uint8Array): AsyncGenerator<OutputFile> {
  let index = 0;
  for await (const file of files) {
    if ((bits[index >> 3] & (1 << (index & 7))) !== 0) yield file;
    index++;
  }
}

/**
 * Adds files.
 *
 * @param files The files.
 * @param more More files. Of two for a path, the first list has the one that counts.
 * @returns Both together.
 */
export function withMore(files: FileStream, more: FileStream): FileStream {
  return restartable(() => merge(files, more));
}

/** Merges two streams. Of two files with the same path, the first one stays. */
async function* merge(a: FileStream, b: FileStream): AsyncGenerator<OutputFile> {
  const first = new Cursor(a, ({ path }) => path);
  try {
    await first.begin();
    for await (const file of b) {
      let isInBoth = false;
      for (; first.value !== undefined; await first.next()) {
        const order = compareKeys(first.value.path, file.path);
        if (order > 0) break;
        isInBoth ||= order === 0;
        yield first.value;
      }
      if (!isInBoth) yield file;
    }
    for (; first.value !== undefined; await first.next()) yield first.value;
  } finally {
    await first.close();
  }
}

/** A position in something sorted. */
class Cursor<T> {
  /** The current value; `undefined` before the beginning and at the end. */
  value?: T;
  readonly #items: AsyncIterator<T> | Iterator<T>;
  readonly #pathOf: (item: T) => string;
  #begun = false;

  constructor(items: Iterable<T> | AsyncIterable<T>, pathOf: (item: T) => string) {
    this.#items = Symbol.asyncIterator in items
      ? items[Symbol.asyncIterator]()
      : items[Symbol.iterator]();
    this.#pathOf = pathOf;
  }

  async begin(): Promise<void> {
    if (!this.#begun) await this.next();
  }

  async next(): Promise<void> {
    this.#begun = true;
    const next = this.#items.next();
    const { done, value } = next instanceof Promise ? await next : next;
    this.value = done ? undefined : value;
  }

  /** Advances to a path, and returns its value, if any. */
  async goTo(path: string): Promise<T | undefined> {
    await this.begin();
    for (; this.value !== undefined; await this.next()) {
      const order = compareKeys(this.#pathOf(this.value), path);
      if (order >= 0) return order === 0 ? this.value : undefined;
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#items.return?.();
  }
}

function restartable(make: () => AsyncGenerator<OutputFile>): AsyncIterable<OutputFile> {
  return { [Symbol.asyncIterator]: make };
}
