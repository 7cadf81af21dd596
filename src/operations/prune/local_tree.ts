/**
 * The directory of a run on a disk: checked before it is deleted, and deleted.
 *
 * It is renamed first: then no reader sees a part of it, and open downloads end. A directory with the
 * name of trash that a killed process has left is deleted by the next prune.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { removeTree } from "../../archive/unpack/remove_tree.ts";
import { diskError } from "../../errors/disk.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import type { CallOptions } from "../../storage/backend.ts";

/** How the names of directories in deletion begin. No run can have such a name. */
const TRASH = ".run-outputs-trash-";

/**
 * Looks for what must not be deleted: links, which lead elsewhere, and other file systems.
 *
 * @param path The directory of a run.
 * @param options A signal.
 * @returns Why the run is not deleted; `undefined`, if it can be.
 */
export async function obstacleIn(
  path: string,
  { signal }: CallOptions = {},
): Promise<string | undefined> {
  try {
    const { dev } = await Deno.stat(dirname(path));
    return await obstacle(path, dev, signal);
  } catch (error) {
    signal?.throwIfAborted();
    return diskError("read", path, error).message;
  }
}

async function obstacle(
  path: string,
  dev: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  signal?.throwIfAborted();
  const stat = await Deno.lstat(path);
  if (stat.isSymlink) return `${quote(path)} is a symbolic link`;
  if (stat.dev !== dev) return `${quote(path)} is on another file system`;
  if (!stat.isDirectory) return stat.isFile ? undefined : `${quote(path)} is not a regular file`;
  for await (const { name } of Deno.readDir(path)) {
    const found = await obstacle(join(path, name), dev, signal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Deletes the directory of a run.
 *
 * @param path The directory.
 * @throws {RunOutputsError} What the disk says. If the directory was renamed, the next prune finishes.
 */
export async function deleteTree(path: string): Promise<void> {
  const trash = join(dirname(path), `${TRASH}${crypto.randomUUID()}`);
  try {
    await Deno.rename(path, trash);
  } catch (error) {
    throw diskError("delete", path, error);
  }
  await removeTrash(trash, path);
}

/**
 * Finishes the deletions of killed processes in a directory.
 *
 * @param directory The directory that holds runs.
 * @param options A signal.
 * @returns What could not be deleted, with the reason, and how many were.
 */
export async function emptyTrash(
  directory: string,
  { signal }: CallOptions = {},
): Promise<{ readonly count: number; readonly failures: readonly RunOutputsError[] }> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      if (isDirectory && name.startsWith(TRASH)) found.push(join(directory, name));
    }
  } catch (error) {
    throw diskError("list", directory, error);
  }
  const failures: RunOutputsError[] = [];
  for (const path of found) {
    signal?.throwIfAborted();
    try {
      const obstacle = await obstacleIn(path, { signal });
      if (obstacle !== undefined) {
        throw new RunOutputsError("failed", `Cannot delete '${path}': ${obstacle}`);
      }
      await removeTrash(path, path);
    } catch (error) {
      if (!(error instanceof RunOutputsError)) throw error;
      failures.push(error);
    }
  }
  return { count: found.length - failures.length, failures };
}

async function removeTrash(trash: string, path: string): Promise<void> {
  try {
    await removeTree(trash);
  } catch (error) {
    throw diskError("delete", path, error);
  }
}
