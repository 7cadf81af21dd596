/**
 * Where the archives of a fetch come from: the storage, or a cache in front of it.
 *
 * @module
 */

import type { StorageBackend } from "../../storage/backend.ts";
import type { CachedFile } from "../../storage/cache/cached_file.ts";
import type { ContentCache } from "../../storage/cache/content_cache.ts";
import {
  Downloader,
  type DownloadItem,
  type DownloadOptions,
} from "../../storage/transfer/download.ts";
import type { TransferEvent, TransferResult } from "../../storage/transfer/transfer.ts";

/** Where an archive came from: over the network, out of the cache, or it was there already. */
export type FetchOrigin = "network" | "cache" | "disk";

/** What became of one archive. */
export interface FetchResult extends TransferResult {
  /** Where it came from; nothing, if it failed or was only planned. */
  readonly origin?: FetchOrigin;
}

/**
 * How much was downloaded: without what was there from before, in a cache or of an earlier try.
 *
 * @param results What became of the archives.
 * @returns Bytes.
 */
export function downloadedBytes(results: readonly FetchResult[]): number {
  return results.filter(({ origin }) => origin === "network")
    .reduce((sum, { size = 0, resumed = 0 }) => sum + size - resumed, 0);
}

/** An archive on disk that may be read until it is disposed of. */
export interface FetchedArchive extends AsyncDisposable {
  /** Where it is. Not to be changed. */
  readonly file: string;
  /** Its result. */
  readonly result: FetchResult;
}

/** Options of {@linkcode ArchiveSource}. */
export interface ArchiveSourceOptions extends DownloadOptions {
  /** Where archives with a checksum are looked for first, and kept. Default: nowhere. */
  readonly cache?: ContentCache;
  /** Told, in one line, that another process is downloading the same archive. */
  readonly onWait?: (name: string) => void;
}

/** Gets archives. Dispose of it. */
export class ArchiveSource implements Disposable {
  readonly #options: ArchiveSourceOptions;
  readonly #downloader: Downloader;
  readonly #intoCache: Downloader;
  /** Where archives are on their way into the cache, and what they are called outside. */
  readonly #cachePaths = new Map<string, string>();

  /**
   * Creates a source.
   *
   * @param backend The storage.
   * @param options Cache, concurrency, progress, a signal.
   */
  constructor(backend: StorageBackend, options: ArchiveSourceOptions) {
    this.#options = options;
    this.#downloader = new Downloader(backend, options);
    const onEvent = (event: TransferEvent) => this.#fromCache(event);
    this.#intoCache = new Downloader(backend, { ...options, onEvent });
  }

  /**
   * Makes an archive available: out of the cache, else downloaded to the item's path.
   *
   * @param item The archive, its hash and where to download it to if there is no cache for it.
   * @returns The archive; to be disposed of.
   * @throws {RunOutputsError} Why it could not be had.
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
      // What is unpacked is opened by its name, later: it has to be what was hashed.
      await using _release = cached;
      await cached.place(item.path, { signal: this.#options.signal });
      const result = this.#finished(resultOf(item, cached));
      return { file: item.path, result, async [Symbol.asyncDispose]() {} };
    }
    const result = await this.#downloader.get(item);
    return { file: item.path, result: withOrigin(result), async [Symbol.asyncDispose]() {} };
  }

  /**
   * Puts an archive at the item's path; one that is there already stays.
   *
   * @param item The archive.
   * @returns Its result.
   * @throws {RunOutputsError} Why it could not be had.
   */
  async place(item: DownloadItem): Promise<FetchResult> {
    const { cache, dryRun } = this.#options;
    if (cache === undefined || item.sha256 === undefined || dryRun) {
      return withOrigin(await this.#downloader.get(item));
    }
    if (await this.#downloader.has(item)) {
      const { location, path, size, sha256 } = item;
      const there = { location, path, size, sha256, outcome: "unchanged", warnings: [] } as const;
      return this.#finished(withOrigin(there));
    }
    await using cached = await this.#cached(item);
    if (cached === undefined) return withOrigin(await this.#downloader.get(item));
    await cached.place(item.path, { signal: this.#options.signal });
    return this.#finished(resultOf(item, cached));
  }

  /** Whether the item's path has it already. */
  async has(item: DownloadItem): Promise<boolean> {
    return await this.#downloader.has(item);
  }

  /** Ends its threads. */
  [Symbol.dispose](): void {
    this.#downloader[Symbol.dispose]();
    this.#intoCache[Symbol.dispose]();
  }

  /** The archive in the cache, put there if need be; nothing, where the cache is of no use. */
  async #cached(item: DownloadItem): Promise<CachedFile | undefined> {
    const { cache, signal, onWait } = this.#options;
    const { sha256, size, location } = item;
    if (cache === undefined || sha256 === undefined) return undefined;
    const options = { signal, onWait: () => onWait?.(location.name) };
    if (!cache.writable) return await cache.find({ sha256, size }, options);
    return await cache.take({ sha256, size }, async (path) => {
      this.#cachePaths.set(path, item.path);
      const { resumed } = await this.#intoCache.get({ ...item, path });
      return { resumed };
    }, options);
  }

  #finished(result: FetchResult): FetchResult {
    const { onEvent } = this.#options;
    onEvent?.({ type: "finish", result });
    return result;
  }

  /** The cache's paths mean nothing to who is told; what came of it is told by whoever asked. */
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
