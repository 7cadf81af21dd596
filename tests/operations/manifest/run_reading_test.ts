/** Runs of every age and layout, listed and fetched: with a manifest, without, with an old one. */

import assert from "node:assert/strict";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { planFetch } from "../../../src/operations/fetch/fetch.ts";
import { fetchPacked } from "../../../src/operations/fetch/packed.ts";
import { compareListing, listRun } from "../../../src/operations/manifest/list_outputs.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { requireParts } from "../../../src/operations/manifest/require_parts.ts";
import type { ManifestHead } from "../../../src/runs/manifest.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { sha256 } from "../../support/bytes.ts";
import { throwsWith } from "../../support/errors.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";
import { readTree, tempDir } from "../../support/temp_dir.ts";

const ROOT = new RunOutputRoot({ bucket: "therock-ci-artifacts", runId: 123, platform: "linux" });
const A = "a_lib_generic.tar.zst";
const B = "b_lib_gfx942.tar.xz";
const SUM = ".sha256sum";

/** A run in memory; its calls are counted, and its clock stands until {@linkcode Run.later}. */
class Run {
  readonly inner = new MemoryBackend({ now: () => new Date(this.#time) });
  readonly calls: string[] = [];
  #time = Date.parse("2026-11-21T00:00:00.500Z");
  readonly backend: StorageBackend = {
    name: "memory",
    writes: true,
    stat: (location, options) => this.#note("stat", location, this.inner.stat(location, options)),
    list: (prefix, options) => {
      this.#note("list", prefix, undefined);
      return this.inner.list(prefix, options);
    },
    read: (location, options) => this.#note("read", location, this.inner.read(location, options)),
    write: (...args) => this.inner.write(...args),
    copy: (...args) => this.inner.copy(...args),
    delete: (...args) => this.inner.delete(...args),
    children: (...args) => this.inner.children(...args),
    deleteAll: (...args) => this.inner.deleteAll(...args),
  };

  #note<T>(call: string, location: OutputLocation, result: T): T {
    this.calls.push(`${call} ${location.relativeTo(ROOT.root()) ?? ""}`.trim());
    return result;
  }

  /** What is written from now on is newer than what was. */
  later(): void {
    this.#time += 60_000;
  }

  async put(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await this.inner.write(ROOT.file(path), bytesSource(text));
    }
  }

  /** Writes a part that tells of files which are there. */
  async tell(
    name: string,
    files: Readonly<Record<string, string>>,
    more: Partial<ManifestHead> = {},
  ): Promise<void> {
    const all = Object.entries(files).map(([path, text]) => outputFile(path, text));
    await putPart(this.inner, ROOT, manifestPart(name, all, more));
  }

  async expect(...parts: string[]): Promise<void> {
    await putExpected(this.inner, ROOT, parts);
  }

  async list(): Promise<Record<string, string>> {
    const manifest = await readOutputs(this.backend, ROOT);
    const all = await Array.fromAsync(listRun(this.backend, ROOT, manifest));
    return Object.fromEntries(all.map(({ path, kind, parts }) => [path, [kind, ...parts].join()]));
  }

  /** Fetches everything: contents, errors and warnings by name. */
  async fetch(requireChecksums = false): Promise<Record<string, string>> {
    await using dir = await tempDir();
    const out = `${dir.path}/out`;
    const plan = await planFetch(this.backend, ROOT, { outputDir: out, requireChecksums });
    const results = await fetchPacked(this.backend, plan);
    const tree = await readTree(out).catch(() => ({} as Record<string, string>));
    const fetched: Record<string, string> = { ...tree };
    for (const { path, error, warnings } of results) {
      const name = path.slice(out.length + 1);
      if (error !== undefined) fetched[name] = (error as { code?: string }).code!;
      else if (warnings.length > 0) fetched[name] += " with a warning";
    }
    if (plan.warnings.length > 0) fetched.warnings = plan.warnings.join("\n");
    return fetched;
  }
}

/** An archive and its checksum. */
const archive = (path: string, text: string) => ({ [path]: text, [path + SUM]: sha256(text) });

Deno.test("a run of 2025, in the bucket of then: no manifest, index pages of groups", async () => {
  const run = new Run();
  await run.put({
    ...archive(A, "a"),
    "index-gfx94X-dcgpu.html": "<html>",
    "logs/gfx94X-dcgpu/build.log": "log",
    "logs/gfx94X-dcgpu/build_time_analysis.html": "<html>",
    "manifests/gfx94X-dcgpu/therock_manifest.json": "{}",
  });
  assert.deepEqual(await run.fetch(true), { [A]: "a" });
  assert.deepEqual(await run.list(), {
    [A]: "artifact",
    [A + SUM]: "checksum",
    "index-gfx94X-dcgpu.html": "index",
    "logs/gfx94X-dcgpu/build.log": "log",
    "logs/gfx94X-dcgpu/build_time_analysis.html": "report",
    "manifests/gfx94X-dcgpu/therock_manifest.json": "manifest",
  });
  const legacy = new RunOutputRoot({ bucket: "therock-artifacts", runId: 1, platform: "linux" });
  await run.inner.write(legacy.file(A), bytesSource("old"));
  const plan = await planFetch(run.inner, legacy, { outputDir: "out" });
  assert.deepEqual(plan.items.map(({ location }) => location.bucket), ["therock-artifacts"]);
});

Deno.test("a run of today: hashes come from the manifest, the checksums beside are not read", async () => {
  const run = new Run();
  const files = { ...archive(A, "a"), ...archive(B, "b") };
  await run.put(files);
  await run.tell("build.g", files);
  assert.deepEqual(await run.fetch(true), { [A]: "a", [B]: "b" });
  // What goes on at the same time is in no order.
  assert.deepEqual(
    run.calls.toSorted(),
    [
      "list",
      "list artifacts",
      "list manifests",
      `read ${A}`,
      `read ${B}`,
      "read manifests/outputs/build.g.json",
    ].toSorted(),
  );
});

Deno.test("of a complete run only the top level is listed", async () => {
  const run = new Run();
  const files = { ...archive(A, "a"), [B]: "b", "logs/g/x.log": "x" };
  await run.put({ ...files, "index.html": "<html>", "unknown.txt": "?" });
  await run.tell("build.g", files, { pages: ["index.html", "logs/index.html"] });
  await run.expect("build.g");
  // No checksum beside it is needed: the manifest has it.
  assert.deepEqual(await run.fetch(true), { [A]: "a", [B]: "b" });
  const lists = ["list", "list artifacts", "list manifests"];
  assert.deepEqual(run.calls.filter((call) => !call.startsWith("read")).toSorted(), lists);
  run.calls.length = 0;
  assert.deepEqual(await run.list(), {
    [A]: "artifact,build.g",
    [A + SUM]: "checksum,build.g",
    [B]: "artifact,build.g",
    "index.html": "index",
    "unknown.txt": "other",
    "logs/g/x.log": "log,build.g",
    "logs/index.html": "index",
    "manifests/outputs/build.g.json": "outputs-manifest",
    "manifests/outputs/expected.json": "outputs-manifest",
  });
  assert.deepEqual(run.calls.toSorted(), [
    ...lists,
    "read manifests/outputs/build.g.json",
    "read manifests/outputs/expected.json",
  ]);
});

Deno.test("what another tool puts beside a complete manifest is listed and fetched", async () => {
  for (const dir of ["", "artifacts/"]) {
    const run = new Run();
    const [a, b, c] = [A, B, "c_lib_gfx1100.tar.zst"].map((name) => dir + name);
    const files = { ...archive(a, "a"), ...archive(b, "b"), "logs/g/x.log": "x" };
    await run.put(files);
    run.later();
    await run.tell("build.g", files);
    await run.expect("build.g");
    run.later();
    // One archive more, one in place of another; the checksum is wrong for neither.
    await run.put({ ...archive(c, "c"), ...archive(b, "BB"), "logs/g/y.log": "y" });
    assert.deepEqual(await run.fetch(true), { [A]: "a", [B]: "BB", [c.slice(dir.length)]: "c" });
    const { notes } = await planFetch(run.backend, ROOT, { outputDir: "out" });
    assert.deepEqual(notes.length, 1);
    assert.match(notes[0], /^2 archives not in the outputs manifest, or replaced .*b_lib_gfx942/);

    const listed = await run.list();
    assert.equal(listed[a], "artifact,build.g");
    assert.equal(listed[b], "artifact", "what the manifest says of it is not so any more");
    assert.equal(listed[c], "artifact");
    assert.equal(listed[c + SUM], "checksum");
    assert.equal(listed["logs/g/y.log"], undefined, "only the top level is listed");
  }
});

Deno.test("of a complete run, an archive that was put there again is as its manifest says", async () => {
  const run = new Run();
  await run.put(archive(A, "a"));
  run.later();
  await run.tell("build.g", archive(A, "a"));
  await run.expect("build.g");
  run.later();
  await run.put({ [A]: "a" });
  assert.equal((await run.list())[A], "artifact,build.g");
  assert.deepEqual((await planFetch(run.backend, ROOT, { outputDir: "out" })).notes, []);
  // As many other bytes, from a tool that knows no manifest: its own checksum counts.
  await run.put(archive(A, "b"));
  assert.deepEqual(await run.fetch(true), { [A]: "b" });
  assert.equal((await planFetch(run.backend, ROOT, { outputDir: "out" })).notes.length, 1);
});

Deno.test("list: a deleted archive of a complete run is missing", async () => {
  const run = new Run();
  await run.put(archive(A, "a"));
  await run.tell("build.g", { ...archive(A, "a"), [B]: "b", "logs/g/x.log": "x" });
  await run.expect("build.g");
  const missing: string[] = [];
  const manifest = await readOutputs(run.inner, ROOT);
  const onMissing = ({ path }: { readonly path: string }) => void missing.push(path);
  const all = await Array.fromAsync(listRun(run.inner, ROOT, manifest, { onMissing }));
  assert.deepEqual(missing, [B]);
  assert(all.some(({ path }) => path === "logs/g/x.log"));
});

Deno.test("a run that lacks a part is listed, with the entries of its parts", async () => {
  const run = new Run();
  const files = archive(A, "a");
  await run.put({ ...files, ...archive(B, "b") });
  await run.tell("build.g", files);
  await run.expect("build.g", "build.h");
  assert.deepEqual(await run.fetch(true), { [A]: "a", [B]: "b" });
  assert(run.calls.includes(`read ${B}${SUM}`), "of B only the checksum beside it tells");
  assert(!run.calls.includes(`read ${A}${SUM}`));
  assert.deepEqual(Object.keys(await run.list()), [
    A,
    A + SUM,
    B,
    B + SUM,
    "manifests/outputs/build.g.json",
    "manifests/outputs/expected.json",
  ]);
});

Deno.test("a file that was written after its part is what its checksum says, not the part", async () => {
  const run = new Run();
  await run.put(archive(A, "old"));
  run.later();
  await run.tell("build.g", archive(A, "old"));
  // An older tool, which knows no manifest, has replaced it by as many bytes.
  run.later();
  await run.put(archive(A, "new"));
  assert.deepEqual(await run.fetch(true), { [A]: "new" });
  const differences = await compareListing(
    run.inner,
    ROOT,
    await readOutputs(run.inner, ROOT),
  );
  assert.deepEqual(differences, {
    listed: 2,
    extra: 0,
    missing: 0,
    changed: 2,
    conflicting: 0,
    examples: [`${A} (changed)`, `${A}${SUM} (changed)`],
  });
});

Deno.test("a file that was written after its part, and has no checksum beside it, is what the part says", async () => {
  const run = new Run();
  await run.put(archive(A, "old"));
  run.later();
  await run.tell("build.g", archive(A, "old"));
  run.later();
  await run.put({ [A]: archive(A, "bad")[A] });
  await run.inner.delete(ROOT.file(A + SUM));
  assert.deepEqual(await run.fetch(), { [A]: "integrity" });
});

Deno.test("in a complete run, other bytes than in the manifest are a checksum mismatch", async () => {
  const run = new Run();
  await run.put(archive(A, "new"));
  await run.tell("build.g", archive(A, "old"));
  await run.expect("build.g");
  assert.deepEqual(await run.fetch(), { [A]: "integrity" });
});

Deno.test("a listed but deleted archive is missing", async () => {
  for (const expected of [[], ["build.g"]]) {
    const run = new Run();
    await run.put(archive(A, "a"));
    await run.tell("build.g", { ...archive(A, "a"), [B]: "b" });
    if (expected.length > 0) await run.expect(...expected);
    assert.deepEqual(await run.fetch(), { [A]: "a", [B]: "not_found" });
  }
});

Deno.test("contradicting parts: the latest takes precedence, and the conflict is reported", async () => {
  const run = new Run();
  await run.put(archive(A, "two"));
  const at = (minute: number) => ({ created_at: `2026-11-20T12:0${minute}:00Z` });
  await run.tell("one", { [A]: "one" }, at(1));
  await run.tell("two", { [A]: "two" }, at(2));
  assert.deepEqual(await run.fetch(), {
    [A]: "two",
    warnings: `${A}: manifest part two lists different content than one; ` +
      "the newest one, two, is used",
  });
});

const TYPED = `artifacts/${A}`;
const AT = (minute: number, layout: "flat" | "typed") => ({
  layout,
  created_at: `2026-11-20T12:0${minute}:00Z`,
});

/** What is where, what tells of it, and which is taken. */
const MIXES: readonly {
  readonly name: string;
  readonly there: Readonly<Record<string, string>>;
  readonly flat?: number;
  readonly typed?: number;
  readonly taken: string;
}[] = [
  { name: "flat", there: { [A]: "flat" }, taken: "flat" },
  { name: "typed", there: { [TYPED]: "typed" }, taken: "typed" },
  { name: "both", there: { [A]: "flat", [TYPED]: "typed" }, taken: "typed" },
  { name: "flat, told", there: { [A]: "flat" }, flat: 1, taken: "flat" },
  { name: "typed, told", there: { [TYPED]: "typed" }, typed: 1, taken: "typed" },
  { name: "both, flat told", there: { [A]: "flat", [TYPED]: "typed" }, flat: 1, taken: "flat" },
  { name: "both, typed told", there: { [A]: "flat", [TYPED]: "typed" }, typed: 1, taken: "typed" },
  {
    name: "both told, flat last",
    there: { [A]: "flat", [TYPED]: "typed" },
    flat: 2,
    typed: 1,
    taken: "flat",
  },
  {
    name: "both told, typed last",
    there: { [A]: "flat", [TYPED]: "typed" },
    flat: 1,
    typed: 2,
    taken: "typed",
  },
  {
    name: "both told at once",
    there: { [A]: "flat", [TYPED]: "typed" },
    flat: 1,
    typed: 1,
    taken: "typed",
  },
];

for (const { name, there, flat, typed, taken } of MIXES) {
  for (const complete of [false, true]) {
    if (complete && flat === undefined && typed === undefined) continue;
    const title = `layouts: ${name}${complete ? ", complete" : ""}: ${taken} is taken`;
    Deno.test(title, async () => {
      const run = new Run();
      for (const [path, text] of Object.entries(there)) await run.put(archive(path, text));
      if (flat !== undefined) await run.tell("flat", archive(A, "flat"), AT(flat, "flat"));
      if (typed !== undefined) await run.tell("typed", archive(TYPED, "typed"), AT(typed, "typed"));
      const parts = [flat && "flat", typed && "typed"].filter((part) => part !== undefined);
      if (complete) await run.expect(...parts as string[]);
      assert.deepEqual(await run.fetch(true), { [A]: taken });
      assert.deepEqual(
        run.calls.filter((call) => /^list(?: artifacts)?$/.test(call)),
        ["list artifacts", "list"],
      );
    });
  }
}

Deno.test("layouts: an archive in one place, its checksum in the other: they don't belong together", async () => {
  const run = new Run();
  await run.put({ [A]: "flat", [`${TYPED}${SUM}`]: sha256("typed") });
  assert.deepEqual(await run.fetch(), { [A]: "flat with a warning" });
});

Deno.test("requireParts(): names the missing parts; without expected parts it can't know", async () => {
  const run = new Run();
  const read = () => readOutputs(run.inner, ROOT);
  const none = await read();
  throwsWith(() => requireParts(none, ROOT), "incomplete", "--part", "--expect-parts");
  const unfinished = [{ part: "k", pending: ["x.tar.zst"], unlisted: [] }];
  throwsWith(
    () => requireParts({ ...none, unfinished: ["k"], markers: unfinished }, ROOT),
    "incomplete",
    "the upload of part k is incomplete",
    "pending: x.tar.zst; it has no list of expected parts",
  );
  await run.tell("a", {});
  await run.expect("a", "b", "c");
  const some = await read();
  throwsWith(() => requireParts(some, ROOT), "incomplete", "2 of its 3 parts", "missing: b, c");
  throwsWith(() => requireParts(some, ROOT, ["a", "x"]), "incomplete", "is missing: x");
  requireParts(some, ROOT, ["a"]);
});
