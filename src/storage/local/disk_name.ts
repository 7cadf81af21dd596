/**
 * Names on disk, and the segments of keys for them.
 *
 * @module
 */

import { join } from "node:path";
import { isNameTooLong } from "../../errors/disk.ts";
import { decodeWindowsName } from "../../layout/local_name.ts";
import { takeTurn } from "./turn.ts";

/**
 * The segment of a key for a file name.
 *
 * @param name The name on disk.
 * @param encoded Whether names are encoded for Windows. Default: on Windows.
 * @returns The segment.
 */
export function segmentOf(name: string, encoded: boolean = Deno.build.os === "windows"): string {
  return encoded ? decodeWindowsName(name) : name;
}

/** An entry of a directory. */
export interface NamedEntry extends Deno.DirEntry {
  /**
   * Why it cannot be reached by its name: the name on disk is not UTF-8, so the listing returns
   * another one.
   */
  readonly misread?: "its name is not UTF-8" | "the name of a file next to it is not UTF-8";
}

/**
 * Reads a directory. Names that are not UTF-8 are listed with U+FFFD in them, so several can be
 * listed as one, which can also be the real name of another file. Such a real name is recognized.
 *
 * @param dir The directory.
 * @param signal Aborts reading.
 * @returns Its entries, in no order.
 * @throws Errors of the disk, as thrown by `Deno`; the signal's reason.
 */
export async function readDirectory(dir: string, signal?: AbortSignal): Promise<NamedEntry[]> {
  const entries: NamedEntry[] = [];
  const doubtful = new Map<string, Deno.DirEntry[]>();
  await takeTurn(signal);
  for (const entry of Deno.readDirSync(dir)) {
    if (!entry.name.includes("\ufffd")) entries.push(entry);
    else doubtful.set(entry.name, [...doubtful.get(entry.name) ?? [], entry]);
  }
  for (const [name, group] of doubtful) {
    const info = lstat(join(dir, name));
    // If they are of the same kind, it is unknown which has the name, and does not matter.
    const own = info && group.find((entry) => isAlike(entry, info));
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
    // U+FFFD has three bytes, and may replace a single one.
    if (error instanceof Deno.errors.NotFound || isNameTooLong(error)) return undefined;
    throw error;
  }
}

function isAlike(entry: Deno.DirEntry, stat: Deno.FileInfo): boolean {
  return entry.isFile === stat.isFile && entry.isDirectory === stat.isDirectory &&
    entry.isSymlink === stat.isSymlink;
}
