/** The journal, where its file system lacks something. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Journal } from "../../../src/storage/transfer/journal.ts";
import { tempDir } from "../../support/temp_dir.ts";

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

for (
  const [what, rest] of [
    ["a last line that was cut", '{"start":4,"e'],
    ["a cut line with another behind it", '{"start":4,"e{"start":4}\n{"start":8}\n'],
    ["a last line cut within a letter", new Uint8Array([0x22, 0xc3])],
  ] as const
) {
  Deno.test(`Journal: ${what} does not affect later entries`, async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "journal");
    await Deno.writeTextFile(path, '{"name":"ä"}\n{"start":0}\n');
    const bytes = typeof rest === "string" ? new TextEncoder().encode(rest) : rest;
    await Deno.writeFile(path, bytes, { append: true });
    {
      using journal = await Journal.open(path);
      assert.deepEqual(journal?.entries, [{ name: "ä" }, { start: 0 }]);
      journal.append({ start: 4 });
      journal.append({ start: 8 });
    }
    using journal = await Journal.open(path);
    assert.deepEqual(journal?.entries, [{ name: "ä" }, { start: 0 }, { start: 4 }, { start: 8 }]);
  });
}
