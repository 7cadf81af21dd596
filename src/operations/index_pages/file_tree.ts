/**
 * The files of a run as a tree, and its rows on a page.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { IndexedFile, IndexEntry } from "./page.ts";

/** Files, by where they are. */
export class FileTree {
  /** The files that can be rows, in the order of their keys. */
  readonly files: readonly IndexedFile[];
  readonly #all: readonly IndexedFile[];
  readonly #below = new Map<string, readonly IndexedFile[]>();

  /**
   * Creates a tree.
   *
   * @param files The files.
   * @param isNoRow Where index pages are, and the like. What is there is no row, whoever wrote it:
   * a page must not change because it was written.
   */
  constructor(files: Iterable<IndexedFile>, isNoRow: (location: OutputLocation) => boolean) {
    this.#all = [...files].sort((a, b) => compare(a.location.key, b.location.key));
    this.files = this.#all.filter(({ location }) => !isNoRow(location));
  }

  /**
   * The files below a directory.
   *
   * @param dir The directory.
   * @returns They, in the order of their keys.
   */
  below(dir: OutputLocation): readonly IndexedFile[] {
    let found = this.#below.get(dir.key);
    if (found === undefined) {
      found = this.files.filter(({ location }) => location.relativeTo(dir) !== undefined);
      this.#below.set(dir.key, found);
    }
    return found;
  }

  /**
   * The names of the directories in a directory, those with nothing but a page among them.
   *
   * @param dir The directory.
   * @returns They, in order.
   */
  directories(dir: OutputLocation): string[] {
    const names = new Set<string>();
    for (const { location } of this.#all) {
      const path = location.relativeTo(dir);
      if (path?.includes("/")) names.add(path.slice(0, path.indexOf("/")));
    }
    return [...names].sort(compare);
  }
}

/**
 * Files as rows, called by their path.
 *
 * @param files The files.
 * @param dir The directory the paths are relative to.
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
 * @param name What it is called.
 * @param target Its page.
 * @param files The files below it.
 * @returns The row, with their sum.
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

/** Orders rows as people read paths: numbers by their value, letters whatever their case. */
export function byPath(a: IndexEntry, b: IndexEntry): number {
  return collator.compare(a.name, b.name) || compare(a.name, b.name);
}

const collator = new Intl.Collator("en", { numeric: true });

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
