/**
 * This project's side of `pack.ts`: packs a directory.
 *
 * Usage: pack_self.ts zst|xz WORKERS DIR ARCHIVE
 *
 * @module
 */

import { ARTIFACT_MANIFEST, listMembers } from "../../src/archive/tar/list_members.ts";
import { packIn } from "../../src/archive/pack/pack.ts";
import { PackPool } from "../../src/archive/pack/pool.ts";

const [compression, workers, dir, archive] = Deno.args;
if (compression !== "zst" && compression !== "xz") throw new TypeError(compression);
const members = await listMembers(dir, { first: ARTIFACT_MANIFEST });
using file = await Deno.create(archive);
for await (
  const chunk of packIn(new PackPool({ size: Number(workers) }), members, { compression })
) {
  for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
}
