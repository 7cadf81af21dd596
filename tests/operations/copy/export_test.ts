/** Runs in one file, and out of it again; and files that are no export, or not a whole one. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type StreamedMember, tarMembers, tarStream } from "../../../src/archive/tar/stream.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import {
  planCopy,
  type PlanCopyOptions,
  type RunPlace,
} from "../../../src/operations/copy/plan.ts";
import { type CopyOptions, executeCopy } from "../../../src/operations/copy/execute.ts";
import { ExportArchive } from "../../../src/operations/copy/export_archive.ts";
import { planExport, writeExport } from "../../../src/operations/copy/export.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { collect, noise, sha256 } from "../../support/bytes.ts";
import { rejection, rejectsWith } from "../../support/errors.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";
import { putFiles } from "../../support/run_storage.ts";
import { readTree, tempDir } from "../../support/temp_dir.ts";

const LINUX = new RunOutputRoot({ bucket: "suite", runId: 1, platform: "linux" });
const WINDOWS = new RunOutputRoot({
  bucket: "other",
  externalRepo: "owner-repo/",
  runId: 1,
  platform: "windows",
});
const A = "a_lib_generic.tar.zst";
const LONG = `logs/${"deep/".repeat(50)}ü.log`;
const FILES: Readonly<Record<string, string>> = {
  [A]: "archive a",
  [`${A}.sha256sum`]: `${sha256("archive a")}\n`,
  "index.html": "<p>page</p>",
  "logs/empty.log": "",
  [LONG]: "long\n",
};

Deno.test("export, import: for content types invalid in a header, the file name decides", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "runs.tar");
  const backend = new MemoryBackend();
  const types = { "a.log": "", "b.html": "text/plé", "c.json": "   ", "d.log": "text/x-own" };
  for (const [path, contentType] of Object.entries(types)) {
    await backend.write(LINUX.file(path), bytesSource(path), { contentType });
  }
  const listed = outputFile("b.html", "b.html");
  await putPart(backend, LINUX, manifestPart("one", [{ ...listed, content_type: "text/plé" }]));
  await write([{ backend, root: LINUX }], file);
  const to = new MemoryBackend();
  await importAll(file, to);
  const typeOf = async (path: string) => (await to.stat(LINUX.file(path))).contentType ?? "";
  assert.match(await typeOf("a.log"), /^text\/plain/);
  assert.match(await typeOf("b.html"), /^text\/html/);
  assert.match(await typeOf("c.json"), /^application\/json/);
  assert.equal(await typeOf("d.log"), "text/x-own");
});

/** Two runs, one with a manifest and one without, in memory, and a directory for files. */
async function twoRuns() {
  const backend = new MemoryBackend();
  const places = [{ backend, root: LINUX }, { backend, root: WINDOWS }];
  for (const place of places) await putFiles(place, FILES);
  const files = [A, `${A}.sha256sum`, LONG].map((path) => outputFile(path, FILES[path]));
  await putPart(backend, LINUX, manifestPart("one", files, { pages: ["index.html"] }));
  await putExpected(backend, LINUX, ["one"]);
  const dir = await tempDir();
  return { backend, places, dir, file: join(dir.path, "runs.tar") };
}

async function write(
  places: readonly RunPlace[],
  file: string,
  options: PlanCopyOptions = {},
): Promise<void> {
  const plans = await Promise.all(places.map((place) => planCopy(place, options)));
  await writeExport(await planExport(plans, { tool: "test" }), file, { replace: true });
}

async function importAll(file: string, to: MemoryBackend | LocalBackend, options?: CopyOptions) {
  const archive = await ExportArchive.open(file);
  const reports = [];
  for (const root of archive.roots) {
    const plan = await planCopy({ backend: archive, root });
    reports.push(await executeCopy(plan, { backend: to, root }, options));
  }
  const results = reports.flatMap(({ results }) => results);
  return {
    results,
    withheld: reports.flatMap(({ withheld }) => withheld.map(({ part }) => part)),
    outcomes: results.map(({ location, outcome }) => `${location.key} ${outcome}`),
  };
}

async function contents(backend: MemoryBackend): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const root of [LINUX, WINDOWS]) {
    for await (const { location, sha256, contentType } of backend.list(root.root())) {
      found[location.s3Uri] = `${sha256} ${contentType}`;
    }
  }
  return found;
}

Deno.test("export and import: two runs are the same afterwards, hashes, types and manifest", async () => {
  const { backend, places, dir, file } = await twoRuns();
  await using _ = dir;
  await write(places, file);
  const to = new MemoryBackend();
  const { outcomes } = await importAll(file, to);
  assert.equal(outcomes.length, 12);
  const [before, after] = [await contents(backend), await contents(to)];
  assert.deepEqual(Object.keys(after), Object.keys(before));
  for (const uri of Object.keys(before)) {
    // The manifest tells its own content types; the test's list has another form than ours.
    if (/manifests|a_lib|ü/.test(uri) && uri.includes("suite")) continue;
    assert.equal(after[uri], before[uri], uri);
  }
  assert.equal((await to.stat(LINUX.file(A))).contentType, "text/plain");
  assert.equal((await readOutputs(to, LINUX)).complete, true);

  const again = await importAll(file, to);
  for (const outcome of again.outcomes) assert.match(outcome, / unchanged$/);
});

Deno.test("export: the same runs make the same bytes, also from what was imported", async () => {
  const { places, dir, file } = await twoRuns();
  await using _ = dir;
  await write(places, file);
  const first = sha256(await Deno.readFile(file));
  await write(places, file);
  assert.equal(sha256(await Deno.readFile(file)), first);
  const to = new MemoryBackend();
  await importAll(file, to);
  await write(places.map(({ root }) => ({ backend: to, root })), file);
  assert.equal(sha256(await Deno.readFile(file)), first);
});

Deno.test("export: a selection has parts with its files, and does not claim to be complete", async () => {
  const { backend, places, dir, file } = await twoRuns();
  await using _ = dir;
  await write([places[0]], file, { components: ["lib"] });
  const archive = await ExportArchive.open(file);
  const found = (await Array.fromAsync(archive.list(LINUX.root()))).map(({ location }) =>
    location.relativeTo(LINUX.root())
  );
  assert.deepEqual(found, [A, `${A}.sha256sum`, "manifests/outputs/one.json"]);
  const merged = await Array.fromAsync((await readOutputs(archive, LINUX)).files());
  assert.deepEqual(merged.map(({ file }) => file.path), [A, `${A}.sha256sum`]);
  assert.equal((await readOutputs(backend, LINUX)).complete, true);
});

Deno.test("export: a file that does not match its entry fails the export", async () => {
  const { backend, places, dir, file } = await twoRuns();
  await using _ = dir;
  await putFiles(places[0], { [A]: "archive x" });
  await rejectsWith(write(places, file), "integrity", "checksum mismatch", A);
  await backend.delete(LINUX.file(A));
  await backend.delete(LINUX.expectedParts());
  await rejectsWith(write(places, file), "incomplete", `${A} is missing`);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(dir.path)), []);
});

Deno.test("export: a file that exists is replaced only where that is said; no run twice", async () => {
  const { places, dir, file } = await twoRuns();
  await using _ = dir;
  await Deno.writeTextFile(file, "mine");
  const plan = await planCopy(places[0]);
  const all = await planExport([plan], { tool: "test" });
  await rejectsWith(writeExport(all, file), "conflict", "exists");
  assert.equal(await Deno.readTextFile(file), "mine");
  await rejectsWith(planExport([plan, plan], { tool: "test" }), "invalid", "1-linux twice");
});

Deno.test("ExportArchive: is a storage that can only be read", async () => {
  const { places, dir, file } = await twoRuns();
  await using _ = dir;
  await write(places, file);
  const archive = await ExportArchive.open(file);
  assert.deepEqual(archive.roots.map(({ prefix }) => prefix), ["1-linux", "owner-repo/1-windows"]);
  const at = LINUX.file(A);
  assert.equal((await archive.stat(at)).sha256, sha256("archive a"));
  const part = await archive.read(at, { range: { start: 2, end: 5 } });
  assert.equal(new TextDecoder().decode(await collect(part)), "chi");
  await (await archive.read(at))[Symbol.asyncDispose]();
  const top = await Array.fromAsync(archive.list(LINUX.root(), { recursive: false }));
  assert.deepEqual(top.map(({ location }) => location.name), [A, `${A}.sha256sum`, "index.html"]);
  await rejectsWith(archive.stat(LINUX.file("x")), "not_found");
  await rejectsWith(archive.read(LINUX.file("x")), "not_found");
  await rejectsWith(archive.read(at, { ifMatch: "x" }), "conflict");
  await rejectsWith(archive.write(at), "denied");
  await rejectsWith(archive.copy(at, at), "denied");
  await rejectsWith(archive.delete(at), "denied");
});

Deno.test("ExportArchive: an export truncated anywhere is rejected", async () => {
  const { places, dir, file } = await twoRuns();
  await using _ = dir;
  await write([places[1]], file);
  const bytes = await Deno.readFile(file);
  await ExportArchive.open(file);
  // One block of zeros less is a missing end marker, too.
  for (let length = bytes.length - 1; length >= 0; length -= 257) {
    await Deno.writeFile(file, bytes.subarray(0, length));
    const { code, message } = await rejection(ExportArchive.open(file));
    assert.equal(code, "integrity", `${length}: ${message}`);
  }
});

Deno.test("import: whatever byte is altered, nothing wrong is written", async () => {
  const { places, dir, file } = await twoRuns();
  await using _ = dir;
  await write(places, file);
  const bytes = await Deno.readFile(file);
  const right = new MemoryBackend();
  await importAll(file, right);
  const expected = await contents(right);
  for (let at = 0; at < bytes.length; at += 97) {
    const altered = bytes.slice();
    altered[at] ^= 0x15;
    await Deno.writeFile(file, altered);
    const to = new MemoryBackend();
    try {
      const { results } = await importAll(file, to);
      for (const { outcome, error } of results) {
        if (outcome === "failed") assert.equal((error as { code?: string }).code, "integrity");
      }
    } catch (error) {
      assert.equal((error as { code?: string }).code, "integrity", `${at}: ${error}`);
    }
    for (const [uri, content] of Object.entries(await contents(to))) {
      // A marker only tells what is not there.
      if (uri.endsWith(".incomplete")) continue;
      // In the index a name that is altered is another name, but then the member is not there.
      const hash = (text: string | undefined) => text?.split(" ")[0];
      assert.equal(hash(content), hash(expected[uri]), `${at}: ${uri}`);
    }
  }
});

Deno.test("import: only a changed file and the part that lists it are not written", async () => {
  const { places, dir, file } = await twoRuns();
  await using _ = dir;
  await write([places[0]], file);
  const bytes = await Deno.readFile(file);
  using handle = await Deno.open(file);
  for await (const { member, offset } of tarMembers(bytes.length, read(handle))) {
    if (member.name === `1-linux/${A}`) bytes[offset] ^= 1;
  }
  await Deno.writeFile(file, bytes);
  const into = new LocalBackend(join(dir.path, "out"));
  const dry = await importAll(file, new DryRunBackend(into) as unknown as LocalBackend, {
    verifyDryRun: true,
  });
  assert.equal(dry.results.filter(({ outcome }) => outcome === "failed").length, 2);
  const { results, withheld } = await importAll(file, into);
  const failed = results.filter(({ outcome }) => outcome === "failed");
  assert.deepEqual(failed.map(({ location }) => location.name), [A, `${A}.sha256sum`]);
  assert.match(failed[0].error!.message, /checksum mismatch/);
  assert.deepEqual(withheld, ["one"]);
  const tree = await readTree(join(dir.path, "out/1-linux"));
  assert(!(A in tree) && !("manifests/outputs/one.json" in tree));
  assert.equal(tree["index.html"], "<p>page</p>");
});

function read(file: Deno.FsFile) {
  return async (start: number, end: number) => {
    await file.seek(start, Deno.SeekMode.Start);
    const bytes = new Uint8Array(end - start);
    assert.equal(await file.read(bytes), end - start);
    return bytes;
  };
}

Deno.test("import: a stopped one is continued, into a directory too", async () => {
  const { places, dir, file } = await twoRuns();
  await using _ = dir;
  await putFiles(places[1], { "big.bin": "x".repeat(100_000) });
  await write([places[1]], file);
  const to = new LocalBackend(join(dir.path, "out"));
  const archive = await ExportArchive.open(file);
  const plan = await planCopy({ backend: archive, root: WINDOWS });
  const controller = new AbortController();
  let count = 0;
  await assert.rejects(
    executeCopy(plan, { backend: to, root: WINDOWS }, {
      concurrency: 1,
      signal: controller.signal,
      onEvent: ({ type }) => {
        if (type === "bytes" && ++count === 3) controller.abort(new Error("enough"));
      },
    }),
    /enough/,
  );
  const there = Object.keys(await readTree(join(dir.path, "out")));
  assert.equal(there.length, 3, "the list of parts, the marker and one file");
  const { outcomes } = await importAll(file, to);
  assert.equal(outcomes.filter((outcome) => outcome.endsWith(" unchanged")).length, 2);
  assert.equal(outcomes.filter((outcome) => outcome.endsWith(" written")).length, 4);
});

/** Writes an archive of members; the first is the index, if that is a value. */
async function writeTar(file: string, index: unknown, members: Record<string, string>) {
  const text = typeof index === "string" ? index : JSON.stringify(index);
  const all: StreamedMember[] = Object.entries({ "run-outputs.export.json": text, ...members })
    .map(([name, content]) => {
      const bytes = new TextEncoder().encode(content);
      return { name, size: bytes.length, open: () => bytesSource(bytes).open() };
    });
  await Deno.writeFile(file, await collect(tarStream(all)));
}

function indexOf(files: Record<string, string>, more: Record<string, unknown> = {}) {
  return {
    schema: "run-outputs.export/1",
    tool: "test",
    runs: [{
      bucket: "suite",
      prefix: "1-linux",
      files: Object.entries(files).map(([path, content]) => {
        const { size, sha256, content_type } = outputFile("x", content);
        return { path, size, sha256, content_type };
      }),
      ...more,
    }],
  };
}

const HOSTILE: Readonly<
  Record<string, [index: unknown, members: Record<string, string>, code: string, text: string]>
> = {
  "no JSON": ["{", {}, "integrity", "not JSON"],
  "no index": [null, {}, "integrity", "index is broken"],
  "a newer schema": [{ schema: "run-outputs.export/2" }, {}, "failed", "use a newer run-outputs"],
  "..": [indexOf({ "../x": "x" }), { "1-linux/../x": "x" }, "integrity", "../x"],
  "an absolute path": [indexOf({ "/x": "x" }), { "1-linux//x": "x" }, "integrity", "/x"],
  "an empty name": [indexOf({ "a//x": "x" }), { "1-linux/a//x": "x" }, "integrity", "a//x"],
  "a prefix that is none": [
    indexOf({ x: "x" }, { prefix: ".." }),
    { "../x": "x" },
    "integrity",
    "..",
  ],
  "a prefix with ..": [
    indexOf({ x: "x" }, { prefix: "../1-linux" }),
    { "../1-linux/x": "x" },
    "integrity",
    "../",
  ],
  "a bucket that is none": [indexOf({}, { bucket: "../a" }), {}, "integrity", "bucket"],
  "a file twice": [
    { ...indexOf({}), runs: [...indexOf({ x: "x" }).runs, ...indexOf({ x: "x" }).runs] },
    { "1-linux/x": "x" },
    "integrity",
    "twice",
  ],
  "a member of which the index does not tell": [
    indexOf({ x: "x" }),
    { "1-linux/x": "x", "1-linux/y": "y" },
    "integrity",
    "it is not listed in the index",
  ],
  "a missing member": [
    indexOf({ x: "x", y: "y" }),
    { "1-linux/x": "x" },
    "integrity",
    "is missing",
  ],
  "a member of another size": [indexOf({ x: "x" }), { "1-linux/x": "xy" }, "integrity", "2 bytes"],
};

for (const [name, [index, members, code, text]] of Object.entries(HOSTILE)) {
  Deno.test(`ExportArchive: ${name} is rejected`, async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "x.tar");
    await writeTar(file, index, members);
    const error = await rejection(ExportArchive.open(file));
    assert.equal(error.code, code, error.message);
    assert(error.message.includes(text), error.message);
    assert(error.message.includes("x.tar"), error.message);
  });
}

Deno.test("ExportArchive: links instead of files, other archives and other files are rejected", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "x.tar");
  await writeTar(file, indexOf({ x: "" }), { "1-linux/x": "" });
  const bytes = await Deno.readFile(file);
  const at = bytes.length - 1024 - 512;
  for (const type of ["1", "2", "5"]) {
    const altered = bytes.slice();
    altered[at + 156] = type.charCodeAt(0);
    // The sum of all bytes has to be right.
    const sum = parseInt(new TextDecoder().decode(bytes.subarray(at + 148, at + 154)), 8);
    const right = (sum + Number(type)).toString(8).padStart(6, "0");
    altered.set(new TextEncoder().encode(right), at + 148);
    await Deno.writeFile(file, altered);
    await rejectsWith(ExportArchive.open(file), "integrity", "1-linux/x", "not a file");
  }
  await Deno.writeFile(file, noise(3000));
  await rejectsWith(ExportArchive.open(file), "integrity", "x.tar");
  await Deno.writeFile(file, await collect(tarStream([])));
  await rejectsWith(ExportArchive.open(file), "integrity", "it is not an export");
  await rejectsWith(ExportArchive.open(dir.path), "integrity", "not a regular file");
  await rejectsWith(ExportArchive.open(join(dir.path, "gone")), "not_found", "gone");
});
