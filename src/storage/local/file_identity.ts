/**
 * What tells one file or directory from another that comes under its name.
 *
 * @module
 */

/**
 * The device and inode of a file or directory: a rename keeps them.
 *
 * @param info What the system says of it.
 * @returns A text to compare.
 */
export function fileIdentity({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}
