/**
 * Compares the times of two writes to one storage.
 *
 * @module
 */

/**
 * Whether one object was written after another. Requests for one object return whole seconds, lists
 * of some servers milliseconds: times are compared with the precision that both have.
 *
 * @param time When the first was written.
 * @param other When the second was written.
 * @returns `false` also if the times are too close to tell.
 */
export function isModifiedAfter(time: Date, other: Date): boolean {
  const unit = [time, other].some((date) => date.getTime() % 1000 === 0) ? 1000 : 1;
  return Math.floor(time.getTime() / unit) > Math.floor(other.getTime() / unit);
}
