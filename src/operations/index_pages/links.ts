/**
 * Relative links between pages and to files, so that a tree can be viewed anywhere, on a server or
 * on a disk.
 *
 * @module
 */

import { type OutputLocation, uriEncodeKey } from "../../layout/output_location.ts";

/**
 * A link from a page to a location in the same bucket.
 *
 * @param page The page with the link.
 * @param target The target.
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
 * The inverse of {@linkcode relativeLink}.
 *
 * @param page The page with the link.
 * @param link The link, without query and fragment.
 * @returns The key of its target; `undefined` if it is not such a link.
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
    // Percent signs that are not an encoding, so it is not one of our links.
    return undefined;
  }
}
