/** The operations on retained runs, on every kind of storage. */

import assert from "node:assert/strict";
import { z } from "zod";
import { runOperation } from "../../../src/operations/retained/operation.ts";
import { RUNS_OPERATIONS } from "../../../src/operations/retained/operations.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import { prunePlanSchema } from "../../../src/runs/retention/prune_plan.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { changed } from "../../support/changed_backend.ts";
import { rejectsWith } from "../../support/errors.ts";
import { assertGolden } from "../../support/golden.ts";
import { hugeFile, numberedLines } from "../../support/huge_file.ts";
import { manifestPart, outputFile, putPart } from "../../support/manifest.ts";
import { ask, putRun, rootOf, STORAGES } from "../../support/retained.ts";
import { ALL, keys, putWorld, runsSuite } from "./runs_suite.ts";

for (const [kind, open] of Object.entries(STORAGES)) runsSuite(kind, open);

Deno.test("runs: memory, disk and S3 give the same answers", async () => {
  const answers = await Promise.all(
    Object.values(STORAGES).map(async (open) => {
      await using subject = await open();
      await putWorld(subject.backend);
      const all = [
        await ask(subject.backend, "list"),
        await ask(subject.backend, "latest"),
        ...await Promise.all(ALL.map((run) => ask(subject.backend, "show", { run }))),
        ...await Promise.all(ALL.map((run) => ask(subject.backend, "manifest", { run }))),
      ];
      // Times of objects are the storage's own.
      return JSON.stringify(all).replace(
        /"(?:created_at|updated_at|since)":"(?!2026-11-20)[^"]*"/g,
        "TIME",
      );
    }),
  );
  assert.equal(answers[1], answers[0]);
  assert.equal(answers[2], answers[0]);
});

Deno.test("runs: parameters that are wrong are refused by name", async () => {
  const backend = new MemoryBackend();
  for (
    const [name, params, ...texts] of [
      ["list", { limit: "0" }, "limit", "0"],
      ["list", { limit: "x" }, "limit", "x"],
      ["list", { platfrom: "linux" }, "platfrom", "did you mean 'platform'"],
      ["list", { platform: "macos" }, "platform", "macos"],
      ["list", { repo: "x" }, "repo", "OWNER/NAME"],
      ["list", { since: "yesterday" }, "since", "yesterday", "7d"],
      ["list", { cursor: "x" }, "cursor", '"x"'],
      ["list", { commit: "no" }, "commit", "hex"],
      ["show", {}, "run"],
      ["latest", { has: "pictures" }, "has", "pictures"],
    ] as const
  ) {
    await rejectsWith(ask(backend, name, params), "invalid", ...texts);
  }
  await putRun(backend, "2-linux", { files: ["x"] });
  await putRun(backend, "1-linux", { files: ["x"] });
  const { next } = await ask(backend, "list", { limit: 1 });
  await rejectsWith(
    ask(backend, "list", { cursor: next, platform: "linux" }),
    "invalid",
    "same filters",
  );
});

Deno.test("runs: a search that takes too long ends with a part of the result and a cursor", async () => {
  const backend = new MemoryBackend();
  for (let i = 1; i <= 70; i++) {
    await putRun(backend, `${i}-linux`, { files: [i === 3 ? "logs/g/x" : "x"] });
  }
  let cursor: string | undefined;
  const found: string[] = [];
  let pages = 0;
  do {
    const page = await ask(backend, "list", { group: "g", cursor }, { budget: 0 });
    found.push(...keys(page));
    cursor = page.next;
    pages++;
  } while (cursor !== undefined);
  assert.deepEqual([found, pages], [["3-linux"], 3]);
});

Deno.test("runs: a file that parts list with different content names the parts that lost", async () => {
  const backend = new MemoryBackend();
  await putRun(backend, "1-linux", { parts: { a: ["x", "y"] }, at: "2026-11-20T12:00:00Z" });
  const later = { created_at: "2026-11-20T13:00:00Z" };
  await putPart(backend, rootOf("1-linux"), manifestPart("b", [outputFile("x", "new")], later));
  const { files } = await ask(backend, "manifest", { run: "1" });
  assert.deepEqual(
    files.map(({ path, size, parts, conflicts }: Record<string, unknown>) => [
      ...[path, size, parts, conflicts],
    ]),
    [["x", 3, ["b"], ["a"]], ["y", 1, ["a"], undefined]],
  );
});

Deno.test("runs: a line is found later, if counting the lines before it takes too long", async () => {
  const { backend } = hugeFile(rootOf("1-linux").file("logs/a.log"), 10_000_000, numberedLines);
  const index = new RunIndex({ backend, bucket: "suite" });
  const params = { run: "1-linux", path: "logs/a.log", line: 90_000, count: 1 };
  const find = async () =>
    await runOperation(RUNS_OPERATIONS.lines, { index, tool: "test", budget: 0 }, params);
  // A budget of 0 is over after the first read. Each request continues the count.
  await rejectsWith(find(), "transient", "line 90000", "4.2 MB of 10.0 MB", "try again");
  await rejectsWith(find(), "transient", "8.4 MB of 10.0 MB");
  const { rows } = await find();
  assert.deepEqual(rows.map(({ at, line }) => [at, line]), [[8_999_900, 90_000]]);
});

Deno.test("runs: a file that is replaced while its lines are read is a conflict", async () => {
  const inner = new MemoryBackend();
  const at = rootOf("1-linux").file("logs/a.log");
  await inner.write(at, bytesSource("a\nb\n"));
  const backend = changed(inner, {
    read: async (location, options) => {
      if (location.equals(at)) await inner.write(at, bytesSource("new\n"));
      return await inner.read(location, options);
    },
  });
  const params = { run: "1-linux", path: "logs/a.log" };
  await rejectsWith(ask(backend, "lines", params), "conflict", "logs/a.log", "replaced");
});

Deno.test("runs: an empty place has no runs", async () => {
  const backend = new MemoryBackend();
  assert.deepEqual(keys(await ask(backend, "list")), []);
  await rejectsWith(ask(backend, "latest"), "not_found", "s3://suite", "none matches");
});

Deno.test("runs: docs/ has the JSON Schema of every answer", async () => {
  const answers = Object.entries(RUNS_OPERATIONS).map(([name, { answer }]) =>
    [name, answer] as const
  );
  const documents = [...answers, ["prune", prunePlanSchema] as const];
  const schemas = Object.fromEntries(documents.map(([name, one]) => [name, z.toJSONSchema(one)]));
  await assertGolden("../../docs/runs.schema.json", `${JSON.stringify(schemas, null, 2)}\n`);
});
