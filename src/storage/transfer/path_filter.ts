/**
 * Selects files by globs, with the same meaning on disk, in a bucket and in a listing.
 *
 * @module
 */

import picomatch from "picomatch";
import { invalid } from "../../errors/error.ts";

/** Globs that select files by their relative path. */
export interface PathFilterOptions {
  /** A path must match one of these. Default: all paths. */
  readonly include?: readonly string[];
  /** A path must match none of these, which take precedence over `include`. */
  readonly exclude?: readonly string[];
}

/** Compiled globs. */
export interface PathFilter {
  /**
   * Whether a path is selected.
   *
   * @param path A relative path with `/`, on every system.
   * @returns `true` if it is selected.
   */
  matches(path: string): boolean;
  /** The include patterns that no path has matched so far, counting excluded ones, in order. */
  unmatched(): string[];
}

/**
 * Compiles globs.
 *
 * `*` and `?` stay inside one name, `**` spans directories, `{a,b}`, `[a-z]` and `[!a-z]` are
 * alternatives. A pattern without `/` is compared with the file's name in any directory; one with
 * `/` with the whole relative path. A pattern that ends in `/` means everything below. Hidden files
 * are files like others, and case matters on every system, because it does in keys.
 *
 * @param options The patterns.
 * @returns The filter.
 * @throws {RunOutputsError} `invalid`, if a pattern is empty, absolute, contains `..` or has over
 * 4096 characters.
 *
 * @example
 * ```ts
 * import { pathFilter } from "@therock/run-outputs/storage";
 *
 * const filter = pathFilter({ include: ["*.log"], exclude: ["ccache/"] });
 * console.assert(filter.matches("stage/build.log"));
 * console.assert(!filter.matches("ccache/build.log"));
 * ```
 */
export function pathFilter(options: PathFilterOptions): PathFilter {
  const include = (options.include ?? []).map((pattern) => ({
    pattern,
    matches: compile("include pattern", pattern),
    used: false,
  }));
  const exclude = (options.exclude ?? []).map((pattern) => compile("exclude pattern", pattern));
  return {
    matches(path) {
      let chosen = include.length === 0;
      for (const item of include) {
        if (item.matches(path)) chosen = item.used = true;
      }
      return chosen && !exclude.some((matches) => matches(path));
    },
    unmatched: () => include.filter((item) => !item.used).map((item) => item.pattern),
  };
}

/** No path is this long; picomatch exhausts stack or regular expressions somewhat above. */
const MAX_PATTERN = 4096;

function compile(field: string, pattern: string): (path: string) => boolean {
  // Below a directory, so it is not the file's own name.
  const glob = pattern.endsWith("/") ? `${pattern}**/*` : pattern;
  if (pattern === "" || pattern.startsWith("/") || glob.split("/").includes("..")) {
    throw invalid(field, pattern, "a relative pattern, such as '*.log' or 'ccache/'");
  }
  if (glob.length > MAX_PATTERN) {
    throw invalid(field, pattern, `at most ${MAX_PATTERN} characters, this has ${pattern.length}`);
  }
  const matches = picomatch(glob, { dot: true, nonegate: true, posix: true, windows: false });
  return glob.includes("/")
    ? matches
    : (path: string) => matches(path.slice(path.lastIndexOf("/") + 1));
}
