/**
 * The owner of files that this process creates.
 *
 * @module
 */

const PREFIX = ".run-outputs-probe-";

/**
 * Whether a name is that of an empty directory which {@linkcode ownUser} creates for a moment, and
 * which a kill leaves.
 *
 * @param name The name.
 * @returns Whether it can be deleted.
 */
export function isProbe(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * The user id of new files.
 *
 * @param dir A writable directory.
 * @returns The user id; `undefined` if it cannot be determined.
 */
export async function ownUser(dir: string): Promise<number | null> {
  try {
    const probe = await Deno.makeTempDir({ dir, prefix: PREFIX });
    try {
      return (await Deno.lstat(probe)).uid;
    } finally {
      await Deno.remove(probe);
    }
  } catch {
    return null;
  }
}
