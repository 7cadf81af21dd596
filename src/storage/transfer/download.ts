/**
 * The download of objects into files.
 *
 * @module
 */

import { resolve } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { writeFileAtomic } from "../local/atomic_file.ts";
import type { ObjectBody, StorageBackend } from "../backend.ts";
import { diskError } from "../../errors/disk.ts";
import { partNames } from "../local/download_part.ts";
import { Hashers } from "../hash/hashers.ts";
import { downloadLarge, type LargeDownload, SEGMENT } from "./large_download.ts";
import { LinkedController } from "../linked_controller.ts";
import { Semaphore } from "../semaphore.ts";
import {
  concurrencyFor,
  DEFAULT_CONCURRENCY,
  transferAll,
  type TransferOptions,
  type TransferResult,
} from "./transfer.ts";

/** So many streams fill a line. */
const ENOUGH_LARGE = 4;

/** One object to download. */
export interface DownloadItem {
  /** The object. */
  readonly location: OutputLocation;
  /** The file to make of it. */
  readonly path: string;
  /** The size in bytes, where it is known from a listing. */
  readonly size?: number;
  /** The SHA-256 that the bytes must have, 64 hex digits in lower case. */
  readonly sha256?: string;
}

/** Options of {@linkcode download}. */
export interface DownloadOptions extends TransferOptions {
  /** Look at what is there on both sides, and write nothing. */
  readonly dryRun?: boolean;
  /**
   * How many bytes one request asks for; a larger object is downloaded by several at once, and
   * continued where a killed process left it. Default: 32 MiB; all of it, if there are as many large
   * objects as streams anyway: bytes that come in order cost less.
   */
  readonly segment?: number;
}

/**
 * Downloads objects, each into a file that appears only once it is whole and has the expected
 * hash. A file that is there and has the hash already is left alone. A failure of one does not
 * stop the others. Where the storage has a hash on record, that is the expected one.
 *
 * A large object is collected in `NAME.part`, with what is there in `NAME.part.journal`. After a
 * kill or a failure both stay, and the next download of the same version continues. Where one of the
 * two names is that of another item, or of somebody else's file, or too long for the disk, one stream
 * does without them.
 *
 * @param backend The storage.
 * @param items The objects.
 * @param options Dry run, concurrency, progress, a signal.
 * @returns What became of each, in the order of the items.
 * @throws The signal's reason, after files under way have been cleaned up.
 */
export async function download(
  backend: StorageBackend,
  items: Iterable<DownloadItem>,
  options: DownloadOptions = {},
): Promise<TransferResult[]> {
  const all = [...items];
  const concurrency = concurrencyFor(all, options.concurrency);
  const { segment = segmentFor(all, concurrency) } = options;
  using downloader = new Downloader(backend, { ...options, concurrency, segment });
  const wanted = new Set(all.map(({ path }) => resolve(path)));
  const get = async (item: DownloadItem) => {
    const { part, journal } = partNames(resolve(item.path));
    return [await downloader.get(item, { alone: wanted.has(part) || wanted.has(journal) })];
  };
  return await transferAll(all, get, downloadFailure, { ...options, concurrency });
}

/**
 * How many bytes one request should ask for.
 *
 * @param items What is to be downloaded, with sizes where they are known.
 * @param concurrency How many streams there may be.
 * @returns All of an object where there are enough large ones to keep the streams busy.
 */
export function segmentFor(
  items: readonly { readonly size?: number }[],
  concurrency: number = DEFAULT_CONCURRENCY,
): number {
  const large = items.filter(({ size = 0 }) => size > SEGMENT).length;
  return large >= Math.min(ENOUGH_LARGE, concurrency) ? Infinity : SEGMENT;
}

/**
 * The result of a download that threw.
 *
 * @param item What was to be downloaded.
 * @param error What was thrown.
 * @returns The result.
 */
export function downloadFailure(
  { location, path, size }: DownloadItem,
  error: Error,
): TransferResult {
  return { location, path, outcome: "failed", size, warnings: [], error };
}

/**
 * Downloads objects one by one, as {@linkcode download} does, where their number and order are the
 * caller's. The streams of all of them together are bounded. Dispose of it.
 */
export class Downloader implements Disposable {
  readonly #backend: StorageBackend;
  readonly #options: DownloadOptions;
  readonly #streams: Semaphore;
  readonly #hashers = new Hashers();

  /**
   * Creates a downloader.
   *
   * @param backend The storage.
   * @param options As for `download`; `concurrency` bounds the streams.
   */
  constructor(backend: StorageBackend, options: DownloadOptions = {}) {
    this.#backend = backend;
    this.#options = options;
    this.#streams = new Semaphore(options.concurrency ?? DEFAULT_CONCURRENCY);
  }

  /**
   * Downloads an object.
   *
   * @param item The object.
   * @param how `alone: true` to make no other file beside it, however large it is.
   * @returns What became of it; it is not `failed`.
   * @throws {RunOutputsError} Why it could not be downloaded; or the signal's reason.
   */
  async get(
    item: DownloadItem,
    { alone = false }: { readonly alone?: boolean } = {},
  ): Promise<TransferResult> {
    const { onEvent } = this.#options;
    onEvent?.({ type: "start", path: item.path, size: item.size });
    const shared = { streams: this.#streams, hashers: this.#hashers, alone };
    const result = await downloadOne(this.#backend, item, this.#options, shared);
    onEvent?.({ type: "finish", result });
    return result;
  }

  /**
   * Whether a file on disk has its hash already.
   *
   * @param item The object and the file; an item without a hash never has it.
   * @returns Whether nothing has to be downloaded.
   */
  async has(item: DownloadItem): Promise<boolean> {
    return item.sha256 !== undefined &&
      await isWhole(item, this.#hashers, this.#options.signal);
  }

  /** Ends its threads. */
  [Symbol.dispose](): void {
    this.#hashers[Symbol.dispose]();
  }
}

async function downloadOne(
  backend: StorageBackend,
  item: DownloadItem,
  options: DownloadOptions,
  { alone, ...shared }:
    & Pick<LargeDownload, "streams" | "hashers">
    & { readonly alone: boolean },
): Promise<TransferResult> {
  const { location, path, sha256 } = item;
  const { signal, onEvent } = options;
  if (sha256 !== undefined && await isWhole(item, shared.hashers, signal)) {
    return { location, path, outcome: "unchanged", size: item.size, sha256, warnings: [] };
  }
  if (options.dryRun) {
    const { size } = await backend.stat(location, { signal });
    return { location, path, outcome: "planned", size, sha256, warnings: [] };
  }
  const onBytes = (bytes: number) => onEvent?.({ type: "bytes", path, bytes });
  const { segment = SEGMENT } = options;
  using segments = new LinkedController(signal);
  const release = await shared.streams.acquire(1, signal);
  let body: ObjectBody;
  let isLarge = false;
  try {
    // The first bytes come with the object's headers; for most objects they are all there is.
    const range = alone || segment === Infinity ? undefined : { start: 0, end: segment };
    body = await backend.read(location, { range, signal: segments.signal });
    isLarge = !alone && body.info.size > Math.min(segment, SEGMENT);
    if (!isLarge) return await downloadSmall(body, item, onBytes, signal);
  } finally {
    if (!isLarge) release();
  }
  const { info } = body;
  const large = {
    location,
    path,
    info,
    sha256: sha256 ?? info.sha256,
    segment,
    ...shared,
    onBytes,
    signal,
    segments,
  };
  const loaded = await downloadLarge(backend, large, { body, release });
  if (loaded !== undefined) {
    return {
      location,
      path,
      outcome: "written",
      size: info.size,
      sha256: loaded.sha256,
      warnings: [],
      ...(loaded.resumed > 0 && { resumed: loaded.resumed }),
    };
  }
  // Another process is at work on the same file, and may fail; or what is beside it is not ours.
  // So this is downloaded on its own.
  const releaseOwn = await shared.streams.acquire(1, signal);
  try {
    const whole = await backend.read(location, { ifMatch: info.etag, signal });
    return await downloadSmall(whole, item, onBytes, signal);
  } finally {
    releaseOwn();
  }
}

/** Downloads an object by one stream into a temporary file. */
async function downloadSmall(
  opened: ObjectBody,
  { location, path, sha256 }: DownloadItem,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<TransferResult> {
  await using body = opened;
  const written = await writeFileAtomic(path, body, {
    size: body.info.size,
    sha256: sha256 ?? body.info.sha256,
    onBytes,
    signal,
  });
  const { size, sha256: actual } = written;
  return { location, path, outcome: "written", size, sha256: actual, warnings: [] };
}

/** Whether a file is there and has the hash that it should have. */
async function isWhole(
  { path, size, sha256 }: DownloadItem,
  hashers: Hashers,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const stat = await Deno.lstat(path);
    if (!stat.isFile || (size !== undefined && stat.size !== size)) return false;
    return await hashers.hashFile(path, stat.size, signal) === sha256;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Deno.errors.NotFound) return false;
    // Somebody has put something else there meanwhile.
    if (error instanceof RunOutputsError && error.code === "integrity") return false;
    throw diskError("read", path, error);
  }
}
