/**
 * All that can be seen of a directory tree, to show that something did not touch it.
 *
 * @module
 */

import { RECORD_NAME } from "../../src/operations/fetch/fetched_record.ts";

/** What a tree looks like: every path with type, size, mode, times, identity. */
export type Snapshot = Readonly<Record<string, string>>;

/** Looks at a directory and all below it, temporary files included. */
export async function snapshot(root: string): Promise<Snapshot> {
  const seen: Record<string, string> = {};
  async function look(path: string, name: string): Promise<void> {
    const stat = await Deno.lstat(path);
    seen[name] = [
      stat.isDirectory ? "directory" : stat.isSymlink ? await Deno.readLink(path) : "file",
      stat.size,
      stat.mode,
      stat.mtime?.getTime(),
      stat.ino,
    ].join(" ");
    if (!stat.isDirectory) return;
    for await (const entry of Deno.readDir(path)) {
      await look(`${path}/${entry.name}`, `${name}/${entry.name}`);
    }
  }
  await look(root, ".");
  return Object.fromEntries(Object.entries(seen).sort(([a], [b]) => a < b ? -1 : 1));
}

/** All file names below a directory, temporary ones included, as sorted relative paths; without the record of a fetch. */
export async function fileNames(root: string): Promise<string[]> {
  const names: string[] = [];
  async function walk(dir: string, above: string): Promise<void> {
    for await (const entry of Deno.readDir(dir)) {
      if (entry.isDirectory) await walk(`${dir}/${entry.name}`, `${above}${entry.name}/`);
      else if (entry.name !== RECORD_NAME) names.push(above + entry.name);
    }
  }
  await walk(root, "");
  return names.sort();
}

/** The same without the summaries of runs, which each upload derives from the other files. */
export async function outputNames(root: string): Promise<string[]> {
  return (await fileNames(root)).filter((name) => !/(?:^|\/)retention-summary\.json$/.test(name));
}
