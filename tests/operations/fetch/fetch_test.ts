/** Listing and fetching a run, on a disk and in memory. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { downloadedBytes } from "../../../src/operations/fetch/archive_source.ts";
import { type FetchOptions, planFetch } from "../../../src/operations/fetch/fetch.ts";
import { fetchPacked } from "../../../src/operations/fetch/packed.ts";
import { planCopy } from "../../../src/operations/copy/plan.ts";
import { listOutputs, noOutputs } from "../../../src/operations/manifest/list_outputs.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { sha256 } from "../../support/bytes.ts";
import { rejection, rejectsWith } from "../../support/errors.ts";
import { readTree, tempDir, writeTree } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "123", platform: "linux" });

interface Helper {
  /** Writes objects by key; an archive `…!` gets its checksum too. */
  put(objects: Record<string, string>): Promise<void>;
  /** Fetches and tells outcomes and warnings. */
  fetch(options?: Partial<FetchOptions>): Promise<{
    outcomes: Record<string, string>;
    warnings: string[];
  }>;
  readonly out: string;
  readonly backend: StorageBackend;
}

function test(name: string, fn: (helper: Helper) => Promise<void>): void {
  for (const kind of ["local", "memory"]) {
    Deno.test(`${name} (${kind})`, async () => {
      await using temp = await tempDir();
      const backend = kind === "memory"
        ? new MemoryBackend()
        : new LocalBackend(join(temp.path, "staging"));
      const out = join(temp.path, "out");
      const write = async (key: string, content: string) => {
        await backend.write(new OutputLocation(ROOT.bucket, key), bytesSource(content));
      };
      await fn({
        out,
        backend,
        async put(objects) {
          for (const [key, content] of Object.entries(objects)) {
            const archive = key.replace(/!$/, "");
            await write(archive, content);
            if (archive !== key) await write(`${archive}.sha256sum`, `${sha256(content)}\n`);
          }
        },
        async fetch(options = {}) {
          const plan = await planFetch(backend, ROOT, { outputDir: out, ...options });
          const results = await fetchPacked(backend, plan, options);
          return {
            outcomes: Object.fromEntries(results.map(({ path, outcome, error }) => [
              path.slice(out.length + 1),
              outcome === "failed" ? (error as { code?: string }).code! : outcome,
            ])),
            warnings: results.flatMap(({ warnings }) => warnings),
          };
        },
      });
    });
  }
}

test("fetch: every archive of the flat layout, verified; a second run is unchanged", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst!": "a",
    "123-linux/b_lib_gfx942:xnack+.tar.xz!": "b",
    "123-linux/logs/g/x.log": "x",
    "123-linux/index.html": "x",
  });
  const names = ["a_lib_generic.tar.zst", "b_lib_gfx942:xnack+.tar.xz"];
  const all = (outcome: string) => Object.fromEntries(names.map((name) => [name, outcome]));
  if (Deno.build.os !== "windows") {
    assert.deepEqual((await h.fetch()).outcomes, all("written"));
    assert.deepEqual((await h.fetch()).outcomes, all("unchanged"));
    assert.deepEqual(Object.keys(await readTree(h.out)), names);
  }
});

test("fetch: the typed layout comes first, whatever the root's own layout is", async (h) => {
  await h.put({
    "123-linux/artifacts/a_lib_generic.tar.zst!": "typed",
    "123-linux/a_lib_generic.tar.zst!": "flat",
  });
  assert.deepEqual((await h.fetch()).outcomes, { "a_lib_generic.tar.zst": "written" });
  assert.deepEqual(await readTree(h.out), { "a_lib_generic.tar.zst": "typed" });
});

test("fetch: a run with both layouts gives the artifacts of both", async (h) => {
  await h.put({
    "123-linux/artifacts/a_lib_generic.tar.zst!": "typed",
    "123-linux/artifacts/b_lib_generic.tar.zst": "no checksum",
    "123-linux/a_lib_generic.tar.zst!": "flat",
    "123-linux/b_lib_generic.tar.zst.sha256sum": sha256("another"),
    "123-linux/c_lib_generic.tar.zst!": "flat",
  });
  const { warnings } = await h.fetch();
  // A checksum of the other place is not that of an archive.
  assert.equal(warnings.length, 1);
  assert.deepEqual(await readTree(h.out), {
    "a_lib_generic.tar.zst": "typed",
    "b_lib_generic.tar.zst": "no checksum",
    "c_lib_generic.tar.zst": "flat",
  });
});

test("fetch: with requireChecksums an archive without one is rejected", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst": "a",
    "123-linux/b_lib_generic.tar.zst!": "b",
  });
  assert.deepEqual((await h.fetch({ requireChecksums: true })).outcomes, {
    "a_lib_generic.tar.zst": "integrity",
    "b_lib_generic.tar.zst": "written",
  });
});

test("fetch: .tar.zst is used if both compressions exist", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.xz!": "xz",
    "123-linux/a_lib_generic.tar.zst!": "zst",
    "123-linux/b_lib_generic.tar.xz!": "xz",
  });
  assert.deepEqual(Object.keys((await h.fetch()).outcomes), [
    "a_lib_generic.tar.zst",
    "b_lib_generic.tar.xz",
  ]);
});

test("fetch: a sibling prefix and files in subfolders are not included", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst!": "a",
    "123-linux-old/old_lib_generic.tar.zst!": "old",
    "1234-linux/other_lib_generic.tar.zst!": "other",
    "123-linux/sub/deep_lib_generic.tar.zst!": "deep",
    "123-linux/logs/g/log_lib_generic.tar.zst!": "log",
    "123-windows/win_lib_generic.tar.zst!": "win",
  });
  assert.deepEqual(Object.keys((await h.fetch()).outcomes), ["a_lib_generic.tar.zst"]);
});

test("fetch: a checksum that does not match is an integrity error and leaves nothing", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst!": "a",
    "123-linux/b_lib_generic.tar.zst!": "b",
  });
  await h.put({ "123-linux/a_lib_generic.tar.zst": "damaged" });
  assert.deepEqual((await h.fetch()).outcomes, {
    "a_lib_generic.tar.zst": "integrity",
    "b_lib_generic.tar.zst": "written",
  });
  assert.deepEqual(await readTree(h.out), { "b_lib_generic.tar.zst": "b" });
});

test("fetch: a broken checksum is an integrity error of its archive alone", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst": "a",
    "123-linux/a_lib_generic.tar.zst.sha256sum": "<html>",
    "123-linux/b_lib_generic.tar.zst": "b",
    "123-linux/b_lib_generic.tar.zst.sha256sum": " ".repeat(5000),
    "123-linux/c_lib_generic.tar.zst!": "c",
  });
  assert.deepEqual((await h.fetch()).outcomes, {
    "a_lib_generic.tar.zst": "integrity",
    "b_lib_generic.tar.zst": "integrity",
    "c_lib_generic.tar.zst": "written",
  });
});

test("fetch: two columns and upper case in a checksum are read", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst": "a",
    "123-linux/a_lib_generic.tar.zst.sha256sum": `${
      sha256("a").toUpperCase()
    }  dir/a_lib_generic.tar.zst\n`,
  });
  const { outcomes, warnings } = await h.fetch();
  assert.deepEqual(outcomes, { "a_lib_generic.tar.zst": "written" });
  assert.deepEqual(warnings, []);
});

test("fetch: a checksum without its archive is a missing archive", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst!": "a",
    "123-linux/gone_lib_generic.tar.zst.sha256sum": sha256("gone"),
  });
  assert.deepEqual((await h.fetch()).outcomes, {
    "gone_lib_generic.tar.zst": "not_found",
    "a_lib_generic.tar.zst": "written",
  });
  // One that nobody asked for is not missed.
  assert.deepEqual((await h.fetch({ include: ["a_*"] })).outcomes, {
    "a_lib_generic.tar.zst": "unchanged",
  });
  assert.deepEqual((await h.fetch({ include: ["gone_*"] })).outcomes, {
    "gone_lib_generic.tar.zst": "not_found",
  });
});

test("fetch: an archive without a checksum comes with a warning", async (h) => {
  await h.put({ "123-linux/a_lib_generic.tar.zst": "a" });
  const { outcomes, warnings } = await h.fetch();
  assert.deepEqual(outcomes, { "a_lib_generic.tar.zst": "written" });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /a_lib_generic\.tar\.zst has no \.sha256sum/);
});

test("fetch: a half-written or wrong local copy is replaced", async (h) => {
  await h.put({
    "123-linux/half_lib_generic.tar.zst!": "content",
    "123-linux/wrong_lib_generic.tar.zst!": "content",
  });
  await writeTree(h.out, {
    "half_lib_generic.tar.zst": "cont",
    "wrong_lib_generic.tar.zst": "CONTENT",
  });
  assert.deepEqual(Object.values((await h.fetch()).outcomes), ["written", "written"]);
  for (const content of Object.values(await readTree(h.out))) assert.equal(content, "content");
});

test("fetch: another run's archive of the same name is not mistaken for this run's", async (h) => {
  await h.put({ "123-linux/a_lib_generic.tar.zst!": "this run" });
  await writeTree(h.out, { "a_lib_generic.tar.zst": "that run" });
  await h.fetch();
  assert.deepEqual(await readTree(h.out), { "a_lib_generic.tar.zst": "this run" });
});

test("fetch: include, exclude and patterns that match nothing", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst!": "a",
    "123-linux/a_dev_generic.tar.zst!": "a",
    "123-linux/b_lib_generic.tar.zst!": "b",
  });
  const { outcomes } = await h.fetch({ include: ["a_*", "*_dev_*"], exclude: ["*_dev_*"] });
  assert.deepEqual(Object.keys(outcomes), ["a_lib_generic.tar.zst"]);
  await rejectsWith(h.fetch({ include: ["a_*", "no_*"] }), "not_found", "no_*");
  await rejectsWith(h.fetch({ include: ["no_*"] }), "not_found", "no_*");
  await rejectsWith(h.fetch({ exclude: ["*"] }), "not_found", "none of the 3");
});

test("fetch: a run without artifacts is not_found, with the searched location", async (h) => {
  await rejectsWith(h.fetch(), "not_found", "123");
  await h.put({ "123-linux/logs/g/x.log": "x" });
  await rejectsWith(h.fetch(), "not_found", "123", "check the run id");
});

test("fetch: a dry run creates nothing, not even the directory", async (h) => {
  await h.put({ "123-linux/a_lib_generic.tar.zst!": "a" });
  assert.deepEqual((await h.fetch({ dryRun: true })).outcomes, {
    "a_lib_generic.tar.zst": "planned",
  });
  await assert.rejects(Deno.stat(h.out), Deno.errors.NotFound);
});

test("fetch: an abort rejects with its reason", async (h) => {
  await h.put({ "123-linux/a_lib_generic.tar.zst!": "a" });
  await assert.rejects(h.fetch({ signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("list: each file of the run with path and kind, in the order of the keys", async (h) => {
  await h.put({
    "123-linux/a_lib_generic.tar.zst!": "a",
    "123-linux/logs/g/x.log": "x",
    "123-linux/logs/g/index.html": "x",
    "123-linux/manifests/g/therock_manifest.json": "{}",
    "123-linux-old/x.log": "x",
    "12-linux/x.log": "x",
  });
  const outputs = await Array.fromAsync(listOutputs(h.backend, ROOT));
  assert.deepEqual(outputs.map(({ path, kind }) => [path, kind]), [
    ["a_lib_generic.tar.zst", "artifact"],
    ["a_lib_generic.tar.zst.sha256sum", "checksum"],
    ["logs/g/index.html", "index"],
    ["logs/g/x.log", "log"],
    ["manifests/g/therock_manifest.json", "manifest"],
  ]);
  const nobody = RunOutputRoot.forLocal({ runId: "9", platform: "linux" });
  assert.deepEqual(await Array.fromAsync(listOutputs(h.backend, nobody)), []);
  const error = noOutputs(nobody, "there");
  assert.equal(error.code, "not_found");
  assert.match(error.message, /run 9 .*there/);
});

Deno.test("downloadedBytes(): bytes from a cache or an earlier attempt do not count", () => {
  const one = { location: ROOT.root(), path: "x", outcome: "written", warnings: [] } as const;
  const results = [
    { ...one, size: 10, origin: "network" } as const,
    { ...one, size: 100, resumed: 70, origin: "network" } as const,
    { ...one, size: 1000, origin: "cache" } as const,
    { ...one, size: 10_000, origin: "disk" } as const,
    { ...one, outcome: "failed", size: 100_000 } as const,
  ];
  assert.equal(downloadedBytes(results), 40);
});

Deno.test("planFetch(), planCopy(): a message about a directory names it, and no option", async () => {
  await using dir = await tempDir();
  const backend = new LocalBackend(dir.path);
  const root = RunOutputRoot.fromWorkflowRun({ runId: 12345, platform: "linux", env: {} });
  for (
    const attempt of [
      () => planFetch(backend, root, { outputDir: dir.path }),
      () => planCopy({ backend, root }, {}),
    ]
  ) {
    const { message } = await rejection(attempt());
    assert(message.includes(`${join(dir.path, "12345-linux")}: check the run id`), message);
    assert.doesNotMatch(message, /s3:|--/);
  }
});

Deno.test("planFetch(): a concurrency below one is rejected", async () => {
  const planning = planFetch(new MemoryBackend(), ROOT, { outputDir: "out", concurrency: 0 });
  await assert.rejects(planning, { code: "invalid", message: /^Invalid concurrency 0:/ });
});
