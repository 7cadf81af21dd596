/** What lists of runs cost on S3: requests, counted. */

import assert from "node:assert/strict";
import pMap from "p-map";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import { ask, putRun, rootOf } from "../../support/retained.ts";
import { memoryS3 } from "../../support/s3_subject.ts";

const COUNT = 56;
const REPOSITORIES = ["a-b", "c-d"];

Deno.test("runs: a page of 50 costs the names of all runs and two requests for each of the 50", async () => {
  const log: string[] = [];
  await using subject = await memoryS3({}, { log });
  const { backend } = subject;
  const keys = Array.from(
    { length: COUNT },
    (_, i) => `${i < 46 ? "" : `${REPOSITORIES[i % 2]}~`}${1000 + i}-linux`,
  );
  await pMap(keys, async (key) => {
    await putRun(backend, key, { parts: { a: ["x"] }, expected: ["a"] });
    const result = await writeSummary(backend, rootOf(key), { tool: "test" });
    assert.equal(result?.error, undefined);
  }, { concurrency: 16 });
  const cost = async (name: "list" | "latest" | "show", params: Record<string, unknown> = {}) => {
    log.length = 0;
    return { answer: await ask(backend, name, params), requests: log.length };
  };
  // The top level, and the directory of each repository.
  const names = 1 + REPOSITORIES.length;
  const first = await cost("list");
  assert.deepEqual([first.answer.runs.length, first.requests], [50, names + 100]);
  const second = await cost("list", { cursor: first.answer.next });
  assert.deepEqual([second.answer.runs.length, second.requests], [6, names + 12]);
  const few = await cost("list", { limit: 3, platform: "linux" });
  assert.deepEqual([few.answer.runs.length, few.requests], [3, names + 6]);
  const latest = await cost("latest");
  assert.deepEqual([latest.answer.key, latest.requests], ["c-d~1055-linux", names + 4]);
  assert.equal((await cost("show", { run: "1000-linux" })).requests, 2);
  assert.equal((await cost("show", { run: "1000" })).requests, names + 2);
  // A pin is one request more.
  await ask(backend, "pin", { run: "1000-linux", reason: "why" });
  assert.equal((await cost("show", { run: "1000-linux" })).requests, 3);
  // Without a summary, the parts and all files are read; without a manifest, all files.
  await backend.delete(rootOf("1001-linux").retentionSummary());
  assert.equal((await cost("show", { run: "1001-linux" })).requests, 6);
  await putRun(backend, "999-linux", { files: ["x", "y"] });
  assert.equal((await cost("show", { run: "999-linux" })).requests, 3);
});

Deno.test("runs: lines of a log cost three requests, a search one for each log, without a look into the run", async () => {
  const log: string[] = [];
  await using subject = await memoryS3({}, { log });
  const { backend } = subject;
  const logs = Array.from({ length: 12 }, (_, i) => `logs/g/${i}.log`);
  // A run without a summary: to describe it, all of its files are listed.
  await putRun(backend, "1-linux", { files: [...logs, "logs/g/x.log.gz", "x", "manifests/y"] });
  const requests = async (name: "lines" | "search", params: Record<string, unknown>) => {
    log.length = 0;
    await ask(backend, name, { run: "1-linux", ...params });
    return log.length;
  };
  // Whether the run is being deleted, what is known of the file, and its bytes.
  assert.equal(await requests("lines", { path: logs[3], back: true }), 3);
  assert.equal(await requests("search", { q: "log", path: logs[3] }), 3);
  // The mark, one listing, and each log that is text.
  assert.equal(await requests("search", { q: "nothing" }), 2 + 12);
});
