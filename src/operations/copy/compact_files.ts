/**
 * The files of a copy in little memory: about 80 bytes for a file instead of a kilobyte.
 *
 * @module
 */

import { classify, type OutputKind } from "../../layout/classify.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { PackedHashes, PackedTexts, twiceAsLong } from "../../storage/packed_texts.ts";

/** A file to copy. */
export interface CopyFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its kind. */
  readonly kind: OutputKind;
  /** Its location. */
  readonly location: OutputLocation;
  /** Its size in bytes. */
  readonly size: number;
  /** Its expected SHA-256: from the manifest, or the checksum file. */
  readonly sha256?: string;
  /** Its content type, if the manifest lists it. */
  readonly contentType?: string;
}

/** Files to copy, sorted by path. A list of a million takes some 80 MB. */
export interface CopyFiles extends Iterable<CopyFile> {
  /** The number of files. */
  readonly length: number;
  /**
   * A file.
   *
   * @param index Its index.
   * @returns The file.
   */
  at(index: number): CopyFile;
  /**
   * The path of a file.
   *
   * @param index Its index.
   * @returns The path.
   */
  pathAt(index: number): string;
  /**
   * What is known of a file's content.
   *
   * @param index Its index.
   * @returns Its size and its expected SHA-256.
   */
  contentAt(index: number): Pick<CopyFile, "size" | "sha256">;
  /**
   * Finds a file.
   *
   * @param path Its path.
   * @returns Its index; `-1`, if it is not in the list.
   */
  indexOf(path: string): number;
}

/** Files that are made again each time they are read. */
export class CompactFiles implements CopyFiles {
  readonly #root: RunOutputRoot;
  readonly #paths = new PackedTexts();
  readonly #hashes = new PackedHashes();
  readonly #types: (string | undefined)[] = [undefined];
  readonly #typeIndexes = new Map<string | undefined, number>([[undefined, 0]]);
  /** For each file: the index of its type. */
  #typeOf = new Uint32Array(64);
  #sizes = new Float64Array(64);

  /**
   * Creates a list without files.
   *
   * @param root The run.
   */
  constructor(root: RunOutputRoot) {
    this.#root = root;
  }

  get length(): number {
    return this.#paths.length;
  }

  /**
   * Adds a file after the others.
   *
   * @param file A file of the run, whose path comes after theirs.
   */
  push({ path, size, sha256, contentType }: Omit<CopyFile, "kind" | "location">): void {
    const at = this.length;
    if (at === this.#sizes.length) {
      this.#sizes = twiceAsLong(this.#sizes);
      this.#typeOf = twiceAsLong(this.#typeOf);
    }
    this.#paths.push(path);
    this.#sizes[at] = size;
    this.#typeOf[at] = this.#typeIndex(contentType);
    this.#hashes.set(at, sha256);
  }

  at(index: number): CopyFile {
    const path = this.#paths.at(index);
    return {
      path,
      kind: classify(path),
      location: this.#root.root().join(path),
      ...this.contentAt(index),
      contentType: this.#types[this.#typeOf[index]],
    };
  }

  pathAt(index: number): string {
    return this.#paths.at(index);
  }

  contentAt(index: number): Pick<CopyFile, "size" | "sha256"> {
    return { size: this.#sizes[index], sha256: this.#hashes.at(index) };
  }

  indexOf(path: string): number {
    return this.#paths.indexOf(path);
  }

  *[Symbol.iterator](): Generator<CopyFile> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #typeIndex(type: string | undefined): number {
    const known = this.#typeIndexes.get(type);
    if (known !== undefined) return known;
    this.#typeIndexes.set(type, this.#types.length);
    return this.#types.push(type) - 1;
  }
}
