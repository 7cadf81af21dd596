/**
 * The binary header of an RPM package: an index of tags and a store of their values, described in
 * rpm's documentation "RPM V4 Package format".
 *
 * @module
 */

import { BadArchive } from "../tar/bad_archive.ts";
import { type PackageBytes, readPart } from "./package_bytes.ts";

/** The start of a header: magic, version, reserved bytes, two counts. */
const INTRO = 16;

/** An entry of the index: tag, type, offset, count. */
const ENTRY = 16;

/**
 * The maximum number of tags. rpm itself accepts 64 Ki tags and 256 MB; real packages have a few
 * MB.
 */
const MAX_TAGS = 65_536;
const MAX_STORE = 128 * 1024 * 1024;

const TYPES = { int8: 2, int16: 3, int32: 4, int64: 5, string: 6, binary: 7, strings: 8, i18n: 9 };

/** The number of bytes of a number, by type. */
const WIDTHS: Readonly<Record<number, number>> = {
  [TYPES.int8]: 1,
  [TYPES.int16]: 2,
  [TYPES.int32]: 4,
  [TYPES.int64]: 8,
};

interface Entry {
  readonly type: number;
  readonly offset: number;
  readonly count: number;
}

/** A parsed header. */
export class RpmHeader {
  readonly #what: string;
  readonly #entries: ReadonlyMap<number, Entry>;
  readonly #store: Uint8Array;
  /** Its size in bytes, including the magic. */
  readonly bytes: Uint8Array;

  private constructor(what: string, bytes: Uint8Array, tags: number) {
    this.#what = what;
    this.bytes = bytes;
    this.#store = bytes.subarray(INTRO + tags * ENTRY);
    const view = viewOf(bytes);
    const entries = new Map<number, Entry>();
    for (let at = INTRO; at < INTRO + tags * ENTRY; at += ENTRY) {
      const entry = {
        type: view.getUint32(at + 4),
        offset: view.getUint32(at + 8),
        count: view.getUint32(at + 12),
      };
      if (entry.offset > this.#store.length) throw this.#broken();
      entries.set(view.getUint32(at), entry);
    }
    this.#entries = entries;
  }

  /**
   * Reads a header.
   *
   * @param source The package.
   * @param start Start of the header.
   * @param what Its name in messages, such as `the RPM header`.
   * @param signal Aborts reading.
   * @returns The header.
   * @throws {BadArchive} If there is no header, or the package ends before its end.
   */
  static async read(
    source: PackageBytes,
    start: number,
    what: string,
    signal?: AbortSignal,
  ): Promise<RpmHeader> {
    const intro = await readPart(source, start, INTRO, what, signal);
    const view = viewOf(intro);
    if (view.getUint32(0) !== 0x8eade801) throw new BadArchive(`${what} is broken: no magic`);
    const tags = view.getUint32(8);
    const size = view.getUint32(12);
    if (tags > MAX_TAGS || size > MAX_STORE) {
      throw new BadArchive(`${what} is broken: ${tags} tags and ${size} bytes`);
    }
    const length = INTRO + tags * ENTRY + size;
    return new RpmHeader(what, await readPart(source, start, length, what, signal), tags);
  }

  /**
   * The strings of a tag.
   *
   * @param tag The tag's number.
   * @returns The strings; empty, if the tag is missing. For a translated tag, the untranslated
   * string.
   * @throws {BadArchive} If they are outside of the header.
   */
  strings(tag: number): string[] {
    const entry = this.#entries.get(tag);
    if (entry === undefined) return [];
    const { type, offset } = entry;
    if (![TYPES.string, TYPES.strings, TYPES.i18n].includes(type)) throw this.#broken();
    const count = type === TYPES.strings ? entry.count : 1;
    const texts: string[] = [];
    let at = offset;
    for (let i = 0; i < count; i++) {
      const end = this.#store.indexOf(0, at);
      if (end < 0) throw this.#broken();
      texts.push(decode(this.#store.subarray(at, end)));
      at = end + 1;
    }
    return texts;
  }

  /**
   * The first string of a tag.
   *
   * @param tag The tag's number.
   * @returns The string; `undefined`, if the tag is missing.
   */
  string(tag: number): string | undefined {
    return this.strings(tag)[0];
  }

  /**
   * The numbers of a tag.
   *
   * @param tag The tag's number.
   * @returns The numbers; empty, if the tag is missing.
   * @throws {BadArchive} If they are outside of the header.
   */
  numbers(tag: number): number[] {
    const entry = this.#entries.get(tag);
    if (entry === undefined) return [];
    const width = WIDTHS[entry.type];
    if (width === undefined) throw this.#broken();
    if (entry.offset + entry.count * width > this.#store.length) throw this.#broken();
    const view = viewOf(this.#store);
    return Array.from({ length: entry.count }, (_, i) => {
      const at = entry.offset + i * width;
      if (width === 8) return Number(view.getBigUint64(at));
      return width === 4
        ? view.getUint32(at)
        : width === 2
        ? view.getUint16(at)
        : view.getUint8(at);
    });
  }

  /**
   * The first number of a tag.
   *
   * @param tags The tag's number; if several, the first one that exists.
   * @returns The number; `undefined`, if the tag is missing.
   */
  number(...tags: readonly number[]): number | undefined {
    for (const tag of tags) {
      const [number] = this.numbers(tag);
      if (number !== undefined) return number;
    }
    return undefined;
  }

  #broken(): BadArchive {
    return new BadArchive(`${this.#what} is broken`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Old packages have strings in Latin-1. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}
