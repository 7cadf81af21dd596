/**
 * Whose files are ours.
 *
 * @module
 */

/**
 * Who this process makes files as.
 *
 * @param dir A directory that it may write to.
 * @returns The user's number; nobody, where that can't be found out.
 */
export async function ownUser(dir: string): Promise<number | null> {
  try {
    const probe = await Deno.makeTempDir({ dir, prefix: ".run-outputs-probe-" });
    try {
      return (await Deno.lstat(probe)).uid;
    } finally {
      await Deno.remove(probe);
    }
  } catch {
    return null;
  }
}
