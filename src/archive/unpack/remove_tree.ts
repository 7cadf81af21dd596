/**
 * Deletes a tree that belongs to us, whatever the permissions of its directories.
 *
 * @module
 */

import { join } from "node:path";

/**
 * Deletes a file or a directory with its content. If that is not permitted, its directories are
 * made writable first, which an owner can always do.
 *
 * @param path The path; it need not exist.
 * @throws The error of the system, if it still cannot be deleted.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await removeAll(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    await makeWritable(path);
    await removeAll(path);
  }
}

async function removeAll(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Makes the directories of a tree writable, where possible. Links are not followed. */
async function makeWritable(path: string): Promise<void> {
  const left = (await Deno.lstat(path)).isDirectory ? [path] : [];
  for (let dir = left.pop(); dir !== undefined; dir = left.pop()) {
    try {
      await Deno.chmod(dir, 0o700);
      for await (const { name, isDirectory } of Deno.readDir(dir)) {
        if (isDirectory) left.push(join(dir, name));
      }
    } catch {
      // It has another owner; the deletion reports the consequence.
    }
  }
}
