/**
 * What the commands about the cache share.
 *
 * @module
 */

import { RunOutputsError } from "../../../errors/error.ts";
import type { Stored } from "../../../storage/cache/layout.ts";
import { cacheDirOf } from "../../cache_dir.ts";
import type { Io } from "../../terminal/io.ts";
import type { OutputOptions } from "../../terminal/output.ts";

/** The values of the options of both commands. */
export interface CacheCommandOptions extends OutputOptions {
  readonly cacheDir?: string;
}

/**
 * The cache directory of a command.
 *
 * @param options The value of `--cache-dir`.
 * @param io The environment.
 * @returns The directory.
 * @throws {RunOutputsError} `invalid`, if nothing names one.
 */
export function requiredCacheDir(options: CacheCommandOptions, io: Io): string {
  const dir = cacheDirOf(options, io);
  if (dir !== undefined) return dir;
  throw new RunOutputsError(
    "invalid",
    "Cannot find the cache: give --cache-dir, or set RUN_OUTPUTS_CACHE_DIR or HOME",
  );
}

/**
 * A file of the cache in JSON.
 *
 * @param file The file.
 * @returns Its fields.
 */
export function cachedFileJson({ sha256, kind, size, usedAt }: Stored): Record<string, unknown> {
  return {
    sha256,
    state: kind === "entry" ? "complete" : "unfinished",
    size,
    last_used: new Date(usedAt).toISOString(),
  };
}

/**
 * The size of files together.
 *
 * @param files The files.
 * @returns Bytes.
 */
export function bytesOf(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
