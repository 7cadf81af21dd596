/**
 * The choice of files by globs: the same meaning on a disk, in a bucket and in a listing.
 *
 * @module
 */

import picomatch from "picomatch";
import { invalid } from "../../errors/error.ts";

/** Globs that choose files by their relative path. */
export interface PathFilterOptions {
  /** A path has to match one of these. Default: every path does. */
  readonly include?: readonly string[];
  /** A path must match none of these; they win over `include`. */
  readonly exclude?: readonly string[];
}

/** A compiled choice of paths. */
export interface PathFilter {
  /**
   * Whether a path is chosen.
   *
   * @param path A relative path with `/`, on every system.
   * @returns `true` if it is chosen.
   */
  matches(path: string): boolean;
  /** The include patterns that no path has matched so far, excluded ones counted, in their order. */
  unmatched(): string[];
}

/**
 * Compiles globs.
 *
 * `*` and `?` stay inside one name, `**` spans directories, `{a,b}`, `[a-z]` and `[!a-z]` are
 * alternatives. A pattern without `/` is compared with the file's name wherever it is; one with `/`
 * with the whole relative path. A pattern that ends in `/` stands for all that is below. Hidden
 * files are files like others, and case counts on every system: keys have case.
 *
 * @param options The patterns.
 * @returns The filter.
 * @throws {RunOutputsError} `invalid`, if a pattern is empty, absolute, steps up with `..` or has
 * over 4096 characters.
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

/** No path is as long; picomatch runs out of stack or regular expression some way above. */
const MAX_PATTERN = 4096;

function compile(field: string, pattern: string): (path: string) => boolean {
  // Below a directory, so not a file of its name.
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
