/**
 * The order of keys.
 *
 * @module
 */

/**
 * Compares two keys by their UTF-8 bytes, the order in which S3 lists.
 *
 * JavaScript compares UTF-16 code units, which puts characters beyond U+FFFF before U+E000 to
 * U+FFFF.
 *
 * @param a A key.
 * @param b Another key.
 * @returns Negative, zero or positive, as for `Array.prototype.sort`.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

/** Something with a key. */
interface Keyed {
  readonly location: { readonly key: string };
}

/**
 * Sorts items by their keys. Items that come sorted, such as `PlannedResults`, are not copied.
 *
 * @param items The items, however many.
 * @returns The sorted items. They can be iterated repeatedly.
 */
export function inKeyOrder<T extends Keyed>(items: Iterable<T>): Iterable<T> {
  if ("isInKeyOrder" in items) return items;
  return [...items].sort((a, b) => compareKeys(a.location.key, b.location.key));
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
