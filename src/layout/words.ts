/**
 * Numbers as words for people: the same on a terminal, in a page and in a summary.
 *
 * @module
 */

/**
 * A size for people.
 *
 * @param bytes The number of bytes.
 * @returns Three or four digits and a unit; decimal units, as disks and S3's prices use them.
 */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/**
 * A count with its noun.
 *
 * @param count How many.
 * @param noun What, in the singular.
 * @returns `1 file`, `2 files`.
 */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
