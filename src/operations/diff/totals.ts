/**
 * The sums of a comparison of two runs: how many files of each kind came, went and changed, and how
 * much larger the runs became.
 *
 * @module
 */

import { OUTPUT_KINDS, type OutputKind } from "../../layout/classify.ts";
import type { ComparedBy, DiffedFile, FileChange } from "./diff.ts";

/** Files and their bytes. */
export interface FileSum {
  /** How many files. */
  files: number;
  /** Their size in bytes. */
  bytes: number;
}

/** The sums of some paths. */
export interface DiffSums {
  /** What the first run has. */
  readonly a: FileSum;
  /** What the second run has. */
  readonly b: FileSum;
  /** How many files became what. */
  readonly changes: Record<FileChange, number>;
}

/** Adds up what a comparison finds. */
export class DiffTotals {
  /** All paths. */
  readonly all: DiffSums = emptySums();
  /** How many files that both have were compared by what. */
  readonly comparedBy: Record<ComparedBy, number> = { hash: 0, etag: 0, size: 0 };
  readonly #kinds = new Map<OutputKind, DiffSums>();

  /**
   * Adds a path.
   *
   * @param file What was found there.
   */
  add(file: DiffedFile): void {
    let sums = this.#kinds.get(file.kind);
    if (sums === undefined) this.#kinds.set(file.kind, sums = emptySums());
    for (const one of [this.all, sums]) {
      one.changes[file.change]++;
      for (const side of ["a", "b"] as const) {
        if (file[side] === undefined) continue;
        one[side].files++;
        one[side].bytes += file[side].size ?? 0;
      }
    }
    if (file.comparedBy !== undefined) this.comparedBy[file.comparedBy]++;
  }

  /** The sums of each kind that one of the runs has, in the order people list kinds. */
  get kinds(): readonly (readonly [OutputKind, DiffSums])[] {
    return OUTPUT_KINDS.flatMap((kind) => {
      const sums = this.#kinds.get(kind);
      return sums === undefined ? [] : [[kind, sums] as const];
    });
  }

  /** Whether the runs differ, as far as that is known: files that are `unsure` can differ, too. */
  get differs(): boolean {
    const { added, removed, changed } = this.all.changes;
    return added + removed + changed > 0;
  }
}

function emptySums(): DiffSums {
  return {
    a: { files: 0, bytes: 0 },
    b: { files: 0, bytes: 0 },
    changes: { same: 0, added: 0, removed: 0, changed: 0, unsure: 0 },
  };
}
