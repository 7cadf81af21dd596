/** Copies of runs: inside one storage, between two, of runs with a manifest and without. */

import assert from "node:assert/strict";
import { RunOutputsError } from "../../../src/errors/error.ts";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { CompactFiles } from "../../../src/operations/copy/compact_files.ts";
import { copyOnServer } from "../../../src/operations/copy/files.ts";
import {
  planCopy,
  type PlanCopyOptions,
  type RunPlace,
} from "../../../src/operations/copy/plan.ts";
import { type CopyOptions, executeCopy } from "../../../src/operations/copy/execute.ts";
import { CopyResults } from "../../../src/operations/copy/results.ts";
import { NO_MANIFEST, readOutputs, readPart } from "../../../src/operations/manifest/read.ts";
import { PartUpload } from "../../../src/operations/manifest/write_part.ts";
import { verifyRun } from "../../../src/operations/verify/execute.ts";
import { parsePart } from "../../../src/runs/manifest.ts";
import type { ObjectInfo, StorageBackend } from "../../../src/storage/backend.ts";
import { ForwardingBackend } from "../../../src/storage/forwarding.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { textItem, upload } from "../../../src/storage/transfer/upload.ts";
import { sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";
import { memoryS3 } from "../../support/s3_subject.ts";
import { putFiles } from "../../support/run_storage.ts";
import { tempDir } from "../../support/temp_dir.ts";

const FROM = new RunOutputRoot({ bucket: "suite", runId: 1, platform: "linux" });
const TO = new RunOutputRoot({ bucket: "suite", runId: 2, platform: "linux" });
const A = "a_lib_generic.tar.zst";
const B = "b_dev_gfx942.tar.xz";
const SUM = ".sha256sum";
const FILES: Readonly<Record<string, string>> = {
  [A]: "archive a",
  [A + SUM]: `${sha256("archive a")}\n`,
  [B]: "archive b",
  [B + SUM]: `${sha256("archive b")}\n`,
  "logs/g/build.log": "built\n",
  "index.html": "<p>page</p>",
};

async function read({ backend, root }: RunPlace): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { location } of backend.list(root.root())) {
    await using body = await backend.read(location);
    const bytes = await new Response(new Blob(await Array.fromAsync(body, (b) => b.slice())))
      .text();
    found[location.relativeTo(root.root())!] = bytes;
  }
  return found;
}

async function copy(
  from: RunPlace,
  to: RunPlace,
  options: PlanCopyOptions & CopyOptions = {},
) {
  const plan = await planCopy(from, options);
  const notes: string[] = [];
  const { results, withheld } = await executeCopy(plan, to, {
    ...options,
    onNote: (note) => notes.push(note),
  });
  const outcomes = Object.fromEntries(results.map(({ location, outcome }) => {
    return [location.relativeTo(to.root.root())!, outcome as string];
  }));
  return { outcomes, results, withheld, notes };
}

/** A storage that notes which files of the target are there, in this order, and fails some. */
function inOrderOfEnds(
  backend: StorageBackend,
  order: string[],
  fails: (path: string) => boolean,
): StorageBackend {
  class Noting extends ForwardingBackend {
    async #noting(location: OutputLocation, write: () => Promise<ObjectInfo>) {
      const path = location.relativeTo(TO.root())!;
      if (fails(path)) throw new RunOutputsError("denied", "not allowed");
      // Checksums are short: without an order they would be there first.
      if (!path.endsWith(SUM)) await new Promise((resolve) => setTimeout(resolve, 5));
      const info = await write();
      order.push(path);
      return info;
    }
    override write(...args: Parameters<ForwardingBackend["write"]>) {
      return this.#noting(args[0], () => super.write(...args));
    }
    override copy(...args: Parameters<ForwardingBackend["copy"]>) {
      return this.#noting(args[1], () => super.copy(...args));
    }
  }
  return new Noting(backend);
}

/** A run with two parts that it expects, and a page. */
async function putRun(from: RunPlace): Promise<void> {
  await putFiles(from, FILES);
  const { backend, root } = from;
  const file = (path: string) => outputFile(path, FILES[path], { content_type: "text/x-told" });
  await putPart(
    backend,
    root,
    manifestPart("one", [file(A), file(A + SUM), file("logs/g/build.log")], {
      run: { run_id: "1", platform: "linux", run_attempt: 3, newer: "kept" },
      pages: ["index.html"],
    }),
  );
  await putPart(backend, root, manifestPart("two", [file(B), file(B + SUM)]));
  await putExpected(backend, root, ["one", "two"]);
}

const PARTS = ["one.json", "two.json"].map((name) => `manifests/outputs/${name}`);
const EXPECTED = "manifests/outputs/expected.json";

/** Storages to copy between: a name, and how both are opened. */
const PAIRS: Readonly<
  Record<string, () => Promise<[StorageBackend, StorageBackend, AsyncDisposable]>>
> = {
  "inside memory": () => {
    const backend = new MemoryBackend();
    return Promise.resolve([backend, backend, { async [Symbol.asyncDispose]() {} }]);
  },
  "inside S3": async () => {
    const subject = await memoryS3();
    return [subject.backend, subject.backend, subject];
  },
  "inside a directory": async () => {
    const dir = await tempDir();
    const backend = new LocalBackend(dir.path);
    return [backend, backend, dir];
  },
  "from memory to a directory": async () => {
    const dir = await tempDir();
    return [new MemoryBackend(), new LocalBackend(dir.path), dir];
  },
  "from S3 to a directory": async () => {
    const [subject, dir] = [await memoryS3(), await tempDir()];
    return [subject.backend, new LocalBackend(dir.path), {
      async [Symbol.asyncDispose]() {
        await subject[Symbol.asyncDispose]();
        await dir[Symbol.asyncDispose]();
      },
    }];
  },
  "from a directory to S3": async () => {
    const [subject, dir] = [await memoryS3(), await tempDir()];
    return [new LocalBackend(dir.path), subject.backend, {
      async [Symbol.asyncDispose]() {
        await subject[Symbol.asyncDispose]();
        await dir[Symbol.asyncDispose]();
      },
    }];
  },
};

for (const [name, open] of Object.entries(PAIRS)) {
  Deno.test(`copy ${name}: all of a run, its manifest included, and once more`, async () => {
    const [source, target, resource] = await open();
    await using _ = resource;
    const [from, to] = [{ backend: source, root: FROM }, { backend: target, root: TO }];
    await putRun(from);
    const first = await copy(from, to);
    assert.deepEqual(new Set(Object.values(first.outcomes)), new Set(["written"]));
    const before = await read(from);
    // The test writes its list in another form than we do.
    const list = { [EXPECTED]: JSON.stringify(JSON.parse(before[EXPECTED]), null, 2) + "\n" };
    assert.deepEqual(await read(to), { ...before, ...list });
    const manifest = await readOutputs(target, TO);
    assert.equal(manifest.complete, true);
    assert.equal(manifest.part("one")!.head.run.run_id, "1");

    const second = await copy(from, to);
    assert.deepEqual(new Set(Object.values(second.outcomes)), new Set(["unchanged"]));
    assert.deepEqual(Object.keys(second.outcomes).sort(), Object.keys(before).sort());
  });

  Deno.test(`copy ${name}: of a run without manifest; only what has changed is copied again`, async () => {
    const [source, target, resource] = await open();
    await using _ = resource;
    const [from, to] = [{ backend: source, root: FROM }, { backend: target, root: TO }];
    await putFiles(from, FILES);
    await copy(from, to);
    assert.deepEqual(await read(to), await read(from));
    await putFiles(from, { "logs/g/build.log": "built again\n" });
    const again = await copy(from, to);
    assert.deepEqual(
      Object.entries(again.outcomes).filter(([, outcome]) => outcome === "written"),
      [
        ["logs/g/build.log", "written"],
      ],
    );
    const warnings = again.results.flatMap(({ warnings }) => warnings);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /build\.log.* replaced/);
  });

  Deno.test(`copy ${name}: a checksum comes after its file, and stays behind with it`, async () => {
    const [source, target, resource] = await open();
    await using _ = resource;
    const order: string[] = [];
    let failing = "";
    const ordered = inOrderOfEnds(target, order, (path) => path.endsWith(failing));
    const from = { backend: source === target ? ordered : source, root: FROM };
    const to = { backend: ordered, root: TO };
    await putFiles({ backend: source, root: FROM }, FILES);
    failing = A;
    const first = await copy(from, to, { concurrency: 64 });
    assert.deepEqual([first.outcomes[A], first.outcomes[A + SUM]], ["failed", "failed"]);
    assert.equal(first.outcomes[B + SUM], "written");
    assert(!order.includes(A + SUM) && order.indexOf(B) < order.indexOf(B + SUM));
    failing = "nothing";
    await copy(from, to, { concurrency: 64 });
    assert(order.indexOf(A) < order.indexOf(A + SUM));
  });

  Deno.test(`copy ${name}: what is not there is marked until a copy has put it there`, async () => {
    const [source, target, resource] = await open();
    await using _ = resource;
    let failing = "logs/g/build.log";
    const at = inOrderOfEnds(target, [], (path) => path === failing);
    const from = { backend: source === target ? at : source, root: FROM };
    const to = { backend: at, root: TO };
    await putFiles({ backend: source, root: FROM }, FILES);
    const seen: (readonly string[])[] = [];
    const markersOf = async () => (await readOutputs(target, TO)).markers;
    const plan = await planCopy(from);
    const stop = new AbortController();
    await assert.rejects(executeCopy(plan, to, {
      concurrency: 1,
      signal: stop.signal,
      onEvent: ({ type }) => {
        if (type === "finish") stop.abort(new Error("stopped"));
      },
    }));
    seen.push(...(await markersOf()).map(({ pending }) => pending));
    assert.deepEqual(seen, [Object.keys(FILES).sort()]);
    // A selection makes up for its own files alone.
    await copy(from, to, { include: [A] });
    assert.deepEqual((await markersOf()).map(({ pending }) => pending), seen);
    await copy(from, to);
    assert.deepEqual((await markersOf()).map(({ pending }) => pending), [[failing]]);
    failing = "";
    await copy(from, to);
    assert.deepEqual(await markersOf(), []);
    assert.deepEqual(Object.keys(await read(to)).sort(), Object.keys(FILES).sort());
  });

  Deno.test(`copy ${name}: --if-exists and a dry run keep existing files`, async () => {
    const [source, target, resource] = await open();
    await using _ = resource;
    const [from, to] = [{ backend: source, root: FROM }, { backend: target, root: TO }];
    await putRun(from);
    const other = { "logs/g/build.log": "of another run\n" };
    await putFiles(to, other);

    const dry = new DryRunBackend(target);
    const planned = await copy(
      { backend: source === target ? dry : source, root: FROM },
      { backend: dry, root: TO },
    );
    assert.deepEqual(await read(to), other);
    assert.deepEqual(new Set(Object.values(planned.outcomes)), new Set(["planned"]));
    assert.equal(Object.keys(planned.outcomes).length, Object.keys(await read(from)).length);

    const failed = await copy(from, to, { ifExists: "fail" });
    assert.equal(failed.outcomes["logs/g/build.log"], "failed");
    assert.deepEqual(failed.withheld.map(({ part }) => part), ["one"]);
    assert.deepEqual((await readOutputs(target, TO)).missing, ["one"]);

    const skipped = await copy(from, to, { ifExists: "skip" });
    assert.equal(skipped.outcomes["logs/g/build.log"], "skipped");
    assert.equal((await read(to))["logs/g/build.log"], "of another run\n");
    // The part tells of what is there, and of nothing else.
    const part = parsePart((await read(to))[PARTS[0]], "one");
    assert.deepEqual(part.files.map(({ path }) => path), [A, A + SUM]);
  });
}

async function inMemory() {
  const backend = new MemoryBackend();
  const [from, to] = [{ backend, root: FROM }, { backend, root: TO }];
  await putRun(from);
  return { backend, from, to };
}

Deno.test("copy: a selection gets parts with just its files; its checksums come along", async () => {
  const { from, to } = await inMemory();
  const { outcomes } = await copy(from, to, { include: ["*.tar.zst", "logs/"] });
  assert.deepEqual(Object.keys(outcomes).sort(), [A, A + SUM, "logs/g/build.log", PARTS[0]]);
  const { head, files } = await partOf(to, PARTS[0]);
  assert.deepEqual(files.map(({ path }) => path), [A, A + SUM, "logs/g/build.log"]);
  assert.deepEqual(head.run, { run_id: "1", platform: "linux", run_attempt: 3, newer: "kept" });
  assert.equal(head.pages, undefined);

  // A second selection adds to what the part tells; nothing has removed the first.
  await copy(from, to, { components: ["lib"], exclude: ["*.sha256sum"] });
  await copy(from, to, { amdgpuTargets: ["gfx942"] });
  assert.deepEqual((await partOf(to, PARTS[0])).files.length, 3);
  assert.deepEqual((await partOf(to, PARTS[1])).files.map(({ path }) => path), [B, B + SUM]);
});

Deno.test("copy: an artifact is also selected by its own name, with its checksum file", async () => {
  const own = A.replace(".tar.zst", "");
  const { from, to } = await inMemory();
  const { outcomes } = await copy(from, to, { include: [own] });
  assert.deepEqual(Object.keys(outcomes).sort(), [A, A + SUM, PARTS[0]]);
  const others = Object.keys((await copy(from, to, { exclude: [own] })).outcomes);
  assert.deepEqual(others.filter((path) => path.startsWith(own)), []);
});

async function partOf(to: RunPlace, path: string) {
  const { files, ...head } = parsePart((await read(to))[path], path);
  return { head, files };
}

Deno.test("copy: a selection that chooses nothing is an error", async () => {
  const { from } = await inMemory();
  await rejectsWith(planCopy(from, { include: ["x*"] }), "not_found", "'x*'");
  await rejectsWith(planCopy(from, { exclude: ["**"] }), "not_found", "leaves none of the");
  await rejectsWith(planCopy(from, { components: ["doc"] }), "not_found", "component doc");
  await rejectsWith(planCopy({ ...from, root: TO }), "not_found", "No outputs of run 2");
});

Deno.test("copy: content types are those of the source, or of the manifest", async () => {
  const { backend, from, to } = await inMemory();
  await copy(from, to);
  assert.equal((await backend.stat(TO.file(A))).contentType, "text/x-own");
  const other = new MemoryBackend();
  await copy(from, { backend: other, root: TO });
  assert.equal((await other.stat(TO.file(A))).contentType, "text/x-told");
  assert.equal((await other.stat(TO.file("index.html"))).contentType, "text/x-own");
});

Deno.test("copy: a listed but missing file fails, and its part is withheld", async () => {
  for (const selection of [{}, { exclude: ["x"] }]) {
    const { backend, from, to } = await inMemory();
    await backend.delete(FROM.file(B));
    const { outcomes, results, withheld } = await copy(from, to, selection);
    assert.equal(outcomes[B], "failed");
    assert.deepEqual(withheld, [{ part: "two", reason: "2 files of it could not be copied" }]);
    const [failure] = results.filter(({ outcome }) => outcome === "failed");
    assert.equal((failure.error as { code?: string }).code, "not_found");
    assert.deepEqual((await readOutputs(backend, TO)).parts.map(({ head }) => head.part), ["one"]);
  }
});

Deno.test("copy: a page that only the manifest lists may be missing", async () => {
  const { backend, from, to } = await inMemory();
  await backend.delete(FROM.file("index.html"));
  const { outcomes } = await copy(from, to, { exclude: ["logs/"] });
  assert.deepEqual(Object.keys(outcomes).sort(), [A, A + SUM, B, B + SUM, ...PARTS].sort());
  assert.equal((await partOf(to, PARTS[0])).head.pages, undefined);
});

Deno.test("copy: a file that does not match its entry is rejected", async () => {
  const { backend, from, to } = await inMemory();
  await putFiles(from, { [A]: "archive x" });
  const inside = await copy(from, to);
  assert.equal(inside.outcomes[A], "failed");
  const [{ error }] = inside.results.filter(({ outcome }) => outcome === "failed");
  assert.match(
    error!.message,
    /checksum mismatch .*; upload it again, or repair it from a copy \(verify --repair\)$/,
  );
  await using dir = await tempDir();
  const streamed = await copy(from, { backend: new LocalBackend(dir.path), root: TO });
  assert.equal(streamed.outcomes[A], "failed");
  // A directory has no hashes on record: the bytes are held against the checksum beside them.
  const old = { backend: new LocalBackend(dir.path), root: FROM };
  await putFiles(old, {
    [A]: "archive x",
    [A + SUM]: FILES[A + SUM],
    [B]: "b",
    [B + SUM]: "nonsense",
  });
  const elsewhere = await copy(old, { backend, root: TO });
  assert.equal(elsewhere.outcomes[A], "failed");
  assert.equal(elsewhere.outcomes[B], "failed");
  assert.deepEqual(
    elsewhere.results.flatMap(({ error }) =>
      error === undefined ? [] : [(error as { code?: string }).code]
    ),
    ["integrity", "integrity", "integrity", "integrity"],
  );
});

Deno.test("copy: to a run with different entries: the copied part takes precedence, others are kept", async () => {
  const { backend, from, to } = await inMemory();
  await putFiles(to, { [A]: "its own", "own.txt": "own\n" });
  const mine = manifestPart("mine", [outputFile(A, "its own"), outputFile("own.txt", "own\n")], {
    created_at: "2026-11-21T12:00:00.000Z",
  });
  await putPart(backend, TO, mine);
  const now = () => new Date("2026-11-22T00:00:00Z");
  await copy(from, to, { now });
  const merged = await Array.fromAsync((await readOutputs(backend, TO)).files());
  const a = merged.find(({ file }) => file.path === A)!;
  assert(a.parts.includes("one"));
  assert.deepEqual(a.conflicts, []);
  assert.equal(a.file.sha256, sha256("archive a"));
  assert(merged.some(({ file }) => file.path === "own.txt"));
  const again = await copy(from, to, { now: () => new Date("2026-11-23T00:00:00Z") });
  assert.deepEqual(new Set(Object.values(again.outcomes)), new Set(["unchanged"]));
});

Deno.test("copy: a part of an earlier copy is deleted before its files change", async () => {
  const { backend, from, to } = await inMemory();
  await copy(from, to);
  await putFiles(from, { "logs/g/build.log": "other\n" });
  await putPart(backend, FROM, manifestPart("one", [outputFile("logs/g/build.log", "other\n")]));
  await backend.delete(FROM.file(B));
  await backend.delete(FROM.file(B + SUM));
  await backend.delete(FROM.file(PARTS[1]));
  const seen: boolean[] = [];
  const plan = await planCopy(from);
  await executeCopy(plan, to, {
    onEvent: async (event) => {
      if (event.type !== "bytes" || !event.path.endsWith("build.log")) return;
      seen.push(await backend.stat(TO.file(PARTS[0])).then(() => true, () => false));
    },
  });
  await Promise.resolve();
  assert.deepEqual(seen, [false]);
  const { files } = await partOf(to, PARTS[0]);
  assert.equal(files.find(({ path }) => path === "logs/g/build.log")!.sha256, sha256("other\n"));
});

Deno.test("copy: unlisted files are in a copy of the whole run", async () => {
  const { from, to } = await inMemory();
  await putFiles(from, { "notes.txt": "x" });
  const { outcomes } = await copy(from, to);
  assert.equal(outcomes["notes.txt"], "written");
});

Deno.test("copy: summaries and pins belong to the place and are not copied", async () => {
  const { from, to } = await inMemory();
  const own = ["retention-summary.json", "manifests/retention/release.pin.json"];
  await putFiles(from, Object.fromEntries(own.map((path) => [path, "{}"])));
  const { outcomes } = await copy(from, to);
  assert.deepEqual(own.filter((path) => path in outcomes), []);
  assert.equal("logs/g/build.log" in outcomes, true);
});

Deno.test("copy: over a broken part, and where the manifest may not be listed", async () => {
  for (const isDenied of [false, true]) {
    const { backend, from, to } = await inMemory();
    await putFiles(to, { [PARTS[0]]: "{" });
    const target = new MemoryBackend();
    await putFiles({ backend: target, root: TO }, { [PARTS[0]]: "{" });
    const list = target.list.bind(target);
    target.list = (prefix, options) => {
      if (isDenied) throw new RunOutputsError("denied", "not allowed to list");
      return list(prefix, options);
    };
    for (const place of [to, { backend: target, root: TO }]) {
      const { outcomes } = await copy(from, place);
      assert.equal(outcomes[PARTS[0]], "written");
    }
    assert.equal((await readOutputs(backend, TO)).complete, true);
  }
});

/** A run that expects one part, `p`, with these files, and tells what is in its manifest. */
async function putPart1(
  { backend, root }: RunPlace,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  await putFiles({ backend, root }, files);
  const told = Object.entries(files).map(([path, text]) => outputFile(path, text));
  await putPart(backend, root, manifestPart("p", told, { run: runOf(root) }));
  await putExpected(backend, root, ["p"]);
}

const runOf = ({ runId, platform }: RunOutputRoot) => ({ run_id: runId, platform, run_attempt: 1 });

async function toldOf({ backend, root }: RunPlace) {
  const manifest = await readOutputs(backend, root);
  const files = await Array.fromAsync(manifest.files());
  const { complete, unfinished } = manifest;
  return { complete, unfinished, paths: files.map(({ file }) => file.path), files };
}

/** The marker of the part `p`; it has to be one that can be read. */
async function markerOf({ backend, root }: RunPlace) {
  const location = root.outputsManifestDir().join("p.incomplete");
  const { head, files } = (await readPart(backend, { location }, true))!;
  return { pending: head.pending, paths: files!.map(({ path }) => path), head };
}

/** A storage that fails to write one path. */
function failing(backend: StorageBackend, path: string): StorageBackend {
  return new Proxy(backend, {
    get(_, name) {
      const value = Reflect.get(backend, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (name === "write" && String(args[0]).endsWith(path)) {
          throw new RunOutputsError("denied", "not allowed");
        }
        return value.apply(backend, args);
      };
    },
  });
}

Deno.test("copy: a failed copy leaves a marker, and the next one completes it", async () => {
  const from = { backend: new MemoryBackend(), root: FROM };
  const backend = new MemoryBackend();
  const to = { backend, root: TO };
  await putPart1(from, { "x.txt": "new x", "y.txt": "new y" });
  await putPart1(to, { "x.txt": "x", "z.txt": "z" });
  const failed = await copy(from, { backend: failing(backend, "y.txt"), root: TO }, {
    tool: "t/1",
  });
  assert.equal(failed.outcomes["y.txt"], "failed");
  const { head, ...marker } = await markerOf(to);
  assert.deepEqual(marker, { pending: ["y.txt"], paths: ["x.txt", "z.txt"] });
  assert.equal(head.tool, "t/1");
  const between = await toldOf(to);
  assert.deepEqual([between.complete, between.unfinished], [false, ["p"]]);
  assert.equal((await copy(from, to)).outcomes["y.txt"], "written");
  const { files: _, ...whole } = await toldOf(to);
  const paths = ["x.txt", "y.txt", "z.txt"];
  assert.deepEqual(whole, { complete: true, unfinished: [], paths });
});

Deno.test("copy: where its marker can't be written, nothing is copied or deleted", async () => {
  for (const isSame of [true, false]) {
    for (const hasPart of [true, false]) {
      const memory = new MemoryBackend();
      const backend = failing(memory, ".incomplete");
      const from = { backend: isSame ? backend : new MemoryBackend(), root: FROM };
      const files = { "x.txt": "new x", "y.txt": "new y" };
      const source = { backend: isSame ? memory : from.backend, root: FROM };
      if (hasPart) await putPart1(source, files);
      else await putFiles(source, files);
      if (hasPart) await putPart1({ backend: memory, root: TO }, { "x.txt": "x", "z.txt": "z" });
      const before = await read({ backend: memory, root: TO });
      const copied = copy(from, { backend, root: TO });
      await rejectsWith(copied, "denied", "Cannot write the marker", "not allowed", "nothing was");
      assert.deepEqual(await read({ backend: memory, root: TO }), before);
    }
  }
});

Deno.test("copy: where all exists already, no marker is needed", async () => {
  const { from, to } = await inMemory();
  await copy(from, to);
  const { outcomes } = await copy(from, { ...to, backend: failing(to.backend, ".incomplete") });
  assert(Object.values(outcomes).every((outcome) => outcome === "unchanged"));
});

Deno.test("copy: one that was killed over a part has marked all that was to come", async () => {
  const from = { backend: new MemoryBackend(), root: FROM };
  const to = { backend: new MemoryBackend(), root: TO };
  await putPart1(from, { "x.txt": "new x", "y.txt": "new y" });
  await putPart1(to, { "x.txt": "x", "y.txt": "y", "z.txt": "z" });
  const controller = new AbortController();
  await assert.rejects(copy(from, to, {
    concurrency: 1,
    signal: controller.signal,
    onEvent: (event) => {
      if (event.type === "finish") controller.abort(new Error("killed"));
    },
  }));
  const { head, ...marker } = await markerOf(to);
  assert.deepEqual(marker, { pending: ["x.txt", "y.txt"], paths: ["z.txt"] });
  assert.deepEqual(head.run, runOf(TO), "whose part it was goes on being told");
  // A step of the target's own job does not pass for all of it.
  const run = { run_attempt: 1 };
  const upload = new PartUpload(to.backend, TO, { part: "p", run, tool: "t" });
  await upload.end({ results: [] });
  assert.equal((await toldOf(to)).complete, false);
  await copy(from, to);
  const whole = await toldOf(to);
  assert.equal(whole.complete, true);
  assert.deepEqual(whole.paths, ["x.txt", "y.txt", "z.txt"]);
});

for (const isKnown of [true, false]) {
  const whose = isKnown ? "another part" : "no part";
  Deno.test(`copy: entries of ${whose} of the source do not break the target's part`, async () => {
    const from = { backend: new MemoryBackend(), root: FROM };
    const to = { backend: new MemoryBackend(), root: TO };
    await putFiles(from, { "x.txt": "new x" });
    if (isKnown) {
      await putPart(from.backend, FROM, manifestPart("q", [outputFile("x.txt", "new x")]));
    }
    await putPart1(to, { "x.txt": "x", "z.txt": "z" });
    await copy(from, to, isKnown ? {} : { manifest: NO_MANIFEST });
    const { complete, files } = await toldOf(to);
    assert.equal(complete, true);
    assert.deepEqual(files.map(({ file, conflicts }) => [file.path, file.sha256, conflicts]), [
      ["x.txt", sha256("new x"), []],
      ["z.txt", sha256("z"), []],
    ]);
    const verified = await Array.fromAsync(verifyRun(to.backend, TO));
    assert.deepEqual(verified.flatMap(({ error }) => error ?? []), []);
  });
}

Deno.test("copy: a deleted part of another job is written again by the copy that completes it", async () => {
  const from = { backend: new MemoryBackend(), root: FROM };
  const backend = new MemoryBackend();
  const to = { backend, root: TO };
  await putFiles(from, { "x.txt": "new x" });
  await putPart1(to, { "x.txt": "x", "z.txt": "z" });
  const { withheld } = await copy(from, { backend: failing(backend, "/x.txt"), root: TO });
  assert.deepEqual(withheld, [
    { part: "p", reason: "it was deleted, and x.txt could not be replaced" },
  ]);
  assert.deepEqual((await markerOf(to)).paths, ["z.txt"]);
  assert.equal((await toldOf(to)).complete, false);
  await copy(from, to);
  const { complete, files } = await toldOf(to);
  assert.equal(complete, true);
  assert.deepEqual(files.map(({ file }) => file.sha256), [sha256("new x"), sha256("z")]);
});

Deno.test("copy: a part that changes at the source meanwhile is withheld until the next copy", async () => {
  const from = { backend: new MemoryBackend(), root: FROM };
  const to = { backend: new MemoryBackend(), root: TO };
  await putPart1(from, { "x.txt": "x" });
  const plan = await planCopy(from);
  await putPart1(from, { "x.txt": "x", "new.txt": "n" });
  const { withheld } = await executeCopy(plan, to);
  assert.deepEqual(withheld, [{ part: "p", reason: "it changed in the source while it was read" }]);
  assert.equal((await toldOf(to)).complete, false);
  await copy(from, to);
  const { complete, paths } = await toldOf(to);
  assert.deepEqual([complete, paths], [true, ["new.txt", "x.txt"]]);
});

for (const hasPart of [true, false]) {
  Deno.test(`copy: a failed upload at the source is one at the copy (${hasPart ? "with" : "without"} a part)`, async () => {
    const from = { backend: new MemoryBackend(), root: FROM };
    const to = { backend: new MemoryBackend(), root: TO };
    if (hasPart) await putPart1(from, { "a.txt": "a" });
    const job = { part: "p", run: { run_attempt: 1 }, tool: "t" };
    const results = await upload(from.backend, [textItem(FROM.file("x.txt"), "x", "")]);
    const error = new Error("broken");
    const lost: TransferResult = {
      location: FROM.file("y.txt"),
      path: "y",
      outcome: "failed",
      warnings: [],
      error,
    };
    await new PartUpload(from.backend, FROM, job).withhold([...results, lost]);
    const { withheld } = await copy(from, to);
    assert.deepEqual(withheld, [
      { part: "p", reason: "it is incomplete in the source" },
    ]);
    const { head: _, ...marker } = await markerOf(to);
    const paths = hasPart ? ["a.txt", "x.txt"] : ["x.txt"];
    assert.deepEqual(marker, { pending: ["y.txt"], paths });
    const y = await upload(from.backend, [textItem(FROM.file("y.txt"), "y", "")]);
    await new PartUpload(from.backend, FROM, job).end({ results: y });
    await copy(from, to);
    const { unfinished, paths: told } = await toldOf(to);
    assert.deepEqual([unfinished, told], [[], [...paths, "y.txt"]]);
  });
}

Deno.test("copy: to itself is rejected", async () => {
  const { from } = await inMemory();
  const plan = await planCopy(from);
  await rejectsWith(executeCopy(plan, from), "invalid", "to itself");
});

Deno.test("copy: an interrupted copy is continued", async () => {
  const { from, to } = await inMemory();
  const controller = new AbortController();
  const plan = await planCopy(from);
  await assert.rejects(
    executeCopy(plan, to, {
      concurrency: 1,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "finish") controller.abort(new Error("enough"));
      },
    }),
    /enough/,
  );
  const first = Object.keys(await read(to));
  assert.equal(first.length, 3, "the list of parts, the marker and one file");
  const { outcomes } = await copy(from, to);
  for (const path of first.filter((path) => !path.endsWith(".incomplete"))) {
    assert.equal(outcomes[path], "unchanged");
  }
  assert.deepEqual(Object.keys(await read(to)), Object.keys(await read(from)));
});

Deno.test("copyOnServer(): without usable hashes and etags, it copies again, or reads before rejecting", async () => {
  const inner = new MemoryBackend();
  const mute = new Proxy(inner, {
    get(backend, name) {
      if (name === "stat") {
        return async (...args: Parameters<MemoryBackend["stat"]>) => ({
          ...await backend.stat(...args),
          sha256: undefined,
        });
      }
      const value = Reflect.get(backend, name);
      return typeof value === "function" ? value.bind(backend) : value;
    },
  });
  await inner.write(FROM.file("a.txt"), bytesSource("same"));
  await inner.write(TO.file("a.txt"), bytesSource("same"));
  const files = new CompactFiles(FROM);
  files.push({ path: "a.txt", size: 4 });
  const target = (path: string) => TO.file(path);
  const outcome = async (ifExists: "replace" | "fail") => {
    const ends = { from: FROM.root(), to: TO.root(), showSource: String };
    const results = new CopyResults(files, ends);
    await copyOnServer(mute, files, target, results, { ifExists, showSource: String });
    const [result] = results;
    return [result.outcome, result.warnings.length];
  };
  assert.deepEqual(await outcome("replace"), ["written", 0]);
  assert.deepEqual(await outcome("fail"), ["unchanged", 0]);
});
