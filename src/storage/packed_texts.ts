/**
 * Many short texts, and many hashes, in a fraction of the memory of strings.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** The size of a piece of memory in bytes, a power of two. */
const PIECE = 2 ** 20;

/** The bytes of a SHA-256. */
const HASH = 32;

/** The bytes for a hash: the first says whether there is one. */
const PLACE = 1 + HASH;

/** How many hashes are in a piece of memory. */
const PER_PIECE = Math.floor(PIECE / PLACE);

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A list of texts, such as the paths of a million files: their UTF-8 bytes, one after the other. Up
 * to 4 GiB. Texts are added at its end.
 */
export class PackedTexts {
  readonly #pieces: Uint8Array[] = [];
  /** How much of each piece is used, in bytes. */
  readonly #used: number[] = [];
  /** Where each text begins. */
  #starts = new Uint32Array(64);
  #length = 0;
  /** The text that was found last. */
  #found = -1;

  /** The number of texts. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a text.
   *
   * @param text The text, without lone surrogates and of less than 300,000 characters.
   */
  push(text: string): void {
    const most = text.length * 3;
    if (most > PIECE) throw new RangeError(`Text of ${text.length} characters is too long`);
    let last = this.#pieces.length - 1;
    // An empty text needs a piece too, because its place is looked up there.
    if (last < 0 || this.#used[last] + Math.max(1, most) > PIECE) {
      last = this.#pieces.push(new Uint8Array(PIECE)) - 1;
      this.#used.push(0);
    }
    const start = this.#used[last];
    this.#used[last] += encoder.encodeInto(text, this.#pieces[last].subarray(start)).written;
    if (this.#length === this.#starts.length) this.#starts = twiceAsLong(this.#starts);
    this.#starts[this.#length++] = last * PIECE + start;
  }

  /**
   * A text.
   *
   * @param index Its index.
   * @returns The text.
   */
  at(index: number): string {
    return decoder.decode(this.#bytes(index));
  }

  /**
   * Finds a text in a list that is sorted by bytes, the order of keys.
   *
   * @param text The text.
   * @returns Its index; `-1`, if it is not in the list.
   */
  indexOf(text: string): number {
    const bytes = encoder.encode(text);
    // Who looks for all of them mostly does it nearly in their order: the next one is near the last.
    let [low, high] = [0, this.#length];
    let probe = Math.min(this.#found + 1, high - 1);
    for (let step = 1; low < high; step *= 2) {
      const order = compareBytes(this.#bytes(probe), bytes);
      if (order === 0) return this.#found = probe;
      if (order < 0) low = probe + 1;
      else high = probe;
      const middle = (low + high) >>> 1;
      probe = order < 0 ? Math.min(low + step, middle) : Math.max(high - step, middle);
    }
    return -1;
  }

  #bytes(index: number): Uint8Array {
    const start = this.#starts[index];
    const piece = Math.floor(start / PIECE);
    const next = index + 1 < this.#length ? this.#starts[index + 1] : Infinity;
    const end = Math.min(next - piece * PIECE, this.#used[piece]);
    return this.#pieces[piece].subarray(start % PIECE, end);
  }
}

/** The SHA-256 of many files, by their index. */
export class PackedHashes {
  readonly #pieces: Uint8Array[] = [];

  /**
   * Sets a hash.
   *
   * @param index The index.
   * @param sha256 64 hex digits in lower case; `undefined` for none.
   */
  set(index: number, sha256: string | undefined): void {
    const [piece, at] = placeOf(index);
    if (sha256 === undefined) {
      if (piece in this.#pieces) this.#pieces[piece][at] = 0;
      return;
    }
    const bytes = this.#pieces[piece] ??= new Uint8Array(PER_PIECE * PLACE);
    bytes[at] = 1;
    bytes.set(Buffer.from(sha256, "hex"), at + 1);
  }

  /**
   * A hash.
   *
   * @param index The index.
   * @returns 64 hex digits; `undefined`, if none was set.
   */
  at(index: number): string | undefined {
    const [piece, at] = placeOf(index);
    const bytes = this.#pieces[piece];
    if (bytes === undefined || bytes[at] === 0) return undefined;
    return Buffer.from(bytes.buffer, at + 1, HASH).toString("hex");
  }
}

function placeOf(index: number): [piece: number, at: number] {
  return [Math.floor(index / PER_PIECE), index % PER_PIECE * PLACE];
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/**
 * A longer array, for a list that grows.
 *
 * @param numbers The numbers.
 * @returns The numbers, followed by as many zeros.
 */
export function twiceAsLong<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
  numbers: T,
): T {
  const longer = new (numbers.constructor as new (length: number) => T)(2 * numbers.length);
  longer.set(numbers);
  return longer;
}
