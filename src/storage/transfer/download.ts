/**
 * Downloads objects into files.
 *
 * @module
 */

import { resolve } from "node:path";
import { checkConcurrency } from "../concurrency.ts";
import { AdaptiveLimit, type Place } from "../adaptive_limit.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { writeFileAtomic } from "../local/atomic_file.ts";
import type { ObjectBody, StorageBackend } from "../backend.ts";
import { diskError } from "../../errors/disk.ts";
import { partNames } from "../local/download_part.ts";
import { Hashers } from "../hash/hashers.ts";
import { downloadLarge, type LargeDownload, SEGMENT, unseenOf } from "./large_download.ts";
import { lineOf } from "../line_limits.ts";
import { LinkedController } from "../linked_controller.ts";
import {
  areSmall,
  concurrencyFor,
  DEFAULT_CONCURRENCY,
  transferAll,
  type TransferOptions,
  type TransferResult,
} from "./transfer.ts";

/** This many streams keep a disk busy. */
const ENOUGH_LARGE = 4;

/** One object to download. */
export interface DownloadItem {
  /** The object. */
  readonly location: OutputLocation;
  /** The path of the file. */
  readonly path: string;
  /** The size in bytes, if known from a listing. */
  readonly size?: number;
  /** The SHA-256 that the bytes must have, 64 hex digits in lower case. */
  readonly sha256?: string;
}

/** Options of {@linkcode download}. */
export interface DownloadOptions extends TransferOptions {
  /** Check both sides, and write nothing. */
  readonly dryRun?: boolean;
  /**
   * The size of one request in bytes. A larger object is downloaded with several concurrent
   * requests, and resumed after a kill. Default: 32 MiB; the whole object if there are as many
   * large objects as streams anyway, because sequential bytes cost less.
   */
  readonly segment?: number;
}

/** Options of {@linkcode Downloader}. */
export interface DownloaderOptions extends DownloadOptions {
  /** Limits the streams, if others are limited with them. Default: `concurrency` of them. */
  readonly streams?: AdaptiveLimit;
}

/**
 * Downloads objects, each into a file that appears only once it is complete and verified. An
 * existing file with the expected hash is left unchanged. A failure of one does not stop the
 * others. If the storage has recorded a hash, that is the expected one.
 *
 * A large object is collected in `NAME.part`, with the list of its finished ranges in
 * `NAME.part.journal`. After a kill or a failure both stay, and the next download of the same
 * version resumes. If one of the two names belongs to another item or to a file of the user, or is
 * too long for the disk, a single stream is used without them.
 *
 * @param backend The storage.
 * @param items The objects.
 * @param options Dry run, concurrency, progress, a signal.
 * @returns The result of each, in the order of the items.
 * @throws {RunOutputsError} `invalid`, unless `concurrency` is a whole number from 1, or `Infinity`.
 * @throws The signal's reason, after unfinished files have been cleaned up.
 */
export async function download(
  backend: StorageBackend,
  items: Iterable<DownloadItem>,
  options: DownloadOptions = {},
): Promise<TransferResult[]> {
  const all = [...items];
  const { concurrency, segment, streams } = spread(backend, all, options.concurrency);
  using downloader = new Downloader(backend, { segment, ...options, concurrency, streams });
  const wanted = new Set(all.map(({ path }) => resolve(path)));
  const get = async (item: DownloadItem) => {
    const { part, journal } = partNames(resolve(item.path));
    return [await downloader.get(item, { alone: wanted.has(part) || wanted.has(journal) })];
  };
  return await transferAll(all, get, downloadFailure, { ...options, concurrency });
}

/**
 * How many files and streams to download at once, and how large a request is.
 *
 * A large object is downloaded by one request if there are enough large ones to keep all streams busy.
 *
 * @param backend The storage.
 * @param items The items, with sizes if known.
 * @param asked The caller's number of concurrent files.
 * @returns Options of {@linkcode Downloader}.
 */
export function spread(
  backend: StorageBackend,
  items: readonly { readonly size?: number }[],
  asked?: number,
): Required<Pick<DownloaderOptions, "concurrency" | "segment" | "streams">> {
  const line = lineOf(backend)?.down;
  const concurrency = concurrencyFor(items, asked, line);
  const isFound = asked === undefined && !areSmall(items);
  const streams = isFound && line || new AdaptiveLimit({ max: concurrency });
  const enough = line === undefined ? Math.min(ENOUGH_LARGE, concurrency) : concurrency;
  const large = items.filter(({ size = 0 }) => size > SEGMENT).length;
  return { concurrency, segment: large >= enough ? Infinity : SEGMENT, streams };
}

/**
 * The result of a download that threw an error.
 *
 * @param item The item.
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
 * Downloads single objects, like {@linkcode download}, for callers that decide their number and
 * order. Limits the streams of all of them together. Dispose of it.
 */
export class Downloader implements Disposable {
  readonly #backend: StorageBackend;
  readonly #options: DownloadOptions;
  readonly #streams: AdaptiveLimit;
  readonly #hashers = new Hashers();

  /**
   * Creates a downloader.
   *
   * @param backend The storage.
   * @param options As for `download`; `concurrency` limits the streams.
   * @throws {RunOutputsError} `invalid`, unless `concurrency` is a whole number from 1, or `Infinity`.
   */
  constructor(backend: StorageBackend, options: DownloaderOptions = {}) {
    const { concurrency = DEFAULT_CONCURRENCY } = options;
    this.#backend = backend;
    this.#options = options;
    const max = checkConcurrency(concurrency);
    this.#streams = options.streams ?? new AdaptiveLimit({ max });
  }

  /**
   * Downloads an object.
   *
   * @param item The object.
   * @param how `alone: true` to create no other file beside it, whatever its size.
   * @returns Its result, which is not `failed`.
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
   * Whether a file on disk already has its hash.
   *
   * @param item The object and the file; `false` for an item without a hash.
   * @returns Whether nothing needs to be downloaded.
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
  const place = await shared.streams.acquire(unseenOf(item.size), signal);
  let body: ObjectBody;
  let isLarge = false;
  try {
    // The first bytes arrive with the object's headers; most objects have no more.
    const range = alone || segment === Infinity ? undefined : { start: 0, end: segment };
    body = await backend.read(location, { range, signal: segments.signal });
    place.opened();
    isLarge = !alone && body.info.size > Math.min(segment, SEGMENT);
    if (!isLarge) return await downloadSmall(body, item, onBytes, place, signal);
  } finally {
    if (!isLarge) place.end();
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
  const loaded = await downloadLarge(backend, large, { body, place });
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
  // Another process is downloading to the same file, and may fail; or the file beside it is not
  // ours. So this is downloaded separately.
  const own = await shared.streams.acquire(unseenOf(info.size), signal);
  try {
    const whole = await backend.read(location, { ifMatch: info.etag, signal });
    return await downloadSmall(whole, item, onBytes, own, signal);
  } finally {
    own.end();
  }
}

/** Downloads an object with one stream into a temporary file. */
async function downloadSmall(
  opened: ObjectBody,
  { location, path, sha256 }: DownloadItem,
  onBytes: (bytes: number) => void,
  place: Place,
  signal: AbortSignal | undefined,
): Promise<TransferResult> {
  await using body = opened;
  const written = await writeFileAtomic(path, body, {
    size: body.info.size,
    sha256: sha256 ?? body.info.sha256,
    onBytes: (bytes) => {
      place.arrived(body.quiet ?? 0);
      onBytes(bytes);
    },
    signal,
  });
  place.end(body.quiet ?? 0);
  const { size, sha256: actual } = written;
  return { location, path, outcome: "written", size, sha256: actual, warnings: [] };
}

/** Whether a file exists and has the expected hash. */
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
    // Something else was put there meanwhile.
    if (error instanceof RunOutputsError && error.code === "integrity") return false;
    throw diskError("read", path, error);
  }
}
