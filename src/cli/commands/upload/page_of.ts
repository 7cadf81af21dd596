/**
 * Which index page shows the files of an upload.
 *
 * @module
 */

import { OutputLocation } from "../../../layout/output_location.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";

/** An upload that may have written index pages. */
export interface Paged {
  /** The run. */
  readonly root: RunOutputRoot;
  /** The result of each file, including index pages. */
  readonly results: Iterable<TransferResult>;
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
  files: Iterable<TransferResult>,
): OutputLocation | undefined {
  const common = commonDirectory(files);
  if (common === undefined) return undefined;
  if (serverIndexed) {
    const dir = new OutputLocation(root.bucket, common.replace(/\/$/, ""));
    const isInside = dir.relativeTo(root.root()) !== undefined;
    return (isInside ? dir : root.root()).join("index.html");
  }
  let best: OutputLocation | undefined;
  let depth = 0;
  for (const { location, outcome } of results) {
    if (outcome === "failed" || !/^index[^/]*\.html$/.test(location.name)) continue;
    const dir = location.key.slice(0, -location.name.length);
    if (dir.length < depth || !common.startsWith(dir)) continue;
    // Prefer a page with a custom name: the user requested it.
    if (dir.length === depth && location.name === "index.html" && best !== undefined) continue;
    best = location;
    depth = dir.length;
  }
  return best;
}

/**
 * The innermost directory that contains all the given files: the beginning of their keys, with its
 * slash; `undefined`, if there are no files.
 */
function commonDirectory(files: Iterable<TransferResult>): string | undefined {
  let common: string | undefined;
  for (const { location: { key } } of files) {
    common ??= key.slice(0, key.lastIndexOf("/") + 1);
    while (!key.startsWith(common)) {
      common = common.slice(0, common.lastIndexOf("/", common.length - 2) + 1);
    }
  }
  return common;
}
