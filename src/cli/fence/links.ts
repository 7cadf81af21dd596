/**
 * Creates symbolic links for a thread with few permissions: for commands that unpack, in directories
 * that they may write to, and only to what is in the same tree.
 *
 * @module
 */

import { dirname, isAbsolute, join } from "node:path";
import { diskLink } from "../../archive/tar/member_path.ts";
import { diskPath } from "../../archive/unpack/disk_view.ts";
import { type LinkRequest, makeLinks } from "../../archive/unpack/staged_links.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";
import type { Fencing } from "./facts.ts";
import { isWithin, writtenBy } from "./written.ts";

/**
 * Creates links, all of them or, if one is denied, none.
 *
 * @param request The links.
 * @param fencing The grants of the thread, and whether it unpacks.
 * @throws {RunOutputsError} `denied`, if the command does not unpack, or a link is outside of what the
 * thread may write to, or leads out of its tree; errors of the disk.
 */
export function makeGrantedLinks(
  { root, links }: LinkRequest,
  { grants, unpacks }: Pick<Fencing, "grants" | "unpacks">,
): void {
  if (!unpacks) {
    throw new RunOutputsError(
      "denied",
      `Cannot make links in '${root}': only commands that unpack archives make links`,
    );
  }
  const written = writtenBy(grants);
  const tree = Deno.realPathSync(root);
  if (!written.some((directory) => isWithin(directory, tree))) {
    throw new RunOutputsError("denied", `Cannot make links in '${root}': it may not be written to`);
  }
  // Not what the thread says: the rules for other systems let names of this one pass.
  const style = Deno.build.os === "windows" ? "windows" : "posix";
  for (const { path, text } of links) {
    const parent = Deno.realPathSync(dirname(join(tree, diskPath(path, style))));
    if (isWithin(tree, parent) && staysWithin(tree, parent, diskLink(text, style))) continue;
    const link = `'${join(root, path)}' to ${quote(text)}`;
    throw new RunOutputsError(
      "denied",
      `Cannot make the link ${link}: it is outside of the tree, or may lead out of it ('..' in a ` +
        `target may only follow names of directories)`,
    );
  }
  makeLinks(tree, links, style);
}

/**
 * Whether a link leads to something in a tree, whatever other links are made in it: `..` follows no
 * name that is, or can become, a link.
 */
function staysWithin(tree: string, parent: string, text: string): boolean {
  if (isAbsolute(text)) return false;
  let at = parent;
  for (const name of text.split(/[\\/]/)) {
    if (name === ".." && !isRealDirectory(at)) return false;
    at = join(at, name);
    if (!isWithin(tree, at)) return false;
  }
  return true;
}

/** Whether a path is that of a directory, with no link in it. */
function isRealDirectory(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory && Deno.realPathSync(path) === path;
  } catch {
    return false;
  }
}
