/**
 * The owner of files that this process creates.
 *
 * @module
 */

/** The temporary directories of {@linkcode ownUser} begin so. */
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
 * Whether a file or directory belongs to a user, and nobody else may write to it.
 *
 * @param info What is known of it.
 * @param user The user id, see {@linkcode ownUser}.
 * @returns `false` also if the user is unknown.
 */
export function isOwnedBy(
  { uid, mode }: Pick<Deno.FileInfo, "uid" | "mode">,
  user: number | null,
): boolean {
  return user !== null && uid === user && ((mode ?? 0) & 0o022) === 0;
}

/**
 * The user id of new files.
 *
 * @param dir A writable directory.
 * @returns The user id; `null` if it cannot be determined.
 */
export async function ownUser(dir: string): Promise<number | null> {
  return await probeOwner(dir).catch(() => null);
}

/**
 * Creates a directory for a moment, to see whether that is possible and whose it is.
 *
 * @param dir The directory to create it in.
 * @returns The user id of what this process creates there; `null` on Windows.
 * @throws The error of the disk, if `dir` is not writable.
 */
export async function probeOwner(dir: string): Promise<number | null> {
  const probe = await Deno.makeTempDir({ dir, prefix: PREFIX });
  try {
    return (await Deno.lstat(probe)).uid;
  } finally {
    await Deno.remove(probe);
  }
}
