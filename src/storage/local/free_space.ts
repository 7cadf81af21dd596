/**
 * The free space of a disk.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";

/** Reads the state of the file system of a path. */
export type ReadSpace = (
  path: string,
) => Promise<Readonly<Record<"bavail" | "bsize", number>> & { readonly blocks?: number }>;

// Older base runtimes of an executable lack `statfs`. Imported by name, the program would not start.
const readSpace: ReadSpace = async (path) => (await import("node:fs/promises")).statfs(path);

/**
 * Reads how much may be written to a disk.
 *
 * @param path A file or directory on it.
 * @param read Reads the state of its file system.
 * @returns The free space in bytes.
 * @throws {RunOutputsError} What the disk says.
 */
export async function freeSpace(path: string, read: ReadSpace = readSpace): Promise<number> {
  try {
    const { bavail, bsize, blocks } = await read(path);
    // Some file systems in user space and on networks don't know.
    return blocks === 0 ? Infinity : bavail * bsize;
  } catch (error) {
    throw diskError("read the free space of", path, error);
  }
}
