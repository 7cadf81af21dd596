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
import type { ExtractedLink } from "./extract.ts";
import { diskLink, diskName, type PathStyle } from "../tar/member_path.ts";

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
