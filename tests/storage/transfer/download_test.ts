/** Downloads: a file appears only whole and with the right hash. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import type { ObjectBody, ReadOptions } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { download, type DownloadItem, spread } from "../../../src/storage/transfer/download.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import type { TransferEvent } from "../../../src/storage/transfer/transfer.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { lineOf } from "../../../src/storage/line_limits.ts";
import { testOptions } from "../../support/s3_subject.ts";
import { noise, sha256 } from "../../support/bytes.ts";
import { fileNames, snapshot } from "../../support/snapshot.ts";
import { readTree, tempDir, writeTree } from "../../support/temp_dir.ts";

const at = (key: string) => new OutputLocation("bucket", `1-linux/${key}`);

async function holding(objects: Record<string, string>, backend = new MemoryBackend()) {
  for (const [key, content] of Object.entries(objects)) {
    await backend.write(at(key), bytesSource(content));
  }
  return backend;
}

const item = (dir: string, key: string, content?: string): DownloadItem => ({
  location: at(key),
  path: join(dir, key),
  sha256: content === undefined ? undefined : sha256(content),
});

Deno.test("download(): files are written and verified, missing directories are created", async () => {
  await using temp = await tempDir();
  const backend = await holding({ "a": "aa", "b": "" });
  const dir = join(temp.path, "deep", "er");
  const results = await download(backend, [item(dir, "a", "aa"), item(dir, "b")]);
  assert.deepEqual(results.map(({ outcome, size }) => [outcome, size]), [["written", 2], [
    "written",
    0,
  ]]);
  assert.equal(results[1].sha256, sha256(""));
  assert.deepEqual(await readTree(dir), { "a": "aa", "b": "" });
});

Deno.test("download(): a wrong hash leaves nothing, and keeps what was there", async () => {
  await using temp = await tempDir();
  const backend = await holding({ "a": "damaged", "b": "damaged" });
  await writeTree(temp.path, { "b": "old" });
  const results = await download(backend, [
    item(temp.path, "a", "good"),
    item(temp.path, "b", "good"),
  ]);
  for (const { outcome, error } of results) {
    assert.equal(outcome, "failed");
    assert.equal((error as { code?: string }).code, "integrity");
  }
  assert.deepEqual(await readTree(temp.path), { "b": "old" });
});

Deno.test("download(): a whole copy is unchanged; a half one, a wrong one, one of the same size is replaced", async () => {
  await using temp = await tempDir();
  const content = "content";
  const backend = await holding({
    "whole": content,
    "half": content,
    "wrong": content,
    "long": content,
  });
  await writeTree(temp.path, {
    "whole": content,
    "half": "cont",
    "wrong": "CONTENT",
    "long": "contents",
  });
  const before = (await snapshot(temp.path))["./whole"];
  const results = await download(
    backend,
    ["whole", "half", "wrong", "long"].map((key) => item(temp.path, key, content)),
  );
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ["unchanged", "written", "written", "written"],
  );
  assert.equal((await snapshot(temp.path))["./whole"], before);
  for (const text of Object.values(await readTree(temp.path))) assert.equal(text, content);
});

Deno.test("download(): without a hash nothing on disk is trusted", async () => {
  await using temp = await tempDir();
  const backend = await holding({ "a": "content" });
  await writeTree(temp.path, { "a": "CONTENT" });
  const [result] = await download(backend, [item(temp.path, "a")]);
  assert.equal(result.outcome, "written");
  assert.deepEqual(await readTree(temp.path), { "a": "content" });
});

Deno.test("download(): a directory in the way fails, the others are written", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a/x": "x" });
  const backend = await holding({ "a": "a", "b": "b" });
  const results = await download(backend, [item(temp.path, "a", "a"), item(temp.path, "b", "b")]);
  assert.deepEqual(results.map(({ outcome }) => outcome), ["failed", "written"]);
  assert.equal((results[0].error as { code?: string }).code, "conflict");
  assert.deepEqual(await readTree(temp.path), { "a/x": "x", "b": "b" });
});

Deno.test({
  name: "download(): a symbolic link in the way is replaced, what it points to stays",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "elsewhere": "content", "out/x": "" });
    await Deno.symlink("../elsewhere", join(temp.path, "out", "a"));
    const backend = await holding({ "a": "content" });
    const [result] = await download(backend, [item(join(temp.path, "out"), "a", "content")]);
    assert.equal(result.outcome, "written");
    assert.equal((await Deno.lstat(join(temp.path, "out", "a"))).isFile, true);
    assert.equal(await Deno.readTextFile(join(temp.path, "elsewhere")), "content");
  },
});

Deno.test("download(): a missing object is not_found and creates no file", async () => {
  await using temp = await tempDir();
  const [result] = await download(new MemoryBackend(), [item(temp.path, "a")]);
  assert.equal((result.error as { code?: string }).code, "not_found");
  assert.deepEqual(await fileNames(temp.path), []);
});

Deno.test("download(): a dry run looks at both sides and writes nothing", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "b": "b" });
  const backend = await holding({ "a": "a", "b": "b" });
  const before = await snapshot(temp.path);
  const results = await download(
    backend,
    [item(temp.path, "a", "a"), item(temp.path, "b", "b"), item(temp.path, "c")],
    { dryRun: true },
  );
  assert.deepEqual(results.map(({ outcome }) => outcome), ["planned", "unchanged", "failed"]);
  assert.deepEqual(await snapshot(temp.path), before);
});

/** A storage whose bodies do something after their first half. */
class Interrupted extends MemoryBackend {
  inTheMiddle: () => void = () => {};

  override async read(location: OutputLocation, options?: ReadOptions): Promise<ObjectBody> {
    const body = await super.read(location, options);
    const middle = () => this.inTheMiddle();
    return {
      info: body.info,
      [Symbol.asyncDispose]: () => body[Symbol.asyncDispose](),
      async *[Symbol.asyncIterator]() {
        for await (const chunk of body) {
          yield chunk.subarray(0, chunk.length >> 1);
          middle();
          yield chunk.subarray(chunk.length >> 1);
        }
      },
    };
  }
}

Deno.test("download(): a body that fails in the middle leaves no file", async () => {
  await using temp = await tempDir();
  const backend = new Interrupted();
  await holding({ "a": "content" }, backend);
  backend.inTheMiddle = () => {
    throw new Error("connection reset");
  };
  const [result] = await download(backend, [item(temp.path, "a")]);
  assert.match(result.error!.message, /connection reset/);
  assert.deepEqual(await fileNames(temp.path), []);
});

Deno.test("download(): an abort in the middle rejects and leaves no file", async () => {
  await using temp = await tempDir();
  const backend = new Interrupted();
  await holding({ "a": "content" }, backend);
  const controller = new AbortController();
  backend.inTheMiddle = () => controller.abort();
  await assert.rejects(
    download(backend, [item(temp.path, "a")], { signal: controller.signal }),
    { name: "AbortError" },
  );
  assert.deepEqual(await fileNames(temp.path), []);
});

Deno.test("download(): events add up to the bytes that came", async () => {
  await using temp = await tempDir();
  const backend = new MemoryBackend();
  const big = noise(2_500_000);
  await backend.write(at("big"), bytesSource(big));
  const events: TransferEvent[] = [];
  const results = await download(
    backend,
    [{ ...item(temp.path, "big"), size: big.length }, item(temp.path, "gone")],
    { onEvent: (event) => events.push(event) },
  );
  assert.equal(events.reduce((sum, e) => e.type === "bytes" ? sum + e.bytes : sum, 0), big.length);
  assert.equal(events.filter(({ type }) => type === "start").length, 2);
  const finished = events.flatMap((e) => e.type === "finish" ? [e.result] : []);
  assert.deepEqual(new Set(finished), new Set(results));
});

Deno.test("spread(): enough large objects come in one piece each", () => {
  const MiB = 1024 ** 2;
  const large = (count: number) => Array.from({ length: count }, () => ({ size: 100 * MiB }));
  const disk = new MemoryBackend();
  const segment = (items: readonly { size?: number }[], asked?: number) =>
    spread(disk, items, asked).segment;
  assert.equal(segment(large(1)), 32 * MiB);
  assert.equal(segment([...large(3), { size: 1 }, {}]), 32 * MiB);
  assert.equal(segment(large(4)), Infinity);
  assert.equal(segment(large(1), 1), Infinity);
});

Deno.test("spread(): a line gets as many streams as make it faster, unless a number is given or all files are small", async () => {
  const large = Array.from({ length: 63 }, () => ({ size: 100 * 1024 ** 2 }));
  using line = await createS3Backend(testOptions("http://127.0.0.1:1"));
  // A wrapper has the line of what it wraps.
  for (const backend of [line, new DryRunBackend(line)]) {
    const found = spread(backend, large);
    assert.equal(found.streams, lineOf(line)?.down);
    assert.deepEqual([found.streams.limit, found.concurrency, found.segment], [
      8,
      64,
      32 * 1024 ** 2,
    ]);
    assert.equal(spread(backend, [...large, ...large]).segment, Infinity);
    const fixed = spread(backend, large, 12);
    assert.deepEqual([fixed.streams.limit, fixed.streams.max, fixed.concurrency], [12, 12, 12]);
    const small = spread(backend, [{ size: 1000 }]);
    assert.deepEqual([small.streams.limit, small.streams.max, small.concurrency], [64, 64, 64]);
  }
  const disk = spread(new MemoryBackend(), large);
  assert.deepEqual([disk.streams.limit, disk.concurrency], [8, 8]);
});

Deno.test("download(): a large object in one piece is continued where it was left", async () => {
  await using dir = await tempDir();
  const backend = new MemoryBackend();
  const bytes = noise(40 * 1024 ** 2, 3);
  const location = new OutputLocation("bucket", "1-linux/large");
  await backend.write(location, bytesSource(bytes));
  const path = `${dir.path}/large`;
  const controller = new AbortController();
  let seen = 0;
  await assert.rejects(
    download(backend, [{ location, path }], {
      segment: Infinity,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === "bytes" && (seen += event.bytes) > 0) {
          controller.abort(new Error("stop"));
        }
      },
    }),
    /stop/,
  );
  const [result] = await download(backend, [{ location, path, sha256: sha256(bytes) }], {
    segment: Infinity,
  });
  assert.equal(result.outcome, "written", result.error?.message);
  assert.equal(sha256(await Deno.readFile(path)), sha256(bytes));
});

for (const name of ["large.part", "large.part.journal"]) {
  Deno.test(`download(): somebody else's file '${name}' is not touched`, async () => {
    await using dir = await tempDir();
    const content = "x".repeat(1000);
    const backend = await holding({ "large": content });
    await writeTree(dir.path, { [name]: "theirs" });
    const [result] = await download(backend, [item(dir.path, "large", content)], { segment: 100 });
    assert.equal(result.outcome, "written", result.error?.message);
    assert.deepEqual(await readTree(dir.path), { "large": content, [name]: "theirs" });
  });

  for (const order of ["before", "behind"]) {
    Deno.test(`download(): an item 'large' ${order} an item '${name}': both are right`, async () => {
      await using dir = await tempDir();
      const objects = { "large": "x".repeat(1000), [name]: "y".repeat(1000) };
      const backend = await holding(objects);
      const items = Object.keys(objects).map((key) => item(dir.path, key));
      if (order === "behind") items.reverse();
      for (const { outcome, error } of await download(backend, items, { segment: 100 })) {
        assert.equal(outcome, "written", error?.message);
      }
      assert.deepEqual(await readTree(dir.path), objects);
    });
  }
}
