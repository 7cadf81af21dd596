/** Verification, repair and comparison of runs: on the storages that need nothing else, and alone. */

import assert from "node:assert/strict";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunDirectory } from "../../../src/layout/run_directory.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { MAX_SIDECAR_BYTES } from "../../../src/operations/artifacts/sidecar.ts";
import { diffRuns } from "../../../src/operations/diff/diff.ts";
import type { JoinedOutput } from "../../../src/operations/manifest/list_outputs.ts";
import { pairSidecars } from "../../../src/operations/artifacts/pair_sidecars.ts";
import { NO_MANIFEST, readOutputs } from "../../../src/operations/manifest/read.ts";
import {
  isRepairable,
  repairFiles,
  type RepairPlace,
} from "../../../src/operations/verify/repair.ts";
import type { VerifiedFile } from "../../../src/operations/verify/verified_file.ts";
import { verifyRun } from "../../../src/operations/verify/execute.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { changed } from "../../support/changed_backend.ts";
import { collect, noise, sha256 } from "../../support/bytes.ts";
import { startFaultProxy } from "../../support/fault_proxy.ts";
import { manifestPart, outputFile, putPart } from "../../support/manifest.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";
import { verdictsOf, verifySuite } from "./suite.ts";

verifySuite("memory", () =>
  Promise.resolve({
    backend: new MemoryBackend(),
    bucket: "suite",
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));

verifySuite("local", async () => {
  const dir = await tempDir();
  return {
    backend: new LocalBackend(dir.path),
    bucket: "suite",
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
});

verifySuite("s3", () => memoryS3());

const ROOT = RunOutputRoot.forLocal({ runId: 123, platform: "linux" });
const A = "a_lib_generic.tar.zst";

Deno.test("pairSidecars(): whatever is between a file and its checksum file", async () => {
  const paths = [
    "a",
    "a-b",
    "a-b.sha256sum",
    "a.sha",
    "a.sha.sha256sum",
    "a.sha256",
    "a.sha256sum",
    "a.sha256sum.sha256sum",
    "a.sha256summer",
    "b.sha256sum",
    "c/.sha256sum",
    "d",
    "d/e",
    "d/e.sha256sum",
  ];
  const joined = async function* (): AsyncGenerator<JoinedOutput> {
    for (const path of paths) yield await Promise.resolve({ path });
  };
  const pairs = await Array.fromAsync(pairSidecars(joined()));
  assert.deepEqual(
    pairs.map(({ file, sidecar }) => [file?.path, sidecar?.path].join(" + ")).sort(),
    [
      " + b.sha256sum",
      "a + a.sha256sum",
      "a-b + a-b.sha256sum",
      "a.sha + a.sha.sha256sum",
      "a.sha256 + ",
      "a.sha256sum.sha256sum + ",
      "a.sha256summer + ",
      "c/.sha256sum + ",
      "d + ",
      "d/e + d/e.sha256sum",
    ],
  );
});

Deno.test("verifyRun(): a checksum of another file is wrong, though it is as the manifest says", async () => {
  const backend = new MemoryBackend();
  const wrong = sha256("another");
  await backend.write(ROOT.file(A), bytesSource("a"));
  await backend.write(ROOT.file(`${A}.sha256sum`), bytesSource(wrong));
  const files = [outputFile(A, "a"), outputFile(`${A}.sha256sum`, wrong)];
  await putPart(backend, ROOT, manifestPart("p", files));
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  assert.deepEqual(verdictsOf(found), {
    [A]: "ok bytes",
    [`${A}.sha256sum`]: "wrong-hash bytes integrity",
    "manifests/outputs/p.json": "made",
  });
});

Deno.test("verifyRun(): a list of checksums without a file of its name is not a missing file", async () => {
  const backend = new MemoryBackend();
  const lines = `${sha256("x")}  x\n${sha256("y")}  y\n`;
  await backend.write(ROOT.file("all.sha256sum"), bytesSource(lines));
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  assert.deepEqual(found.map(({ path }) => path), ["all.sha256sum"]);
});

Deno.test("verifyRun(): contradictions between parts are reported with the file", async () => {
  const backend = new MemoryBackend();
  await backend.write(ROOT.file("x.txt"), bytesSource("new"));
  const part = (name: string, text: string, created_at: string) =>
    putPart(backend, ROOT, manifestPart(name, [outputFile("x.txt", text)], { created_at }));
  await part("old", "old", "2026-11-20T12:00:00Z");
  await part("new", "new", "2026-11-20T13:00:00Z");
  const [file] = (await Array.fromAsync(verifyRun(backend, ROOT)))
    .filter(({ path }) => path === "x.txt");
  assert.equal(file.verdict, "ok");
  assert.deepEqual([file.parts, file.conflicts], [["new"], ["old"]]);
});

Deno.test("verifyRun(): one file that can't be read stops no other, and is not to be repaired", async () => {
  const inner = new MemoryBackend();
  const files = ["x.txt", "y.txt"].map((path) => outputFile(path));
  for (const { path } of files) await inner.write(ROOT.file(path), bytesSource(path));
  await putPart(inner, ROOT, manifestPart("p", files));
  const backend = changed(inner, {
    read: async (location, options) => {
      if (location.name === "x.txt") throw new RunOutputsError("denied", "not for you");
      return await inner.read(location, options);
    },
  });
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  assert.deepEqual(verdictsOf(found), {
    "manifests/outputs/p.json": "made",
    "x.txt": "failed denied",
    "y.txt": "ok bytes",
  });
  assert.deepEqual(found.filter(isRepairable), []);
});

Deno.test("verifyRun(): a file deleted before it is read is missing", async () => {
  const inner = new MemoryBackend();
  await inner.write(ROOT.file("x.txt"), bytesSource("x.txt"));
  await putPart(inner, ROOT, manifestPart("p", [outputFile("x.txt")]));
  const backend = changed(inner, {
    read: async (location, options) => {
      if (location.name === "x.txt") await inner.delete(location);
      return await inner.read(location, options);
    },
  });
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  assert.equal(verdictsOf(found)["x.txt"], "missing not_found");
});

Deno.test("verifyRun(): a signal or leaving the loop stops it, and nothing stays in progress", async () => {
  const inner = new MemoryBackend();
  const files = Array.from({ length: 50 }, (_, i) => outputFile(`${100 + i}.txt`));
  for (const { path } of files) await inner.write(ROOT.file(path), bytesSource(path));
  await putPart(inner, ROOT, manifestPart("p", files));
  let underWay = 0;
  const backend = changed(inner, {
    read: async (location, options) => {
      underWay++;
      try {
        await new Promise((resolve) => setTimeout(resolve, 1));
        return await inner.read(location, options);
      } finally {
        underWay--;
      }
    },
  });
  for await (const _ of verifyRun(backend, ROOT)) break;
  assert.equal(underWay, 0);
  const stop = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(async () => {
    for await (const _ of verifyRun(backend, ROOT, { signal: stop.signal })) stop.abort(reason);
  }, reason);
  assert.equal(underWay, 0);
});

Deno.test("verifyRun(): an error of the listing is thrown", async () => {
  const inner = new MemoryBackend();
  const backend = changed(inner, {
    // deno-lint-ignore require-yield
    async *list() {
      await Promise.resolve();
      throw new RunOutputsError("transient", "no answer");
    },
  });
  await assert.rejects(
    Array.fromAsync(verifyRun(backend, ROOT, { manifest: NO_MANIFEST })),
    /no answer/,
  );
});

Deno.test("verifyRun() quick: on a disk, what is younger than its part is not vouched for", async () => {
  await using dir = await tempDir();
  const backend = new LocalBackend(dir.path);
  await backend.write(ROOT.file("x.txt"), bytesSource("x.txt"));
  await putPart(backend, ROOT, manifestPart("p", [outputFile("x.txt")]));
  await Deno.utime(`${dir.path}/123-linux/x.txt`, new Date(), new Date(Date.now() + 60_000));
  const verdict = async (times: boolean) => {
    const found = await Array.fromAsync(verifyRun(backend, ROOT, { quick: true, times }));
    return verdictsOf(found)["x.txt"];
  };
  assert.equal(await verdict(true), "unchecked");
  assert.equal(await verdict(false), "ok size");
});

Deno.test("verifyRun(): on S3 a wrong recorded hash is only trusted by quick, and is repaired", async () => {
  await using s = await memoryS3();
  const root = new RunOutputRoot({ bucket: s.bucket, runId: 123, platform: "linux" });
  const good = outputFile("x.txt", "good");
  await s.backend.write(root.file("x.txt"), bytesSource("good"));
  await putPart(s.backend, root, manifestPart("p", [good]));
  const response = await fetch(`${s.url}/${s.bucket}/123-linux/x.txt`, {
    method: "PUT",
    body: "evil",
    headers: { "x-amz-meta-sha256": good.sha256 },
  });
  await response.body?.cancel();
  const verify = (quick: boolean) => Array.fromAsync(verifyRun(s.backend, root, { quick }));
  assert.equal(verdictsOf(await verify(true))["x.txt"], "ok record");
  const found = await verify(false);
  assert.equal(verdictsOf(found)["x.txt"], "wrong-hash bytes integrity");
  await using dir = await tempDir();
  await writeTree(dir.path, { "x.txt": "good" });
  const from = { backend: new LocalBackend(dir.path), root: new RunDirectory() };
  const [result] = await repairFiles(
    found.filter(isRepairable),
    { backend: s.backend, root },
    from,
  );
  assert.equal(result.outcome, "written");
  assert.equal(verdictsOf(await verify(false))["x.txt"], "ok bytes");
});

Deno.test("verifyRun(): what goes wrong on the way is not the file's fault", async () => {
  await using server = await memoryS3();
  await using proxy = startFaultProxy(server.url);
  using backend = await createS3Backend(testOptions(proxy.url));
  const root = new RunOutputRoot({ bucket: server.bucket, runId: 123, platform: "linux" });
  const content = noise(2_000_000, 3);
  await server.backend.write(root.file("x.bin"), bytesSource(content));
  await putPart(server.backend, root, manifestPart("p", [outputFile("x.bin", content)]));
  const when = (method: string, path: string) => method === "GET" && path.includes("/x.bin");
  for (
    const fault of [
      { kind: "flip", on: "response", at: 1_000_000 },
      { kind: "cut", on: "response", at: 1_000_000 },
      { kind: "status", status: 503 },
    ] as const
  ) {
    proxy.set({ when, fault });
    const found = await Array.fromAsync(verifyRun(backend, root));
    assert.equal(verdictsOf(found)["x.bin"], "ok bytes", fault.kind);
    assert.equal(proxy.count, 1, fault.kind);
  }
});

Deno.test("diffRuns(): only files of these kinds, and no other is read", async () => {
  const inner = new MemoryBackend();
  const side = (runId: number) => RunOutputRoot.forLocal({ runId, platform: "linux" });
  const reads: string[] = [];
  // A storage with nothing on record.
  const backend = changed(inner, {
    async *list(...args) {
      for await (const { sha256: _, ...info } of inner.list(...args)) yield info;
    },
    stat: async (...args) => ({ ...await inner.stat(...args), sha256: undefined }),
    read: (location, ...rest) => {
      reads.push(location.key);
      return inner.read(location, ...rest);
    },
  });
  for (const id of [1, 2]) {
    await inner.write(side(id).file("logs/g/x.log"), bytesSource(`${id}`));
    await inner.write(side(id).file("notes.txt"), bytesSource(`${id}`));
  }
  const found = await Array.fromAsync(diffRuns(
    { backend, root: side(1), manifest: NO_MANIFEST },
    { backend, root: side(2), manifest: NO_MANIFEST },
    { kinds: new Set(["log"]), read: true },
  ));
  assert.deepEqual(found.map(({ path, change }) => `${change} ${path}`), ["changed logs/g/x.log"]);
  assert.deepEqual(reads.sort(), ["1-linux/logs/g/x.log", "2-linux/logs/g/x.log"]);
});

Deno.test("diffRuns(): equal ETags of S3 mean equal files; others mean nothing", async () => {
  const etag = (text: string) => text.repeat(32).slice(0, 32);
  const pairs: Readonly<Record<string, readonly [string, string, string]>> = {
    "equal": [etag("a"), etag("a"), "same etag"],
    "other": [etag("a"), etag("b"), "unsure size"],
    "parts": [`${etag("a")}-2`, `${etag("a")}-2`, "same etag"],
    "other parts": [`${etag("a")}-2`, `${etag("b")}-2`, "unsure size"],
    "parts of another size": [`${etag("a")}-2`, `${etag("a")}-3`, "unsure size"],
    "parts and whole": [`${etag("a")}-2`, etag("b"), "unsure size"],
    "no S3": ["12-3-4", "12-3-4", "unsure size"],
  };
  const side = (which: 0 | 1) => {
    const root = RunOutputRoot.forLocal({ runId: which, platform: "linux" });
    const info = (location: OutputLocation) => ({
      location,
      size: 1,
      etag: pairs[location.name][which],
      modified: new Date(),
    });
    const backend = changed(new MemoryBackend(), {
      stat: (location) => Promise.resolve(info(location)),
      async *list(prefix) {
        if (!prefix.equals(root.root())) return;
        for (const name of Object.keys(pairs).sort()) yield await info(prefix.join(name));
      },
    });
    return { backend, root };
  };
  const found = await Array.fromAsync(diffRuns(side(0), side(1)));
  assert.deepEqual(
    Object.fromEntries(
      found.map(({ path, change, comparedBy }) => [path, `${change} ${comparedBy}`]),
    ),
    Object.fromEntries(Object.entries(pairs).map(([path, [, , verdict]]) => [path, verdict])),
  );
});

/** A place that is repaired from, with these files. */
async function copyOf(files: Readonly<Record<string, string>>): Promise<RepairPlace> {
  const backend = new MemoryBackend();
  for (const [path, text] of Object.entries(files)) {
    await backend.write(ROOT.file(path), bytesSource(text));
  }
  return { backend, root: ROOT };
}

/** Repairs what a verification finds wrong; tells what became of each file. */
async function repaired(
  backend: StorageBackend,
  files: readonly VerifiedFile[],
  from: RepairPlace,
) {
  const results = await repairFiles(files.filter(isRepairable), { backend, root: ROOT }, from);
  return Object.fromEntries(
    results.map(({ location, outcome, error }) => [
      location.relativeTo(ROOT.root()),
      [
        outcome,
        (error as RunOutputsError | undefined)?.code,
      ].filter(Boolean).join(" "),
    ]),
  );
}

async function textOf(backend: StorageBackend, path: string): Promise<string> {
  await using body = await backend.read(ROOT.file(path));
  return new TextDecoder().decode(await collect(body));
}

Deno.test("repairFiles(): what was written since the verification stays", async () => {
  const backend = new MemoryBackend();
  const put = (path: string, text: string) => backend.write(ROOT.file(path), bytesSource(text));
  await put("wrong.txt", "bad!");
  const files = ["wrong.txt", "gone.txt"].map((path) => outputFile(path, "good"));
  await putPart(backend, ROOT, manifestPart("p", files));
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  await put("wrong.txt", "new!");
  await put("gone.txt", "new!");
  const from = await copyOf({ "wrong.txt": "good", "gone.txt": "good" });
  assert.deepEqual(await repaired(backend, found, from), {
    "gone.txt": "failed conflict",
    "wrong.txt": "failed conflict",
  });
  assert.equal(await textOf(backend, "wrong.txt"), "new!");
  assert.equal(await textOf(backend, "gone.txt"), "new!");
});

Deno.test("repairFiles(): a file with another manifest entry by now does not change", async () => {
  const backend = new MemoryBackend();
  const put = async (text: string) => {
    await backend.write(ROOT.file("x.txt"), bytesSource(text));
    await putPart(backend, ROOT, manifestPart("p", [outputFile("x.txt", text)]));
  };
  await put("old");
  const manifest = await readOutputs(backend, ROOT);
  await put("new");
  const found = await Array.fromAsync(verifyRun(backend, ROOT, { manifest }));
  assert.equal(verdictsOf(found)["x.txt"], "wrong-hash bytes integrity");
  const from = await copyOf({ "x.txt": "old" });
  assert.deepEqual(await repaired(backend, found, from), { "x.txt": "failed conflict" });
  assert.equal(await textOf(backend, "x.txt"), "new");
});

Deno.test("repairFiles(): nor does a file with another checksum file by now", async () => {
  const backend = new MemoryBackend();
  const put = (path: string, text: string) => backend.write(ROOT.file(path), bytesSource(text));
  await put(A, "new");
  await put(`${A}.sha256sum`, sha256("old"));
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  await put(`${A}.sha256sum`, sha256("new"));
  const from = await copyOf({ [A]: "old" });
  assert.deepEqual(await repaired(backend, found, from), { [A]: "failed conflict" });
  assert.equal(await textOf(backend, A), "new");
  await put(`${A}.sha256sum`, sha256("old"));
  assert.deepEqual(await repaired(backend, found, from), { [A]: "written" });
});

Deno.test("repairFiles(): a checksum is put in place only if it is of the file beside it", async () => {
  const sum = `${A}.sha256sum`;
  for (const broken of ["GARBAGE", sha256("another")]) {
    for (const told of [undefined, "a"]) {
      const backend = new MemoryBackend();
      const put = (path: string, text: string) => backend.write(ROOT.file(path), bytesSource(text));
      await put(A, "a");
      await put(sum, broken);
      if (told !== undefined) {
        await putPart(backend, ROOT, manifestPart("p", [outputFile(A, told)]));
      } else if (broken !== "GARBAGE") continue;
      const found = await Array.fromAsync(verifyRun(backend, ROOT));
      assert.deepEqual(found.filter(isRepairable).map(({ path }) => path), [sum]);
      for (const copy of ["GARBAGE", "", sha256("another"), "x".repeat(5000)]) {
        const from = await copyOf({ [sum]: copy });
        assert.deepEqual(await repaired(backend, found, from), { [sum]: "failed integrity" });
        assert.equal(await textOf(backend, sum), broken);
      }
      const from = await copyOf({ [sum]: `${sha256("a")}\n` });
      assert.deepEqual(await repaired(backend, found, from), { [sum]: "written" });
      assert.equal(await textOf(backend, sum), `${sha256("a")}\n`);
    }
  }
});

Deno.test("repairFiles(): a listed checksum file with the checksum of another file stays", async () => {
  const backend = new MemoryBackend();
  const [sum, wrong] = [`${A}.sha256sum`, sha256("another")];
  await backend.write(ROOT.file(A), bytesSource("a"));
  await backend.write(ROOT.file(sum), bytesSource(wrong));
  await putPart(backend, ROOT, manifestPart("p", [outputFile(A, "a"), outputFile(sum, wrong)]));
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  for (const copy of [wrong, sha256("a")]) {
    const from = await copyOf({ [sum]: copy });
    assert.deepEqual(await repaired(backend, found, from), { [sum]: "failed integrity" });
    assert.equal(await textOf(backend, sum), wrong);
  }
});

Deno.test("repairFiles(): a broken checksum file of a broken file, both repaired from the copy", async () => {
  const backend = new MemoryBackend();
  const sum = `${A}.sha256sum`;
  await backend.write(ROOT.file(A), bytesSource("b"));
  await backend.write(ROOT.file(sum), bytesSource("GARBAGE"));
  await putPart(backend, ROOT, manifestPart("p", [outputFile(A, "a")]));
  const found = await Array.fromAsync(verifyRun(backend, ROOT));
  const from = await copyOf({ [A]: "a", [sum]: sha256("a") });
  assert.deepEqual(await repaired(backend, found, from), { [A]: "written", [sum]: "written" });
});

Deno.test("verifyRun(): a checksum file that is too long or invalid proves nothing", async () => {
  const sum = `${A}.sha256sum`;
  const long = `${sha256("a")}  ${A}\n`.padEnd(MAX_SIDECAR_BYTES + 1, "\n");
  for (const content of [long, "GARBAGE"]) {
    // Nothing told of either; of the checksum alone; of both, where the manifest vouches for them.
    for (
      const told of [[], [outputFile(sum, content)], [outputFile(sum, content), outputFile(A, "a")]]
    ) {
      for (const quick of [false, true]) {
        const backend = new MemoryBackend();
        await backend.write(ROOT.file(A), bytesSource("a"));
        await backend.write(ROOT.file(sum), bytesSource(content));
        if (told.length > 0) await putPart(backend, ROOT, manifestPart("p", told));
        const found = await Array.fromAsync(verifyRun(backend, ROOT, { quick }));
        const by = quick ? "record" : "bytes";
        const what = `${content.length} ${told.length} ${quick}`;
        const expected = told.length === 2 ? `ok ${by}` : "failed integrity";
        assert.equal(verdictsOf(found)[sum], expected, what);
      }
    }
  }
  // A list of checksums is of other files.
  const backend = new MemoryBackend();
  await backend.write(ROOT.file("all.sha256sum"), bytesSource(long));
  const [alone] = await Array.fromAsync(verifyRun(backend, ROOT));
  assert.deepEqual([alone.verdict, alone.error], ["unchecked", undefined]);
});

Deno.test("verifyRun(), diffRuns(): a concurrency below one is rejected", async () => {
  const backend = new MemoryBackend();
  const side = { backend, root: ROOT };
  const expected = { code: "invalid", message: /^Invalid concurrency 0:/ };
  const options = { concurrency: 0 };
  await assert.rejects(Array.fromAsync(verifyRun(backend, ROOT, options)), expected);
  await assert.rejects(Array.fromAsync(diffRuns(side, side, options)), expected);
});
