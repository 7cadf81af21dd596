/**
 * Which index page shows the files of an upload.
 *
 * @module
 */

import type { OutputLocation } from "../../../layout/output_location.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";

/** An upload that may have written index pages. */
export interface Paged {
  /** The run. */
  readonly root: RunOutputRoot;
  /** The result of each file, including index pages. */
  readonly results: readonly TransferResult[];
  /** Whether the server writes the index pages: `index.html` of each directory with files. */
  readonly serverIndexed?: boolean;
}

/**
 * The innermost index page above all the given files.
 *
 * @param upload The upload.
 * @param files The files.
 * @returns The page; `undefined` if there is none.
 */
export function pageOf(
  { root, results, serverIndexed = false }: Paged,
  files: readonly TransferResult[],
): OutputLocation | undefined {
  if (files.length === 0) return undefined;
  if (serverIndexed) return commonDirectory(root, files).join("index.html");
  let best: OutputLocation | undefined;
  let depth = 0;
  for (const { location, outcome } of results) {
    if (outcome === "failed" || !/^index[^/]*\.html$/.test(location.name)) continue;
    const dir = location.key.slice(0, -location.name.length);
    if (dir.length < depth || !files.every((file) => file.location.key.startsWith(dir))) continue;
    // Prefer a page with a custom name: the user requested it.
    if (dir.length === depth && location.name === "index.html" && best !== undefined) continue;
    best = location;
    depth = dir.length;
  }
  return best;
}

/** The innermost directory that contains all the given files. */
function commonDirectory(root: RunOutputRoot, files: readonly TransferResult[]): OutputLocation {
  let dir = files[0].location.parent;
  while (files.some(({ location }) => location.relativeTo(dir) === undefined)) dir = dir.parent;
  return dir.relativeTo(root.root()) === undefined ? root.root() : dir;
}
