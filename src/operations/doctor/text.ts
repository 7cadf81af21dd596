/**
 * Durations in the messages of checks.
 *
 * @module
 */

/**
 * Formats a duration.
 *
 * @param milliseconds The duration.
 * @returns A whole number and a unit.
 */
export function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}
