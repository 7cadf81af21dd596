/** The hashes of files, in memory: read once, and read again when the manifest has changed. */

import assert from "node:assert/strict";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunHashes } from "../../../src/service/objects/run_hashes.ts";
import type { ObjectInfo, StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { sha256 } from "../../support/bytes.ts";
import { changed } from "../../support/changed_backend.ts";
import { rejectsWith } from "../../support/errors.ts";
import { putRun, rootOf } from "../../support/retained.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";

/** A storage that counts, and a clock. The storage itself records no hashes. */
function subject(maxFiles?: number) {
  const calls: string[] = [];
  const clock = { now: 0, failure: undefined as Error | undefined };
  const memory = new MemoryBackend({ now: () => new Date(5000) });
  const count = (what: string, { name }: OutputLocation) => {
    calls.push(`${what} ${name}`);
    if (clock.failure !== undefined) throw clock.failure;
  };
  const backend: StorageBackend = changed(memory, {
    list(prefix, options) {
      count("list", prefix);
      return memory.list(prefix, options);
    },
    async read(location, options) {
      count("read", location);
      return await memory.read(location, options);
    },
  });
  const hashes = new RunHashes(backend, { now: () => new Date(clock.now), maxFiles });
  const hashOf = async (key: string, path: string, modified = 5000) => {
    const location = rootOf(key).file(path);
    const { size, etag } = await memory.stat(location);
    const info: ObjectInfo = { location, size, etag, modified: new Date(modified) };
    return await hashes.hashOf(rootOf(key), info);
  };
  return { memory, calls, clock, hashOf };
}

Deno.test("RunHashes: a manifest is read once, and compared with the storage after 2 s", async () => {
  const { memory, calls, clock, hashOf } = subject();
  await putRun(memory, "1-linux", { parts: { p: ["a", "b"] }, files: ["c"] });
  assert.equal(await hashOf("1-linux", "a"), sha256("a"));
  const count = calls.length;
  assert.equal(await hashOf("1-linux", "b"), sha256("b"));
  assert.equal(await hashOf("1-linux", "c"), undefined);
  assert.equal(await hashOf("1-linux", "a", 7000), undefined, "it was replaced after the part");
  assert.equal(calls.length, count, "nothing is read for them");
  clock.now = 2000;
  assert.equal(await hashOf("1-linux", "a"), sha256("a"));
  assert.deepEqual(calls.slice(count), ["list outputs"]);
  await putRun(memory, "1-linux", { parts: { q: ["c"] } });
  assert.equal(await hashOf("1-linux", "c"), undefined, "what was read is used for 2 s");
  clock.now = 4000;
  assert.equal(await hashOf("1-linux", "c"), sha256("c"));
  assert.equal(await hashOf("1-linux", "a"), sha256("a"));
});

Deno.test("RunHashes: requests at the same time read a manifest once", async () => {
  const { memory, calls, hashOf } = subject();
  await putRun(memory, "1-linux", { parts: { p: ["a", "b"] } });
  const found = await Promise.all(["a", "b", "a"].map((path) => hashOf("1-linux", path)));
  assert.deepEqual(found, [sha256("a"), sha256("b"), sha256("a")]);
  assert.equal(calls.filter((call) => call === "list manifests").length, 1);
});

Deno.test("RunHashes: a broken manifest has no hashes, a failure of the storage is not kept", async () => {
  const { memory, clock, hashOf } = subject();
  await putRun(memory, "1-linux", { parts: { p: ["a"] } });
  clock.failure = new RunOutputsError("transient", "Cannot list: the network is down");
  await rejectsWith(hashOf("1-linux", "a"), "transient");
  clock.failure = undefined;
  assert.equal(await hashOf("1-linux", "a"), sha256("a"));
  await memory.write(rootOf("1-linux").outputsManifest("p"), bytesSource("{"));
  clock.now = 2000;
  assert.equal(await hashOf("1-linux", "a"), undefined);
  const newer = JSON.stringify({ schema: "run-outputs.manifest/9" });
  await memory.write(rootOf("1-linux").outputsManifest("p"), bytesSource(newer));
  clock.now = 4000;
  assert.equal(await hashOf("1-linux", "a"), undefined, "nor has one of a newer program");
});

Deno.test("RunHashes: a run with too many files has no hashes, and others are forgotten", async () => {
  const { memory, calls, hashOf } = subject(250);
  await putRun(memory, "1-linux", { parts: { p: ["a"] } });
  await putRun(memory, "2-linux", { parts: { p: ["a"] } });
  await putRun(memory, "3-linux", { parts: { p: ["a"] } });
  const many = Array.from({ length: 251 }, (_, i) => `f${i}`);
  await putRun(memory, "4-linux", { parts: { p: many } });
  assert.equal(await hashOf("4-linux", "f0"), undefined);
  for (const key of ["1-linux", "2-linux", "3-linux"]) {
    assert.equal(await hashOf(key, "a"), sha256("a"));
  }
  const count = calls.length;
  assert.equal(await hashOf("3-linux", "a"), sha256("a"));
  assert.equal(await hashOf("2-linux", "a"), sha256("a"));
  assert.equal(calls.length, count, "the last two are known");
  assert.equal(await hashOf("1-linux", "a"), sha256("a"));
  assert(calls.length > count, "the first one is read again");
});
