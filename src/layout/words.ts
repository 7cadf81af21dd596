/**
 * Numbers and durations as text, the same on a terminal, in a page and in a summary.
 *
 * @module
 */

/**
 * Formats a size.
 *
 * @param bytes The number of bytes.
 * @returns Three or four digits and a unit. Units are decimal, as for disks and S3's prices.
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
 * Formats a count with its noun.
 *
 * @param count The count.
 * @param noun The noun, in the singular.
 * @returns `1 file`, `2 files`.
 */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  y: 365 * 86_400,
};

/** The longest duration in milliseconds: a time so long ago is still one that `Date` knows. */
const MAX_DURATION = 1_000_000 * 86_400_000;

/**
 * Parses a duration.
 *
 * @param text A whole number and a unit: `90m` (minutes), `24h`, `7d`, `2w`, `1y` (365 days).
 * @returns Its length in milliseconds, at most 1,000,000 days; `undefined` for any other text.
 */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhdwy])$/.exec(text) ?? [];
  const length = unit === undefined ? Infinity : Number(count) * SECONDS[unit] * 1000;
  return length > MAX_DURATION ? undefined : length;
}
