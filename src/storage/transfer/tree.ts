/**
 * Lists the files of a directory tree on disk as relative paths, to plan the upload of a tree.
 *
 * @module
 */

import { join } from "node:path";
import { isTemporary } from "../local/atomic_file.ts";
import { isUnfinished } from "../local/download_part.ts";
import type { PathFilter } from "./path_filter.ts";
import { readDirectory, segmentOf } from "../local/disk_name.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";

/** One file of a tree. */
export interface TreeFile {
  /** Its path relative to the tree as part of a key, with `/` on every system. */
  readonly relativePath: string;
  /** Its path on disk. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
}

/** The files of a tree, and what is not a file. */
export interface TreeListing {
  /** The selected files, sorted by relative path. */
  readonly files: readonly TreeFile[];
  /** What was skipped, and why: symbolic links, devices. */
  readonly skipped: readonly { readonly relativePath: string; readonly reason: string }[];
  /** What could not be read: a directory without permission, a deleted file. */
  readonly unreadable: readonly { readonly relativePath: string; readonly error: Error }[];
}

/** Options of {@linkcode listTree}. */
export interface ListTreeOptions {
  /** Selects files. Default: all. */
  readonly filter?: PathFilter;
  /** Whether names on disk are encoded for Windows, and must be decoded. Default: on Windows. */
  readonly encodedNames?: boolean;
  /** Aborts the walk. */
  readonly signal?: AbortSignal;
}

/**
 * Lists the files of a directory, recursively.
 *
 * Symbolic links are not followed: a link would be uploaded as a second copy, or lead out of the
 * tree. They are listed in `skipped`, unless the filter excludes them. The directory itself may be
 * a link.
 *
 * @param root The directory.
 * @param options A filter and a signal.
 * @returns The files, what was skipped and what could not be read.
 * @throws {RunOutputsError} `not_found` or another error of the disk, if the directory itself
 * cannot be read.
 */
export async function listTree(
  root: string,
  options: ListTreeOptions = {},
): Promise<TreeListing> {
  const { filter, encodedNames, signal } = options;
  const files: TreeFile[] = [];
  const skipped: { relativePath: string; reason: string }[] = [];
  const unreadable: { relativePath: string; error: Error }[] = [];

  async function walk(dir: string, above: string): Promise<void> {
    for (const entry of await readDirectory(dir, signal)) {
      signal?.throwIfAborted();
      const relativePath = above + segmentOf(entry.name, encodedNames);
      const path = join(dir, entry.name);
      try {
        if (entry.misread !== undefined) throw misread(path, entry.misread);
        if (entry.isDirectory) {
          await walk(path, `${relativePath}/`);
          continue;
        }
        if (filter !== undefined && !filter.matches(relativePath)) continue;
        if (isTemporary(entry.name) || (entry.isFile && await isUnfinished(path))) {
          skipped.push({ relativePath, reason: "a temporary file of run-outputs" });
        } else if (entry.isFile) {
          files.push({ relativePath, path, size: Deno.lstatSync(path).size });
        } else skipped.push({ relativePath, reason: kindOf(entry) });
      } catch (error) {
        signal?.throwIfAborted();
        unreadable.push({ relativePath, error: diskError("read", path, error) });
      }
    }
  }

  try {
    await walk(root, "");
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError("list", root, error);
  }
  for (const list of [files, skipped, unreadable]) {
    list.sort((a, b) => compareKeys(a.relativePath, b.relativePath));
  }
  return { files, skipped, unreadable };
}

function misread(path: string, reason: string): RunOutputsError {
  return new RunOutputsError("invalid", `Cannot read '${path}': ${reason}`);
}

function kindOf(entry: Deno.DirEntry): string {
  return entry.isSymlink ? "a symbolic link" : "not a regular file";
}
