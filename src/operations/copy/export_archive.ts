/**
 * An export as a read-only storage, for all code that reads runs.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { type PlacedMember, tarMembers } from "../../archive/tar/stream.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { diskError } from "../../errors/disk.ts";
import { checksumMismatch } from "../../errors/checksum_mismatch.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import {
  EXPORT_INDEX,
  type ExportedFile,
  exportedRoot,
  type ExportIndex,
  parseExportIndex,
} from "../../runs/export_index.ts";
import type {
  ByteRange,
  CallOptions,
  Child,
  DeleteFailure,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ReadOptions,
  StorageBackend,
} from "../../storage/backend.ts";
import { readFile } from "../../storage/byte_source.ts";
import { childrenFrom } from "../../storage/children.ts";
import { deleteEach } from "../../storage/delete_each.ts";
import { contentType, usableType } from "../../storage/content_type.ts";
import { clipRange } from "../../storage/range.ts";

/** The maximum size of an index, which is kept in memory. */
const MAX_INDEX = 512 * 1024 * 1024;

/** A file of an export. */
interface Entry {
  readonly info: ObjectInfo;
  /** The offset of its bytes in the archive. */
  readonly offset: number;
}

/**
 * An opened export, whose archive contains exactly the files of its index. The bytes are verified
 * when they are read.
 */
export class ExportArchive implements StorageBackend {
  /** The kind of storage. */
  readonly name = "export";
  /** Writes are not supported. */
  readonly writes = false;
  /** The exported runs. */
  readonly roots: readonly RunOutputRoot[];
  /** The archive. */
  readonly path: string;
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(
    path: string,
    roots: readonly RunOutputRoot[],
    entries: ReadonlyMap<string, Entry>,
  ) {
    this.path = path;
    this.roots = roots;
    this.#entries = entries;
  }

  /**
   * Opens an export and checks its structure.
   *
   * @param path The archive.
   * @param options A signal.
   * @returns The export.
   * @throws {RunOutputsError} `integrity`, if it is invalid, is truncated, or has other members
   * than its index; `failed`, if its schema is newer; or errors of the disk.
   *
   * @example
   * ```ts
   * import { bytesSource, listRun, MemoryBackend, planCopy, readOutputs, RunOutputRoot } from "@therock/run-outputs";
   * import { ExportArchive, planExport, writeExport } from "@therock/run-outputs/operations";
   *
   * const root = RunOutputRoot.forLocal({ platform: "linux" });
   * const storage = new MemoryBackend();
   * await storage.write(root.file("logs/build.log"), bytesSource("built\n"));
   * const dir = await Deno.makeTempDir();
   * const plan = await planExport([await planCopy({ backend: storage, root })], { tool: "example" });
   * await writeExport(plan, `${dir}/runs.tar`);
   *
   * const archive = await ExportArchive.open(`${dir}/runs.tar`);
   * const [run] = archive.roots;
   * for await (const { path, sha256 } of listRun(archive, run, await readOutputs(archive, run))) {
   *   console.log(path, sha256);
   * }
   * await Deno.remove(dir, { recursive: true });
   * ```
   */
  static async open(path: string, { signal }: CallOptions = {}): Promise<ExportArchive> {
    try {
      using file = await Deno.open(path);
      const { size, isFile } = await file.stat();
      if (!isFile) throw new BadArchive("it is not a regular file");
      if (isCompressed(await readAt(file, 0, Math.min(size, 6)))) {
        throw new BadArchive(
          "it is compressed; decompress it first (an export is a plain tar file)",
        );
      }
      const members = tarMembers(size, (start, end) => {
        signal?.throwIfAborted();
        return readAt(file, start, end);
      });
      const index = await readIndex(await members.next(), file, path);
      const roots = index.runs.map(exportedRoot);
      return new ExportArchive(path, roots, await place(index, roots, members));
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BadArchive)) throw diskError("read", path, error);
      const member = error.member === undefined ? "" : `${quote(error.member)}: `;
      throw new RunOutputsError(
        "integrity",
        `Cannot read the export '${path}': ${member}${error.message}`,
        { cause: error },
      );
    }
  }

  /** {@inheritDoc StorageBackend.stat} */
  stat(location: OutputLocation, { signal }: CallOptions = {}): Promise<ObjectInfo> {
    signal?.throwIfAborted();
    const entry = this.#entries.get(location.s3Uri);
    return entry === undefined
      ? Promise.reject(this.#notFound(location))
      : Promise.resolve(entry.info);
  }

  /** {@inheritDoc StorageBackend.list} */
  async *list(
    prefix: OutputLocation,
    { recursive = true, signal }: ListOptions = {},
  ): AsyncGenerator<ObjectInfo> {
    const found: ObjectInfo[] = [];
    for (const { info } of this.#entries.values()) {
      const path = info.location.relativeTo(prefix);
      if (path && (recursive || !path.includes("/"))) found.push(info);
    }
    found.sort((a, b) => compareKeys(a.location.key, b.location.key));
    for (const info of found) {
      signal?.throwIfAborted();
      yield info;
    }
  }

  /** {@inheritDoc StorageBackend.children} */
  children(prefix: OutputLocation, options?: CallOptions): AsyncGenerator<Child> {
    return childrenFrom(prefix, this.list(prefix, options));
  }

  /** {@inheritDoc StorageBackend.read} */
  read(location: OutputLocation, options: ReadOptions = {}): Promise<ObjectBody> {
    options.signal?.throwIfAborted();
    const entry = this.#entries.get(location.s3Uri);
    if (entry === undefined) return Promise.reject(this.#notFound(location));
    const { info } = entry;
    if (options.ifMatch !== undefined && options.ifMatch !== info.etag) {
      const message = `Cannot read '${location}': it has changed`;
      return Promise.reject(new RunOutputsError("conflict", message));
    }
    const { start, end } = clipRange(options.range, info.size);
    const chunks = this.#read(entry, { start, end }, options.signal);
    return Promise.resolve({
      info,
      [Symbol.asyncIterator]: () => chunks,
      [Symbol.asyncDispose]: async () => {
        await chunks.return(undefined);
      },
    });
  }

  /** Not supported. */
  write(location: OutputLocation): Promise<ObjectInfo> {
    return Promise.reject(this.#readOnly(location));
  }

  /** Not supported. */
  copy(_: OutputLocation, to: OutputLocation): Promise<ObjectInfo> {
    return Promise.reject(this.#readOnly(to));
  }

  /** Not supported. */
  delete(location: OutputLocation): Promise<void> {
    return Promise.reject(this.#readOnly(location));
  }

  /** Reads from the archive; the hash is verified if a file is read as a whole. */
  async *#read(
    { info, offset }: Entry,
    { start, end }: ByteRange,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    const isWhole = start === 0 && end === info.size;
    const hash = createHash("sha256");
    let left = end - start;
    const range = { start: offset + start, end: offset + end };
    for await (const chunk of readFile(this.path, range, signal)) {
      if (isWhole) hash.update(chunk);
      left -= chunk.length;
      yield chunk;
    }
    const sha256 = hash.digest("hex");
    if (left === 0 && (!isWhole || sha256 === info.sha256)) return;
    const failed = `Cannot read '${info.location.key}' in '${this.path}'`;
    throw left > 0
      ? new RunOutputsError("integrity", `${failed}: it ended ${left} bytes too early`)
      : checksumMismatch(failed, { expected: `${info.sha256}`, actual: sha256 });
  }

  /** Not supported. */
  async deleteAll(
    locations: Iterable<OutputLocation> | AsyncIterable<OutputLocation>,
  ): Promise<readonly DeleteFailure[]> {
    return await deleteEach(this, locations);
  }

  #notFound(location: OutputLocation): RunOutputsError {
    const message = `Cannot read '${location}': the export '${this.path}' has no such object`;
    return new RunOutputsError("not_found", message);
  }

  #readOnly(location: OutputLocation): RunOutputsError {
    return new RunOutputsError("denied", `Cannot write '${location}': an export is read-only`);
  }
}

/** Whether a file begins as one of gzip, zstd, xz or bzip2. */
function isCompressed(start: Uint8Array): boolean {
  // Uint8Array's own toHex() is newer than the runtime of the executable may be.
  const hex = Buffer.from(start).toString("hex");
  return ["1f8b", "28b52ffd", "fd377a585a00", "425a68"].some((magic) => hex.startsWith(magic));
}

async function readAt(file: Deno.FsFile, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  await file.seek(start, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) throw new BadArchive("it was truncated while it was read");
    at += count;
  }
  return bytes;
}

async function readIndex(
  first: IteratorResult<PlacedMember>,
  file: Deno.FsFile,
  path: string,
): Promise<ExportIndex> {
  if (first.done || first.value.member.name !== EXPORT_INDEX || !isFile(first.value)) {
    throw new BadArchive(`it does not start with ${EXPORT_INDEX}, so it is not an export`);
  }
  const { member: { size }, offset } = first.value;
  if (size > MAX_INDEX) throw new BadArchive(`its index is too large (${size} bytes)`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(
      await readAt(file, offset, offset + size),
    );
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new BadArchive("its index is not UTF-8");
  }
  return parseExportIndex(text, path);
}

/** Finds each file of the index in the archive, which must contain nothing else. */
async function place(
  { runs }: ExportIndex,
  roots: readonly RunOutputRoot[],
  members: AsyncIterable<PlacedMember>,
): Promise<Map<string, Entry>> {
  const wanted = new Map<string, { readonly file: ExportedFile; readonly at: OutputLocation }>();
  for (const [i, { prefix, files }] of runs.entries()) {
    const root = roots[i].root();
    for (const file of files) {
      wanted.set(`${prefix}/${file.path}`, { file, at: root.join(file.path) });
    }
  }
  const entries = new Map<string, Entry>();
  for await (const placed of members) {
    const { member: { name, size, type }, offset } = placed;
    const found = wanted.get(name);
    if (found === undefined) throw new BadArchive("it is not listed in the index", name);
    if (!isFile(placed)) throw new BadArchive(`it is a ${type}, not a file`, name);
    const { file, at } = found;
    if (size !== file.size) {
      throw new BadArchive(`it has ${size} bytes, the index says ${file.size}`, name);
    }
    wanted.delete(name);
    entries.set(at.s3Uri, {
      info: {
        location: at,
        size,
        etag: file.sha256,
        // All have the same time, so that the entries of the manifest are current.
        modified: new Date(0),
        sha256: file.sha256,
        contentType: usableType(file.content_type) ?? contentType(file.path),
      },
      offset,
    });
  }
  for (const name of wanted.keys()) throw new BadArchive("it is missing", name);
  return entries;
}

function isFile({ member: { type } }: PlacedMember): boolean {
  return type === "file";
}
