/**
 * The index page of a staging directory: its runs.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import { tryParseRunPrefix } from "../../runs/retention/run_key.ts";
import { directoryEntry, fileEntries, FileTree } from "./file_tree.ts";
import { INDEX_NAME, type IndexedFile, type IndexEntry, type ListPage } from "./page.ts";
import { runTree } from "./run_pages.ts";

/**
 * The page that lists the runs of a staging directory. The pages of the runs themselves stay.
 *
 * @param dir The directory.
 * @param files Its files.
 * @param notes What to say about its runs, by their prefix.
 * @returns The page; `undefined`, if it has no run.
 */
export function stagingPage(
  dir: OutputLocation,
  files: readonly IndexedFile[],
  notes: ReadonlyMap<string, string>,
): ListPage | undefined {
  const runs = new Map<string, IndexedFile[]>();
  const others: IndexedFile[] = [];
  for (const file of files) {
    const prefix = runPrefixOf(file.location.relativeTo(dir) ?? "");
    if (prefix === undefined) others.push(file);
    else if (!runs.get(prefix)?.push(file)) runs.set(prefix, [file]);
  }
  if (runs.size === 0) return undefined;
  const location = dir.join(INDEX_NAME);
  const rest = new FileTree(others, (file) => file.equals(location)).below(dir);
  const sections = [
    { title: "Runs", entries: [...runs].map(([prefix, own]) => runEntry(dir, prefix, own, notes)) },
    { title: "Other files", entries: fileEntries(rest, dir) },
  ].filter(({ entries }) => entries.length > 0);
  return { kind: "list", location, covers: dir, title: "Runs", above: [], sections };
}

function runEntry(
  dir: OutputLocation,
  prefix: string,
  files: readonly IndexedFile[],
  notes: ReadonlyMap<string, string>,
): IndexEntry {
  const run = dir.join(prefix);
  const index = run.join(INDEX_NAME);
  const root = new RunOutputRoot({ ...tryParseRunPrefix(prefix)!, bucket: dir.bucket });
  const rows = runTree(root, files).files.filter(({ location }) => !location.equals(index));
  const target = files.some(({ location }) => location.equals(index)) ? index : run;
  const note = notes.get(prefix);
  return { ...directoryEntry(prefix, target, rows), ...(note !== undefined && { note }) };
}

/** The prefix of the run that a file belongs to: its first name, or its first two. */
function runPrefixOf(path: string): string | undefined {
  const names = path.split("/").slice(0, -1);
  return [names[0], names.slice(0, 2).join("/")]
    .find((prefix) => prefix !== undefined && tryParseRunPrefix(prefix) !== undefined);
}
