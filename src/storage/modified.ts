/**
 * The order of two writes to one storage, by when it says they happened.
 *
 * @module
 */

/**
 * Whether one object was written after another. An answer about one object tells whole seconds, a
 * list of some servers thousandths: times are compared as exactly as both are told.
 *
 * @param time When the one was written.
 * @param other When the other was.
 * @returns `false` also where they can't be told apart.
 */
export function isModifiedAfter(time: Date, other: Date): boolean {
  const unit = [time, other].some((date) => date.getTime() % 1000 === 0) ? 1000 : 1;
  return Math.floor(time.getTime() / unit) > Math.floor(other.getTime() / unit);
}
