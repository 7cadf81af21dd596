/**
 * Lists the files of a directory tree on disk as relative paths, to plan the upload of a tree.
 *
 * @module
 */

import { join } from "node:path";
import { isTemporary } from "../local/atomic_file.ts";
import { isUnfinished } from "../local/download_part.ts";
import type { PathFilter } from "./path_filter.ts";
import { type NamedEntry, readDirectory, segmentOf } from "../local/disk_name.ts";
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
  const skipped: TreeListing["skipped"][number][] = [];
  const unreadable: TreeListing["unreadable"][number][] = [];
  const files = await Array.fromAsync(walkTree(root, {
    ...options,
    onSkipped: (entry) => void skipped.push(entry),
    onUnreadable: (entry) => void unreadable.push(entry),
  }));
  return { files, skipped, unreadable };
}

/** Options of {@linkcode walkTree}. */
export interface WalkTreeOptions extends ListTreeOptions {
  /** Called with what is skipped. */
  readonly onSkipped: (entry: TreeListing["skipped"][number]) => void;
  /** Called with what cannot be read. */
  readonly onUnreadable: (entry: TreeListing["unreadable"][number]) => void;
}

/** A directory whose entries are being walked. */
interface Walked {
  /** Its path on disk. */
  readonly dir: string;
  /** What precedes the names of its entries in a key. */
  readonly above: string;
  /** The entries that were not walked yet, the next one last. */
  readonly left: { readonly segment: string; readonly entry: NamedEntry }[];
}

/**
 * The files of a directory as {@linkcode listTree} lists them, sorted. Only the entries of the
 * directories on the way are in memory.
 *
 * @param root The directory.
 * @param options A filter, a signal, and what receives the other entries, in the same order.
 * @returns The files.
 * @throws {RunOutputsError} As {@linkcode listTree}.
 */
export async function* walkTree(
  root: string,
  { filter, encodedNames, signal, onSkipped, onUnreadable }: WalkTreeOptions,
): AsyncGenerator<TreeFile> {
  async function open(dir: string, above: string): Promise<Walked> {
    const left = (await readDirectory(dir, signal))
      .map((entry) => ({ segment: segmentOf(entry.name, encodedNames), entry }));
    // What is in a directory has its name and a slash before it.
    const keyOf = ({ segment, entry: { isDirectory } }: typeof left[number]) =>
      isDirectory ? `${segment}/` : segment;
    return { dir, above, left: left.sort((a, b) => compareKeys(keyOf(b), keyOf(a))) };
  }

  const walked: Walked[] = [];
  try {
    walked.push(await open(root, ""));
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError("list", root, error);
  }
  for (let at = walked.at(-1); at !== undefined; at = walked.at(-1)) {
    const next = at.left.pop();
    if (next === undefined) {
      walked.pop();
      continue;
    }
    signal?.throwIfAborted();
    const { segment, entry } = next;
    const relativePath = at.above + segment;
    const path = join(at.dir, entry.name);
    let size: number;
    try {
      if (entry.misread !== undefined) throw misread(path, entry.misread);
      if (entry.isDirectory) {
        walked.push(await open(path, `${relativePath}/`));
        continue;
      }
      if (filter !== undefined && !filter.matches(relativePath)) continue;
      if (isTemporary(entry.name) || (entry.isFile && await isUnfinished(path))) {
        onSkipped({ relativePath, reason: "a temporary file of run-outputs" });
        continue;
      }
      if (!entry.isFile) {
        onSkipped({ relativePath, reason: kindOf(entry) });
        continue;
      }
      size = Deno.lstatSync(path).size;
    } catch (error) {
      signal?.throwIfAborted();
      onUnreadable({ relativePath, error: diskError("read", path, error) });
      continue;
    }
    yield { relativePath, path, size };
  }
}

function misread(path: string, reason: string): RunOutputsError {
  return new RunOutputsError("invalid", `Cannot read '${path}': ${reason}`);
}

function kindOf(entry: Deno.DirEntry): string {
  return entry.isSymlink ? "a symbolic link" : "not a regular file";
}
