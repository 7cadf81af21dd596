/**
 * Reads a tar archive piece by piece: ustar, pax and GNU's format.
 *
 * It is synchronous and keeps no content, so content goes from the decoder's buffer straight to the
 * writer. Anything unknown is an error and not a guess: a member that was skipped, or unpacked as
 * something else, would be noticed much later.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { BadArchive } from "./bad_archive.ts";
import {
  BLOCK,
  decodeText,
  isZero,
  readHeader,
  readPax,
  readPaxNumber,
  type TarHeader,
} from "./header.ts";
import { HeaderMap, readSparse, SparseContent, type SparseHeader, TextMap } from "./sparse.ts";

/** One member of an archive. */
export interface TarMember {
  /** Its name, unchecked. */
  readonly name: string;
  /** Its type. */
  readonly type: "file" | "directory" | "symlink" | "hardlink";
  /** The size of its content in bytes, including holes; 0 for everything except files. */
  readonly size: number;
  /** The mode: permissions and the three bits above them. */
  readonly mode: number;
  /** Its modification time, in seconds since 1970, with a fraction if the archive has one. */
  readonly modified: number;
  /** The target of a link, unchecked; empty for everything else. */
  readonly target: string;
  /** Whether it has holes, which the archive does not store. */
  readonly sparse?: boolean;
}

/** Callbacks for the content of an archive, in its order. */
export interface TarHandler {
  /** A member begins. */
  member(member: TarMember): void;
  /** Bytes of its content, valid only until this returns. */
  data(bytes: Uint8Array): void;
  /** A hole of its content, which reads as zeros. */
  hole(length: number): void;
  /** The content is complete. */
  end(): void;
}

/** The maximum size of headers that belong to the next member, which are kept in memory. */
const MAX_EXTENSION = 1024 * 1024;

const TYPES: Readonly<Record<string, TarMember["type"]>> = {
  "0": "file",
  "7": "file",
  "S": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
};

const REFUSED: Readonly<Record<string, string>> = {
  "3": "it is a character device",
  "4": "it is a block device",
  "6": "it is a named pipe",
  "M": "it is the rest of a file in another volume",
  "D": "it is a directory of an incremental backup",
};

/** Names and values that replace those of the next header. */
interface Extensions {
  name?: string;
  target?: string;
  size?: number;
  modified?: number;
  sparse?: SparseHeader;
}

/** A reader of one archive. */
export class TarReader {
  readonly #handler: TarHandler;
  /** The incomplete part of a header that was split over pieces. */
  readonly #partial = new Uint8Array(BLOCK);
  #partialLength = 0;
  /** The remaining bytes of the current member's content, and the padding after it. */
  #content = 0;
  #padding = 0;
  /** The extension being read, and its type. */
  #extension: { readonly type: string; readonly bytes: Uint8Array; length: number } | undefined;
  #next: Extensions = {};
  #pending = false;
  #modifiedOfAll: number | undefined;
  #zeroBlocks = 0;
  /** A header of GNU tar's sparse format with an incomplete map. */
  #headerMap: { readonly header: TarHeader; readonly map: HeaderMap } | undefined;
  /** A map before the content, and what to do once it is complete. */
  #textMap: { readonly map: TextMap; readonly start: () => void } | undefined;
  #sparse: SparseContent | undefined;
  #current: string | undefined;

  /**
   * Creates a reader.
   *
   * @param handler Receives the members.
   */
  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /**
   * Reads a piece.
   *
   * @param bytes The piece, of any size. It is not kept.
   * @throws {BadArchive} If it is not a tar archive, is broken, or has a member of a rejected type.
   */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#content > 0) {
        const piece = bytes.subarray(at, at + this.#content);
        at += piece.length;
        this.#content -= piece.length;
        this.#take(piece);
      } else if (this.#padding > 0) {
        const count = Math.min(this.#padding, bytes.length - at);
        at += count;
        this.#padding -= count;
      } else if (this.#zeroBlocks >= 2) {
        if (!isZero(at === 0 ? bytes : bytes.subarray(at))) {
          throw new BadArchive("unexpected data after the end marker");
        }
        return;
      } else if (this.#partialLength === 0 && bytes.length - at >= BLOCK) {
        this.#block(bytes.subarray(at, at + BLOCK));
        at += BLOCK;
      } else {
        const piece = bytes.subarray(at, at + BLOCK - this.#partialLength);
        this.#partial.set(piece, this.#partialLength);
        this.#partialLength += piece.length;
        at += piece.length;
        if (this.#partialLength < BLOCK) return;
        this.#partialLength = 0;
        this.#block(this.#partial);
      }
    }
  }

  /**
   * Skips the rest of the member that just began, for callers that can seek in the archive: they
   * must not push these bytes.
   *
   * @returns The number of skipped bytes, content and padding.
   */
  skip(): number {
    // Content that belongs to the next member must be read.
    if (this.#extension !== undefined) return 0;
    const count = this.#content + this.#padding;
    if (this.#content > 0) this.#handler.end();
    this.#sparse = undefined;
    this.#content = this.#padding = 0;
    return count;
  }

  /**
   * Signals the end.
   *
   * @throws {BadArchive} If the archive is not complete.
   */
  finish(): void {
    if (this.#zeroBlocks >= 2) return;
    if (this.#content > 0 || this.#padding > 0) {
      throw new BadArchive("the archive ends in the middle of this member", this.#current);
    }
    throw new BadArchive(
      this.#partialLength > 0
        ? "the archive ends in the middle of a header"
        : "the end marker is missing, so the archive is incomplete",
    );
  }

  #block(block: Uint8Array): void {
    if (this.#headerMap !== undefined) {
      const { header, map } = this.#headerMap;
      map.add(block);
      return map.more ? undefined : this.#startMember(header, map);
    }
    const header = readHeader(block);
    if (header === undefined) {
      if (this.#pending) throw new BadArchive("the archive ends after an extended header");
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks === 1) throw new BadArchive("there is half an end marker between members");
    if ("xgLK".includes(header.type)) this.#startExtension(header);
    else if (header.type === "S") {
      const map = this.#naming(header.name, () => new HeaderMap(block));
      if (map.more) this.#headerMap = { header, map };
      else this.#startMember(header, map);
    } else this.#startMember(header);
  }

  #startExtension({ type, size, name }: TarHeader): void {
    if (size === 0 || size > MAX_EXTENSION) {
      throw new BadArchive(`an extended header is too large (${size} bytes)`, name);
    }
    this.#current = name;
    this.#extension = { type, bytes: new Uint8Array(size), length: 0 };
    this.#expect(size);
  }

  #startMember(header: TarHeader, headerMap?: HeaderMap): void {
    const extensions = this.#next;
    this.#next = {};
    this.#pending = false;
    this.#headerMap = undefined;
    const sparse: SparseHeader | undefined = headerMap ?? extensions.sparse;
    const name = sparse?.name ?? extensions.name ?? header.name;
    const stored = extensions.size ?? header.size;
    if (header.type in REFUSED) throw new BadArchive(REFUSED[header.type], name);
    if (!(header.type in TYPES)) {
      throw new BadArchive(`it has the unknown type ${quote(header.type)}`, name);
    }
    // Before ustar, a slash at the end marked a directory.
    const slash = TYPES[header.type] === "file" && name.endsWith("/");
    const type = slash ? "directory" : TYPES[header.type];
    if (type !== "file" && stored !== 0) {
      throw new BadArchive(`it is a ${type} with ${stored} bytes of content`, name);
    }
    if (type !== "file" && sparse !== undefined) {
      throw new BadArchive(`it is a ${type} with holes`, name);
    }
    this.#current = name;
    const member: TarMember = {
      name,
      type,
      size: sparse?.size ?? stored,
      mode: header.mode,
      modified: extensions.modified ?? this.#modifiedOfAll ?? header.modified,
      target: type === "file" || type === "directory" ? "" : extensions.target ?? header.target,
      ...(sparse === undefined ? {} : { sparse: true }),
    };
    this.#expect(stored);
    if (sparse === undefined) this.#handler.member(member);
    else if (sparse.map !== undefined) this.#startSparse(member, sparse.map, stored);
    else {
      const map = new TextMap();
      if (stored === 0) throw new BadArchive("its sparse map is missing", name);
      this.#textMap = {
        map,
        start: () => this.#startSparse(member, map.map, stored - map.length),
      };
    }
    if (stored === 0) this.#end();
  }

  #startSparse(member: TarMember, map: readonly number[], stored: number): void {
    this.#sparse = this.#naming(
      member.name,
      () => new SparseContent(map, member.size, stored, this.#handler),
    );
    this.#handler.member(member);
  }

  #end(): void {
    this.#sparse?.finish();
    this.#sparse = undefined;
    this.#handler.end();
  }

  #naming<T>(name: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof BadArchive ? new BadArchive(error.message, name) : error;
    }
  }

  #expect(size: number): void {
    this.#content = size;
    this.#padding = (BLOCK - size % BLOCK) % BLOCK;
  }

  #take(piece: Uint8Array): void {
    const extension = this.#extension;
    if (extension === undefined) {
      return this.#takeContent(piece);
    }
    extension.bytes.set(piece, extension.length);
    extension.length += piece.length;
    if (this.#content > 0) return;
    this.#extension = undefined;
    this.#extend(extension.type, extension.bytes);
  }

  #takeContent(piece: Uint8Array): void {
    if (this.#textMap !== undefined) {
      const { map, start } = this.#textMap;
      piece = piece.subarray(this.#naming(this.#current!, () => map.push(piece)));
      if (!map.done && this.#content === 0) {
        throw new BadArchive("its sparse map is not complete", this.#current);
      }
      if (!map.done) return;
      this.#textMap = undefined;
      start();
    }
    if (this.#sparse === undefined) this.#handler.data(piece);
    else this.#sparse.push(piece);
    if (this.#content === 0) this.#end();
  }

  #extend(type: string, bytes: Uint8Array): void {
    if (type === "g") return this.#extendAll(readPax(bytes));
    this.#pending = true;
    if (type === "x") {
      const records = readPax(bytes);
      const name = records.get("GNU.sparse.name") ?? records.get("path") ?? "";
      this.#set("sparse", this.#naming(name, () => readSparse(records)));
      this.#set("name", records.get("path"));
      this.#set("target", records.get("linkpath"));
      const size = records.get("size");
      if (size) this.#set("size", readPaxNumber("size", size));
      const modified = records.get("mtime");
      if (modified) this.#set("modified", readPaxNumber("mtime", modified));
      return;
    }
    const end = bytes.indexOf(0);
    const what = type === "L" ? "a long name" : "a long link target";
    // GNU tar ends it with one NUL; more of them, or text after it, is something else.
    if (end >= 0 && !isZero(bytes.subarray(end))) throw new BadArchive(`${what} has a NUL byte`);
    this.#set(
      type === "L" ? "name" : "target",
      decodeText(end < 0 ? bytes : bytes.subarray(0, end), what),
    );
  }

  #set<K extends keyof Extensions>(key: K, value: Extensions[K]): void {
    if (value === undefined || value === "") return;
    if (this.#next[key] !== undefined) {
      throw new BadArchive(
        `two extended headers set the ${key} of the next member`,
        this.#next.name,
      );
    }
    this.#next[key] = value;
  }

  #extendAll(records: Map<string, string>): void {
    if (readSparse(records) !== undefined) {
      throw new BadArchive("a global pax header makes all files sparse");
    }
    for (const key of ["path", "linkpath", "size"]) {
      if (records.get(key)) {
        throw new BadArchive(`a global pax header sets the ${key} of all members`);
      }
    }
    const modified = records.get("mtime");
    if (modified !== undefined) {
      this.#modifiedOfAll = modified === "" ? undefined : readPaxNumber("mtime", modified);
    }
  }
}
