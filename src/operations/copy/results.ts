/**
 * The results of a copy in little memory.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import { PackedHashes } from "../../storage/packed_texts.ts";
import {
  type KnownContent,
  PlannedResults,
  type PlannedTransfers,
} from "../../storage/transfer/planned_results.ts";
import type { CopyFiles } from "./compact_files.ts";

/** Where the files of a copy come from and go to. */
export interface CopyEnds {
  /** The prefix of the files. */
  readonly from: OutputLocation;
  /** The prefix of the destinations. */
  readonly to: OutputLocation;
  /** Formats a location of the source for messages. */
  readonly showSource: (location: OutputLocation) => string;
}

/** The results of a copy, and what is known of the files that it has kept. */
export class CopyResults extends PlannedResults {
  readonly #files: CopyFiles;
  readonly #to: OutputLocation;
  /** The hashes of kept files that were computed for the parts: the results do not have them. */
  readonly #kept = new PackedHashes();

  /**
   * Creates a list without results.
   *
   * @param files The planned files.
   * @param ends Their source and destination.
   */
  constructor(files: CopyFiles, { from, to, showSource }: CopyEnds) {
    const planned: PlannedTransfers = {
      length: files.length,
      at(index) {
        const path = files.pathAt(index);
        return { location: to.join(path), path: showSource(from.join(path)) };
      },
      contentAt: (index) => files.contentAt(index),
      indexOf: (location) => files.indexOf(location.relativeTo(to) ?? ""),
      *inKeyOrder() {
        for (let index = 0; index < files.length; index++) yield index;
      },
    };
    // A page that is written again is another result of what was copied.
    super(planned, { onePerLocation: true });
    this.#files = files;
    this.#to = to;
  }

  /**
   * The hash that a file must have.
   *
   * @param location Its destination.
   * @returns The SHA-256; `undefined`, if it is unknown or no file of the copy is there.
   */
  expectedAt(location: OutputLocation): string | undefined {
    const index = this.#files.indexOf(location.relativeTo(this.#to) ?? "");
    return index < 0 ? undefined : this.#files.contentAt(index).sha256;
  }

  /** The planned files that were kept and must be read, because their hash is unknown. */
  *unhashed(): Generator<{ readonly index: number; readonly location: OutputLocation }> {
    for (let index = 0; index < this.#files.length; index++) {
      if (this.outcomeAt(index) !== "skipped" || this.#contentAt(index).sha256 !== undefined) {
        continue;
      }
      yield { index, location: this.at(index)!.location };
    }
  }

  /**
   * Keeps the hash of a planned file whose result does not have one.
   *
   * @param index Its index in the plan.
   * @param sha256 The hash of the file at the destination.
   */
  keepHash(index: number, sha256: string): void {
    this.#kept.set(index, sha256);
  }

  /**
   * What is known of a planned file that exists now.
   *
   * @param path Its path in the run.
   * @returns Its content; `undefined`, if it does not exist.
   */
  get(path: string): KnownContent | undefined {
    const index = this.#files.indexOf(path);
    return index !== -1 && this.exists(index) ? this.#contentAt(index) : undefined;
  }

  /**
   * Whether a planned file exists now.
   *
   * @param path Its path in the run.
   * @returns Whether it was copied, or existed before.
   */
  has(path: string): boolean {
    const index = this.#files.indexOf(path);
    return index !== -1 && this.exists(index);
  }

  /**
   * Whether a planned file exists now.
   *
   * @param index Its index in the plan.
   * @returns Whether it was copied, or existed before.
   */
  exists(index: number): boolean {
    const outcome = this.outcomeAt(index);
    return outcome !== undefined && outcome !== "failed";
  }

  /** The paths of the files that failed. */
  failed(): Set<string> {
    const paths = new Set<string>();
    for (const { location, outcome } of this.unusual()) {
      if (outcome === "failed") paths.add(location.relativeTo(this.#to)!);
    }
    return paths;
  }

  #contentAt(index: number): KnownContent {
    const { size, sha256 } = this.contentAt(index);
    return { size, sha256: sha256 ?? this.#kept.at(index) };
  }
}
