/**
 * The files of an upload in little memory: those of a directory as their paths and sizes, from which
 * their items are made again each time.
 *
 * @module
 */

import { join } from "node:path";
import type { OutputLocation } from "../../layout/output_location.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { SEPARATOR } from "../../layout/separator.ts";
import { PackedTexts, twiceAsLong } from "../../storage/packed_texts.ts";
import type { PlannedTransfers } from "../../storage/transfer/planned_results.ts";
import { fileItem, type UploadItem } from "../../storage/transfer/upload.ts";

/** Files of a directory, sorted by path. */
export class PlannedTree {
  /** The directory on disk. */
  readonly dir: string;
  /** The destination of its content. */
  readonly to: OutputLocation;
  /** What the paths on disk begin with, up to the path in the directory. */
  readonly #above: string;
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
    this.#above = join(dir, "x").slice(0, -1);
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
    // `join` would take more time and memory than all else: it looks at every character.
    const onDisk = this.#above + (SEPARATOR === "/" ? path : path.replaceAll("/", SEPARATOR));
    return fileItem(this.to.join(path), onDisk, { size: this.#sizes[index] });
  }

  /**
   * The key of a file.
   *
   * @param index Its index.
   * @returns The key of its destination.
   */
  keyAt(index: number): string {
    return this.#keysBegin + this.#paths.at(index);
  }

  get #keysBegin(): string {
    return this.to.key === "" ? "" : `${this.to.key}/`;
  }

  /**
   * The size of a file.
   *
   * @param index Its index.
   * @returns Its size in bytes.
   */
  sizeAt(index: number): number {
    return this.#sizes[index];
  }

  /**
   * Finds the file with a destination.
   *
   * @param key The key.
   * @returns Its index; `-1`, if there is none.
   */
  indexOf(key: string): number {
    const begin = this.#keysBegin;
    return key.startsWith(begin) ? this.#paths.indexOf(key.slice(begin.length)) : -1;
  }
}

/** A list of files, and the index of its first one. */
interface Run {
  readonly list: PlannedTree | UploadItem[];
  readonly start: number;
}

/** The files of an upload, each with its own location, in the order in which they were added. */
export class PlannedFiles implements Iterable<UploadItem>, PlannedTransfers {
  readonly #runs: Run[] = [];
  /** The indexes of the items that are not of a tree, by key. */
  readonly #single = new Map<string, number>();
  /** The run that was looked into last. */
  #lastRun: Run = { list: [], start: 0 };
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
    const last = this.#runs.at(-1)?.list;
    if (Array.isArray(last)) last.push(item);
    else this.#runs.push({ list: [item], start: this.#length });
    this.#single.set(item.location.key, this.#length++);
  }

  /**
   * Adds files whose locations are free.
   *
   * @param tree The files. No more are added to it.
   */
  addTree(tree: PlannedTree): void {
    if (tree.length === 0) return;
    this.#runs.push({ list: tree, start: this.#length });
    this.#length += tree.length;
  }

  at(index: number): UploadItem {
    const { list, start } = this.#runOf(index);
    return list.at(index - start)!;
  }

  contentAt(index: number): Pick<UploadItem, "size" | "sha256"> {
    const { list, start } = this.#runOf(index);
    return Array.isArray(list) ? list[index - start] : { size: list.sizeAt(index - start) };
  }

  #runOf(index: number): Run {
    const { start, list } = this.#lastRun;
    if (index < start || index >= start + list.length) {
      this.#lastRun = this.#runs.findLast((run) => run.start <= index)!;
    }
    return this.#lastRun;
  }

  indexOf({ key }: OutputLocation): number {
    const single = this.#single.get(key);
    if (single !== undefined) return single;
    for (const { list, start } of this.#runs) {
      const index = Array.isArray(list) ? -1 : list.indexOf(key);
      if (index !== -1) return start + index;
    }
    return -1;
  }

  /**
   * The file for a location.
   *
   * @param location The location.
   * @returns Its item, if there is one.
   */
  find(location: OutputLocation): UploadItem | undefined {
    const index = this.indexOf(location);
    return index === -1 ? undefined : this.at(index);
  }

  *inKeyOrder(): Generator<number> {
    // Each run is sorted, so the next file is the first one of some run.
    const heads = this.#runs.map((run) => new Head(run));
    while (heads.length > 1) {
      let least = heads[0];
      for (const head of heads) if (compareKeys(head.key, least.key) < 0) least = head;
      yield least.index;
      if (!least.advance()) heads.splice(heads.indexOf(least), 1);
    }
    for (const head of heads) {
      do yield head.index; while (head.advance());
    }
  }

  /** The files. */
  *[Symbol.iterator](): Generator<UploadItem> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** The first file of a run in the order of keys that has not been passed. */
class Head {
  readonly #run: Run;
  /** The order of the files in a run that is not sorted. */
  readonly #order: readonly number[] | undefined;
  #at = 0;
  #key: string | undefined;

  constructor(run: Run) {
    this.#run = run;
    const { list } = run;
    this.#order = Array.isArray(list)
      ? [...list.keys()].sort((a, b) => compareKeys(list[a].location.key, list[b].location.key))
      : undefined;
  }

  get index(): number {
    return this.#run.start + this.#place;
  }

  get key(): string {
    const { list } = this.#run;
    return this.#key ??= Array.isArray(list)
      ? list[this.#place].location.key
      : list.keyAt(this.#place);
  }

  get #place(): number {
    return this.#order === undefined ? this.#at : this.#order[this.#at];
  }

  /** Goes to the next file, if there is one. */
  advance(): boolean {
    this.#key = undefined;
    return ++this.#at < this.#run.list.length;
  }
}
