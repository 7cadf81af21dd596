/**
 * The results of a copy in little memory: a byte for a file, if all else is in the plan.
 *
 * @module
 */

import { compareKeys } from "../../layout/compare_keys.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { PackedHashes } from "../../storage/packed_texts.ts";
import type { TransferOutcome, TransferResult } from "../../storage/transfer/transfer.ts";
import type { KnownContent } from "./copied_parts.ts";
import type { CopyFiles } from "./compact_files.ts";

/** Outcomes by their index in a flag. The first means that there is no result yet. */
const OUTCOMES: readonly (TransferOutcome | undefined)[] = [
  undefined,
  "written",
  "unchanged",
  "skipped",
  "planned",
];

/** The bits of a flag for the outcome. */
const OUTCOME = 7;
/** The result is not packed. */
const RARE = 8;
/** The result has the hash of the plan. */
const PLANNED_HASH = 16;
/** The result has another hash. */
const OWN_HASH = 32;
/** The hash of a file that was kept was computed for the parts: the result does not have it. */
const KEPT_HASH = 64;

/** Where the files of a copy come from and go to. */
export interface CopyEnds {
  /** The prefix of the files. */
  readonly from: OutputLocation;
  /** The prefix of the destinations. */
  readonly to: OutputLocation;
  /** Formats a location of the source for messages. */
  readonly showSource: (location: OutputLocation) => string;
}

/** Results, at most one for each location, which are made again each time they are read. */
export class CopyResults implements Iterable<TransferResult> {
  /** For `inKeyOrder`. */
  readonly isInKeyOrder = true;
  readonly #files: CopyFiles;
  readonly #ends: CopyEnds;
  readonly #flags: Uint8Array;
  readonly #hashes = new PackedHashes();
  /** The results of planned files that are not packed: those with a warning or an error. */
  readonly #rare = new Map<number, TransferResult>();
  /** The results of files that are not in the plan, by key. */
  readonly #others = new Map<string, TransferResult>();
  #planned = 0;

  /**
   * Creates a list without results.
   *
   * @param files The planned files.
   * @param ends Their source and destination.
   */
  constructor(files: CopyFiles, ends: CopyEnds) {
    this.#files = files;
    this.#ends = ends;
    this.#flags = new Uint8Array(files.length);
  }

  /** The number of results. */
  get length(): number {
    return this.#planned + this.#others.size;
  }

  /**
   * Adds results. One replaces another for the same location.
   *
   * @param results The results.
   */
  push(...results: readonly TransferResult[]): void {
    for (const result of results) this.#add(result);
  }

  /**
   * The result for a planned file.
   *
   * @param index Its index in the plan.
   * @returns The result, if there is one.
   */
  at(index: number): TransferResult | undefined {
    const flags = this.#flags[index];
    if ((flags & RARE) !== 0) return this.#rare.get(index);
    const outcome = OUTCOMES[flags & OUTCOME];
    if (outcome === undefined) return undefined;
    const path = this.#files.pathAt(index);
    return {
      location: this.#ends.to.join(path),
      path: this.#ends.showSource(this.#ends.from.join(path)),
      outcome,
      ...this.#contentAt(index, OWN_HASH),
      warnings: [],
    };
  }

  /** The content of a packed result, with its own hash only if its flag has one of some bits. */
  #contentAt(index: number, hashed: number): KnownContent {
    const { size, sha256 } = this.#files.contentAt(index);
    const flags = this.#flags[index];
    if ((flags & PLANNED_HASH) !== 0) return { size, sha256 };
    return { size, sha256: (flags & hashed) === 0 ? undefined : this.#hashes.at(index) };
  }

  /**
   * The result for a location.
   *
   * @param location The location.
   * @returns The result, if there is one.
   */
  find(location: OutputLocation): TransferResult | undefined {
    const other = this.#others.get(location.key);
    if (other !== undefined) return other;
    const index = this.#indexOf(location);
    return index === -1 ? undefined : this.at(index);
  }

  /** The planned files that were kept and must be read, because their hash is unknown. */
  *unhashed(): Generator<{ readonly index: number; readonly location: OutputLocation }> {
    const skipped = OUTCOMES.indexOf("skipped");
    for (let index = 0; index < this.#flags.length; index++) {
      const flags = this.#flags[index];
      // Only a packed outcome without a hash, or what is not packed, is looked at.
      if (flags !== skipped && (flags & (RARE | KEPT_HASH)) !== RARE) continue;
      const { outcome, sha256, location } = this.at(index)!;
      if (outcome === "skipped" && sha256 === undefined) yield { index, location };
    }
  }

  /**
   * Keeps the hash of a planned file whose result does not have one.
   *
   * @param index Its index in the plan.
   * @param sha256 The hash of the file at the destination.
   */
  keepHash(index: number, sha256: string): void {
    this.#flags[index] |= KEPT_HASH;
    this.#hashes.set(index, sha256);
  }

  /**
   * What is known of a planned file that exists now.
   *
   * @param path Its path in the run.
   * @returns Its content; `undefined`, if it does not exist.
   */
  get(path: string): KnownContent | undefined {
    const index = this.#files.indexOf(path);
    if (index === -1 || !this.exists(index)) return undefined;
    const flags = this.#flags[index];
    if ((flags & RARE) === 0) return this.#contentAt(index, OWN_HASH | KEPT_HASH);
    const { size, sha256 } = this.#rare.get(index)!;
    return { size, sha256: (flags & KEPT_HASH) === 0 ? sha256 : this.#hashes.at(index) };
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
   * Whether there is a result for a planned file.
   *
   * @param index Its index in the plan.
   * @returns Whether there is one.
   */
  hasAt(index: number): boolean {
    return this.#flags[index] !== 0;
  }

  /**
   * Whether a planned file exists now.
   *
   * @param index Its index in the plan.
   * @returns Whether it was copied, or existed before.
   */
  exists(index: number): boolean {
    const flags = this.#flags[index];
    if ((flags & RARE) === 0) return (flags & OUTCOME) !== 0;
    return this.#rare.get(index)!.outcome !== "failed";
  }

  /** The paths of the files that failed. */
  failed(): Set<string> {
    const paths = new Set<string>();
    for (const list of [this.#rare, this.#others]) {
      for (const { location, outcome } of list.values()) {
        if (outcome === "failed") paths.add(location.relativeTo(this.#ends.to)!);
      }
    }
    return paths;
  }

  /** The results, sorted by key. */
  *[Symbol.iterator](): Generator<TransferResult> {
    const others = [...this.#others.values()]
      .sort((a, b) => compareKeys(a.location.key, b.location.key));
    let next = 0;
    for (let i = 0; i < this.#flags.length; i++) {
      const result = this.at(i);
      if (result === undefined) continue;
      for (; next < others.length; next++) {
        if (compareKeys(others[next].location.key, result.location.key) > 0) break;
        yield others[next];
      }
      yield result;
    }
    yield* others.slice(next);
  }

  #add(result: TransferResult): void {
    const index = this.#indexOf(result.location);
    if (index === -1) {
      this.#others.set(result.location.key, result);
      return;
    }
    if (this.#flags[index] === 0) this.#planned++;
    const { outcome, sha256, size } = result;
    const file = this.#files.contentAt(index);
    const { from, to, showSource } = this.#ends;
    const isPlain = OUTCOMES.includes(outcome) && size === file.size &&
      result.warnings.length === 0 && result.resumed === undefined &&
      result.path === showSource(from.join(result.location.relativeTo(to)!));
    if (!isPlain) {
      this.#flags[index] = RARE;
      this.#rare.set(index, result);
      return;
    }
    this.#rare.delete(index);
    this.#flags[index] = OUTCOMES.indexOf(outcome);
    if (sha256 === undefined) return;
    if (sha256 === file.sha256) this.#flags[index] |= PLANNED_HASH;
    else {
      this.#flags[index] |= OWN_HASH;
      this.#hashes.set(index, sha256);
    }
  }

  #indexOf(location: OutputLocation): number {
    return this.#files.indexOf(location.relativeTo(this.#ends.to) ?? "");
  }
}
