/**
 * An upload whose output is on the disk that it reads: what it writes must not become its input.
 *
 * @module
 */

import { realPath } from "../../storage/local/real_path.ts";
import { join, relative, sep } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { PathFilter } from "../../storage/transfer/path_filter.ts";

/** Where an upload writes, if that is on a disk. */
export interface LocalOutput {
  /** The directory that holds all runs. */
  readonly dir: string;
  /** The path of a location in it. */
  readonly pathOf: (location: OutputLocation) => string;
}

/**
 * The path of the output relative to a tree that it is inside of.
 *
 * @param tree The directory that is uploaded.
 * @param to Where its content goes.
 * @param output Where the upload writes.
 * @returns The path, with `/`; `undefined`, if the output is not inside of the tree.
 * @throws {RunOutputsError} `invalid`, if the tree is the output directory, or the place in it that
 * it would go to.
 */
export async function outputWithin(
  tree: string,
  to: OutputLocation,
  output: LocalOutput,
): Promise<string | undefined> {
  const [from, dir] = await Promise.all([tree, output.dir].map(realPath));
  // No links are followed below the output directory.
  const target = join(dir, relative(output.dir, output.pathOf(to)));
  if (pathBelow(from, target) === undefined) return undefined;
  const inside = pathBelow(from, dir);
  if (inside !== undefined && inside !== "") return inside;
  throw new RunOutputsError(
    "invalid",
    `Cannot upload '${tree}' into itself: its content would go to '${target}'; give another ` +
      "--output-dir",
  );
}

/**
 * A filter that leaves out what is below a path.
 *
 * @param filter The choice among the rest.
 * @param path A relative path.
 * @param onPassed Called for each file that is left out.
 * @returns The filter.
 */
export function leavingOut(
  filter: PathFilter,
  path: string,
  onPassed: () => void = () => {},
): PathFilter {
  return {
    matches(candidate) {
      if (!candidate.startsWith(`${path}/`)) return filter.matches(candidate);
      onPassed();
      return false;
    },
    unmatched: () => filter.unmatched(),
  };
}

/** The path of a file relative to a directory that it is below, or the same as. */
function pathBelow(dir: string, path: string): string | undefined {
  const way = relative(dir, path);
  if (way === ".." || way.startsWith(`..${sep}`) || /^[A-Za-z]:/.test(way)) return undefined;
  return way.replaceAll(sep, "/");
}
