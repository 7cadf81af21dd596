/**
 * The totals of a comparison of two runs: how many files of each kind were added, removed and
 * changed, and how much larger the runs became.
 *
 * @module
 */

import { OUTPUT_KINDS, type OutputKind } from "../../layout/classify.ts";
import type { ComparedBy, DiffedFile, FileChange } from "./diff.ts";

/** Files and their total size. */
export interface FileSum {
  /** The number of files. */
  files: number;
  /** Their size in bytes. */
  bytes: number;
}

/** The totals of some paths. */
export interface DiffSums {
  /** The files of the first run. */
  readonly a: FileSum;
  /** The files of the second run. */
  readonly b: FileSum;
  /** The number of files for each change. */
  readonly changes: Record<FileChange, number>;
}

/** Adds up the results of a comparison. */
export class DiffTotals {
  /** All paths. */
  readonly all: DiffSums = emptySums();
  /** The number of files in both runs, by what was compared. */
  readonly comparedBy: Record<ComparedBy, number> = { hash: 0, etag: 0, size: 0 };
  readonly #kinds = new Map<OutputKind, DiffSums>();

  /**
   * Adds a path.
   *
   * @param file The result for the path.
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

  /** The totals of each kind in one of the runs, in display order. */
  get kinds(): readonly (readonly [OutputKind, DiffSums])[] {
    return OUTPUT_KINDS.flatMap((kind) => {
      const sums = this.#kinds.get(kind);
      return sums === undefined ? [] : [[kind, sums] as const];
    });
  }

  /** Whether the runs differ, as far as known: files that are `unsure` can differ too. */
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
