/**
 * The two kinds of patterns that choose artifacts by name.
 *
 * @module
 */

/**
 * A regular expression that is searched in a name: it need not match all of it. A `RegExp` is one.
 * Of texts that others wrote, make one with {@linkcode linearPattern}, which can't hang.
 */
export interface SearchPattern {
  /** The expression, as it was written. */
  readonly source: string;
  /**
   * Searches a name.
   *
   * @param name The name.
   * @returns Whether the expression matches some of it.
   */
  test(name: string): boolean;
}

/** A glob, which has to match a whole name, or a regular expression, which is searched in it. */
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
 * The test of a search pattern, which does not depend on earlier calls: a `RegExp` with the flag `g`
 * or `y` would remember where it was.
 *
 * @param pattern The pattern.
 * @returns Whether it matches some of a name.
 */
export function searcher(pattern: SearchPattern): (name: string) => boolean {
  const search = pattern instanceof RegExp
    ? new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""))
    : pattern;
  return (name) => search.test(name);
}
