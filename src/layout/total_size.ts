/**
 * The size of files together.
 *
 * @module
 */

/**
 * Adds the sizes of files.
 *
 * @param files The files; one whose size is unknown counts as empty.
 * @returns Bytes.
 */
export function totalSize(files: Iterable<{ readonly size?: number }>): number {
  let bytes = 0;
  for (const { size = 0 } of files) bytes += size;
  return bytes;
}
