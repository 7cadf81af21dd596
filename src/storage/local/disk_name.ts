/**
 * Names as a disk has them, and the segments of keys that they stand for.
 *
 * @module
 */

import { join } from "node:path";
import { isNameTooLong } from "../../errors/disk.ts";
import { decodeWindowsName } from "../../layout/local_name.ts";

/**
 * The segment of a key that a file's name stands for.
 *
 * @param name The name on disk.
 * @param encoded Whether names are encoded as Windows needs it. Default: on Windows.
 * @returns The segment.
 */
export function segmentOf(name: string, encoded: boolean = Deno.build.os === "windows"): string {
  return encoded ? decodeWindowsName(name) : name;
}

/** Something in a directory. */
export interface NamedEntry extends Deno.DirEntry {
  /**
   * Why it can't be reached by its name: on disk that is not UTF-8, and a listing tells another one.
   */
  readonly misread?: "its name is not UTF-8" | "the name of a file next to it is not UTF-8";
}

/**
 * Reads a directory. Names that are not UTF-8 are told with U+FFFD in them, so several can be told
 * as one, which can also be the right name of something else: that one is never taken for them.
 *
 * @param dir The directory.
 * @param signal Aborts reading.
 * @returns What is in it, in no order.
 * @throws What the disk says, as `Deno` throws it; the signal's reason.
 */
export async function readDirectory(dir: string, signal?: AbortSignal): Promise<NamedEntry[]> {
  const entries: NamedEntry[] = [];
  const doubtful = new Map<string, Deno.DirEntry[]>();
  for await (const entry of Deno.readDir(dir)) {
    signal?.throwIfAborted();
    if (!entry.name.includes("\ufffd")) entries.push(entry);
    else doubtful.set(entry.name, [...doubtful.get(entry.name) ?? [], entry]);
  }
  for (const [name, group] of doubtful) {
    const there = lstat(join(dir, name));
    // Which of them has the name does not show where they are of one kind, and does not matter.
    const own = there && group.find((entry) => isAlike(entry, there));
    for (const entry of group) {
      if (entry === own) entries.push(entry);
      else {
        const misread = own === undefined
          ? "its name is not UTF-8"
          : "the name of a file next to it is not UTF-8";
        entries.push({ ...entry, misread });
      }
    }
  }
  return entries;
}

function lstat(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    // U+FFFD takes three bytes, what it stands for may be one.
    if (error instanceof Deno.errors.NotFound || isNameTooLong(error)) return undefined;
    throw error;
  }
}

function isAlike(entry: Deno.DirEntry, stat: Deno.FileInfo): boolean {
  return entry.isFile === stat.isFile && entry.isDirectory === stat.isDirectory &&
    entry.isSymlink === stat.isSymlink;
}
