/**
 * The index pages of a directory that is not a run.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import { fileEntries, FileTree } from "./file_tree.ts";
import { INDEX_NAME, type IndexedFile, type IndexPage } from "./page.ts";
import { distributions, SIMPLE, simplePages } from "./python_pages.ts";

/**
 * One page that lists all files below a directory. If there are Python packages, pip can read the
 * page, and there is a simple index too.
 *
 * @param dir The directory.
 * @param files Its files.
 * @returns The pages.
 */
export function directoryPages(
  dir: OutputLocation,
  files: readonly IndexedFile[],
): IndexPage[] {
  const simple = dir.join(SIMPLE);
  const location = dir.join(INDEX_NAME);
  const tree = new FileTree(files, (file) =>
    file.equals(location) ||
    (file.name === INDEX_NAME && file.relativeTo(simple) !== undefined));
  const all = tree.below(dir);
  const packages = distributions(all, dir);
  const forPip = packages.length > 0;
  return [
    {
      kind: "list",
      location,
      covers: dir,
      title: "Files",
      above: [],
      sections: [{ entries: fileEntries(all, dir) }],
      forPip,
    },
    ...(forPip ? simplePages(simple, dir, packages) : []),
  ];
}
