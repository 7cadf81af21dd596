/** Locks: one at a time, also where the file is removed and made anew meanwhile. */

import assert from "node:assert/strict";
import { lockFile, removeLock, tryLockFile } from "../../../src/storage/local/file_lock.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir } from "../../support/temp_dir.ts";

Deno.test("lockFile(): one has it, others share it or wait", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/lock`;
  await assert.rejects(lockFile(path), Deno.errors.NotFound);
  {
    using _mine = await lockFile(path, { create: true });
    assert.equal(await tryLockFile(path), undefined);
  }
  using _one = await lockFile(path, { shared: true });
  using _two = await lockFile(path, { shared: true });
  assert.equal(await tryLockFile(path), undefined);
});

Deno.test("lockFile(): concurrent callers get the lock one after the other, though each deletes the file", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/lock`;
  let holders = 0;
  await Promise.all(Array.from({ length: 20 }, async () => {
    using lock = await lockFile(path, { create: true });
    assert.equal(++holders, 1);
    await Deno.stat(path);
    holders--;
    await removeLock(path, lock);
  }));
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
});

Deno.test("lockFile(): a link cannot be locked", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "");
  await Deno.symlink(`${dir.path}/file`, `${dir.path}/link`);
  await rejectsWith(lockFile(`${dir.path}/link`), "conflict", "not a regular file");
});

Deno.test("lockFile(): a lock that was given back is free, though child processes were started", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/lock`;
  // In a thread of its own, so that a child starts at any moment.
  const code = `for (;;) await new Deno.Command(Deno.execPath(), { args: ["--version"] }).output()`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" });
  try {
    for (let i = 0; i < 2000; i++) {
      (await lockFile(path, { create: true }))[Symbol.dispose]();
      const again = await tryLockFile(path);
      assert(again !== undefined, `it was held the ${i}th time`);
      again[Symbol.dispose]();
    }
  } finally {
    worker.terminate();
  }
});
