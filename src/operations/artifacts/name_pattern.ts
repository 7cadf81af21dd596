/**
 * The two kinds of patterns that select artifacts by name.
 *
 * @module
 */

/**
 * A regular expression that may match any part of a name, such as a `RegExp`. For expressions from
 * others, use {@linkcode linearPattern}, which cannot hang.
 */
export interface SearchPattern {
  /** The source of the expression. */
  readonly source: string;
  /**
   * Matches a name.
   *
   * @param name The name.
   * @returns Whether the expression matches a part of it.
   */
  test(name: string): boolean;
}

/** A glob, which must match a whole name, or a regular expression, which may match a part of it. */
export type NamePattern = string | SearchPattern;

/**
 * The text of a pattern, for messages.
 *
 * @param pattern The pattern.
 * @returns The glob, or the source of the expression.
 */
export function patternText(pattern: NamePattern): string {
  return typeof pattern === "string" ? pattern : pattern.source;
}

/**
 * The test of a search pattern, independent of earlier calls: a `RegExp` with the flag `g` or `y`
 * would remember its position.
 *
 * @param pattern The pattern.
 * @returns Whether it matches a part of a name.
 */
export function searcher(pattern: SearchPattern): (name: string) => boolean {
  const search = pattern instanceof RegExp
    ? new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""))
    : pattern;
  return (name) => search.test(name);
}
