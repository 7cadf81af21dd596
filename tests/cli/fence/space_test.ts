/** The free space that the first thread reads for one with few permissions. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Grant } from "../../../src/cli/fence/grants.ts";
import { readGrantedSpace } from "../../../src/cli/fence/space.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir } from "../../support/temp_dir.ts";

Deno.test("free space is read of what is written, and above and below it, and of nothing else", async () => {
  await using dir = await tempDir();
  const path = await Deno.realPath(dir.path);
  const at = (name: string) => join(path, name);
  const grants: readonly Grant[] = [
    { permission: "write", to: [at("a/out")], why: "the output directory" },
    { permission: "read", to: [at("b")], why: "the input" },
  ];
  for (const asked of [path, at("a"), at("a/out"), at("a/out/1/2")]) {
    const { bavail, bsize } = await readGrantedSpace(asked, { grants });
    assert(bavail >= 0 && bsize > 0, asked);
  }
  for (const asked of [at("b"), at("a/outside"), at("a/out/../other")]) {
    await rejectsWith(readGrantedSpace(asked, { grants }), "denied", asked);
  }
});
