/** The memory of details: what it costs to ask again, and how much it keeps. */

import assert from "node:assert/strict";
import { RunDetailsCache } from "../../../src/operations/retained/details_cache.ts";
import { RunIndex, type RunIndexOptions } from "../../../src/operations/retained/run_index.ts";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import { parseRunKey } from "../../../src/runs/retention/run_key.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { changed } from "../../support/changed_backend.ts";
import { ask, putRun, rootOf, STORAGES, SUMMARY } from "../../support/retained.ts";
import { memoryS3 } from "../../support/s3_subject.ts";
import { keys } from "./runs_suite.ts";

async function putSummarized(backend: StorageBackend, key: string): Promise<void> {
  await putRun(backend, key, { parts: { a: ["logs/g/a.log"] }, expected: ["a"] });
  assert.equal((await writeSummary(backend, rootOf(key), { tool: "test" }))?.error, undefined);
}

/** The objects that are read. */
function watched(backend: StorageBackend): { backend: StorageBackend; reads: string[] } {
  const reads: string[] = [];
  const read: StorageBackend["read"] = (location, options) => {
    reads.push(location.key);
    return backend.read(location, options);
  };
  return { backend: changed(backend, { read }), reads };
}

for (const [kind, open] of Object.entries(STORAGES)) {
  Deno.test(`details cache, ${kind}: only what has changed is read again`, async () => {
    await using subject = await open();
    const { backend, reads } = watched(subject.backend);
    for (const key of ["1-linux", "2-linux"]) await putSummarized(backend, key);
    await ask(backend, "pin", { run: "1-linux", reason: "why", until: "30d" });
    const cache = new RunDetailsCache();
    const list = async (now = new Date("2026-11-30T00:00:00Z")) => {
      reads.length = 0;
      const index = new RunIndex({ backend, bucket: "suite", cache, now: () => now });
      return await ask(backend, "list", {}, { index });
    };
    const first = await list();
    assert.equal(reads.length, 3);
    assert.deepEqual(await list(), first);
    assert.deepEqual(reads, []);
    // Whether a pin is in force depends on the time, not on what was read.
    assert.equal((await list(new Date("2027-12-01T00:00:00Z"))).runs[1].pins[0].in_force, false);
    assert.deepEqual(reads, []);
    await putRun(backend, "2-linux", { parts: { b: ["logs/h/b.log"] } });
    assert.deepEqual((await list()).runs[0].groups, ["g", "h"]);
    await writeSummary(backend, rootOf("2-linux"), { tool: "test" });
    const { runs: [second] } = await list();
    assert.deepEqual([second.groups, second.summary.status], [["g", "h"], "current"]);
    assert.deepEqual(reads, ["2-linux/retention-summary.json"]);
    await backend.delete(rootOf("1-linux").retentionPin("manual"));
    await backend.delete(rootOf("1-linux").retentionSummary());
    const { runs: [, last] } = await list();
    assert.deepEqual([last.pins, last.summary.status], [[], "absent"]);
  });
}

Deno.test("details cache: a run that is asked for again costs two requests in one round trip, no body", async () => {
  const log: string[] = [];
  await using subject = await memoryS3({}, { log });
  const { backend } = subject;
  await putSummarized(backend, "1-linux");
  const cache = new RunDetailsCache();
  const index = new RunIndex({ backend, bucket: "suite", cache });
  const show = async () => {
    log.length = 0;
    await ask(backend, "show", { run: "1-linux" }, { index });
    return log.map((line) => line.split(" ")[0]).sort();
  };
  assert.deepEqual(await show(), ["GET", "GET"]);
  assert.deepEqual(await show(), ["GET", "HEAD"]);
});

Deno.test("details cache: it stays below its limit, and keeps the newest runs", () => {
  const maxBytes = 100_000;
  const cache = new RunDetailsCache({ maxBytes });
  const run = (i: number) => parseRunKey(`${1000 + i}-linux`);
  const read = { summary: { etag: "e", size: 1000, value: SUMMARY }, pins: new Map() };
  const ids = Array.from({ length: 300 }, (_, i) => i);
  for (const i of ids) {
    cache.set(run((i * 7) % 300), read);
    assert(cache.bytes <= maxBytes);
  }
  const kept = ids.filter((i) => cache.get(run(i)) !== undefined);
  assert(kept.length > 10, `${kept.length}`);
  // The newest ones that fit after a clean-up are there, whenever they came.
  assert.deepEqual(kept.slice(-10), ids.slice(-10));
  for (const i of ids) cache.set(run(i), undefined);
  assert.equal(cache.bytes, 0);
  cache.set(run(1), { ...read, summary: { ...read.summary, size: maxBytes } });
  assert.equal(cache.bytes, 0);
});

Deno.test("names of runs: they are used again for as long as allowed, and the answer says so", async () => {
  const backend = new MemoryBackend();
  let now = new Date("2026-11-30T00:00:00Z").getTime();
  const open = (more: Partial<RunIndexOptions>) =>
    new RunIndex({ backend, bucket: "suite", now: () => new Date(now), ...more });
  const index = open({ reuseNames: 5000 });
  const list = (one = index) => ask(backend, "list", {}, { index: one });
  await putRun(backend, "1-linux", { files: ["x"] });
  assert.equal((await list()).age, undefined);
  await putRun(backend, "2-linux", { files: ["x"] });
  now += 5000;
  const old = await list();
  assert.deepEqual([keys(old), old.age], [["1-linux"], 5]);
  assert.equal((await ask(backend, "latest", {}, { index })).age, 5);
  // What is asked for by its id is looked for.
  assert.equal((await ask(backend, "show", { run: "2" }, { index })).key, "2-linux");
  assert.deepEqual(keys(await list()), ["2-linux", "1-linux"]);
  const all = await Array.fromAsync(backend.list(rootOf("2-linux").root()));
  await backend.deleteAll(all.map(({ location }) => location));
  assert.deepEqual(keys(await list()), ["1-linux"]);
  now -= 10_000;
  assert.equal((await list()).age, undefined);
  const fresh = open({});
  await list(fresh);
  await backend.write(rootOf("3-linux").file("x"), bytesSource("x"));
  const again = await list(fresh);
  assert.deepEqual([keys(again), again.age], [["3-linux", "1-linux"], undefined]);
});
