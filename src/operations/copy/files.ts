/**
 * Copies single files of a run: inside the storage, or as a stream to another one.
 *
 * @module
 */

import { statIfThere } from "../../storage/if_there.ts";
import { checksumMismatch, REPAIR } from "../../errors/checksum_mismatch.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteRange, ByteSource, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { sha256Of } from "../../storage/sha256_of.ts";
import {
  concurrencyFor,
  type TransferOptions,
  type TransferResult,
  transferThrough,
} from "../../storage/transfer/transfer.ts";
import { type IfExists, type UploadItem, uploadThrough } from "../../storage/transfer/upload.ts";
import { Vacancies } from "../../storage/vacancies.ts";
import { addLeftSidecars, failedCopy, pairs } from "./pairs.ts";
import type { CopyFile, CopyFiles } from "./compact_files.ts";
import type { CopyResults } from "./results.ts";

/** Options for the files of a copy. */
export interface CopyFilesOptions extends TransferOptions {
  /** What to do with existing files of different content. */
  readonly ifExists: IfExists;
  /** Whether a dry run reads all bytes. */
  readonly verifyDryRun?: boolean;
  /** Formats a location of the source for messages. */
  readonly showSource: (location: OutputLocation) => string;
  /** The path of a file that is not copied. It has a result already. */
  readonly kept?: string;
}

/**
 * Copies files inside a storage. No bytes are read: whether a file exists already is decided by
 * recorded hashes, or else by etags; if neither decides it, the file is copied again.
 *
 * @param backend The storage.
 * @param files The files.
 * @param target Destinations by path.
 * @param results Receives the result of each.
 * @param options What to do with existing files, concurrency, progress, a signal.
 */
export async function copyOnServer(
  backend: StorageBackend,
  files: CopyFiles,
  target: (path: string) => OutputLocation,
  results: CopyResults,
  options: CopyFilesOptions,
): Promise<void> {
  const vacancies = new Vacancies(backend, Iterator.from(files).map(({ path }) => target(path)));
  const { showSource, kept, onEvent, signal } = options;
  const concurrency = concurrencyFor(files, options.concurrency);
  const copyFile = async (file: CopyFile): Promise<TransferResult> => {
    onEvent?.({ type: "start", path: showSource(file.location), size: file.size });
    const result = await copyOne(backend, file, target(file.path), vacancies, options);
    onEvent?.({ type: "finish", result });
    return result;
  };
  const failure = (file: CopyFile, error: Error) => failedCopy(file, target, showSource, error);
  await transferThrough(
    pairs(files, kept),
    async ({ file, sidecar }) => {
      const results = [await copyFile(file)];
      if (sidecar === undefined) return results;
      try {
        results.push(await copyFile(sidecar));
      } catch (error) {
        signal?.throwIfAborted();
        const result = failure(sidecar, error as Error);
        onEvent?.({ type: "finish", result });
        results.push(result);
      }
      return results;
    },
    ({ file }, error) => failure(file, error),
    (some) => results.push(...some),
    { ...options, concurrency },
  );
  signal?.throwIfAborted();
  addLeftSidecars(files, results, target, options);
}

/**
 * Copies files to another storage, as streams.
 *
 * @param from The source storage.
 * @param backend The destination storage.
 * @param files The files.
 * @param target Destinations by path.
 * @param results Receives the result of each.
 * @param options What to do with existing files, concurrency, progress, a signal.
 */
export async function copyThrough(
  from: StorageBackend,
  backend: StorageBackend,
  files: CopyFiles,
  target: (path: string) => OutputLocation,
  results: CopyResults,
  options: CopyFilesOptions,
): Promise<void> {
  const itemOf = (file: CopyFile) => streamedItem(from, file, target(file.path), options);
  const all = pairs(files, options.kept);
  // Made again each time they are read: a million would need a gigabyte.
  const items = {
    *[Symbol.iterator](): Generator<UploadItem> {
      for (const { file, sidecar } of all) {
        const item = itemOf(file);
        if (sidecar === undefined) yield item;
        else yield Object.assign(item, { followUp: () => [itemOf(sidecar)] });
      }
    },
  };
  const advice = from.name === "export" ? "export it again" : REPAIR;
  const explain = (result: TransferResult): TransferResult => {
    const { error, location, path } = result;
    if (!(error instanceof RunOutputsError) || error.actualSha256 === undefined) return result;
    const expected = results.expectedAt(location);
    if (expected === undefined) return result;
    const hashes = { expected, actual: error.actualSha256 };
    return { ...result, error: damaged(path, hashes, advice) };
  };
  const { onEvent } = options;
  await uploadThrough(backend, items, (some) => results.push(...some.map(explain)), {
    ...options,
    onEvent: onEvent && ((event) => {
      onEvent(event.type === "finish" ? { ...event, result: explain(event.result) } : event);
    }),
  });
  addLeftSidecars(files, results, target, options);
}

async function copyOne(
  backend: StorageBackend,
  file: CopyFile,
  location: OutputLocation,
  vacancies: Vacancies,
  { ifExists, showSource, onEvent, signal }: CopyFilesOptions,
): Promise<TransferResult> {
  const path = showSource(file.location);
  const source = await backend.stat(file.location, { signal });
  checkSource(file, source, path);
  const { size } = source;
  const sha256 = source.sha256 ?? file.sha256;
  const isListed = ifExists === "replace" || backend.enforcesAbsence === true;
  const existing = isListed && await vacancies.isFree(location, signal)
    ? undefined
    : await statIfThere(backend, location, signal);
  const warnings: string[] = [];
  if (existing !== undefined) {
    if (ifExists === "skip") {
      const { size, sha256 } = existing;
      return { location, path, outcome: "skipped", size, sha256, warnings };
    }
    let same = isSame(source, existing, sha256);
    if (same === undefined && ifExists === "fail") {
      const ours = sha256 ?? await hashObject(backend, file.location, signal);
      same = await hashObject(backend, location, signal) === ours;
    }
    if (same) return { location, path, outcome: "unchanged", size, sha256, warnings };
    if (ifExists === "fail") {
      throw new RunOutputsError(
        "conflict",
        `Cannot copy '${path}' to ${location}: it already exists with different content; --if-exists ` +
          "replace overwrites it",
      );
    }
    if (same === false) warnings.push(`${location} replaced (content changed)`);
  }
  const copied = await backend.copy(file.location, location, {
    sha256,
    ifAbsent: ifExists === "fail" && existing === undefined,
    onBytes: (bytes) => onEvent?.({ type: "bytes", path, bytes }),
    signal,
  });
  const outcome = backend.writes ? "written" : "planned";
  return { location, path, outcome, size, sha256: copied.sha256 ?? sha256, warnings };
}

/**
 * An upload item from a file of another storage. All its bytes come from one version, and are
 * verified if a hash is known.
 *
 * @param from The source storage.
 * @param file The file.
 * @param location The destination.
 * @param options How to format locations; what a dry run does.
 * @returns The item.
 */
function streamedItem(
  from: StorageBackend,
  file: CopyFile,
  location: OutputLocation,
  { showSource, verifyDryRun = false }: CopyFilesOptions,
): UploadItem {
  const path = showSource(file.location);
  const look = async (signal?: AbortSignal) => {
    const info = await from.stat(file.location, { signal });
    checkSource(file, info, path);
    return info;
  };
  const { size, sha256 } = file;
  const item = {
    location,
    path,
    size,
    sha256,
    contentType: file.contentType,
    warnings: [] as string[],
    async open(signal?: AbortSignal): Promise<ByteSource> {
      const info = await look(signal);
      // Only the storage may know it; the upload reads this after `open`.
      item.contentType ??= info.contentType;
      if (info.contentEncoding !== undefined) item.warnings = [encodingLost(path, info)];
      return {
        size: info.size,
        sha256: info.sha256 ?? sha256,
        open: (range, signal) => readVersion(from, info, range, signal),
      };
    },
    ...(verifyDryRun ? {} : {
      async check(signal?: AbortSignal) {
        await look(signal);
      },
    }),
  };
  return item;
}

/**
 * The warning of a copy that loses a file's content encoding, which a directory cannot record.
 *
 * @param path The file's location, for messages.
 * @param info The file's information in its storage.
 * @returns One line.
 */
export function encodingLost(path: string, { contentEncoding }: ObjectInfo): string {
  return `the Content-Encoding of ${path} (${quote(contentEncoding)}) is not copied: the bytes ` +
    "stay encoded, but browsers will not decode the copy";
}

async function* readVersion(
  backend: StorageBackend,
  { location, etag }: ObjectInfo,
  range: ByteRange | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  await using body = await backend.read(location, { range, ifMatch: etag, signal });
  yield* body;
}

/**
 * The hash of an object: the recorded one, or else that of its bytes.
 *
 * @param backend The storage.
 * @param location The object.
 * @param signal Aborts reading.
 * @returns Its SHA-256, 64 hex digits.
 */
export async function hashObject(
  backend: StorageBackend,
  location: OutputLocation,
  signal?: AbortSignal,
): Promise<string> {
  await using body = await backend.read(location, { signal });
  if (body.info.sha256 !== undefined) return body.info.sha256;
  return await sha256Of(body);
}

/** Rejects a file that does not match its expected content. */
function checkSource(file: CopyFile, info: ObjectInfo, path: string): void {
  const failed = `Cannot copy '${path}'`;
  if (file.size !== info.size) {
    const wrong = `it has ${info.size} bytes, expected ${file.size}`;
    throw new RunOutputsError(
      "integrity",
      `${failed}: ${wrong}; ${REPAIR}`,
    );
  }
  const { sha256: expected } = file;
  const { sha256: actual } = info;
  if (expected === undefined || actual === undefined || expected === actual) return;
  throw damaged(path, { expected, actual });
}

/** The error of a source file that is damaged. */
function damaged(
  path: string,
  hashes: { readonly expected: string; readonly actual: string },
  advice = REPAIR,
): RunOutputsError {
  return checksumMismatch(`Cannot copy '${path}'`, hashes, advice);
}

/** Whether two objects have the same content; `undefined`, if they must be read to decide it. */
function isSame(
  source: ObjectInfo,
  existing: ObjectInfo,
  sha256: string | undefined,
): boolean | undefined {
  if (source.size !== existing.size) return false;
  if (sha256 !== undefined && existing.sha256 !== undefined) return sha256 === existing.sha256;
  return source.etag === existing.etag ? true : undefined;
}
