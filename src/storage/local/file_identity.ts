/**
 * Distinguishes files or directories that have had the same name.
 *
 * @module
 */

/**
 * The inode and the time of creation of a file or directory: a rename keeps them, and a copy has
 * others. The device is not part of it, because it changes when a disk is mounted again.
 *
 * @param info The file information.
 * @returns A text to compare.
 */
export function fileIdentity({ ino, birthtime }: Deno.FileInfo): string {
  return `${ino}:${birthtime?.getTime()}`;
}
