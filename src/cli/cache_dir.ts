/**
 * The cache directory of all commands that have one: `fetch`, `find`, `bisect`, `cache`, `doctor`.
 *
 * @module
 */

import { join } from "node:path";
import { Option } from "commander";
import type { Io } from "./terminal/io.ts";

/** The default directory, for help texts. */
const DEFAULT = "$RUN_OUTPUTS_CACHE_DIR, else ${XDG_CACHE_HOME:-~/.cache}/run-outputs";

/**
 * `--cache-dir`.
 *
 * @param does What the command does with the directory.
 * @returns The option.
 */
export function cacheDirOption(does: string): Option {
  return new Option("--cache-dir <dir>", `${does} (default: ${DEFAULT})`)
    .helpGroup("Options for the cache:");
}

/**
 * The cache directory that the user has named.
 *
 * @param options The value of `--cache-dir`.
 * @param io The environment.
 * @returns The option, else `$RUN_OUTPUTS_CACHE_DIR`; `undefined`, if neither names one.
 */
export function namedCacheDir(
  { cacheDir }: { readonly cacheDir?: string },
  io: Pick<Io, "env">,
): string | undefined {
  return cacheDir ?? (io.env("RUN_OUTPUTS_CACHE_DIR") || undefined);
}

/**
 * The cache directory: the one that the user has named, else the default of the system.
 *
 * @param options The value of `--cache-dir`.
 * @param io The environment.
 * @returns The directory; `undefined`, if nothing names one.
 */
export function cacheDirOf(
  options: { readonly cacheDir?: string },
  io: Pick<Io, "env">,
): string | undefined {
  const home = io.env("HOME") || undefined;
  const base = Deno.build.os === "windows"
    ? io.env("LOCALAPPDATA") || undefined
    : io.env("XDG_CACHE_HOME") || (home && join(home, ".cache"));
  return namedCacheDir(options, io) ?? (base && join(base, "run-outputs"));
}
