/**
 * Conditional requests (RFC 9110, section 13). Pure.
 *
 * @module
 */

import { matchesTag } from "../entity_tags.ts";
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
    if (!matchesTag(ifMatch, current.etags, "strong")) return "failed";
  } else if (isModifiedSince(headers.get("if-unmodified-since"), current) === true) {
    return "failed";
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) {
    if (matchesTag(ifNoneMatch, current.etags, "weak")) return "not-modified";
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

/** Whether the version is newer than a date, in whole seconds; `undefined`, if that is not a date. */
function isModifiedSince(value: string | null, { modified }: Validators): boolean | undefined {
  const date = value === null ? undefined : parseHttpDate(value);
  if (date === undefined) return undefined;
  return Math.floor(modified.getTime() / 1000) > date.getTime() / 1000;
}
