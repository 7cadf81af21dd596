/**
 * Whether what will be written fits on the disks, before the first byte is written.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import { totalSize } from "../../layout/total_size.ts";
import { formatBytes } from "../../layout/words.ts";
import { isTemporary } from "./atomic_file.ts";
import { freeSpace, type ReadSpace } from "./free_space.ts";

/** What will be written to a directory. */
export interface SpaceNeed {
  /** The directory; it need not exist. */
  readonly dir: string;
  /** The bytes that are written at least; negative for bytes that are freed. */
  readonly bytes: number;
}

/** A disk that is too small. */
export interface SpaceShortage {
  /** A directory on it, as given. */
  readonly dir: string;
  /** The bytes that are needed on this disk. */
  readonly needed: number;
  /** Its free bytes. */
  readonly free: number;
}

/**
 * Finds a disk that is too small. Directories on the same disk share its free space. A disk whose
 * free space can't be read counts as large enough: writing to it will show.
 *
 * @param needs What will be written.
 * @param read Reads the state of the file system of a path.
 * @returns The first such disk, if there is one.
 */
export async function findShortage(
  needs: readonly SpaceNeed[],
  read?: ReadSpace,
): Promise<SpaceShortage | undefined> {
  const disks = new Map<unknown, SpaceNeed & { readonly existing: string }>();
  for (const { dir, bytes } of needs) {
    const existing = await nearestExisting(dir);
    const info = await Deno.stat(existing).catch(() => undefined);
    const disk = info?.dev ?? existing;
    const other = disks.get(disk);
    disks.set(disk, { dir, existing, ...other, bytes: bytes + (other?.bytes ?? 0) });
  }
  for (const { dir, existing, bytes } of disks.values()) {
    const free = await freeSpace(existing, read).catch(() => Infinity);
    if (bytes > free) return { dir, needed: bytes, free };
  }
}

/** A file that will be written. */
export interface FileToWrite {
  /** Its path. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Whether an existing file stays until this one is complete. Default: it may be the same. */
  readonly isNew?: boolean;
}

/**
 * Checks that files fit on the disk of a directory. Existing files of the same name may be the same
 * already, and need no space then. What a killed process has left beside them counts as free, because
 * the next writer deletes it.
 *
 * @param action What can't be done to the directory otherwise, such as `write to`.
 * @param dir The directory; it need not exist.
 * @param files The files, each directly or deeper below it. They are iterated several times.
 * @param read Reads the state of the file system of a path.
 * @throws {RunOutputsError} `failed`, if the disk is too small.
 */
export async function checkFilesFit(
  action: string,
  dir: string,
  files: Iterable<FileToWrite>,
  read?: ReadSpace,
): Promise<void> {
  const all = totalSize(files);
  if (await findShortage([{ dir, bytes: all }], read) === undefined) return;
  // Finding what exists takes a look at each directory, so only if it matters.
  let bytes = all;
  for (const [parent, own] of Map.groupBy(files, ({ path }) => dirname(path))) {
    const byName = new Map(own.map((file) => [basename(file.path), file]));
    for (const name of await namesIn(parent)) {
      const file = byName.get(name);
      if (!isTemporary(name) && (file === undefined || file.isNew)) continue;
      const existing = await Deno.lstat(join(parent, name)).catch(() => undefined);
      if (existing?.isFile) bytes -= Math.max(file?.size ?? 0, existing.size);
    }
  }
  const shortage = await findShortage([{ dir, bytes }], read);
  if (shortage !== undefined) throw noSpace(action, shortage);
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
  } catch {
    // It does not exist, or writing to it will say what is wrong.
    return [];
  }
}

/**
 * The error of a disk that is too small.
 *
 * @param action What can't be done, such as `fetch to`.
 * @param shortage The disk.
 * @returns An error with code `failed`, like that of a full disk.
 */
export function noSpace(action: string, { dir, needed, free }: SpaceShortage): RunOutputsError {
  return new RunOutputsError(
    "failed",
    `Cannot ${action} '${dir}': no space left on device: at least ${formatBytes(needed)} needed, ` +
      `${formatBytes(free)} free`,
  );
}

/**
 * The directory itself, or the nearest one above it that exists.
 *
 * @param path The directory.
 * @returns Its path, absolute.
 */
export async function nearestExisting(path: string): Promise<string> {
  for (let at = resolve(path);; at = dirname(at)) {
    const found = await Deno.stat(at).then(() => true, (error) => {
      if (!(error instanceof Deno.errors.NotFound)) return true;
      return at === dirname(at);
    });
    if (found) return at;
  }
}
