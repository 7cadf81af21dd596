/**
 * The files of a part of the outputs manifest that is there already, as a stream that can be read
 * again: how they are held against what is in storage, and united with others.
 *
 * @module
 */

import { statIfThere } from "../../storage/stat_if_there.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import type { OutputFile } from "../../runs/manifest.ts";
import type { ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { isModifiedAfter } from "../../storage/modified.ts";
import { type ReadOutputsOptions, type StoredPart, streamFiles } from "./read.ts";

/** Files sorted by path, to be gone through as often as needed. */
export type FileStream = Iterable<OutputFile> | AsyncIterable<OutputFile>;

/** Where a run is. */
export interface RunIn {
  /** The storage. */
  readonly backend: StorageBackend;
  /** The run. */
  readonly root: OutputPaths;
}

/**
 * The files of a part: those that are kept, or else read anew each time. Then it must still be the
 * version that was read, or the reading fails with `conflict`.
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
 * Adds files that only a part from before names, those that are still as it says. The run is listed
 * for that, if there are any; what is remembered of them is a bit each.
 *
 * @param run Where the run is.
 * @param before The part.
 * @param ours What is there by now.
 * @param options How to format locations; a signal.
 * @returns Both. It reads the part anew each time, as {@linkcode filesOf} does.
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
  return restartable(() => merge(ours, select(theirs, bits)));
}

/**
 * Leaves files out.
 *
 * @param files The files.
 * @param paths The paths of those that are left out.
 * @returns The others.
 */
export function without(files: FileStream, paths: ReadonlySet<string>): FileStream {
  return restartable(async function* () {
    for await (const file of files) if (!paths.has(file.path)) yield file;
  });
}

/** Which files of a part nobody else names, and are as it says: a bit for each of its files. */
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
      // Who may upload need not be allowed to list.
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
      const there = await find(path);
      if (there?.size !== size || isModifiedAfter(there.modified, info.modified)) continue;
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

/** Two streams that have no file in common, as one. */
async function* merge(a: FileStream, b: FileStream): AsyncGenerator<OutputFile> {
  const first = new Cursor(a, ({ path }) => path);
  try {
    await first.begin();
    for await (const file of b) {
      for (; first.value !== undefined; await first.next()) {
        if (compareKeys(first.value.path, file.path) > 0) break;
        yield first.value;
      }
      yield file;
    }
    for (; first.value !== undefined; await first.next()) yield first.value;
  } finally {
    await first.close();
  }
}

/** A place in something sorted. */
class Cursor<T> {
  /** What is there; nothing before the begin and at the end. */
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

  /** Goes on to a path; what has it, if anything does. */
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
