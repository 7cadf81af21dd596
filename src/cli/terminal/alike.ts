/**
 * Groups messages that say the same of different things. Pure.
 *
 * @module
 */

/** What differs in messages of a kind: quoted names, paths and addresses, hashes, numbers. */
const VARIABLE = /'[^']*'|[^\s'()]*[/\\][^\s'()]*|\b[0-9a-f]{64}\b|\d+(?:\.\d+)?/g;

/**
 * Groups messages that differ only in names and numbers.
 *
 * @param texts The messages.
 * @returns The groups, in the order of their first message; none is empty.
 */
export function alike(texts: Iterable<string>): string[][] {
  return [...Map.groupBy(texts, (text) => text.replace(VARIABLE, "…")).values()];
}
