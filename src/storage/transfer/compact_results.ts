/**
 * The results of a transfer in little memory: 60 to 150 bytes for a file instead of a kilobyte.
 *
 * @module
 */

import { compareKeys } from "../../layout/compare_keys.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import { PackedHashes, PackedTexts, twiceAsLong } from "../packed_texts.ts";
import type { TransferOutcome, TransferResult } from "./transfer.ts";

/** What the locations and the paths of many files begin with. */
interface Base {
  readonly bucket: string;
  /** The beginning of the keys; empty or with a `/` at its end. */
  readonly above: string;
  /** The beginning of the paths, like that. */
  readonly dir: string;
}

/** The maximum number of bases. Results with others are kept as they are. */
const MAX_BASES = 0xffff;

const OUTCOMES: readonly TransferOutcome[] = [
  "written",
  "unchanged",
  "skipped",
  "planned",
  "failed",
];

/** The members of a result that is packed. */
const PACKED: ReadonlySet<string> = new Set([
  ...["location", "path", "outcome", "size", "sha256", "etag", "warnings"],
]);

/**
 * Results that are made again each time they are read, sorted by the bytes of their keys. Only those
 * with a warning, an error or something else that is rare are kept as they are.
 */
export class CompactResults implements Iterable<TransferResult> {
  readonly #bases: Base[] = [];
  readonly #baseIndexes = new Map<string, number>();
  /** For each packed result: its base, and what follows it in the key and in the path. */
  #baseOf = new Uint16Array(64);
  readonly #names = new PackedTexts();
  readonly #etags = new PackedTexts();
  readonly #hashes = new PackedHashes();
  /** The outcome, and whether there is a hash. */
  #flags = new Uint8Array(64);
  /** The size; -1, if it is unknown. */
  #sizes = new Float64Array(64);
  readonly #others: TransferResult[] = [];
  readonly #keepsEtags: boolean;
  /** The packed results in the order of their keys, once they were sorted. */
  #order: number[] | undefined;

  /**
   * Creates a list without results.
   *
   * @param options Whether to keep etags. Default: yes.
   */
  constructor({ etags = true }: { readonly etags?: boolean } = {}) {
    this.#keepsEtags = etags;
  }

  /** For `inKeyOrder`. */
  readonly isInKeyOrder = true;

  /** The number of results. */
  get length(): number {
    return this.#names.length + this.#others.length;
  }

  /**
   * Adds a result.
   *
   * @param result The result.
   */
  push(result: TransferResult): void {
    const { location, path, outcome, size, sha256, etag } = result;
    this.#order = undefined;
    const base = isPlain(result) ? this.#baseFor(location, path) : undefined;
    if (base === undefined) {
      this.#others.push(result);
      return;
    }
    const at = this.#names.length;
    if (at === this.#sizes.length) this.#grow();
    this.#names.push(location.key.slice(this.#bases[base].above.length));
    if (this.#keepsEtags) this.#etags.push(etag ?? "");
    this.#baseOf[at] = base;
    this.#sizes[at] = size ?? -1;
    this.#flags[at] = OUTCOMES.indexOf(outcome) * 2 + (sha256 === undefined ? 0 : 1);
    if (sha256 !== undefined) this.#hashes.set(at, sha256);
  }

  /** The results, sorted. */
  *[Symbol.iterator](): Generator<TransferResult> {
    this.#order ??= this.#sorted();
    this.#others.sort((a, b) => compareKeys(a.location.key, b.location.key));
    const others = this.#others.values();
    let other = others.next();
    for (const index of this.#order) {
      const result = this.#at(index);
      for (; !other.done; other = others.next()) {
        if (compareKeys(other.value.location.key, result.location.key) >= 0) break;
        yield other.value;
      }
      yield result;
    }
    for (; !other.done; other = others.next()) yield other.value;
  }

  #at(index: number): TransferResult {
    const { bucket, above, dir } = this.#bases[this.#baseOf[index]];
    const name = this.#names.at(index);
    const size = this.#sizes[index];
    const etag = this.#keepsEtags ? this.#etags.at(index) : "";
    const flags = this.#flags[index];
    return {
      location: new OutputLocation(bucket, above + name),
      path: dir + name,
      outcome: OUTCOMES[flags >> 1],
      size: size === -1 ? undefined : size,
      sha256: (flags & 1) === 0 ? undefined : this.#hashes.at(index),
      etag: etag === "" ? undefined : etag,
      warnings: [],
    };
  }

  /** The index of the base that a location and a path have; `undefined`, if there are too many. */
  #baseFor({ bucket, key }: OutputLocation, path: string): number | undefined {
    let length = 0;
    let last = 0;
    const most = Math.min(key.length, path.length);
    while (last < most && key.at(-1 - last) === path.at(-1 - last)) {
      if (key.at(-1 - last++) === "/") length = last - 1;
    }
    // All of one is the end of the other, from a slash on.
    if (last === most && isStart(key, last) && isStart(path, last)) length = last;
    if (length === 0) return undefined;
    const above = key.slice(0, key.length - length);
    const dir = path.slice(0, path.length - length);
    const name = JSON.stringify([bucket, above, dir]);
    const known = this.#baseIndexes.get(name);
    if (known !== undefined || this.#bases.length === MAX_BASES) return known;
    this.#baseIndexes.set(name, this.#bases.length);
    return this.#bases.push({ bucket, above, dir }) - 1;
  }

  #grow(): void {
    this.#baseOf = twiceAsLong(this.#baseOf);
    this.#flags = twiceAsLong(this.#flags);
    this.#sizes = twiceAsLong(this.#sizes);
  }

  #sorted(): number[] {
    const keyOf = (index: number) => this.#bases[this.#baseOf[index]].above + this.#names.at(index);
    const order = Array.from({ length: this.#names.length }, (_, index) => index);
    return order.sort((a, b) =>
      this.#baseOf[a] === this.#baseOf[b]
        ? this.#names.compare(a, b)
        : compareKeys(keyOf(a), keyOf(b))
    );
  }
}

/** Whether a result can be packed: without warnings, errors and what else is rare. */
function isPlain(result: TransferResult): boolean {
  if (result.warnings.length > 0 || result.etag === "") return false;
  for (const name in result) {
    if (!PACKED.has(name) && result[name as keyof TransferResult] !== undefined) return false;
  }
  return true;
}

/** Whether what a text ends with begins at its start, or after a slash. */
function isStart(text: string, length: number): boolean {
  return length === text.length || text.at(-1 - length) === "/";
}
