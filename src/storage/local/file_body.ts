/**
 * The content of a file as the body of an object.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { ByteRange, ObjectBody, ObjectInfo } from "../backend.ts";
import { type ReadableFile, readFile } from "../byte_source.ts";

/** A file that is being read. */
export class FileBody implements ObjectBody {
  readonly info: ObjectInfo;
  readonly #path: string;
  readonly #range: ByteRange;
  readonly #signal: AbortSignal | undefined;
  #file: ReadableFile | undefined;

  constructor(
    path: string,
    file: ReadableFile,
    found: ObjectInfo,
    range: ByteRange,
    signal: AbortSignal | undefined,
  ) {
    this.#path = path;
    this.#file = file;
    this.info = found;
    this.#range = range;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const file = this.#file;
    if (file === undefined) {
      throw new RunOutputsError("failed", `Cannot read '${this.#path}': it can be read only once`);
    }
    this.#file = undefined;
    let left = this.#range.end - this.#range.start;
    for await (const chunk of readFile({ file, path: this.#path }, this.#range, this.#signal)) {
      left -= chunk.length;
      yield chunk;
    }
    if (left > 0) {
      throw new RunOutputsError(
        "integrity",
        `Cannot read '${this.#path}': it ended ${left} bytes too early`,
      );
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#file?.close();
    this.#file = undefined;
    return Promise.resolve();
  }
}
