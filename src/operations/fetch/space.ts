/**
 * Whether the archives of a fetch fit on the disks of its directories, before the first byte.
 *
 * @module
 */

import { join } from "node:path";
import { totalSize } from "../../layout/total_size.ts";
import { cacheContents } from "../../storage/cache/clean.ts";
import type { ContentCache } from "../../storage/cache/content_cache.ts";
import { findShortage, noSpace } from "../../storage/local/enough_space.ts";
import type { ReadSpace } from "../../storage/local/free_space.ts";
import type { DownloadItem } from "../../storage/transfer/download.ts";

/** Where a fetch writes. */
export interface FetchSpace {
  /** The directory of the archives that are not in the cache. */
  readonly dir: string;
  /** The output directory, for messages. */
  readonly outputDir: string;
  /** Whether the archives are unpacked on the disk of `dir`. */
  readonly unpacks: boolean;
  /** The cache. */
  readonly cache?: ContentCache;
  /** Called with one line if the disk of the cache is too small. */
  readonly onNote?: (text: string) => void;
  /** Reads the state of the file system of a path. */
  readonly readSpace?: ReadSpace;
}

/**
 * Checks that archives fit. What an archive unpacks to is taken to be as large as the archive, the
 * least that it can be. So a disk that passes may still fill up.
 *
 * @param items The archives, with the paths that they get without unpacking.
 * @param space Where they are written.
 * @returns Whether archives can be added to the cache; `false`, if its disk is too small, and the
 * archives fit without it.
 * @throws {RunOutputsError} `failed`, if a disk is too small.
 */
export async function checkFetchSpace(
  items: readonly DownloadItem[],
  space: FetchSpace,
): Promise<boolean> {
  const { dir, outputDir, unpacks, cache, onNote, readSpace } = space;
  const adds = cache?.writable ?? false;
  const unpacked = unpacks ? totalSize(items) : 0;
  // What exists is counted only if it matters: finding it takes a look at each file.
  const most = [{ dir, bytes: totalSize(items) + unpacked }];
  if (adds) most.push({ dir: cache!.dir, bytes: totalSize(items) });
  if (await findShortage(most, readSpace) === undefined) return adds;

  const stored = cache === undefined ? [] : await cacheContents(cache.dir);
  const cached = new Set(stored.filter(({ kind }) => kind === "entry").map((file) => file.sha256));
  let placed = 0;
  let downloaded = 0;
  for (const item of items) {
    const left = await leftOf(item, dir);
    if (item.sha256 !== undefined && cached.has(item.sha256)) placed += left;
    else downloaded += left;
  }
  // Where archives stay, the file system may share their blocks with the cache.
  const output = { dir, bytes: unpacks ? unpacked : placed };
  const toCache = { dir: cache?.dir ?? dir, bytes: downloaded - totalSize(stored) };
  const shortage = adds ? await findShortage([toCache, output], readSpace) : undefined;
  if (adds && shortage === undefined) return true;
  const direct = await findShortage([{ dir, bytes: downloaded + output.bytes }], readSpace);
  if (direct !== undefined) throw noSpace("fetch to", { ...direct, dir: outputDir });
  if (shortage !== undefined) {
    const { message } = noSpace("add to the cache", { ...shortage, dir: cache!.dir });
    onNote?.(`${message}; continuing without the cache`);
  }
  return false;
}

/** The bytes that an archive still needs: none, if it is in the output or working directory. */
async function leftOf({ path, location: { name }, size = 0 }: DownloadItem, dir: string) {
  const sizeOf = (path: string) => Deno.stat(path).then(({ size }) => size, () => undefined);
  if (await sizeOf(path) === size || await sizeOf(join(dir, name)) === size) return 0;
  const partial = await sizeOf(join(dir, `${name}.part`)) ?? await sizeOf(`${path}.part`) ?? 0;
  return Math.max(0, size - partial);
}
