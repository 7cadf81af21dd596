/**
 * What is in a directory, down to modes, links and times, as a value to compare.
 *
 * @module
 */

import { join } from "node:path";
import { sha256 } from "./bytes.ts";

/** One thing in a tree. */
export interface DiskEntry {
  readonly kind: "file" | "directory" | "symlink";
  /** Permission bits; not those of links. */
  readonly mode?: number;
  /** Of a file, the hash of its bytes. */
  readonly sha256?: string;
  /** Of a link, its text. */
  readonly text?: string;
  /** Of a file with several names, all those in the tree. */
  readonly names?: readonly string[];
  /** In whole seconds; a directory's is left out, it changes with what is in it. */
  readonly modified?: number;
}

/** Lists a tree: relative path to what is there. */
export async function diskTree(root: string): Promise<Record<string, DiskEntry>> {
  const tree: [string, DiskEntry][] = [];
  const inodes = new Map<string, string[]>();
  async function walk(above: string): Promise<void> {
    for await (const { name } of Deno.readDir(join(root, above))) {
      const path = above + name;
      const full = join(root, path);
      const stat = await Deno.lstat(full);
      const modified = Math.floor(stat.mtime!.getTime() / 1000);
      const mode = stat.mode! & 0o7777;
      if (stat.isSymlink) {
        tree.push([path, { kind: "symlink", text: await Deno.readLink(full), modified }]);
      } else if (stat.isDirectory) {
        tree.push([path, { kind: "directory", mode }]);
        await walk(`${path}/`);
      } else {
        const names = inodes.get(`${stat.dev}:${stat.ino}`) ?? [];
        inodes.set(`${stat.dev}:${stat.ino}`, names);
        names.push(path);
        const content = sha256(await Deno.readFile(full));
        tree.push([path, { kind: "file", mode, sha256: content, names, modified }]);
      }
    }
  }
  await walk("");
  for (const names of inodes.values()) names.sort();
  return Object.fromEntries(tree.sort(([a], [b]) => a < b ? -1 : 1));
}
