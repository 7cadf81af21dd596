/**
 * The mark that an upload leaves beside the parts of the outputs manifest if it has not put
 * everything there: `manifests/outputs/{part}.incomplete`.
 *
 * It is written like a part: its `files` are those that are there and that no part tells of, its
 * `pending` the paths of those that are still to come, its `unlisted` what could not be read and so
 * has no paths in the run.
 *
 * @module
 */

import type { ManifestHead } from "./manifest.ts";

const SUFFIX = ".incomplete";

/**
 * The name of a part's mark.
 *
 * @param part The part's name.
 * @returns The name of a file, which is no part's.
 */
export function unfinishedName(part: string): string {
  return `${part}${SUFFIX}`;
}

/**
 * Which part a mark is of.
 *
 * @param name The name of a file.
 * @returns The part's name; nothing, if the file is no mark.
 */
export function unfinishedPartOf(name: string): string | undefined {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
}

/**
 * What is still to come.
 *
 * @param head All of a mark but its files.
 * @returns Paths relative to the run's prefix.
 */
export function pendingOf(head: ManifestHead): readonly string[] {
  return strings(head.pending);
}

/**
 * What could not be read: nobody knows which files it stands for.
 *
 * @param head All of a mark but its files.
 * @returns Paths where the upload ran.
 */
export function unlistedOf(head: ManifestHead): readonly string[] {
  return strings(head.unlisted);
}

function strings(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.map(String) : [];
}
