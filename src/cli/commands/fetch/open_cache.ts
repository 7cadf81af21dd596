/**
 * Opens the cache for archives.
 *
 * @module
 */

import { RunOutputsError } from "../../../errors/error.ts";
import type { ContentCache } from "../../../storage/cache/content_cache.ts";
import { cacheDirOf, namedCacheDir } from "../../cache_dir.ts";
import type { Io } from "../../terminal/io.ts";
import type { Output } from "../../terminal/output.ts";

/** Options of a command that can use a cache. */
export interface CacheOptions {
  /** `false` with `--no-cache`. */
  readonly cache?: boolean;
  /** Its directory. */
  readonly cacheDir?: string;
  /** Its maximum size in bytes. */
  readonly cacheSize?: number;
}

/**
 * Rejects options that can't be combined.
 *
 * @param options The values.
 * @throws {RunOutputsError} `invalid`, naming both.
 */
export function checkCacheOptions({ cache, cacheDir, cacheSize }: CacheOptions): void {
  if (cache !== false) return;
  const other = cacheDir !== undefined
    ? "--cache-dir"
    : cacheSize !== undefined
    ? "--cache-size"
    : undefined;
  if (other === undefined) return;
  throw new RunOutputsError("invalid", `Cannot use --no-cache with ${other}: choose one`);
}

/**
 * Whether archives are not cached: with `--no-cache`, or by `$RUN_OUTPUTS_NO_CACHE` unless a
 * directory is given.
 *
 * @param options The values of the command's options.
 * @param io The environment.
 * @returns `true`, if there is no cache.
 */
export function isCacheOff({ cache, cacheDir }: CacheOptions, io: Pick<Io, "env">): boolean {
  return cache === false ||
    cacheDir === undefined && (io.env("RUN_OUTPUTS_NO_CACHE") || undefined) !== undefined;
}

/**
 * Opens the cache. A cache that can't be used is no reason to fail: everything works without it.
 *
 * @param options The values of the command's options.
 * @param io The environment.
 * @param output Receives notes about the cache.
 * @param needsNamed Whether to go without the default directory: the command keeps the archives
 * itself, and each would be on the disk twice. Default: `false`.
 * @returns The cache, if there is one.
 * @throws {RunOutputsError} If the directory that the user has named is something else.
 */
export async function openCache(
  options: CacheOptions,
  io: Io,
  output: Output,
  needsNamed = false,
): Promise<ContentCache | undefined> {
  const named = namedCacheDir(options, io);
  const dir = needsNamed ? named : cacheDirOf(options, io);
  if (isCacheOff(options, io) || dir === undefined) return undefined;
  const { ContentCache } = await import("../../../storage/cache/content_cache.ts");
  try {
    const cache = await ContentCache.open(dir, {
      maxBytes: options.cacheSize,
      onNote: (note) => output.warn(note),
    });
    if (!cache.writable) output.note(`${cache.refusal}; existing files are used, nothing is added`);
    return cache;
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    const isAbsent = error.code === "failed" || error.code === "denied";
    if (named !== undefined && !isAbsent) throw error;
    const message = `${error.message}; continuing without the cache`;
    if (named === undefined) output.explain(message);
    else output.warn(message);
    return undefined;
  }
}
