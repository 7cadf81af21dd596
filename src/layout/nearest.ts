/**
 * Suggestions for mistyped words.
 *
 * @module
 */

/**
 * Finds the candidate that is closest to a mistyped word.
 *
 * @param word The mistyped word.
 * @param candidates The valid words.
 * @returns The candidate with the smallest edit distance, ignoring case, the first of equals;
 * `undefined` if the distance is more than a third of the longer word.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const longer = Math.max(word.length, candidate.length);
    if (Math.abs(word.length - candidate.length) * 3 > longer) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance * 3 <= longer && distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** The Levenshtein distance, with two swapped letters as one change. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
        ? before[j - 2] + 1
        : Infinity;
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, replaced, swapped));
    }
    before = row;
    row = next;
  }
  return row[b.length];
}
