/** The links that a worker asks for, which may have been taken over by an archive. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import { makeLinksInTree } from "../../../src/archive/unpack/staged_links.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const ignore = Deno.build.os === "windows";

function make(root: string, links: readonly string[]): Promise<void> {
  const wanted = links.map((link) => link.split(" -> "))
    .map(([path, text]) => ({ path, text, modified: undefined }));
  return makeLinksInTree({ root, links: wanted, style: "posix" });
}

Deno.test("makeLinksInTree(): whatever a worker asks for, no link is outside or leads out", {
  ignore,
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "tree/a/b/file": "1", "beside": "2" });
  const tree = join(dir.path, "tree");
  for (
    const links of [
      ["l -> ../beside"],
      ["l -> /etc"],
      ["a/l -> ../.."],
      ["../l -> beside"],
      ["/tmp/l -> beside"],
      ["d -> .", "l -> d/d/../.."],
      ["l -> d/d/../..", "d -> ."],
      ["d -> .", "d/l -> a"],
      ["up -> a/b", "up/l -> ../.."],
      ["a/./l -> b"],
    ]
  ) await assert.rejects(make(tree, ["first -> a", ...links]), BadArchive, links.join(", "));
  assert.deepEqual(Array.from(Deno.readDirSync(tree), ({ name }) => name), ["a"]);
  assert.deepEqual(Array.from(Deno.readDirSync(dir.path), ({ name }) => name).sort(), [
    "beside",
    "tree",
  ]);
});

Deno.test("makeLinksInTree(): links through links and to nothing are made", {
  ignore,
}, async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "tree/a/b/file": "1" });
  const tree = join(dir.path, "tree");
  await make(tree, ["deep -> a/b", "l -> deep/../b", "a/none -> ../missing"]);
  assert.equal(await Deno.readTextFile(join(tree, "l/file")), "1");
  assert.equal(await Deno.readLink(join(tree, "a/none")), "../missing");
});
