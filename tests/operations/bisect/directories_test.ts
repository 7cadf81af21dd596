/** The directories of a bisect's commits, and what kills leave beside them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { discardAllCommits } from "../../../src/operations/bisect/directories.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

Deno.test("discardAllCommits(): commits and what kills have left, and nothing else", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, {
    "0123456789ab/f": "a commit",
    ".0123456789ab.run-outputs-fetch-0123456789ab/x/f": "of a killed fetch",
    "mine/f": "the user's",
    "0123456789ab.txt": "a file",
  });
  await Deno.mkdir(join(dir.path, ".run-outputs-probe-1"));
  await Deno.mkdir(join(dir.path, "empty"));
  await discardAllCommits(dir.path);
  const left = await Array.fromAsync(Deno.readDir(dir.path), ({ name }) => name);
  assert.deepEqual(left.sort(), ["0123456789ab.txt", "empty", "mine"]);
  await discardAllCommits(join(dir.path, "nothing there"));
});
