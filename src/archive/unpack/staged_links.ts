/**
 * Creates the symbolic links of an unpacked tree, after everything else in it.
 *
 * Deno does not let workers with restricted permissions create links, so the worker that unpacks
 * cannot do this.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { diskLink, diskName, memberSegments, type PathStyle } from "../tar/member_path.ts";
import type { ExtractedLink } from "./extract.ts";
import { checkLink, type LinkLookup, LinkWork, resolveLinks } from "./link_model.ts";

/** The links of a tree that is unpacked. */
export interface LinkRequest {
  /** The directory of the tree. */
  readonly root: string;
  /** The links. */
  readonly links: readonly ExtractedLink[];
  /** The rules for names. */
  readonly style: PathStyle;
}

let maker: ((request: LinkRequest) => Promise<void>) | undefined;

/**
 * Lets another thread create the links, because this one has restricted permissions.
 *
 * @param make Creates them.
 */
export function makeLinksBy(make: (request: LinkRequest) => Promise<void>): void {
  maker = make;
}

/**
 * Creates links in a new tree, in the thread that can. They are checked again, because the worker
 * that has checked them has read the archive.
 *
 * @param request The links.
 * @throws {BadArchive} If a link is outside of the tree, or leads out of it.
 * @throws {RunOutputsError} What {@linkcode makeLinks} throws.
 */
export async function makeLinksInTree(request: LinkRequest): Promise<void> {
  if (request.links.length === 0) return;
  checkAll(request.links);
  if (maker !== undefined) await maker(request);
  else makeLinks(request.root, request.links, request.style);
}

function checkAll(links: readonly ExtractedLink[]): void {
  const texts = new Map(links.map(({ path, text }) => [path, text]));
  const linkAt: LinkLookup = (path) => texts.get(path);
  const work = new LinkWork();
  for (const { path, text } of links) {
    if (resolveLinks(memberSegments(path), "", linkAt, false, work) !== path) {
      throw new BadArchive("there is a link in its path", path);
    }
    checkLink(path, text, linkAt, work);
  }
}

/**
 * Creates links whose paths and targets have been checked.
 *
 * @param root The directory of the tree.
 * @param links The links.
 * @param style The rules for names.
 * @throws {RunOutputsError} Errors of the disk; `denied` if Windows does not allow links.
 */
export function makeLinks(root: string, links: readonly ExtractedLink[], style: PathStyle): void {
  for (const { path, text, modified } of links) {
    const full = join(root, ...path.split("/").map((name) => diskName(name, style)));
    try {
      const target = diskLink(text, style);
      if (style === "windows") {
        // Windows needs the type of the target; the target of a dangling link is treated as a file.
        fs.symlinkSync(target, full, isDirectory(join(full, "..", target)) ? "dir" : "file");
      } else fs.symlinkSync(target, full);
      if (modified !== undefined) fs.lutimesSync(full, modified, modified);
    } catch (error) {
      if (style === "windows" && (error as { code?: string }).code === "EPERM") {
        throw new RunOutputsError(
          "denied",
          `Cannot make the symbolic link '${full}': Windows allows it only to administrators ` +
            `and in Developer Mode; turn that on in the system settings`,
          { cause: error },
        );
      }
      throw diskError("write", full, error);
    }
  }
}

function isDirectory(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}
