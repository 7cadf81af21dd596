/**
 * Checks, before packing, whether an archive can be unpacked: with the rules of unpacking, without
 * a disk.
 *
 * @module
 */

import type { ArtifactMembers } from "../tar/list_members.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { Extractor } from "./extract.ts";
import { ImaginedTree } from "./tree_writer.ts";

/**
 * Checks the members of an artifact for every unpack mode.
 *
 * The size of the archive is not checked, because limits can be raised when unpacking.
 *
 * @param artifact The members, the manifest first, and the paths that it lists.
 * @throws {BadArchive} If it would be rejected, with member and reason.
 */
export function checkMembers({ members, relpaths }: ArtifactMembers): void {
  const manifest = new TextEncoder().encode(relpaths.map(({ text }) => text).join("\n"));
  // Mode `bootstrap` keeps whole names too.
  for (const mode of ["extract", "flatten"] as const) {
    const limits = { maxMembers: Infinity, maxBytes: Infinity };
    using extractor = new Extractor({ mode, caseless: false, ...limits }, new ImaginedTree());
    try {
      for (const [i, { name, type, size, mode, modified, target = "" }] of members.entries()) {
        const common = { name, type, mode, modified: modified.getTime() / 1000, target };
        extractor.member({ ...common, size: i === 0 ? manifest.length : size });
        if (i === 0 && manifest.length > 0) extractor.data(manifest);
        extractor.end();
      }
      extractor.links();
    } catch (error) {
      if (!(error instanceof BadArchive) || mode === "extract") throw error;
      throw new BadArchive(`${error.message} (with --flatten)`, error.member);
    }
  }
}
