/**
 * One version of a text file in a storage, read in parts.
 *
 * @module
 */

import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";

/** One version of a text file. */
export class LogFile {
  /** What is known of it. */
  readonly info: ObjectInfo;
  readonly #backend: StorageBackend;
  readonly #signal: AbortSignal | undefined;

  /**
   * Opens a file. Nothing is read.
   *
   * @param backend The storage.
   * @param info The file.
   * @param options A signal.
   */
  constructor(backend: StorageBackend, info: ObjectInfo, { signal }: CallOptions = {}) {
    this.#backend = backend;
    this.info = info;
    this.#signal = signal;
  }

  /**
   * Reads a part, with one request.
   *
   * @param start The offset of the first byte.
   * @param end The offset after the last one, at most the size.
   * @returns The bytes.
   * @throws {RunOutputsError} `conflict`, if the file was replaced; `not_found`, if it was deleted.
   */
  async read(start: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start);
    if (bytes.length === 0) return bytes;
    const { location, etag } = this.info;
    const options = { range: { start, end }, ifMatch: etag, signal: this.#signal };
    await using body = await this.#backend.read(location, options);
    let length = 0;
    for await (const chunk of body) {
      bytes.set(chunk, length);
      length += chunk.length;
    }
    return bytes;
  }
}

const COMPRESSED: Readonly<Record<string, string>> = {
  gz: "gzip",
  tgz: "gzip",
  xz: "xz",
  txz: "xz",
  zst: "Zstandard",
  tzst: "Zstandard",
  bz2: "bzip2",
  zip: "ZIP",
  "7z": "7-Zip",
};

/**
 * How a file is compressed, by its name and by what the storage has recorded. Its lines can't be read
 * by their offsets.
 *
 * @param path The file's path.
 * @param contentEncoding The recorded content encoding.
 * @returns The name of the compression; `undefined`, if it is not compressed.
 */
export function compressionOf(path: string, contentEncoding?: string): string | undefined {
  if (contentEncoding !== undefined && !/^(?:identity|aws-chunked|)$/.test(contentEncoding)) {
    return contentEncoding;
  }
  const [, extension] = /\.([^./]+)$/.exec(path.toLowerCase()) ?? [];
  return extension !== undefined && Object.hasOwn(COMPRESSED, extension)
    ? COMPRESSED[extension]
    : undefined;
}
