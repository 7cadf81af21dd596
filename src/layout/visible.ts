/**
 * Names of others as a reader must see them.
 *
 * @module
 */

/**
 * Characters that change the order of others, or that nobody sees. (The joiners are parts of words and
 * of pictures.)
 */
const HIDDEN = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * A name from a build as a reader must see it: without characters that pretend another one.
 *
 * @param name The name.
 * @returns The name; what is hidden in it is named, as in `U+202E`.
 */
export function visible(name: string): string {
  return name.replace(
    HIDDEN,
    (c) => `[U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
  );
}
