/**
 * Hashes a file while it is being written in several places.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { RunOutputsError } from "../../errors/error.ts";
import type { ByteRange } from "../backend.ts";

/** The number of bytes read at once. */
const CHUNK = 1024 * 1024;

/** The hashes of a file. */
export interface FileDigest {
  /** The SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** The CRC-32 of each part, if parts were requested. */
  readonly crcs: readonly number[];
}

/** Hashes a file from its beginning, as far as it is written. Never waits. */
export class FileHash implements Disposable {
  readonly #path: string;
  readonly #partSize: number;
  readonly #hash = createHash("sha256");
  readonly #written: { start: number; end: number }[] = [];
  readonly #crcs: number[] = [];
  #crc = 0;
  #hashed = 0;
  #file: Deno.FsFile | undefined;
  #buffer: Uint8Array<ArrayBuffer> | undefined;

  /**
   * Starts with a file.
   *
   * @param path The file.
   * @param partSize The size of the parts for a CRC-32 each. Default: none.
   */
  constructor(path: string, partSize = Infinity) {
    this.#path = path;
    this.#partSize = partSize;
  }

  /** The number of hashed bytes. */
  get hashed(): number {
    return this.#hashed;
  }

  /**
   * Records that bytes are in the file now.
   *
   * @param range Their location.
   */
  add({ start, end }: ByteRange): void {
    const before = this.#written.find((range) => range.end === start);
    if (before !== undefined) before.end = end;
    else this.#written.push({ start, end });
  }

  /**
   * Hashes the next bytes, if they are written.
   *
   * @param most The maximum number of bytes.
   * @returns The number of hashed bytes; 0, if the next ones are not written yet.
   * @throws Errors of the disk; `integrity`, if the file is shorter than reported.
   */
  advance(most: number): number {
    const index = this.#written.findIndex(({ start, end }) =>
      start <= this.#hashed && this.#hashed < end
    );
    if (index === -1) return 0;
    const { end } = this.#written[index];
    const from = this.#hashed;
    const until = Math.min(end, from + most);
    this.#file ??= Deno.openSync(this.#path);
    this.#buffer ??= new Uint8Array(CHUNK);
    this.#file.seekSync(from, Deno.SeekMode.Start);
    while (this.#hashed < until) {
      const length = Math.min(this.#buffer.length, until - this.#hashed);
      const count = this.#file.readSync(this.#buffer.subarray(0, length));
      if (count === null) throw this.#wrongSize("fewer");
      this.#update(this.#buffer.subarray(0, count));
    }
    if (this.#hashed >= end) this.#written.splice(index, 1);
    return this.#hashed - from;
  }

  /**
   * Ends the file, all of which must have been hashed.
   *
   * @returns The hashes.
   * @throws {RunOutputsError} `integrity`, if the file has more bytes.
   */
  digest(): FileDigest {
    this.#file ??= Deno.openSync(this.#path);
    if (this.#file.readSync(new Uint8Array(1)) === 1) throw this.#wrongSize("more");
    if (this.#hashed > this.#crcs.length * this.#partSize) this.#crcs.push(this.#crc);
    const crcs = this.#partSize === Infinity ? [] : this.#crcs;
    return { sha256: this.#hash.digest("hex"), crcs };
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #wrongSize(than: "fewer" | "more"): RunOutputsError {
    return new RunOutputsError(
      "integrity",
      `Cannot read '${this.#path}': it changed while it was read (${than} bytes than before)`,
    );
  }

  #update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    if (this.#partSize === Infinity) {
      this.#hashed += bytes.length;
      return;
    }
    for (let offset = 0; offset < bytes.length;) {
      const left = this.#partSize - this.#hashed % this.#partSize;
      const piece = bytes.subarray(offset, offset + left);
      this.#crc = crc32(piece, this.#crc);
      offset += piece.length;
      this.#hashed += piece.length;
      if (piece.length < left) continue;
      this.#crcs.push(this.#crc);
      this.#crc = 0;
    }
  }
}
