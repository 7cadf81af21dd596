/** The journal, where its file system lacks something. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Journal } from "../../src/storage/journal.ts";
import { tempDir } from "../support/temp_dir.ts";

Deno.test("Journal: on a file system without locks nobody has it, and nothing fails", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "journal");
  const { tryLock } = Deno.FsFile.prototype;
  // As network file systems without a lock service answer.
  Deno.FsFile.prototype.tryLock = () =>
    Promise.reject(new Error("No locks available (os error 37)"));
  try {
    assert.equal(await Journal.open(path), undefined);
  } finally {
    Deno.FsFile.prototype.tryLock = tryLock;
  }
  using journal = await Journal.open(path);
  assert.deepEqual(journal?.entries, []);
});
