/**
 * The source of the archives of a fetch: the storage, or a cache in front of it.
 *
 * @module
 */

import { isNotWritable } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { AdaptiveLimit } from "../../storage/adaptive_limit.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import type { CachedFile } from "../../storage/cache/cached_file.ts";
import type { ContentCache } from "../../storage/cache/content_cache.ts";
import {
  Downloader,
  type DownloadItem,
  type DownloadOptions,
} from "../../storage/transfer/download.ts";
import type { TransferEvent, TransferResult } from "../../storage/transfer/transfer.ts";

/** The origin of an archive: the network, the cache, or an existing file. */
export type FetchOrigin = "network" | "cache" | "disk";

/** The result for one archive. */
export interface FetchResult extends TransferResult {
  /** Its origin; missing, if it failed or was only planned. */
  readonly origin?: FetchOrigin;
}

/**
 * The number of downloaded bytes, without those from a cache or an earlier attempt.
 *
 * @param results The results.
 * @returns Bytes.
 */
export function downloadedBytes(results: readonly FetchResult[]): number {
  return results.filter(({ origin }) => origin === "network")
    .reduce((sum, { size = 0, resumed = 0 }) => sum + size - resumed, 0);
}

/** An archive on disk that may be read until it is disposed of. */
export interface FetchedArchive extends AsyncDisposable {
  /** Its path. Don't change it. */
  readonly file: string;
  /** Its result. */
  readonly result: FetchResult;
}

/** Options of {@linkcode ArchiveSource}. */
export interface ArchiveSourceOptions extends DownloadOptions {
  /** The cache for archives with a checksum. Default: none. */
  readonly cache?: ContentCache;
  /** Whether archives are added to the cache. Default: if it is writable. */
  readonly addsToCache?: boolean;
  /** Whether a cache that can't be used is an error: nothing is downloaded elsewhere. */
  readonly onlyCache?: boolean;
  /** Called with one line if the cache can't be used any more; the fetch continues without it. */
  readonly onNote?: (text: string) => void;
  /** Called with a line when another process is downloading the same archive. */
  readonly onWait?: (name: string) => void;
}

/** Downloads archives. Dispose of it. */
export class ArchiveSource implements Disposable {
  readonly #options: ArchiveSourceOptions;
  readonly #downloader: Downloader;
  readonly #intoCache: Downloader;
  /** The paths of archives in the cache during a download, and their paths for callers. */
  readonly #cachePaths = new Map<string, string>();
  /** Whether the cache has failed: nothing more is added to it. */
  #isAside: boolean;

  /**
   * Creates a source.
   *
   * @param backend The storage.
   * @param options Cache, concurrency, progress, a signal.
   * @param streams Limits the streams of all archives together. Default: `concurrency`, each for
   * those that are added to the cache and the others.
   */
  constructor(backend: StorageBackend, options: ArchiveSourceOptions, streams?: AdaptiveLimit) {
    this.#options = options;
    this.#isAside = options.addsToCache === false;
    this.#downloader = new Downloader(backend, { ...options, streams });
    const onEvent = (event: TransferEvent) => this.#fromCache(event);
    this.#intoCache = new Downloader(backend, { ...options, streams, onEvent });
  }

  /**
   * Makes an archive available: from the cache, or downloaded to the item's path.
   *
   * @param item The archive, its hash and its path for a download without a cache.
   * @returns The archive; to be disposed of.
   * @throws {RunOutputsError} Why it is unavailable.
   */
  async get(item: DownloadItem): Promise<FetchedArchive> {
    const cached = await this.#cached(item);
    if (cached !== undefined && !cached.shared) {
      return {
        file: cached.path,
        result: this.#finished(resultOf(item, cached)),
        [Symbol.asyncDispose]: () => cached[Symbol.asyncDispose](),
      };
    }
    if (cached !== undefined) {
      // It is opened by its name later, and must be the file that was hashed.
      await using _release = cached;
      await cached.place(item.path, { signal: this.#options.signal });
      const result = this.#finished(resultOf(item, cached));
      return { file: item.path, result, async [Symbol.asyncDispose]() {} };
    }
    const result = await this.#downloader.get(item);
    return { file: item.path, result: withOrigin(result), async [Symbol.asyncDispose]() {} };
  }

  /**
   * Puts an archive at the item's path; an existing one stays.
   *
   * @param item The archive.
   * @returns Its result.
   * @throws {RunOutputsError} Why it is unavailable.
   */
  async place(item: DownloadItem): Promise<FetchResult> {
    const { cache, dryRun } = this.#options;
    if (cache === undefined || item.sha256 === undefined || dryRun) {
      return withOrigin(await this.#downloader.get(item));
    }
    if (await this.#downloader.has(item)) {
      const { location, path, size, sha256 } = item;
      const existing = {
        location,
        path,
        size,
        sha256,
        outcome: "unchanged",
        warnings: [],
      } as const;
      return this.#finished(withOrigin(existing));
    }
    await using cached = await this.#cached(item);
    if (cached === undefined) return withOrigin(await this.#downloader.get(item));
    await cached.place(item.path, { signal: this.#options.signal });
    return this.#finished(resultOf(item, cached));
  }

  /** Whether the archive is at the item's path already. */
  async has(item: DownloadItem): Promise<boolean> {
    return await this.#downloader.has(item);
  }

  /** Ends its threads. */
  [Symbol.dispose](): void {
    this.#downloader[Symbol.dispose]();
    this.#intoCache[Symbol.dispose]();
  }

  /** The archive in the cache, added if necessary; `undefined`, if the cache cannot be used. */
  async #cached(item: DownloadItem): Promise<CachedFile | undefined> {
    const { cache, signal, onWait } = this.#options;
    const { sha256, size, location } = item;
    if (cache === undefined || sha256 === undefined) return undefined;
    const options = { signal, onWait: () => onWait?.(location.name) };
    let failure: unknown;
    try {
      if (!cache.writable || this.#isAside) return await cache.find({ sha256, size }, options);
      return await cache.take({ sha256, size }, async (path) => {
        this.#cachePaths.set(path, item.path);
        try {
          const { resumed } = await this.#intoCache.get({ ...item, path });
          return { resumed };
        } catch (error) {
          failure = error;
          throw error;
        }
      }, options);
    } catch (error) {
      signal?.throwIfAborted();
      const isDownload = failure !== undefined && !isNotWritable(failure);
      const isContent = error instanceof RunOutputsError && error.code === "integrity";
      if (isDownload || this.#options.onlyCache) throw error;
      // The cache has the content, but the source's file has another size: a download says why.
      if (isContent) return undefined;
      this.#stepAside(error as Error);
      return undefined;
    }
  }

  /** The rest of the fetch adds nothing to the cache. */
  #stepAside(error: Error): void {
    if (this.#isAside) return;
    this.#isAside = true;
    this.#options.onNote?.(`${error.message}; continuing without the cache`);
  }

  #finished(result: FetchResult): FetchResult {
    const { onEvent } = this.#options;
    onEvent?.({ type: "finish", result });
    return result;
  }

  /** The cache's paths mean nothing to callers; they get the result themselves. */
  #fromCache(event: TransferEvent): void {
    if (event.type === "finish") return;
    const path = this.#cachePaths.get(event.path) ?? event.path;
    this.#options.onEvent?.({ ...event, path });
  }
}

function resultOf({ location, path, sha256 }: DownloadItem, cached: CachedFile): FetchResult {
  const { size, origin, resumed } = cached;
  const outcome = "written";
  return { location, path, outcome, size, sha256, warnings: [], resumed, origin };
}

function withOrigin(result: TransferResult): FetchResult {
  if (result.outcome === "planned") return result;
  return { ...result, origin: result.outcome === "unchanged" ? "disk" : "network" };
}
