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

Deno.test("lockFile(): through a link nothing is created, and a pipe is not waited for", async () => {
  await using dir = await tempDir();
  await Deno.symlink(`${dir.path}/elsewhere`, `${dir.path}/link`);
  const locked = lockFile(`${dir.path}/link`, { create: true });
  await rejectsWith(locked, "conflict", "not a regular file");
  await assert.rejects(Deno.lstat(`${dir.path}/elsewhere`), Deno.errors.NotFound);
  await rejectsWith(tryLockFile(`${dir.path}/link`, { create: true }), "conflict", "regular file");
});

Deno.test("lockFile(): after its patience it fails", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/lock`;
  using _held = await lockFile(path, { create: true });
  let waits = 0;
  const locked = lockFile(path, { patience: 30, onWait: () => waits++ });
  await rejectsWith(locked, "conflict", `Cannot lock '${path}': another process keeps it locked`);
  assert.equal(waits, 1);
  // A wait that is too short to be told is not told.
  await rejectsWith(
    lockFile(path, { patience: 0, quiet: 60_000, onWait: () => waits++ }),
    "conflict",
  );
  assert.equal(waits, 1);
});

Deno.test("tryLockFile(): shared, with others that share", async () => {
  await using dir = await tempDir();
  const path = `${dir.path}/lock`;
  {
    using one = await tryLockFile(path, { create: true, shared: true });
    using two = await tryLockFile(path, { shared: true });
    assert(one !== undefined && two !== undefined);
    assert.equal(await tryLockFile(path), undefined);
  }
  using _held = await lockFile(path);
  assert.equal(await tryLockFile(path, { shared: true }), undefined);
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
