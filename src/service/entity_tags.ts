/**
 * Entity tags (RFC 9110, section 8.8.3). Pure.
 *
 * @module
 */

/**
 * Whether a list of entity tags, or `*`, names a version.
 *
 * @param list The value of `If-Match` or `If-None-Match`. A malformed list matches nothing.
 * @param etags The tags of the version, all strong, with quotes.
 * @param comparison Whether weak tags in the list count.
 * @returns `true`, if it does.
 */
export function matchesTag(
  list: string,
  etags: readonly string[],
  comparison: "strong" | "weak",
): boolean {
  if (list.trim() === "*") return true;
  return parseTags(list).some(({ weak, tag }) =>
    (comparison === "weak" || !weak) && etags.includes(tag)
  );
}

interface EntityTag {
  readonly weak: boolean;
  /** With quotes. */
  readonly tag: string;
}

/** Parses a list of entity tags. A malformed list matches nothing. */
function parseTags(list: string): EntityTag[] {
  // A tag can contain commas; elements can be empty.
  const element = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)/y;
  const tags: EntityTag[] = [];
  while (element.lastIndex < list.length) {
    const match = element.exec(list);
    if (match === null) return [];
    if (match[2] !== undefined) tags.push({ weak: match[1] !== undefined, tag: match[2] });
  }
  return tags;
}
