/**
 * Selects outputs by patterns. Artifacts match by the name of their archive and by their own name.
 *
 * @module
 */

import { ArtifactName } from "../../layout/artifact_name.ts";
import { pathFilter } from "../../storage/transfer/path_filter.ts";
import { type NamePattern, patternText, searcher } from "./name_pattern.ts";

/** Patterns that select outputs by path or name. */
export interface NameFilterOptions {
  /** An output must match one of these. Default: all outputs. */
  readonly include?: readonly NamePattern[];
  /** An output must match none of these, which take precedence over `include`. */
  readonly exclude?: readonly NamePattern[];
}

/** Compiled patterns. */
export interface NameFilter {
  /**
   * Whether an output is selected.
   *
   * @param path Its path relative to the run's prefix, or its name.
   * @returns `true`, if it is included and not excluded.
   */
  matches(path: string): boolean;
  /** The include patterns that nothing has matched so far, counting excluded outputs, in order. */
  unmatched(): string[];
}

/**
 * Compiles patterns.
 *
 * A glob is compared with the path of an output and, for an artifact, also with that of its
 * directory, which has no `.tar.zst` or `.tar.xz`. A glob without wildcards may omit the target:
 * `blas_lib` is `blas_lib_gfx942.tar.zst` and those for other targets. A regular expression is
 * matched with the same paths.
 *
 * @param options The patterns.
 * @returns The filter.
 * @throws {RunOutputsError} `invalid`, if a glob is invalid.
 */
export function nameFilter({ include = [], exclude = [] }: NameFilterOptions): NameFilter {
  const included = include.map((pattern) => ({
    pattern,
    matches: compile("include", pattern),
    used: false,
  }));
  const excluded = exclude.map((pattern) => compile("exclude", pattern));
  return {
    matches(path) {
      const names = namesOf(path);
      let chosen = included.length === 0;
      // All are tested, so that `unmatched` knows every pattern that matches.
      for (const item of included) {
        if (item.matches(names)) chosen = item.used = true;
      }
      return chosen && !excluded.some((matches) => matches(names));
    },
    unmatched: () =>
      included.filter(({ used }) => !used).map(({ pattern }) => patternText(pattern)),
  };
}

/** The names of an output that patterns can match. */
interface Names {
  /** Its path; for an artifact's archive also that of its directory. */
  readonly full: readonly string[];
  /** For an artifact, its path without the target. */
  readonly short: readonly string[];
}

function namesOf(path: string): Names {
  const slash = path.lastIndexOf("/") + 1;
  const dir = path.slice(0, slash);
  const archive = ArtifactName.tryParse(path.slice(slash));
  const artifact = archive ?? (slash === 0 ? ArtifactName.tryParseDirName(path) : undefined);
  if (artifact === undefined) return { full: [path], short: [] };
  return {
    full: archive === undefined ? [path] : [path, dir + artifact.dirName],
    short: [`${dir}${artifact.name}_${artifact.component}`],
  };
}

function compile(
  kind: "include" | "exclude",
  pattern: NamePattern,
): (names: Names) => boolean {
  if (typeof pattern !== "string") {
    const test = searcher(pattern);
    return ({ full }) => full.some(test);
  }
  const filter = pathFilter({ [kind]: [pattern] });
  const matches = (path: string) => filter.matches(path) === (kind === "include");
  const isPlain = !WILDCARD.test(pattern);
  return ({ full, short }) => full.some(matches) || isPlain && short.some(matches);
}

/** The characters that make a glob of a name. */
const WILDCARD = /[*?[{(\\]/;
