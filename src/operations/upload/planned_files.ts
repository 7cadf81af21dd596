/**
 * The files of an upload in little memory: those of a directory as their paths and sizes, from which
 * their items are made again each time.
 *
 * @module
 */

import { join } from "node:path";
import type { OutputLocation } from "../../layout/output_location.ts";
import { PackedTexts, twiceAsLong } from "../../storage/packed_texts.ts";
import { fileItem, type UploadItem } from "../../storage/transfer/upload.ts";

/** Files of a directory, sorted by path. */
export class PlannedTree {
  /** The directory on disk. */
  readonly dir: string;
  /** The destination of its content. */
  readonly to: OutputLocation;
  readonly #paths = new PackedTexts();
  #sizes = new Float64Array(64);

  /**
   * Creates a list without files.
   *
   * @param dir The directory on disk.
   * @param to The destination of its content.
   */
  constructor(dir: string, to: OutputLocation) {
    this.dir = dir;
    this.to = to;
  }

  /** The number of files. */
  get length(): number {
    return this.#paths.length;
  }

  /**
   * Adds a file after the others.
   *
   * @param relativePath Its path, with `/`.
   * @param size Its size in bytes.
   */
  push(relativePath: string, size: number): void {
    const { length } = this.#paths;
    if (length === this.#sizes.length) this.#sizes = twiceAsLong(this.#sizes);
    this.#sizes[length] = size;
    this.#paths.push(relativePath);
  }

  /**
   * A file.
   *
   * @param index Its index.
   * @returns Its item.
   */
  at(index: number): UploadItem {
    const path = this.#paths.at(index);
    return fileItem(this.to.join(path), join(this.dir, path), { size: this.#sizes[index] });
  }

  /**
   * The file with a destination.
   *
   * @param key The key.
   * @returns Its item, if there is one.
   */
  find(key: string): UploadItem | undefined {
    const above = this.to.key === "" ? "" : `${this.to.key}/`;
    if (!key.startsWith(above)) return undefined;
    const index = this.#paths.indexOf(key.slice(above.length));
    return index === -1 ? undefined : this.at(index);
  }
}

/** The files of an upload, each with its own location, in the order in which they were added. */
export class PlannedFiles implements Iterable<UploadItem> {
  readonly #lists: (PlannedTree | UploadItem[])[] = [];
  /** The items that are not of a tree, by key. */
  readonly #single = new Map<string, UploadItem>();
  #length = 0;

  /** The number of files. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a file whose location is free.
   *
   * @param item The file.
   */
  add(item: UploadItem): void {
    const last = this.#lists.at(-1);
    if (Array.isArray(last)) last.push(item);
    else this.#lists.push([item]);
    this.#single.set(item.location.key, item);
    this.#length++;
  }

  /**
   * Adds files whose locations are free.
   *
   * @param tree The files. No more are added to it.
   */
  addTree(tree: PlannedTree): void {
    if (tree.length === 0) return;
    this.#lists.push(tree);
    this.#length += tree.length;
  }

  /**
   * The file for a location.
   *
   * @param location The location.
   * @returns Its item, if there is one.
   */
  find({ key }: OutputLocation): UploadItem | undefined {
    const single = this.#single.get(key);
    if (single !== undefined) return single;
    for (const list of this.#lists) {
      const found = Array.isArray(list) ? undefined : list.find(key);
      if (found !== undefined) return found;
    }
  }

  /** The files. */
  *[Symbol.iterator](): Generator<UploadItem> {
    for (const list of this.#lists) {
      for (let i = 0; i < list.length; i++) yield list.at(i)!;
    }
  }
}
