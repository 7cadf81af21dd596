/**
 * A digest of a path, for tables with many paths that have no room for them.
 *
 * @module
 */

/** Two numbers of 32 bits; the second one is not 0. */
export type Digest = readonly [high: number, low: number];

/**
 * The digest of a path: two mixes of 32 bits by multiplication. A cryptographic hash takes twenty
 * times as long.
 *
 * @param path The path.
 * @returns Its digest.
 */
export function digestOf(path: string): Digest {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return [a >>> 0, b >>> 0 || 1];
}
