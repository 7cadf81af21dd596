/**
 * The owner of files that this process creates.
 *
 * @module
 */

/**
 * The user id of new files.
 *
 * @param dir A writable directory.
 * @returns The user id; `undefined` if it cannot be determined.
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
