/** The part that an upload writes: when, what, and over which others. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { readOutputs, readPart } from "../../../src/operations/manifest/read.ts";
import { requireParts } from "../../../src/operations/manifest/require_parts.ts";
import { PartUpload, type PartUploadOptions } from "../../../src/operations/manifest/write_part.ts";
import { formatPart } from "../../../src/runs/format_part.ts";
import { parsePart } from "../../../src/runs/manifest.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { textItem, upload, type UploadOptions } from "../../../src/storage/transfer/upload.ts";
import { cases } from "../../support/cases.ts";
import { changed } from "../../support/changed_backend.ts";
import { collect } from "../../support/bytes.ts";
import { manifestPart, outputFile, putPart } from "../../support/manifest.ts";

const ROOT = new RunOutputRoot({ bucket: "therock-ci-artifacts", runId: 123, platform: "linux" });

/** A job that uploads texts by path. */
async function job(
  backend: StorageBackend,
  files: Readonly<Record<string, string>>,
  options: Partial<PartUploadOptions> & Pick<UploadOptions, "ifExists"> & { attempt?: number } = {},
): Promise<TransferResult> {
  const { attempt, ifExists, ...rest } = options;
  const run = attempt === undefined ? {} : { run_attempt: attempt };
  const part = new PartUpload(backend, ROOT, { part: "p", tool: "test", run, ...rest });
  const items = Object.entries(files).map(([path, text]) => textItem(ROOT.file(path), text, path));
  const results = await upload(await part.begin(), items, { ifExists });
  return await part.end({ results });
}

async function files(backend: StorageBackend): Promise<Record<string, string>> {
  const merged = await Array.fromAsync((await readOutputs(backend, ROOT)).files());
  return Object.fromEntries(merged.map(({ file }) => [file.path, file.sha256]));
}

async function text(backend: StorageBackend, part = "p"): Promise<string> {
  await using body = await backend.read(ROOT.outputsManifest(part));
  return new TextDecoder().decode(await collect(body));
}

const sha = (text: string) => outputFile("x", text).sha256;
const ONE = { job: "build", runner: "runner 1" };
const TWO = { job: "build", runner: "runner 2" };

Deno.test("PartUpload: lists each file with kind, size, hash and content type", async () => {
  const backend = new MemoryBackend();
  const now = () => new Date("2026-11-20T12:00:00Z");
  const run = { repository: "a/b", run_attempt: 2, commit: "c0ffee", workflow: "ci.yml" };
  const part = new PartUpload(backend, ROOT, { part: "p", tool: "t/1", run, writer: ONE, now });
  const items = [
    textItem(ROOT.logFile("g", "b.log"), "log", ""),
    textItem(ROOT.artifact("blas_lib_generic.tar.zst"), "archive", ""),
  ];
  const results = await upload(await part.begin(), items);
  const page: TransferResult = {
    location: ROOT.runIndex(),
    path: "",
    outcome: "written",
    warnings: [],
  };
  const result = await part.end({ results, pages: [page] });
  assert.equal(result.outcome, "written");
  const written = await text(backend);
  assert.equal(result.size, written.length);
  assert.equal(result.sha256, sha(written));
  assert.deepEqual(parsePart(written, "p"), {
    schema: "run-outputs.manifest/1",
    layout: "flat",
    run: { ...run, run_id: "123", platform: "linux" },
    part: "p",
    created_at: "2026-11-20T12:00:00.000Z",
    tool: "t/1",
    writer: ONE,
    pages: ["index.html"],
    files: [
      outputFile("blas_lib_generic.tar.zst", "archive", {
        kind: "artifact",
        content_type: "application/zstd",
      }),
      outputFile("logs/g/b.log", "log", { kind: "log", content_type: "text/plain; charset=utf-8" }),
    ],
  });
});

Deno.test("PartUpload: the same again is unchanged, whatever time it is", async () => {
  const backend = new MemoryBackend();
  const at = (minute: number) => ({ now: () => new Date(Date.UTC(2026, 10, 20, 12, minute)) });
  await job(backend, { a: "1" }, at(1));
  const before = await text(backend);
  assert.equal((await job(backend, { a: "1" }, at(2))).outcome, "unchanged");
  assert.equal(await text(backend), before);
});

Deno.test("PartUpload: a kept file is listed as it is, not as it would have been", async () => {
  const backend = new MemoryBackend();
  await backend.write(ROOT.file("a"), bytesSource("theirs"));
  await job(backend, { a: "ours" }, { ifExists: "skip" });
  assert.deepEqual(await files(backend), { a: sha("theirs") });
});

Deno.test("PartUpload: a job may run again; its earlier files stay listed", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1", b: "1" }, { attempt: 1, writer: ONE });
  await job(backend, { b: "2", c: "2" }, { attempt: 1, writer: ONE });
  assert.deepEqual(await files(backend), { a: sha("1"), b: sha("2"), c: sha("2") });
});

Deno.test("PartUpload: deleted and replaced files are not listed again", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1", b: "1", c: "1" }, { attempt: 1, writer: ONE });
  await backend.delete(ROOT.file("a"));
  await backend.write(ROOT.file("b"), bytesSource("longer"));
  await job(backend, { d: "1" }, { attempt: 1, writer: ONE });
  assert.deepEqual(await files(backend), { c: sha("1"), d: sha("1") });
});

Deno.test("PartUpload: a re-run replaces the part of the attempt before", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1", b: "1" }, { attempt: 1, writer: ONE });
  await job(backend, { b: "2" }, { attempt: 2, writer: TWO });
  assert.deepEqual(await files(backend), { b: sha("2") });
});

Deno.test("PartUpload: two jobs of one attempt with one name get an error", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1" }, { attempt: 1, writer: ONE });
  const before = await text(backend);
  const { outcome, error } = await job(backend, { b: "1" }, { attempt: 1, writer: TWO });
  assert.equal(outcome, "failed");
  assert.equal((error as RunOutputsError).code, "conflict");
  assert.match(
    error!.message,
    /part "p".*job "build" on runner "runner 1" in attempt 1 has already written it; give each upload its own --part/,
  );
  assert.equal(await text(backend), before);
  const late = await job(backend, { b: "1" }, { attempt: 1, writer: { job: "other" } });
  assert.equal(late.outcome, "failed");
});

Deno.test("PartUpload: an earlier attempt does not replace what a later one has written", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1" }, { attempt: 2, writer: ONE });
  assert.equal((await job(backend, { b: "1" }, { attempt: 1, writer: ONE })).outcome, "failed");
});

Deno.test("PartUpload: of two at the same moment, one is rejected, and nothing is lost", async () => {
  const inner = new MemoryBackend();
  // The other job's part comes between our look and our write.
  const backend = hooked(inner, async (key) => {
    if (!key.endsWith("/p.json")) return;
    await putPart(inner, ROOT, manifestPart("p", [outputFile("b")], { writer: TWO }));
  });
  const { outcome, error } = await job(backend, { a: "1" }, { attempt: 1, writer: ONE });
  assert.equal(outcome, "failed");
  assert.match(error!.message, /runner 2/);
  assert.equal((await readOutputs(inner, ROOT)).parts.length, 1);
});

Deno.test("PartUpload: without conditional writes, the overwritten upload notices it", async () => {
  const inner = new MemoryBackend();
  const backend = hooked(inner, () => Promise.resolve(), async (key) => {
    if (!key.endsWith("/p.json")) return;
    await putPart(inner, ROOT, manifestPart("p", [outputFile("b")], { writer: TWO }));
  });
  const { outcome, error } = await job(backend, { a: "1" }, { attempt: 1, writer: ONE });
  assert.equal(outcome, "failed");
  assert.match(error!.message, /runner 2/);
});

/** A storage in which something happens before, or after, the first write to each place. */
function hooked(
  inner: StorageBackend,
  before: (key: string) => Promise<void>,
  after: (key: string) => Promise<void> = () => Promise.resolve(),
): StorageBackend {
  const seen = new Set<string>();
  return changed(inner, {
    async write(location, source, options) {
      const isFirst = !seen.has(location.key);
      seen.add(location.key);
      if (isFirst) await before(location.key);
      const info = await inner.write(location, source, options);
      if (isFirst) await after(location.key);
      return info;
    },
  });
}

Deno.test("PartUpload: a part is deleted before a file in it is replaced", async () => {
  const inner = new MemoryBackend();
  await job(inner, { a: "1", b: "1" }, { attempt: 1, writer: ONE });
  const told: (boolean | undefined)[] = [];
  const backend = hooked(inner, async (key) => {
    if (key.endsWith("/b")) told.push((await readOutputs(inner, ROOT)).parts.length > 0);
  });
  const part = new PartUpload(backend, ROOT, { part: "p", tool: "t", run: { run_attempt: 2 } });
  const items = [textItem(ROOT.file("b"), "2", "")];
  await upload(await part.begin(), items);
  assert.deepEqual(told, [false]);
  // Killed here, the run lacks the part.
  assert.deepEqual((await readOutputs(inner, ROOT)).parts, []);

  // The same job goes on in the same attempt: what it has told before is told again.
  const again = new MemoryBackend();
  await job(again, { a: "1", b: "1" }, { attempt: 1, writer: ONE });
  await job(again, { b: "2" }, { attempt: 1, writer: ONE });
  assert.deepEqual(await files(again), { a: sha("1"), b: sha("2") });
});

Deno.test("PartUpload: a part that can't be deleted does not stop the upload", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1" }, { attempt: 1, writer: ONE });
  const notes: string[] = [];
  const denied = changed(backend, {
    delete: () => Promise.reject(new RunOutputsError("denied", "not allowed")),
  });
  const onNote = (note: string) => notes.push(note);
  const { outcome } = await job(denied, { a: "2" }, { attempt: 1, writer: ONE, onNote });
  assert.equal(outcome, "written");
  assert.match(notes.join("\n"), /p\.json can't be deleted.*not allowed/);
  assert.deepEqual(await files(backend), { a: sha("2") });
});

Deno.test("PartUpload: the same bytes again leave the part where it is", async () => {
  const inner = new MemoryBackend();
  await job(inner, { a: "1" }, { attempt: 1, writer: ONE });
  const backend = changed(inner, {
    delete: () => Promise.reject(new Error("deleted")),
  });
  const onNote = (note: string) => assert.fail(note);
  await job(backend, { a: "1", b: "new" }, { attempt: 1, writer: ONE, onNote });
  assert.deepEqual(await files(inner), { a: sha("1"), b: sha("new") });
});

Deno.test("PartUpload: members of a newer version are kept", async () => {
  const backend = new MemoryBackend();
  const old = manifestPart("p", [], { future: 1, writer: ONE });
  await backend.write(ROOT.outputsManifest("p"), bytesSource(formatPart(old)));
  await job(backend, { a: "1" }, { attempt: 2, writer: ONE });
  assert.equal(parsePart(await text(backend), "p").future, 1);
});

Deno.test("PartUpload: a part with a newer schema is kept, a broken one is replaced", async () => {
  const backend = new MemoryBackend();
  const newer = JSON.stringify({ ...manifestPart("p", []), schema: "run-outputs.manifest/2" });
  await backend.write(ROOT.outputsManifest("p"), bytesSource(newer));
  await assert.rejects(job(backend, { a: "1" }), { code: "failed" });
  assert.equal(await text(backend), newer);
  await assert.rejects(backend.stat(ROOT.file("a")), { code: "not_found" });

  await backend.write(ROOT.outputsManifest("p"), bytesSource("{"));
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  assert.equal((await job(backend, { a: "1" }, { onNote })).outcome, "written");
  assert.match(notes.join("\n"), /not JSON.*replacing/);
  assert.deepEqual(await files(backend), { a: sha("1") });
});

for (
  const [what, schema] of Object.entries({
    "an object as its schema": { toString: 1 },
    "a list of them as its schema": [{ toString: null }],
    "no schema": undefined,
  })
) {
  Deno.test(`PartUpload: a part, a marker and expected parts with ${what} are replaced, with a note`, async () => {
    const backend = new MemoryBackend();
    const put = (location: OutputLocation, value: unknown) =>
      backend.write(location, bytesSource(JSON.stringify(value)));
    await put(ROOT.outputsManifest("p"), { ...manifestPart("p", []), schema });
    await put(MARKER, { ...manifestPart("p", []), pending: ["b"], schema });
    await put(ROOT.expectedParts(), { parts: ["q"], schema });
    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const part = new PartUpload(backend, ROOT, {
      part: "p",
      tool: "test",
      run: { run_attempt: 2 },
      onNote,
    });
    assert.equal((await part.expect(["p"])).outcome, "written");
    const items = [textItem(ROOT.file("a"), "1", "a")];
    const results = await upload(await part.begin(), items, {});
    assert.equal((await part.end({ results })).outcome, "written");
    for (const name of ["p.json", "expected.json"]) {
      assert.match(notes.join("\n"), new RegExp(`${name}'.*; replacing it`));
    }
    assert.match(notes.join("\n"), /p\.incomplete can't be read/);
    const { expected, parts } = await readOutputs(backend, ROOT);
    assert.deepEqual([expected, parts.map(({ head }) => head.part)], [["p"], ["p"]]);
    assert.deepEqual(await files(backend), { a: sha("1") });
  });
}

Deno.test("PartUpload: a marker with invalid paths is replaced, with a note", async () => {
  const backend = new MemoryBackend();
  const marker = { ...manifestPart("p", []), pending: [{ toString: 1 }] };
  await backend.write(MARKER, bytesSource(JSON.stringify(marker)));
  const { markers } = await readOutputs(backend, ROOT);
  assert.match(markers[0].unread!, /pending\.0/);
  const notes: string[] = [];
  await job(backend, { a: "1" }, { attempt: 2, onNote: (note) => notes.push(note) });
  assert.match(notes.join("\n"), /p\.incomplete can't be read/);
});

Deno.test("PartUpload: expected parts add up, also of jobs at the same time", async () => {
  const backend = new MemoryBackend();
  const expect = (...parts: string[]) =>
    new PartUpload(backend, ROOT, { part: "p", tool: "t", run: {} }).expect(parts);
  const names = Array.from({ length: 10 }, (_, i) => `p${i}`);
  const results = await Promise.all(names.map((name) => expect(name)));
  assert.deepEqual(results.map(({ outcome }) => outcome), names.map(() => "written"));
  assert.equal((await expect("p3")).outcome, "unchanged");
  assert.deepEqual((await readOutputs(backend, ROOT)).expected, names);
});

Deno.test("PartUpload: an invalid name is rejected before anything is read", () => {
  const backend = new MemoryBackend();
  for (const part of ["", "a/b", "..", "expected", "therock_manifest"]) {
    assert.throws(() => new PartUpload(backend, ROOT, { part, tool: "t", run: {} }), /part/);
  }
});

const FIRST = { attempt: 1, writer: ONE };

/** A job of which some files can't be read. */
async function failingJob(
  backend: StorageBackend,
  files: Readonly<Record<string, string>>,
  broken: readonly string[],
  { attempt, writer = ONE, ...rest }:
    & Pick<PartUploadOptions, "now" | "keepBytes">
    & { attempt: number; writer?: typeof ONE },
): Promise<void> {
  const run = { run_attempt: attempt };
  const part = new PartUpload(backend, ROOT, { part: "p", tool: "test", run, writer, ...rest });
  const items = Object.entries(files).map(([path, text]) => textItem(ROOT.file(path), text, path));
  const locations = [...Object.keys(files), ...broken].map((path) => ROOT.file(path));
  const results = await upload(await part.begin(locations), items);
  const failed = broken.map((path): TransferResult => ({
    location: ROOT.file(path),
    path,
    outcome: "failed",
    warnings: [],
    error: new Error("broken"),
  }));
  await part.withhold([...results, ...failed]);
}

const MARKER = ROOT.outputsManifestDir().join("p.incomplete");

Deno.test("PartUpload: after an upload that failed, the next one does not pass for all", async () => {
  const backend = new MemoryBackend();
  await new PartUpload(backend, ROOT, { part: "p", tool: "t", run: {} }).expect(["p"]);
  await failingJob(backend, { a: "1" }, ["b"], FIRST);
  assert.equal((await job(backend, { c: "1" }, FIRST)).outcome, "written");
  const there = await readOutputs(backend, ROOT);
  assert.deepEqual([there.complete, there.missing, there.unfinished], [false, ["p"], ["p"]]);
  assert.throws(() => requireParts(there, ROOT), { code: "incomplete" });
  assert.throws(() => requireParts(there, ROOT, ["p"]), { code: "incomplete" });
  assert.deepEqual(await files(backend), { a: sha("1"), c: sha("1") });

  await job(backend, { b: "2" }, FIRST);
  const whole = await readOutputs(backend, ROOT);
  assert.deepEqual([whole.complete, whole.unfinished], [true, []]);
  assert.deepEqual(await files(backend), { a: sha("1"), b: sha("2"), c: sha("1") });
  await assert.rejects(backend.stat(MARKER), { code: "not_found" });
});

Deno.test("PartUpload: a failed upload that adds to a part makes it incomplete", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1" }, FIRST);
  await failingJob(backend, { c: "1" }, ["d"], FIRST);
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, ["p"]);
  await job(backend, { d: "1" }, FIRST);
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, []);
  assert.deepEqual(await files(backend), { a: sha("1"), c: sha("1"), d: sha("1") });
});

Deno.test("PartUpload: the files of a part deleted by a failed upload are not lost", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1", b: "1" }, FIRST);
  await failingJob(backend, { b: "2" }, ["c"], FIRST);
  assert.deepEqual((await readOutputs(backend, ROOT)).parts, []);
  await job(backend, { c: "3" }, FIRST);
  assert.deepEqual(await files(backend), { a: sha("1"), b: sha("2"), c: sha("3") });
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, []);
});

Deno.test("PartUpload: and by a killed one, until all that it was to put there has come", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1", b: "1" }, FIRST);
  const run = { run_attempt: 1 };
  const killed = new PartUpload(backend, ROOT, { part: "p", tool: "t", run, writer: ONE });
  const storage = await killed.begin(["b", "c"].map((path) => ROOT.file(path)));
  await upload(storage, [textItem(ROOT.file("b"), "2", "")]);
  await job(backend, { c: "1" }, FIRST);
  assert.deepEqual(await files(backend), { a: sha("1"), c: sha("1") });
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, ["p"]);
  await job(backend, { b: "2" }, FIRST);
  assert.deepEqual(await files(backend), { a: sha("1"), b: sha("2"), c: sha("1") });
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, []);
});

/** An upload that is killed after its first files. */
async function killedJob(
  backend: StorageBackend,
  files: Readonly<Record<string, string>>,
  planned: readonly string[],
  options: Partial<PartUploadOptions> & { attempt: number } = FIRST,
): Promise<PartUpload> {
  const { attempt, ...rest } = options;
  const run = { run_attempt: attempt };
  const killed = new PartUpload(backend, ROOT, { part: "p", tool: "test", run, ...rest });
  const items = Object.entries(files).map(([path, text]) => textItem(ROOT.file(path), text, path));
  await upload(await killed.begin(planned.map((path) => ROOT.file(path))), items);
  return killed;
}

const unfinished = async (backend: StorageBackend) => (await readOutputs(backend, ROOT)).unfinished;

Deno.test("PartUpload: before the first file of a part that is not there yet there is a marker", async () => {
  const inner = new MemoryBackend();
  const markers: unknown[] = [];
  const backend = hooked(inner, async (key) => {
    if (/\/[ab]$/.test(key)) markers.push((await readOutputs(inner, ROOT)).markers);
  });
  await killedJob(backend, { a: "1", b: "1" }, ["a", "b", "c"]);
  const marker = { part: "p", pending: ["a", "b", "c"], unlisted: [] };
  assert.deepEqual(markers, [[marker], [marker]]);
  // Killed here: the next one of the same goes on, and takes the marker away.
  assert.equal((await job(inner, { a: "1", b: "1", c: "1" }, FIRST)).outcome, "written");
  assert.deepEqual(await unfinished(inner), []);
  await assert.rejects(inner.stat(MARKER), { code: "not_found" });
});

Deno.test("PartUpload: while files are added to a part there is a marker, and the part stays", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1" }, FIRST);
  await killedJob(backend, { b: "1" }, ["b", "c"]);
  const there = await readOutputs(backend, ROOT);
  assert.deepEqual([there.parts.length, there.unfinished], [1, ["p"]]);
  await job(backend, { b: "1", c: "1" }, FIRST);
  assert.deepEqual(await unfinished(backend), []);
  assert.deepEqual(await files(backend), { a: sha("1"), b: sha("1"), c: sha("1") });
});

Deno.test("PartUpload: where all is there already, nothing but the part is written", async () => {
  const inner = new MemoryBackend();
  await inner.write(ROOT.file("a"), bytesSource("1"));
  const written: string[] = [];
  const backend = hooked(inner, (key) => Promise.resolve(void written.push(key)));
  await job(backend, { a: "1" }, FIRST);
  await job(backend, { a: "1" }, FIRST);
  assert.deepEqual(written, [ROOT.outputsManifest("p").key]);
});

Deno.test("PartUpload: a marker that can't be written is a note, and does not stop the upload", async () => {
  const inner = new MemoryBackend();
  const backend = changed(inner, {
    write(location, ...rest) {
      if (location.equals(MARKER)) throw new RunOutputsError("denied", "not allowed");
      return inner.write(location, ...rest);
    },
  });
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  assert.equal((await job(backend, { a: "1" }, { ...FIRST, onNote })).outcome, "written");
  const reason = "so nothing shows that this upload is in progress (not allowed)";
  assert.deepEqual(notes, [`${MARKER} can't be written, ${reason}`]);
});

Deno.test("PartUpload: another job with the same name keeps the marker of the first", async () => {
  const backend = new MemoryBackend();
  const one = await killedJob(backend, { a: "1" }, ["a"]);
  const { error } = await job(backend, { b: "1" }, { attempt: 1, writer: TWO });
  assert.equal((error as RunOutputsError).code, "conflict");
  assert.deepEqual((await readOutputs(backend, ROOT)).markers, [
    { part: "p", pending: ["a"], unlisted: [] },
  ]);
  const results = await upload(backend, [textItem(ROOT.file("a"), "1", "a")]);
  assert.equal((await one.end({ results })).outcome, "written");
  assert.deepEqual(await unfinished(backend), []);
  assert.deepEqual(await files(backend), { a: sha("1") });
});

Deno.test("PartUpload: an upload rejected at the end deletes its own marker", async () => {
  for (const fails of [false, true]) {
    const backend = new MemoryBackend();
    const two = await killedJob(backend, { b: "1" }, ["b"], { attempt: 1, writer: TWO });
    // The first had begun before, and has written its part meanwhile.
    await putPart(
      backend,
      ROOT,
      manifestPart("p", [outputFile("a")], {
        writer: ONE,
        run: { ...manifestPart("p", []).run, run_id: "123", run_attempt: 1 },
      }),
    );
    if (fails) await two.withhold([]);
    else assert.equal((await two.end({ results: [] })).outcome, "failed");
    assert.deepEqual(await unfinished(backend), []);
  }
});

Deno.test("PartUpload: a rejected upload keeps a marker with files of another's part", async () => {
  const backend = new MemoryBackend();
  await job(backend, { a: "1", b: "1" }, FIRST);
  const two = { attempt: 1, writer: TWO };
  const refused = await job(backend, { a: "2", c: "2" }, two);
  assert.equal((refused.error as RunOutputsError).code, "conflict");
  assert.deepEqual(await unfinished(backend), ["p"]);
  await job(backend, { a: "1", c: "1" }, FIRST);
  assert.deepEqual(await files(backend), { a: sha("1"), b: sha("1"), c: sha("1") });
  assert.deepEqual(await unfinished(backend), []);
});

Deno.test("PartUpload: of two concurrent uploads of one job, the first to end keeps the other's marker", async () => {
  const backend = new MemoryBackend();
  const begin = (path: string) => killedJob(backend, { [path]: "1" }, [path]);
  const [one, two] = [await begin("a"), await begin("b")];
  const ended = async (part: PartUpload, path: string) => {
    const results = await upload(backend, [textItem(ROOT.file(path), "1", path)]);
    assert.equal((await part.end({ results })).outcome, "written");
    return (await readOutputs(backend, ROOT)).markers.flatMap(({ pending }) => pending);
  };
  assert.deepEqual(await ended(one, "a"), ["b"]);
  assert.deepEqual(await ended(two, "b"), []);
  assert.deepEqual(await files(backend), { a: sha("1"), b: sha("1") });
});

Deno.test("PartUpload: a later attempt starts again, and deletes the marker", async () => {
  const backend = new MemoryBackend();
  await failingJob(backend, { a: "1" }, ["b"], FIRST);
  await job(backend, { c: "1" }, { attempt: 2, writer: ONE });
  assert.deepEqual(await files(backend), { c: sha("1") });
  await assert.rejects(backend.stat(MARKER), { code: "not_found" });
  // A straggler of the first attempt does not make the part of the second an unfinished one.
  await failingJob(backend, {}, ["b"], FIRST);
  await assert.rejects(backend.stat(MARKER), { code: "not_found" });
});

Deno.test("PartUpload: another job's upload does not pass for what the failed one lacks", async () => {
  const backend = new MemoryBackend();
  await failingJob(backend, { a: "1" }, ["b"], FIRST);
  const { error } = await job(backend, { b: "1" }, { attempt: 1, writer: TWO });
  assert.equal((error as RunOutputsError).code, "conflict");
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, ["p"]);
});

Deno.test("PartUpload: without delete permission, a marker is overwritten", async () => {
  const inner = new MemoryBackend();
  const denied = () => Promise.reject(new RunOutputsError("denied", "not allowed"));
  const backend = changed(inner, { delete: denied });
  const onNote = (note: string) => assert.fail(note);
  assert.equal((await job(backend, { a: "1" }, { ...FIRST, onNote })).outcome, "written");
  assert.deepEqual(await unfinished(inner), []);
  // What is written over tells of nothing to those that come after.
  assert.deepEqual((await job(backend, { b: "1" }, { ...FIRST, onNote })).warnings, []);
  assert.deepEqual(await unfinished(inner), []);
  await killedJob(backend, { c: "1" }, ["c", "d"]);
  assert.deepEqual(await unfinished(inner), ["p"]);
});

Deno.test("PartUpload: a marker that can't be deleted is reported, and done if its files are there", async () => {
  const backend = new MemoryBackend();
  const at = (minute: number) => ({ now: () => new Date(Date.UTC(2026, 10, 20, 12, minute)) });
  await failingJob(backend, {}, ["b"], { ...FIRST, ...at(1) });
  const denied = changed(backend, {
    delete: () => Promise.reject(new RunOutputsError("denied", "not allowed")),
    write(location, ...rest) {
      if (location.equals(MARKER)) throw new RunOutputsError("denied", "not allowed");
      return backend.write(location, ...rest);
    },
  });
  const notes: string[] = [];
  await job(denied, { b: "1" }, { ...FIRST, ...at(2), onNote: (note) => notes.push(note) });
  assert.match(notes.join("\n"), /p\.incomplete can't be deleted.*not allowed/);
  await backend.stat(MARKER);
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, []);
});

Deno.test("PartUpload: a successful upload clears unlisted files without a path", async () => {
  const backend = new MemoryBackend();
  const lost: TransferResult = {
    location: ROOT.root(),
    path: "build/artifacts",
    outcome: "failed",
    warnings: [],
    error: new Error("not there"),
  };
  const unlisted = { ...lost, location: ROOT.logDir("g"), path: "build/logs", unlisted: true };
  const part = new PartUpload(backend, ROOT, { part: "p", tool: "t", run: {}, ...FIRST });
  await part.withhold([lost, unlisted]);
  const { head } = (await readPart(backend, { location: MARKER }, true))!;
  assert.deepEqual([head.pending, head.unlisted], [[], ["build/artifacts", "build/logs"]]);
  await failingJob(backend, {}, [], FIRST);
  const again = (await readPart(backend, { location: MARKER }, true))!;
  assert.deepEqual(again.head.unlisted, head.unlisted, "another that failed makes up for nothing");
  const { outcome, warnings } = await job(backend, { a: "1" }, FIRST);
  assert.deepEqual([outcome, warnings], ["written", []]);
  await assert.rejects(backend.stat(MARKER), { code: "not_found" });
});

Deno.test("PartUpload: an upload after which the part still counts as missing says so", async () => {
  const backend = new MemoryBackend();
  await failingJob(backend, {}, ["b", "c", "d", "e", "f", "g"], FIRST);
  const { outcome, warnings } = await job(backend, { a: "1" }, FIRST);
  assert.equal(outcome, "written");
  assert.match(
    warnings.join(),
    /incomplete \(s3:.*p\.incomplete; if nothing is missing, 'run-outputs verify --drop-incomplete p' deletes the marker\): .* part p .* pending: b, c, d, e, f, and 1 more$/,
  );
});

Deno.test("PartUpload: a marker of any length is read", async () => {
  const backend = new MemoryBackend();
  await job(backend, { "a/0": "1", keep: "1" }, FIRST);
  const killed = new PartUpload(backend, ROOT, {
    part: "p",
    tool: "t",
    run: { run_attempt: 1 },
    writer: ONE,
  });
  const name = (i: number) => ROOT.file(`a/${"long".repeat(50)}/${i}`);
  const planned = Array.from({ length: 22_000 }, (_, i) => name(i));
  const storage = await killed.begin([...planned, ROOT.file("a/0")]);
  await upload(storage, [textItem(ROOT.file("a/0"), "2", "")]);
  assert((await backend.stat(MARKER)).size > 4 * 1024 * 1024);
  await job(backend, { "a/0": "2" }, FIRST);
  assert.deepEqual(await files(backend), { "a/0": sha("2"), keep: sha("1") });
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, ["p"]);
});

Deno.test("PartUpload: an unreadable marker stays valid until a later attempt", async () => {
  const backend = new MemoryBackend();
  await backend.write(MARKER, bytesSource("{"));
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  const { warnings } = await job(backend, { a: "1" }, { ...FIRST, onNote });
  assert.match(notes.join("\n"), /p\.incomplete can't be read: the pending files .* are unknown/);
  assert.match(warnings.join(), /pending: manifests\/outputs\/p\.incomplete$/);
  await job(backend, { b: "1" }, FIRST);
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, ["p"]);
  await job(backend, { b: "1" }, { ...FIRST, attempt: 2 });
  assert.deepEqual((await readOutputs(backend, ROOT)).unfinished, []);
});

Deno.test("PartUpload: a part that can't be read now stops the upload before its first file", async () => {
  const inner = new MemoryBackend();
  await job(inner, { a: "1" }, FIRST);
  const backend: StorageBackend = {
    ...hooked(inner, () => assert.fail("written")),
    read: () => Promise.reject(new RunOutputsError("transient", "try later")),
  };
  await assert.rejects(job(backend, { a: "2" }, FIRST), { code: "transient" });
});

Deno.test("PartUpload: a broken part is deleted before the first file is written", async () => {
  const inner = new MemoryBackend();
  await inner.write(ROOT.outputsManifest("p"), bytesSource("{"));
  const there: number[] = [];
  const backend = hooked(inner, async (key) => {
    if (key.endsWith("/a")) there.push((await readOutputs(inner, ROOT)).parts.length);
  });
  await failingJob(backend, { a: "1" }, ["b"], FIRST);
  assert.deepEqual(there, [0]);
  assert.deepEqual((await readOutputs(inner, ROOT)).unfinished, ["p"]);
});

Deno.test("PartUpload: a part that is read as a stream becomes the same text", async () => {
  const path = fc.constantFrom("a", "b", "b-", "b/c", "b/d", "e", "ü", "z/y/x");
  const upload = fc.record({
    files: fc.dictionary(path, fc.constantFrom("1", "2", "33"), { maxKeys: 4 }),
    failing: fc.option(fc.array(path, { minLength: 1, maxLength: 2 }), { nil: undefined }),
    gone: fc.option(path, { nil: undefined }),
    attempt: fc.constantFrom(1, 1, 1, 2),
  });
  const noon = Date.UTC(2026, 10, 20, 12);
  const now = () => new Date(noon);
  // What is stored next is as old as the one before, to the clock, or younger.
  const step = fc.constantFrom(0, 1, 1000);
  await fc.assert(
    fc.asyncProperty(fc.array(upload, { maxLength: 5 }), step, async (uploads, step) => {
      const backends = [1, 2].map(() => {
        let time = noon;
        return new MemoryBackend({ now: () => new Date(time += step) });
      });
      for (const { files, failing, gone, attempt } of uploads) {
        for (const [i, backend] of backends.entries()) {
          const options = { attempt, writer: ONE, now, keepBytes: i === 0 ? Infinity : 0 };
          if (gone !== undefined) await backend.delete(ROOT.file(gone));
          if (failing === undefined) await job(backend, files, options);
          else await failingJob(backend, files, failing, options);
        }
        const [kept, streamed] = await Promise.all(backends.map(manifests));
        assert.deepEqual(streamed, kept);
      }
    }),
    { numRuns: cases(150) },
  );
});

/** The text of all that is below `manifests/`. */
async function manifests(backend: StorageBackend): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for await (const { location } of backend.list(ROOT.outputsManifestDir())) {
    await using body = await backend.read(location);
    texts[location.name] = new TextDecoder().decode(await collect(body));
  }
  return texts;
}

Deno.test("PartUpload: the part of a runner whose clock is ahead does not win over a later one", async () => {
  for (const wholeSeconds of [false, true]) {
    const inner = new MemoryBackend();
    const stored = (minute: number) => new Date(Date.UTC(2026, 10, 20, 12, minute));
    const times: Record<string, Date> = { "one.json": stored(1), "two.json": stored(2) };
    const exact = wholeSeconds ? 0 : 250;
    const list = inner.list.bind(inner);
    inner.list = async function* (prefix, options) {
      for await (const info of list(prefix, options)) {
        const time = times[info.location.name];
        yield time === undefined ? info : { ...info, modified: new Date(time.getTime() + exact) };
      }
    };
    const ahead = () => new Date(stored(1).getTime() + 3 * 60_000);
    await job(inner, { a: "first" }, { part: "one", now: ahead });
    await job(inner, { a: "later" }, { part: "two", now: () => stored(2) });
    const [{ parts, file }] = await Array.fromAsync((await readOutputs(inner, ROOT)).files());
    assert.deepEqual([parts, file.sha256], [["two"], sha("later")]);
    // In a copy all parts are stored later, in any order.
    times["one.json"] = stored(60);
    times["two.json"] = stored(59);
    await putPart(
      inner,
      ROOT,
      manifestPart("one", [outputFile("a", "1")], { created_at: stored(1).toISOString() }),
    );
    const [copied] = await Array.fromAsync((await readOutputs(inner, ROOT)).files());
    assert.deepEqual(copied.parts, ["two"]);
  }
});

Deno.test("PartUpload: the list of planned files is written as it comes, and not read again", async () => {
  const memory = new MemoryBackend();
  const marker = ROOT.outputsManifestDir().join("p.incomplete");
  let marked = "";
  let reads = 0;
  const backend = changed(memory, {
    write: async (location, source, options) => {
      if (location.equals(marker)) {
        marked = new TextDecoder().decode(await collect(source.open()));
      }
      return await memory.write(location, source, options);
    },
    read: (location, options) => {
      if (location.equals(marker) && marked !== "") reads++;
      return memory.read(location, options);
    },
  });
  const paths = ["logs/b", "logs/a", "logs/c"];
  const planned = {
    *[Symbol.iterator]() {
      for (const path of paths.toSorted()) yield ROOT.file(path);
    },
  };
  const part = new PartUpload(backend, ROOT, { part: "p", tool: "test", run: {} });
  const items = paths.map((path) => textItem(ROOT.file(path), path, path));
  const results = await upload(await part.begin(planned), items);
  assert.deepEqual(JSON.parse(marked).pending, paths.toSorted());
  const parts = async () =>
    (await Array.fromAsync(memory.list(ROOT.outputsManifestDir()))).map((one) => one.location.name);
  assert.deepEqual(await parts(), ["p.incomplete"]);
  assert.equal((await part.end({ results })).outcome, "written");
  assert.equal(reads, 0);
  assert.deepEqual(await parts(), ["p.json"]);
  assert.deepEqual(Object.keys(await files(memory)), paths.toSorted());
});
