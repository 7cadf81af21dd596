/**
 * The files of a run as a tree, and its rows for pages.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { IndexedFile, IndexEntry } from "./page.ts";

/** Files as a tree. */
export class FileTree {
  /** The files that can be rows, sorted by key. */
  readonly files: readonly IndexedFile[];
  readonly #all: readonly IndexedFile[];

  /**
   * Creates a tree.
   *
   * @param files The files.
   * @param isNoRow Locations that are never rows, such as index pages: a page must not change
   * because it was written.
   */
  constructor(files: Iterable<IndexedFile>, isNoRow: (location: OutputLocation) => boolean) {
    this.#all = [...files].sort((a, b) => compare(a.location.key, b.location.key));
    this.files = this.#all.filter(({ location }) => !isNoRow(location));
  }

  /**
   * The files below a directory.
   *
   * @param dir The directory.
   * @param options The subdirectories to skip.
   * @returns The files, sorted by key.
   */
  below(
    dir: OutputLocation,
    { except = [] }: { readonly except?: Iterable<string> } = {},
  ): readonly IndexedFile[] {
    const rows = this.files;
    const files: IndexedFile[] = [];
    const [start, end] = rangeOf(rows, dir);
    const left = [...except].map((name) => rangeOf(rows, dir.join(name))).sort(([a], [b]) => a - b);
    let at = start;
    for (const [from, to] of left) {
      for (; at < from; at++) files.push(rows[at]);
      at = Math.max(at, to);
    }
    for (; at < end; at++) files.push(rows[at]);
    return files;
  }

  /**
   * Whether there is such a file, also one that can't be a row.
   *
   * @param isIt The test.
   * @returns `true`, if one passes it.
   */
  has(isIt: (file: IndexedFile) => boolean): boolean {
    return this.#all.some(isIt);
  }

  /**
   * The names of the subdirectories of a directory, including those with nothing but a page.
   *
   * @param dir The directory.
   * @returns The names, sorted.
   */
  directories(dir: OutputLocation): string[] {
    const names: string[] = [];
    const [start, end] = rangeOf(this.#all, dir);
    for (let at = start; at < end;) {
      const path = this.#all[at].location.relativeTo(dir)!;
      const slash = path.indexOf("/");
      if (slash < 0) {
        at++;
        continue;
      }
      const name = path.slice(0, slash);
      names.push(name);
      at = rangeOf(this.#all, dir.join(name), at)[1];
    }
    return names.sort(compare);
  }
}

/** The index range of sorted files that are below a directory. */
function rangeOf(
  files: readonly IndexedFile[],
  { key }: OutputLocation,
  start = 0,
): readonly [number, number] {
  if (key === "") return [0, files.length];
  const first = indexOf(files, `${key}/`, start);
  return [first, indexOf(files, `${key}${AFTER_SLASH}`, first)];
}

/** The character after the slash: everything below a directory sorts before it. */
const AFTER_SLASH = "0";

/** The index of the first file whose key is not before a key. */
function indexOf(files: readonly IndexedFile[], key: string, start: number): number {
  let [low, high] = [start, files.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (files[middle].location.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Files as rows, named by their path.
 *
 * @param files The files.
 * @param dir The directory that the paths are relative to.
 * @returns The rows.
 */
export function fileEntries(files: readonly IndexedFile[], dir: OutputLocation): IndexEntry[] {
  return files.map(({ location, size, modified }) => ({
    name: location.relativeTo(dir)!,
    target: location,
    size,
    modified,
  })).sort(byPath);
}

/**
 * A directory as a row.
 *
 * @param name Its name.
 * @param target Its page.
 * @param files The files below it.
 * @returns The row, with their total size.
 */
export function directoryEntry(
  name: string,
  target: OutputLocation,
  files: readonly IndexedFile[],
): IndexEntry {
  let size = 0;
  let modified: Date | undefined;
  for (const file of files) {
    size += file.size ?? 0;
    if (modified === undefined || (file.modified ?? 0) > modified) modified = file.modified;
  }
  return { name, target, size, modified, files: files.length };
}

/** Sorts rows by path: numbers by value, letters ignoring case. */
export function byPath(a: IndexEntry, b: IndexEntry): number {
  return collator.compare(a.name, b.name) || compare(a.name, b.name);
}

const collator = new Intl.Collator("en", { numeric: true });

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
