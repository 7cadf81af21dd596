/** A run's manifest, read from all its parts. */

import assert from "node:assert/strict";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { formatPart } from "../../../src/runs/format_part.ts";
import type { ManifestPart } from "../../../src/runs/manifest.ts";
import { unfinishedName } from "../../../src/runs/unfinished_part.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { rejection } from "../../support/errors.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";

const ROOT = new RunOutputRoot({ bucket: "therock-ci-artifacts", runId: 123, platform: "linux" });

Deno.test("readOutputs(): a run without a manifest has no parts and is not complete", async () => {
  const backend = new MemoryBackend();
  await backend.write(ROOT.manifest("outputs"), bytesSource("{}"));
  const manifest = await readOutputs(backend, ROOT);
  assert.deepEqual(manifest.parts, []);
  assert.equal(manifest.complete, false);
  assert.equal(manifest.expected, undefined);
  assert.deepEqual(await Array.fromAsync(manifest.files()), []);
});

Deno.test("readOutputs(): parts add up; complete is what has all that it expects", async () => {
  const backend = new MemoryBackend();
  await putExpected(backend, ROOT, ["a", "b"]);
  await putPart(
    backend,
    ROOT,
    manifestPart("a", [outputFile("x"), outputFile("z")], {
      pages: ["index.html"],
    }),
  );
  const first = await readOutputs(backend, ROOT);
  assert.deepEqual(first.expected, ["a", "b"]);
  assert.deepEqual(first.missing, ["b"]);
  assert.equal(first.complete, false);

  await putPart(
    backend,
    ROOT,
    manifestPart("b", [outputFile("y")], {
      pages: ["index.html", "a/index.html"],
    }),
  );
  const second = await readOutputs(backend, ROOT);
  assert.equal(second.complete, true);
  assert.deepEqual(second.parts.map(({ head, count }) => [head.part, count]), [["a", 2], ["b", 1]]);
  assert.deepEqual(second.pages, ["a/index.html", "index.html"]);
  const files = await Array.fromAsync(second.files());
  assert.deepEqual(files.map(({ file, parts }) => [file.path, ...parts]), [
    ["x", "a"],
    ["y", "b"],
    ["z", "a"],
  ]);
});

Deno.test("readOutputs(): what does not fit into memory is read again, the same", async () => {
  const backend = new MemoryBackend();
  const names = ["a", "b", "c"];
  for (const name of names) {
    const files = Array.from({ length: 200 }, (_, i) => outputFile(`${i % 7}/${name}/${i}`));
    await putPart(backend, ROOT, manifestPart(name, files));
  }
  // A part that something else has written, in no order.
  const odd = manifestPart("odd", [outputFile("z"), outputFile("0")]);
  await backend.write(ROOT.outputsManifest("odd"), bytesSource(JSON.stringify(odd)));
  const all = await Array.fromAsync((await readOutputs(backend, ROOT)).files());
  assert.equal(all.length, 602);
  for (const keepBytes of [0, 30_000, 90_000]) {
    const manifest = await readOutputs(backend, ROOT, { keepBytes });
    assert.deepEqual(manifest.parts.map(({ count }) => count), [200, 200, 200, 2]);
    for (const _ of "12") assert.deepEqual(await Array.fromAsync(manifest.files()), all);
  }
});

Deno.test("readOutputs(): a part that is read again must be the one that was checked", async () => {
  const backend = new MemoryBackend();
  await putPart(backend, ROOT, manifestPart("a", [outputFile("x")]));
  const manifest = await readOutputs(backend, ROOT, { keepBytes: 0 });
  await putPart(backend, ROOT, manifestPart("a", [outputFile("y")]));
  assert.equal((await rejection(Array.fromAsync(manifest.files()))).code, "conflict");
});

Deno.test("readOutputs(): a broken part is an error that names it", async () => {
  const broken: readonly (readonly [string, RegExp])[] = [
    ["{", /not JSON/],
    [JSON.stringify(manifestPart("other", [])), /does not match its part "other"/],
    [
      JSON.stringify(manifestPart("b", [outputFile("x"), outputFile("a"), outputFile("x")])),
      /lists "x" twice/,
    ],
  ];
  for (const [text, reason] of broken) {
    const backend = new MemoryBackend();
    await putPart(backend, ROOT, manifestPart("a", [outputFile("x")]));
    await backend.write(ROOT.outputsManifest("b"), bytesSource(text));
    const error = await rejection(readOutputs(backend, ROOT));
    assert.equal(error.code, "integrity");
    assert.match(error.message, reason);
    assert.match(error.message, /123-linux\/manifests\/outputs\/b\.json/);
  }
  const backend = new MemoryBackend();
  await backend.write(ROOT.expectedParts(), bytesSource("{"));
  assert.match((await rejection(readOutputs(backend, ROOT))).message, /expected\.json/);
});

Deno.test("readOutputs(): the files of markers, if wanted, with and without memory for them", async () => {
  const backend = new MemoryBackend();
  const marker = manifestPart("p", [outputFile("a", "a"), outputFile("b", "old")]);
  await putPart(backend, ROOT, manifestPart("q", [outputFile("a", "a"), outputFile("c", "c")]));
  await backend.write(
    ROOT.outputsManifestDir().join(unfinishedName("p")),
    bytesSource(formatPart({ ...marker, pending: ["b"] } as ManifestPart)),
  );
  for (const keepBytes of [0, undefined]) {
    const manifest = await readOutputs(backend, ROOT, { keepBytes });
    const all = await Array.fromAsync(manifest.files({ marked: true }));
    const found = all.map(({ file, parts }) => [file.path, ...parts.toSorted()]);
    assert.deepEqual(found, [["a", "p.incomplete", "q"], ["c", "q"]]);
    const plain = await Array.fromAsync(manifest.files());
    assert.deepEqual(plain.map(({ parts }) => parts), [["q"], ["q"]]);
  }
});
