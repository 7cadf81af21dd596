/**
 * The results of planned transfers in little memory: a byte for a file and 32 for its hash, if all
 * else is in the plan, instead of a kilobyte.
 *
 * @module
 */

import { compareKeys } from "../../layout/compare_keys.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { PackedHashes, PackedTexts } from "../packed_texts.ts";
import type { TransferOutcome, TransferResult } from "./transfer.ts";

/** What is known of a file's content. */
export type KnownContent = Pick<TransferResult, "size" | "sha256">;

/** Planned files, each with an index and a location of its own. */
export interface PlannedTransfers {
  /** The number of files. */
  readonly length: number;
  /** The location and the path that the result of a file has. */
  at(index: number): Pick<TransferResult, "location" | "path">;
  /** What the plan knows of a file's content. */
  contentAt(index: number): KnownContent;
  /** The index of the file for a location; `-1`, if none is planned. */
  indexOf(location: OutputLocation): number;
  /** All indexes, in the order of the keys. */
  inKeyOrder(): Iterable<number>;
}

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

/** The members of a result that is packed. */
const PACKED: ReadonlySet<string> = new Set([
  ...["location", "path", "outcome", "size", "sha256", "etag", "warnings"],
]);

/**
 * Results that are made again each time they are read. Only those with a warning, an error or
 * something else that is rare, and those of files that are not planned, are kept as they are.
 */
export class PlannedResults implements Iterable<TransferResult> {
  /** For `inKeyOrder`. */
  readonly isInKeyOrder = true;
  readonly #planned: PlannedTransfers;
  readonly #flags: Uint8Array;
  readonly #hashes = new PackedHashes();
  readonly #etags = new PackedTexts();
  /** For each planned file: 1 more than the index of its etag; 0, if it has none. */
  readonly #etagOf: Uint32Array | undefined;
  /** The results of planned files that are not packed. */
  readonly #rare = new Map<number, TransferResult>();
  /** The results of files that are not planned, by key and path. */
  readonly #others = new Map<string, TransferResult>();
  readonly #onePerLocation: boolean;
  #count = 0;

  /**
   * Creates a list without results.
   *
   * @param planned The planned files. No more are added to them.
   * @param options Whether to keep etags, and whether all results for a location replace each other,
   * whatever their paths. Default: no.
   */
  constructor(
    planned: PlannedTransfers,
    { etags = false, onePerLocation = false }: {
      readonly etags?: boolean;
      readonly onePerLocation?: boolean;
    } = {},
  ) {
    this.#planned = planned;
    this.#onePerLocation = onePerLocation;
    this.#flags = new Uint8Array(planned.length);
    this.#etagOf = etags ? new Uint32Array(planned.length) : undefined;
  }

  /** The number of results. */
  get length(): number {
    return this.#count + this.#others.size;
  }

  /**
   * Adds results. One replaces another with the same location and path.
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
    const outcome = this.outcomeAt(index);
    if (outcome === undefined) return undefined;
    const rare = this.#rare.get(index);
    if (rare !== undefined) return rare;
    const { location, path } = this.#planned.at(index);
    const { size, sha256 } = this.#packedContent(index);
    const etag = this.#etagAt(index);
    const seen = etag === undefined ? {} : { etag };
    return { location, path, outcome, size, sha256, ...seen, warnings: [] };
  }

  /**
   * The outcome for a planned file.
   *
   * @param index Its index in the plan.
   * @returns The outcome, if there is a result.
   */
  outcomeAt(index: number): TransferOutcome | undefined {
    const flags = this.#flags[index];
    return (flags & RARE) === 0 ? OUTCOMES[flags & OUTCOME] : this.#rare.get(index)!.outcome;
  }

  /**
   * What is known of the content of a planned file by its result.
   *
   * @param index Its index in the plan, where there is a result.
   * @returns Its size and its hash.
   */
  contentAt(index: number): KnownContent {
    return this.#rare.get(index) ?? this.#packedContent(index);
  }

  /**
   * The result for a location.
   *
   * @param location The location.
   * @returns The first result, if there is one.
   */
  find(location: OutputLocation): TransferResult | undefined {
    const index = this.#planned.indexOf(location);
    const planned = index === -1 ? undefined : this.at(index);
    if (planned !== undefined) return planned;
    for (const other of this.#others.values()) if (other.location.equals(location)) return other;
  }

  /** The results that are not packed: all failures are among them. */
  *unusual(): Generator<TransferResult> {
    yield* this.#rare.values();
    yield* this.#others.values();
  }

  /** The results, sorted by the bytes of their keys. */
  *[Symbol.iterator](): Generator<TransferResult> {
    const others = [...this.#others.values()]
      .sort((a, b) => compareKeys(a.location.key, b.location.key));
    let next = 0;
    for (const index of this.#planned.inKeyOrder()) {
      const result = this.at(index);
      if (result === undefined) continue;
      for (; next < others.length; next++) {
        if (compareKeys(others[next].location.key, result.location.key) >= 0) break;
        yield others[next];
      }
      yield result;
    }
    yield* others.slice(next);
  }

  #add(result: TransferResult): void {
    const index = this.#planned.indexOf(result.location);
    const before = index === -1 ? undefined : this.at(index);
    // Two paths for a location can be two failures: none is lost.
    const path = this.#onePerLocation ? "" : result.path;
    if (index === -1 || (path !== "" && before !== undefined && before.path !== path)) {
      this.#others.set(`${result.location.key}\n${path}`, result);
      return;
    }
    if (before === undefined) this.#count++;
    const { sha256, etag } = result;
    if (!this.#isPlain(index, result)) {
      this.#flags[index] = RARE;
      this.#rare.set(index, result);
      return;
    }
    this.#rare.delete(index);
    const hasPlanned = sha256 === this.#planned.contentAt(index).sha256;
    this.#flags[index] = OUTCOMES.indexOf(result.outcome) | (hasPlanned ? PLANNED_HASH : 0);
    if (!hasPlanned) this.#hashes.set(index, sha256);
    if (this.#etagOf === undefined) return;
    if (etag !== undefined) this.#etags.push(etag);
    this.#etagOf[index] = etag === undefined ? 0 : this.#etags.length;
  }

  /** Whether a result can be made again from the plan, its outcome, its hash and its etag. */
  #isPlain(index: number, result: TransferResult): boolean {
    if (!OUTCOMES.includes(result.outcome) || result.warnings.length > 0) return false;
    for (const name in result) {
      if (!PACKED.has(name) && result[name as keyof TransferResult] !== undefined) return false;
    }
    return result.size === this.#planned.contentAt(index).size &&
      result.path === this.#planned.at(index).path;
  }

  #packedContent(index: number): KnownContent {
    const { size, sha256 } = this.#planned.contentAt(index);
    const hasPlanned = (this.#flags[index] & PLANNED_HASH) !== 0;
    return { size, sha256: hasPlanned ? sha256 : this.#hashes.at(index) };
  }

  #etagAt(index: number): string | undefined {
    const etag = this.#etagOf?.[index] ?? 0;
    return etag === 0 ? undefined : this.#etags.at(etag - 1);
  }
}
