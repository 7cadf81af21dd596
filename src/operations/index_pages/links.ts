/**
 * Links from page to page and to files: relative, so that a tree can be looked at wherever it is,
 * on a server or on a disk.
 *
 * @module
 */

import { type OutputLocation, uriEncodeKey } from "../../layout/output_location.ts";

/**
 * A link from a page to a place in the same bucket.
 *
 * @param page Where the link is.
 * @param target Where it leads.
 * @returns A relative URL, percent-encoded.
 */
export function relativeLink(page: OutputLocation, target: OutputLocation): string {
  const from = page.key.split("/").slice(0, -1);
  const to = target.key.split("/");
  let common = 0;
  while (common < from.length && common < to.length - 1 && from[common] === to[common]) common++;
  return "../".repeat(from.length - common) + uriEncodeKey(to.slice(common).join("/"));
}

/**
 * The other direction of {@linkcode relativeLink}.
 *
 * @param page Where the link is.
 * @param link The link, without query and fragment.
 * @returns The key it leads to; `undefined` if it is not such a link.
 */
export function keyOfLink(page: OutputLocation, link: string): string | undefined {
  const base = page.key.split("/").slice(0, -1);
  let rest = link;
  while (rest.startsWith("../")) {
    if (base.pop() === undefined) return undefined;
    rest = rest.slice(3);
  }
  try {
    return [...base, decodeURIComponent(rest)].join("/");
  } catch {
    // Percent signs that are no encoding: not a link of ours.
    return undefined;
  }
}
