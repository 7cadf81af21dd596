/**
 * Conditional requests (RFC 9110, section 13). Pure.
 *
 * @module
 */

import { parseHttpDate } from "./http_date.ts";

/** What identifies the version of a file. */
export interface Validators {
  /** Its entity tags, all strong, with quotes. The first one is sent. */
  readonly etags: readonly string[];
  /** When it was last changed. */
  readonly modified: Date;
}

/** The result of the conditions of a request: the answer, or one without content. */
export type Verdict = "send" | "not-modified" | "failed";

/**
 * Evaluates the conditions of a GET or HEAD request, in the order of section 13.2.2.
 *
 * @param headers The request's headers.
 * @param current The version that exists.
 * @returns `failed`: 412; `not-modified`: 304.
 */
export function evaluateConditions(headers: Headers, current: Validators): Verdict {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) {
    if (!matches(ifMatch, current, "strong")) return "failed";
  } else if (isModifiedSince(headers.get("if-unmodified-since"), current) === true) {
    return "failed";
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) {
    if (matches(ifNoneMatch, current, "weak")) return "not-modified";
  } else if (isModifiedSince(headers.get("if-modified-since"), current) === false) {
    return "not-modified";
  }
  return "send";
}

/**
 * Whether the `Range` of a request may be used: it has no `If-Range`, or one with the tag of this
 * version. A date never matches: a file can be replaced twice within a second, or by an older one,
 * and the ranges of two versions would be combined.
 *
 * @param headers The request's headers.
 * @param current The version that exists.
 * @returns `false`, if the whole file must be sent.
 */
export function allowsRange(headers: Headers, current: Validators): boolean {
  const ifRange = headers.get("if-range");
  return ifRange === null || current.etags.includes(ifRange);
}

/** Whether a list of entity tags, or `*`, matches the version. */
function matches(list: string, { etags }: Validators, comparison: "strong" | "weak"): boolean {
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

/** Whether the version is newer than a date, in whole seconds; `undefined`, if that is not a date. */
function isModifiedSince(value: string | null, { modified }: Validators): boolean | undefined {
  const date = value === null ? undefined : parseHttpDate(value);
  if (date === undefined) return undefined;
  return Math.floor(modified.getTime() / 1000) > date.getTime() / 1000;
}
