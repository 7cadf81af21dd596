/**
 * The choice by globs of artifacts, which go by the name of their archive and by their own.
 *
 * @module
 */

import { ArtifactName } from "../../layout/artifact_name.ts";
import { pathFilter, type PathFilterOptions } from "../../storage/transfer/path_filter.ts";

/** A compiled choice of things that can have more than one name. */
export interface NameFilter {
  /**
   * Whether something is chosen.
   *
   * @param names All its names, or paths that end in them.
   * @returns `true`, if one of them is included and none excluded.
   */
  matches(names: readonly string[]): boolean;
  /** The include patterns that no name has matched so far, excluded ones counted, in their order. */
  unmatched(): string[];
}

/**
 * Compiles globs.
 *
 * @param options The patterns.
 * @returns The filter.
 * @throws {RunOutputsError} `invalid`, if a pattern is none.
 */
export function nameFilter({ include, exclude }: PathFilterOptions): NameFilter {
  const included = pathFilter({ include });
  const kept = pathFilter({ exclude });
  return {
    matches(names) {
      // Each is asked, so that every pattern that matches is known as used.
      const isIncluded = names.filter(included.matches).length > 0;
      return isIncluded && names.every(kept.matches);
    },
    unmatched: included.unmatched,
  };
}

/**
 * What patterns may call an output: an artifact also by its name without `.tar.zst` or `.tar.xz`,
 * as its directory is called.
 *
 * @param path The path of an output, or a file name.
 * @returns The path, and for an artifact's archive the path of its directory.
 */
export function namesOf(path: string): readonly string[] {
  const slash = path.lastIndexOf("/") + 1;
  const artifact = ArtifactName.tryParse(path.slice(slash));
  if (artifact?.compression === undefined) return [path];
  return [path, path.slice(0, slash) + artifact.dirName];
}
