/**
 * What the commands about the cache share.
 *
 * @module
 */

import { join } from "node:path";
import { diskError } from "../../../errors/disk.ts";
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
 * @throws {RunOutputsError} `invalid`, if nothing names one, or if it is not a directory; errors of
 * the disk, if nothing in it can be read.
 */
export async function requiredCacheDir(options: CacheCommandOptions, io: Io): Promise<string> {
  const dir = cacheDirOf(options, io);
  if (dir === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Cannot find the cache: give --cache-dir, or set RUN_OUTPUTS_CACHE_DIR or HOME",
    );
  }
  try {
    if (!(await Deno.stat(dir)).isDirectory) {
      throw new RunOutputsError("invalid", `Cannot read the cache '${dir}': it is not a directory`);
    }
    await Deno.lstat(join(dir, "v1"));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError("read the cache", dir, error);
  }
  return dir;
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
