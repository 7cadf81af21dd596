/**
 * The removal of a tree that is ours, whatever the permissions of its directories are.
 *
 * @module
 */

import { join } from "node:path";

/**
 * Removes a file or a directory with all that is in it. Where that is not permitted, its directories
 * are made writable first: an owner may always do that.
 *
 * @param path What to remove; it need not be there.
 * @throws What the system says, where it can't be removed even so.
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

/** Makes all directories of a tree writable that can be. Links are not followed. */
async function makeWritable(path: string): Promise<void> {
  const left = (await Deno.lstat(path)).isDirectory ? [path] : [];
  for (let dir = left.pop(); dir !== undefined; dir = left.pop()) {
    try {
      await Deno.chmod(dir, 0o700);
      for await (const { name, isDirectory } of Deno.readDir(dir)) {
        if (isDirectory) left.push(join(dir, name));
      }
    } catch {
      // Somebody else's; the removal tells what follows from it.
    }
  }
}
