/** What of an artifact's directory goes into its archive, and under which names. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { listArtifactMembers } from "../../../src/archive/tar/list_members.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

async function listed(manifest: string, files: Readonly<Record<string, string>>) {
  await using temp = await tempDir();
  await writeTree(temp.path, { "artifact_manifest.txt": manifest, ...files });
  const { members, leftOut } = await listArtifactMembers(temp.path);
  return { names: members.map(({ name }) => name), leftOut };
}

Deno.test("listArtifactMembers(): each name begins with a listed path and a slash", async () => {
  const { names, leftOut } = await listed("x/stage\n./y\r\n absent \nz/\n", {
    "x/stage/lib/f": "",
    "y/f": "",
    "z/f": "",
  });
  assert.deepEqual(names, [
    "artifact_manifest.txt",
    "x/stage/lib",
    "x/stage/lib/f",
    "./y/f",
    "z//f",
  ]);
  assert.deepEqual(leftOut, []);
});

Deno.test("listArtifactMembers(): what no path covers is left out, a path that is a file too", async () => {
  const { names, leftOut } = await listed("x/stage\nfile\n", {
    "x/stage/f": "",
    "x/stages/f": "",
    "x/beside": "",
    "file": "",
    "other/f": "",
  });
  assert.deepEqual(names, ["artifact_manifest.txt", "x/stage/f"]);
  assert.deepEqual(leftOut, ["file", "other", "x/beside", "x/stages"]);
});

Deno.test("listArtifactMembers(): of a path inside another one, the directory is a member", async () => {
  const { names } = await listed("a/b\na\n", { "a/b/f": "", "a/g": "" });
  assert.deepEqual(names, ["artifact_manifest.txt", "a/b", "a/b/f", "a/g"]);
});

Deno.test({
  name: "listArtifactMembers(): hard links stay within one listed path",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, {
      "artifact_manifest.txt": "a\nb\n",
      "a/f": "content",
      "b/x": "",
      "0": "beside them",
    });
    const at = (name: string) => join(temp.path, name);
    await Deno.link(at("a/f"), at("a/g"));
    await Deno.link(at("a/f"), at("b/f"));
    await Deno.link(at("0"), at("b/0"));
    await Deno.link(at("artifact_manifest.txt"), at("b/manifest"));
    const { members } = await listArtifactMembers(temp.path);
    assert.deepEqual(members.map(({ name, type, target }) => [name, type, target]), [
      ["artifact_manifest.txt", "file", undefined],
      ["a/f", "file", undefined],
      ["a/g", "hardlink", "a/f"],
      ["b/0", "file", undefined],
      ["b/f", "file", undefined],
      ["b/manifest", "file", undefined],
      ["b/x", "file", undefined],
    ]);
  },
});
