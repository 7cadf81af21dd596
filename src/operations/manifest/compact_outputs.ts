/**
 * The outputs of a run in little memory: about 150 bytes for a file instead of a kilobyte.
 *
 * @module
 */

import { OUTPUT_KINDS, type OutputKind } from "../../layout/classify.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { PackedHashes, PackedTexts, twiceAsLong } from "../../storage/packed_texts.ts";
import type { RunOutput } from "./list_outputs.ts";

/** How many outputs there are, and their size. */
export interface OutputTotals {
  /** Their number. */
  count: number;
  /** Their bytes, as far as known. */
  bytes: number;
}

/** Outputs that are made again each time they are read, in the order in which they were added. */
export class CompactOutputs {
  readonly #root: OutputPaths;
  readonly #totals = new Map<OutputKind, OutputTotals>();
  readonly #paths = new PackedTexts();
  readonly #etags = new PackedTexts();
  readonly #hashes = new PackedHashes();
  readonly #partLists: (readonly string[])[] = [];
  readonly #partIndexes = new Map<string, number>();
  /** For each output: its kind. */
  #kinds = new Uint8Array(64);
  /** Its list of parts. */
  #parts = new Uint32Array(64);
  /** Its size, and the time of its last write in milliseconds; -1, if unknown. */
  #sizes = new Float64Array(64);
  #times = new Float64Array(64);

  /**
   * Creates a list without outputs.
   *
   * @param root The run.
   */
  constructor(root: OutputPaths) {
    this.#root = root;
  }

  /** The number of all outputs. */
  get length(): number {
    return this.#paths.length;
  }

  /**
   * Adds an output of the run.
   *
   * @param output The output; its path comes after those of the others.
   */
  push({ path, kind, size, sha256, etag, modified, parts }: RunOutput): void {
    const at = this.#paths.length;
    if (at === this.#sizes.length) this.#grow();
    this.#paths.push(path);
    this.#etags.push(etag ?? "");
    this.#hashes.set(at, sha256);
    this.#kinds[at] = OUTPUT_KINDS.indexOf(kind);
    this.#parts[at] = this.#indexOf(parts);
    this.#sizes[at] = size ?? -1;
    this.#times[at] = modified?.getTime() ?? -Infinity;
    const totals = this.#totals.get(kind) ?? { count: 0, bytes: 0 };
    totals.count++;
    totals.bytes += size ?? 0;
    this.#totals.set(kind, totals);
  }

  /**
   * Whether there is an output.
   *
   * @param path Its path.
   * @returns Whether it is in the list.
   */
  has(path: string): boolean {
    return this.#paths.indexOf(path) !== -1;
  }

  /** The paths of all outputs. */
  *paths(): Generator<string> {
    for (let i = 0; i < this.length; i++) yield this.#paths.at(i);
  }

  /**
   * How many outputs there are.
   *
   * @param kinds Only those of these kinds. Default: all.
   * @returns Their number and size.
   */
  totals(kinds: Iterable<OutputKind> = OUTPUT_KINDS): Readonly<OutputTotals> {
    const sum = { count: 0, bytes: 0 };
    for (const kind of kinds) {
      sum.count += this.#totals.get(kind)?.count ?? 0;
      sum.bytes += this.#totals.get(kind)?.bytes ?? 0;
    }
    return sum;
  }

  /**
   * The outputs, one by one.
   *
   * @param kinds Only those of these kinds. Default: all.
   * @returns The outputs. They can be iterated repeatedly.
   */
  of(kinds: Iterable<OutputKind> = OUTPUT_KINDS): Iterable<RunOutput> {
    const wanted = new Set(Array.from(kinds, (kind) => OUTPUT_KINDS.indexOf(kind)));
    return { [Symbol.iterator]: () => this.#each(wanted) };
  }

  *#each(kinds: ReadonlySet<number>): Generator<RunOutput> {
    for (let at = 0; at < this.length; at++) if (kinds.has(this.#kinds[at])) yield this.#at(at);
  }

  #at(at: number): RunOutput {
    const path = this.#paths.at(at);
    const [size, time, etag] = [this.#sizes[at], this.#times[at], this.#etags.at(at)];
    return {
      path,
      kind: OUTPUT_KINDS[this.#kinds[at]],
      location: this.#root.root().join(path),
      size: size === -1 ? undefined : size,
      sha256: this.#hashes.at(at),
      etag: etag === "" ? undefined : etag,
      modified: time === -Infinity ? undefined : new Date(time),
      parts: this.#partLists[this.#parts[at]],
    };
  }

  /** The index of a list of parts: most outputs have the same few. */
  #indexOf(parts: readonly string[]): number {
    const name = parts.join("\n");
    const known = this.#partIndexes.get(name);
    if (known !== undefined) return known;
    this.#partIndexes.set(name, this.#partLists.length);
    return this.#partLists.push(parts) - 1;
  }

  #grow(): void {
    this.#kinds = twiceAsLong(this.#kinds);
    this.#parts = twiceAsLong(this.#parts);
    this.#sizes = twiceAsLong(this.#sizes);
    this.#times = twiceAsLong(this.#times);
  }
}
