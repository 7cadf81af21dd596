/**
 * Keeps an upload to a local directory from uploading its own output.
 *
 * @module
 */

import { realPath } from "../../storage/local/real_path.ts";
import { join, relative } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { SEPARATOR } from "../../layout/separator.ts";
import type { PathFilter } from "../../storage/transfer/path_filter.ts";

/** The destination of an upload, if it is local. */
export interface LocalOutput {
  /** The directory that holds all runs. */
  readonly dir: string;
  /** The path of a location in it. */
  readonly pathOf: (location: OutputLocation) => string;
}

/**
 * The path of the output relative to a tree that contains it.
 *
 * @param tree The directory to upload.
 * @param to The destination of its content.
 * @param output The destination of the upload.
 * @returns The path, with `/`; `undefined`, if the tree does not contain the output.
 * @throws {RunOutputsError} `invalid`, if the tree is the output directory, or its destination in
 * it.
 */
export async function outputWithin(
  tree: string,
  to: OutputLocation,
  output: LocalOutput,
): Promise<string | undefined> {
  const [from, dir] = await Promise.all([tree, output.dir].map(realPath));
  // Links below the output directory are not followed.
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
 * A filter that excludes everything below a path.
 *
 * @param filter The filter for the rest.
 * @param path A relative path.
 * @param onSkipped Called for each excluded file.
 * @returns The filter.
 */
export function leavingOut(
  filter: PathFilter,
  path: string,
  onSkipped: () => void = () => {},
): PathFilter {
  return {
    matches(candidate) {
      if (!candidate.startsWith(`${path}/`)) return filter.matches(candidate);
      onSkipped();
      return false;
    },
    unmatched: () => filter.unmatched(),
  };
}

/** The path of a file relative to a directory that contains it or is equal to it. */
function pathBelow(dir: string, path: string): string | undefined {
  const way = relative(dir, path);
  if (way === ".." || way.startsWith(`..${SEPARATOR}`) || /^[A-Za-z]:/.test(way)) return undefined;
  return way.replaceAll(SEPARATOR, "/");
}
