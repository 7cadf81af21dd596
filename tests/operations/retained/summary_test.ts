/** The stored summary of a run: checked before it is used, and written without losing anything. */

import assert from "node:assert/strict";
import { describeRun } from "../../../src/operations/retained/describe.ts";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { formatSummary, parseSummary } from "../../../src/runs/retention/summary.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { changed } from "../../support/changed_backend.ts";
import { hostileTexts } from "../../support/hostile_json.ts";
import { collect } from "../../support/bytes.ts";
import { putRun, rootOf, STORAGES, SUMMARY } from "../../support/retained.ts";

const KEY = "123-linux";
const ROOT = rootOf(KEY);
const AT = ROOT.retentionSummary();
const now = new Date("2026-11-30T00:00:00Z");

const describe = async (backend: StorageBackend) => (await describeRun(backend, ROOT, { now }))!;
const write = (backend: StorageBackend) => writeSummary(backend, ROOT, { tool: "test" });

async function stored(backend: StorageBackend) {
  await using body = await backend.read(AT);
  return parseSummary(new TextDecoder().decode(await collect(body)), "example");
}

async function tidy(): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  await putRun(backend, KEY, { parts: { a: ["logs/g/a.log"] }, expected: ["a"] });
  return backend;
}

Deno.test("summary: current, absent, stale and broken; the facts are right in each case", async () => {
  const backend = await tidy();
  const { summary: absent, ...facts } = await describe(backend);
  assert.deepEqual(absent, { status: "absent" });
  assert.equal((await write(backend))?.outcome, "written");
  assert.deepEqual(await describe(backend), { ...facts, summary: { status: "current" } });
  const text = formatSummary(await stored(backend));
  const cases: readonly (readonly [status: string, reason: RegExp, text: string])[] = [
    ["broken", /not JSON/, "{"],
    ["broken", /bytes/, JSON.stringify({ ...JSON.parse(text), bytes: -1 })],
    ["broken", /use a newer run-outputs/, text.replace("retention/1", "retention/2")],
    ["broken", /too large/, text + " ".repeat(5 * 1024 * 1024)],
    ["stale", /another run/, text.replace('"run_id": "123"', '"run_id": "124"')],
    ["stale", /changed since/, text.replace(/"etag": "/, '"etag": "x')],
  ];
  for (const [status, reason, wrong] of cases) {
    await backend.write(AT, bytesSource(wrong));
    const { summary, ...same } = await describe(backend);
    assert.deepEqual(same, facts, wrong.slice(0, 100));
    assert.equal(summary.status, status);
    assert.match(summary.reason!, reason);
  }
});

Deno.test("summary: whatever is in it, the facts are derived or those of a current one", async () => {
  const backend = await tidy();
  await write(backend);
  const good = await stored(backend);
  const { summary: _, ...facts } = await describe(backend);
  for (const text of hostileTexts(good)) {
    await backend.write(AT, bytesSource(text));
    const { summary, ...same } = await describe(backend);
    if (summary.status !== "current") assert.deepEqual(same, facts, text.slice(0, 300));
  }
});

Deno.test("summary: a part that is written later makes it stale, on every storage", async () => {
  for (const [kind, open] of Object.entries(STORAGES)) {
    await using subject = await open();
    const { backend } = subject;
    await putRun(backend, KEY, { parts: { a: ["a.txt"] } });
    await write(backend);
    await putRun(backend, KEY, { parts: { b: ["b.txt"] } });
    assert.equal((await describe(backend)).summary.status, "stale", kind);
    assert.equal((await write(backend))?.outcome, "written", kind);
    assert.equal((await describe(backend)).summary.status, "current", kind);
    // The same size and, on S3, the same second.
    await putRun(backend, KEY, { parts: { b: ["c.txt"] } });
    assert.equal((await describe(backend)).summary.status, "stale", kind);
  }
});

Deno.test("summary: of writers at the same time none loses what another has uploaded", async () => {
  for (const [kind, open] of Object.entries(STORAGES)) {
    await using subject = await open();
    const { backend } = subject;
    const jobs = Array.from({ length: 6 }, async (_, i) => {
      await putRun(backend, KEY, { parts: { [`p${i}`]: [`logs/g${i}/a.log`] } });
      return await write(backend);
    });
    for (const result of await Promise.all(jobs)) assert.equal(result?.error, undefined, kind);
    const { inputs, groups } = await stored(backend);
    assert.equal(inputs.length, 6, kind);
    assert.equal(groups.length, 6, kind);
    assert.equal((await describe(backend)).summary.status, "current", kind);
  }
});

Deno.test("summary: on a storage without conditional writes, an older one that wins is stale", async () => {
  const backend = await tidy();
  await write(backend);
  const old = formatSummary(await stored(backend));
  await putRun(backend, KEY, { parts: { b: ["b.txt"] } });
  await write(backend);
  await backend.write(AT, bytesSource(old));
  const { summary, files } = await describe(backend);
  assert.deepEqual([summary.status, files], ["stale", 5]);
});

Deno.test("summary: a right one, and one of a newer version, are left alone", async () => {
  const backend = await tidy();
  await write(backend);
  const { etag } = await backend.stat(AT);
  assert.equal((await write(backend))?.outcome, "unchanged");
  assert.equal((await backend.stat(AT)).etag, etag);
  await backend.write(AT, bytesSource('{"schema":"run-outputs.retention/9"}'));
  assert.equal((await write(backend))?.outcome, "unchanged");
  await backend.write(AT, bytesSource("{"));
  assert.equal((await write(backend))?.outcome, "written");
});

Deno.test("summary: a run without files gets none, and a dry run writes none", async () => {
  const backend = new MemoryBackend();
  assert.equal(await write(backend), undefined);
  await backend.write(ROOT.retentionPin("a"), bytesSource("{}"));
  assert.equal(await write(backend), undefined);
  assert.equal(await describeRun(backend, ROOT, { now }), undefined);
  const full = await tidy();
  assert.equal((await write(new DryRunBackend(full)))?.outcome, "planned");
  assert.equal((await describe(full)).summary.status, "absent");
});

Deno.test("summary: a storage that refuses is a failed result, an abort is an abort", async () => {
  const backend = await tidy();
  const refuse = () => Promise.reject(new RunOutputsError("denied", "not allowed"));
  const result = await write(changed(backend, { write: refuse }));
  assert.deepEqual([result?.outcome, result?.error?.message], ["failed", "not allowed"]);
  const signal = AbortSignal.abort();
  await assert.rejects(writeSummary(backend, ROOT, { tool: "test", signal }), {
    name: "AbortError",
  });
});

Deno.test("facts: a broken part makes a run incomplete, one of a newer version unproven", async () => {
  const backend = await tidy();
  const part = ROOT.outputsManifest("a");
  await backend.write(part, bytesSource("{"));
  const broken = await describe(backend);
  assert.equal(broken.completeness, "incomplete");
  assert.equal(broken.artifact_manifest.status, "broken");
  assert.match(broken.artifact_manifest.reason!, /'manifests\/outputs\/a\.json'/);
  await backend.write(part, bytesSource('{"schema":"run-outputs.manifest/2"}'));
  const newer = await describe(backend);
  assert.deepEqual([newer.completeness, newer.artifact_manifest.status], ["unproven", "broken"]);
});

Deno.test("facts: files that are listed and gone, left files, copied parts", async () => {
  const backend = await tidy();
  await backend.delete(ROOT.file("logs/g/a.log"));
  const gone = await describe(backend);
  assert.deepEqual([gone.completeness, gone.missing_files], ["incomplete", 1]);
  assert.deepEqual(gone.incomplete_because, ["1 file is missing"]);
  const copy = new MemoryBackend();
  await putRun(copy, KEY, {
    parts: { a: ["a.txt"] },
    run: { run_id: "99", run_attempt: 3, commit: "c0ffee" },
  });
  const { attempts, origin_runs, commit } = await describe(copy);
  assert.deepEqual({ attempts, origin_runs, commit }, {
    attempts: [],
    origin_runs: ["99-linux"],
    commit: "c0ffee",
  });
});

Deno.test("facts: more than 200 reports are counted as 200 and marked", async () => {
  const backend = new MemoryBackend();
  const files = Array.from({ length: 205 }, (_, i) => `logs/g/${i}.html`);
  await putRun(backend, KEY, { files });
  const { reports, reports_truncated } = await describe(backend);
  assert.deepEqual([reports.length, reports_truncated], [200, true]);
  assert.equal(SUMMARY.reports_truncated, true);
});
