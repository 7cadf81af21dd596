/**
 * Opens the cache that an option names.
 *
 * @module
 */

import type { ContentCache } from "../../../storage/cache/content_cache.ts";
import type { Output } from "../../terminal/output.ts";

/** Options of a command that can use a cache. */
export interface CacheOptions {
  /** Its directory. Without one there is no cache. */
  readonly cacheDir?: string;
  /** How large it may be, in bytes. */
  readonly cacheSize?: number;
}

/**
 * Opens the cache.
 *
 * @param options The values of the command's options.
 * @param output Where a person is told what the cache can't do.
 * @returns The cache, if one is wanted.
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
    output.note(`the cache ${cacheDir} can only be read: nothing is added to it`);
  }
  return cache;
}
