/**
 * Opens the cache given by `--cache-dir`.
 *
 * @module
 */

import type { ContentCache } from "../../../storage/cache/content_cache.ts";
import type { Output } from "../../terminal/output.ts";

/** Options of a command that can use a cache. */
export interface CacheOptions {
  /** Its directory. Without one there is no cache. */
  readonly cacheDir?: string;
  /** Its maximum size in bytes. */
  readonly cacheSize?: number;
}

/**
 * Opens the cache.
 *
 * @param options The values of the command's options.
 * @param output Receives notes about the cache.
 * @returns The cache, if one is given.
 * @throws {RunOutputsError} If it can't be used.
 */
export async function openCache(
  { cacheDir, cacheSize: maxBytes }: CacheOptions,
  output: Output,
): Promise<ContentCache | undefined> {
  if (cacheDir === undefined) return undefined;
  const { ContentCache } = await import("../../../storage/cache/content_cache.ts");
  const cache = await ContentCache.open(cacheDir, {
    maxBytes,
    onNote: (note) => output.warn(note),
  });
  if (!cache.writable) {
    output.note(`the cache ${cacheDir} is read-only: nothing is added to it`);
  }
  return cache;
}
