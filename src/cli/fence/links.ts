/**
 * Creates symbolic links for a thread with few permissions: only in directories that it may write to,
 * and only to what is in the same tree.
 *
 * @module
 */

import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { type LinkRequest, makeLinks } from "../../archive/unpack/staged_links.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Grant } from "./grants.ts";

/**
 * Creates links.
 *
 * @param request The links.
 * @param grants The grants of the thread.
 * @throws {RunOutputsError} `denied`, if a link is outside of what the thread may write to, or leads out
 * of its tree; errors of the disk.
 */
export function makeGrantedLinks(request: LinkRequest, grants: readonly Grant[]): void {
  const { root, links, style } = request;
  const written = grants.filter(({ permission }) => permission === "write").flatMap(({ to }) => to);
  const tree = Deno.realPathSync(root);
  if (!written.some((directory) => isWithin(directory, tree))) {
    throw new RunOutputsError("denied", `Cannot make links in '${root}': it may not be written to`);
  }
  for (const { path, text } of links) {
    const parent = dirname(resolve(tree, path));
    const target = resolve(parent, text.replaceAll("\\", "/"));
    if (
      !isWithin(tree, parent) || !isWithin(tree, Deno.realPathSync(parent)) ||
      !isWithin(tree, target)
    ) {
      throw new RunOutputsError(
        "denied",
        `Cannot make the link '${join(root, path)}': it is outside of the tree, or leads out of it`,
      );
    }
  }
  makeLinks(root, links, style);
}

function isWithin(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return !isAbsolute(way) && way.split(/[\\/]/)[0] !== "..";
}
