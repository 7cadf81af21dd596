/**
 * Distinguishes files or directories that have had the same name.
 *
 * @module
 */

/**
 * The device and inode of a file or directory: a rename keeps them.
 *
 * @param info The file information.
 * @returns A text to compare.
 */
export function fileIdentity({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}
