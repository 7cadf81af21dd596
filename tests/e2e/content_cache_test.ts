/** A cache that several processes share. */

import assert from "node:assert/strict";
import { ContentCache } from "../../src/storage/cache/content_cache.ts";
import { sha256 } from "../support/bytes.ts";
import { startCacheProcess, startCacheReader } from "../support/cache_process.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";

const LARGE = 1_000_000;
const TEXT = "a content of some length";
const ENTRY = `v1/sha256/${sha256(TEXT).slice(0, 2)}/${sha256(TEXT)}`;

for (const count of [2, 8]) {
  Deno.test(`${count} processes need one content at once: one creates it, all get it`, async () => {
    await using dir = await tempDir();
    await using processes = new AsyncDisposableStack();
    const first = processes.use(startCacheProcess(dir.path, LARGE, TEXT));
    await first.line("half");
    const others = Array.from(
      { length: count - 1 },
      () => processes.use(startCacheProcess(dir.path, LARGE, TEXT)),
    );
    await Promise.all(others.map((other) => other.line("wait")));
    await first.go();
    assert.equal(await first.line("got"), `got network 0 ${TEXT}`);
    for (const other of others) assert.equal(await other.line("got"), `got cache 0 ${TEXT}`);
    const made = [first, ...others].flatMap(({ lines }) => lines).filter((l) => /^make/.test(l));
    assert.deepEqual(made, [`make ${TEXT}`]);
    await processes.disposeAsync();
    assert.deepEqual(await fileNames(dir.path), ["v1/eviction.lock", ENTRY, `${ENTRY}.used`]);
  });
}

Deno.test("8 processes start at once: one creates it", async () => {
  await using dir = await tempDir();
  await using processes = new AsyncDisposableStack();
  const all = Array.from(
    { length: 8 },
    () => processes.use(startCacheProcess(dir.path, LARGE, TEXT)),
  );
  // Whoever is asked to make it does it at once; nobody else needs a step.
  await Promise.all(all.map((one) => one.go()));
  const got = await Promise.all(all.map((one) => one.line("got")));
  assert.deepEqual(got.sort(), [
    ...Array<string>(7).fill(`got cache 0 ${TEXT}`),
    `got network 0 ${TEXT}`,
  ]);
});

Deno.test("the process that creates it is killed: a waiting one resumes", async () => {
  await using dir = await tempDir();
  await using processes = new AsyncDisposableStack();
  const first = startCacheProcess(dir.path, LARGE, TEXT);
  await first.line("half");
  const others = [1, 2].map(() => processes.use(startCacheProcess(dir.path, LARGE, TEXT)));
  await Promise.all(others.map((other) => other.line("wait")));
  await first.kill();
  await first[Symbol.asyncDispose]();
  // Which of the two gets the lock is open.
  await Promise.all(others.map((other) => other.go()));
  const got = await Promise.all(others.map((other) => other.line("got")));
  assert.deepEqual(got.sort(), [
    `got cache 0 ${TEXT}`,
    `got network ${TEXT.length / 2} ${TEXT}`,
  ]);
});

Deno.test("a content that a process uses is not removed; one that a killed process used is", async () => {
  await using dir = await tempDir();
  await using processes = new AsyncDisposableStack();
  const user = processes.use(startCacheProcess(dir.path, LARGE, "oldest"));
  await user.line("half");
  await user.go();
  await user.line("got");

  // File systems tell times in steps of some milliseconds.
  const stamp = `${dir.path}/v1/sha256/${sha256("oldest").slice(0, 2)}/${sha256("oldest")}.used`;
  await Deno.utime(stamp, 1, 1);
  const cache = await ContentCache.open(dir.path, { maxBytes: 12 });
  const there = async (text: string) => {
    const path = `${dir.path}/v1/sha256/${sha256(text).slice(0, 2)}/${sha256(text)}`;
    return await Deno.stat(path).then(() => true, () => false);
  };
  const add = async (text: string) => {
    const key = { sha256: sha256(text) };
    await using _file = await cache.take(key, (path) => Deno.writeTextFile(path, text));
  };
  for (const text of ["second", "third!"]) await add(text);
  assert.deepEqual(await Promise.all(["oldest", "second", "third!"].map(there)), [
    true,
    false,
    true,
  ]);
  await user.kill();
  await add("fourth");
  assert.deepEqual(await Promise.all(["oldest", "third!", "fourth"].map(there)), [
    false,
    true,
    true,
  ]);
});

Deno.test("a process with read access gets existing content, and an error for missing content", async () => {
  await using dir = await tempDir();
  await using processes = new AsyncDisposableStack();
  const writer = processes.use(startCacheProcess(dir.path, LARGE, TEXT));
  await writer.go();
  await writer.line("got");
  const reader = processes.use(startCacheReader(dir.path, TEXT, "another"));
  assert.equal(await reader.line("got"), `got cache 0 ${TEXT}`);
  const failed = await reader.line("failed");
  assert(failed.startsWith(`failed Cannot add sha256 ${sha256("another").slice(0, 12)}…`), failed);
  assert(
    failed.includes(dir.path) && failed.endsWith("is missing (Deno's sandbox)"),
    failed,
  );
  await Deno.chmod(`${dir.path}/${ENTRY}`, 0o644);
  await Deno.writeTextFile(`${dir.path}/${ENTRY}`, "damaged");
  const second = processes.use(startCacheReader(dir.path, TEXT));
  assert.match(await second.line("note"), /has a checksum mismatch .*: ignored$/);
  await second.line("failed");
});
