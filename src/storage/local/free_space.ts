/**
 * The free space of a disk.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";

/** Reads the state of the file system of a path. */
export type ReadSpace = (path: string) => Promise<DiskSpace>;

/** The state of a file system. */
export interface DiskSpace {
  /** The blocks that this user may still write. */
  readonly bavail: number;
  /** The size of a block in bytes. */
  readonly bsize: number;
  /** All blocks. */
  readonly blocks?: number;
}

/**
 * Reads the state of the file system of a path, with the permissions of this thread.
 *
 * @param path A file or directory on it.
 * @returns The state.
 */
export async function readSpaceHere(path: string): Promise<DiskSpace> {
  // Older base runtimes of an executable lack `statfs`. Imported by name, the program would not start.
  const { bavail, bsize, blocks } = await (await import("node:fs/promises")).statfs(path);
  return { bavail, bsize, blocks };
}

let readSpace: ReadSpace = readSpaceHere;

/**
 * Lets another thread read the state of file systems, because this one may not look at what is above
 * the directories that it writes to.
 *
 * @param read Reads it; of a path that does not exist, that of the nearest directory above it.
 */
export function readSpaceBy(read: ReadSpace): void {
  readSpace = read;
}

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
