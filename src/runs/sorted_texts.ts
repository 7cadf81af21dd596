/**
 * Texts in order, without a copy of them if they are in order already.
 *
 * @module
 */

/**
 * Different texts, sorted as JavaScript compares them.
 *
 * @param texts The texts. If they can be iterated repeatedly and are sorted, a million need no memory.
 * @returns The sorted texts, each once. They can be iterated repeatedly.
 */
export function sortedTexts(texts: Iterable<string>): Iterable<string> {
  const isOnce = Object.is(texts[Symbol.iterator](), texts);
  return !isOnce && areSorted(texts) ? texts : [...new Set(texts)].sort();
}

function areSorted(texts: Iterable<string>): boolean {
  let last: string | undefined;
  for (const text of texts) {
    if (last !== undefined && last >= text) return false;
    last = text;
  }
  return true;
}
