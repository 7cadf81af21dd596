/** Markers that a later upload of the same files, or a corrected command, makes unnecessary. */

import assert from "node:assert/strict";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { PartUpload, type PartUploadOptions } from "../../../src/operations/manifest/write_part.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { isVariant } from "../../../src/runs/part_name.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { textItem, upload } from "../../../src/storage/transfer/upload.ts";
import { changed } from "../../support/changed_backend.ts";
import { memoryS3 } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const ROOT = new RunOutputRoot({ bucket: "suite", runId: 123, platform: "linux" });
const ONE = { job: "docs", runner: "runner 1" };
const FIRST = "docs.files.0123abcd";
const SECOND = "docs.files.89abcdef";

/** Each kind of storage, opened for one test. */
const STORAGES: Readonly<Record<string, (stack: AsyncDisposableStack) => Promise<StorageBackend>>> =
  {
    memory: () => Promise.resolve(new MemoryBackend()),
    disk: async (stack) => new LocalBackend(stack.use(await tempDir()).path),
    S3: async (stack) => stack.use(await memoryS3()).backend,
  };

interface Job extends Partial<PartUploadOptions> {
  /** Files whose upload fails, as paths in the run. */
  readonly failed?: readonly string[];
  /** Sources that could not be read. */
  readonly unread?: readonly string[];
  /** The minute at which it writes. */
  readonly at?: number;
}

/** Uploads texts as one job; one that fails leaves a marker. */
async function job(
  backend: StorageBackend,
  paths: readonly string[],
  { failed = [], unread = [], at = 0, ...rest }: Job = {},
): Promise<string[]> {
  const notes: string[] = [];
  const part = new PartUpload(backend, ROOT, {
    part: FIRST,
    tool: "test",
    run: { run_attempt: 1 },
    writer: ONE,
    now: () => new Date(Date.UTC(2026, 10, 20, 12, at)),
    onNote: (note) => notes.push(note),
    ...rest,
  });
  const items = paths.map((path) => textItem(ROOT.file(path), path, path));
  const storage = await part.begin([...paths, ...failed].map((path) => ROOT.file(path)));
  const results: TransferResult[] = [...await upload(storage, items)];
  const failure = (path: string, unlisted: boolean): TransferResult => ({
    location: ROOT.file(path),
    path,
    outcome: "failed",
    warnings: [],
    unlisted,
    error: new RunOutputsError("not_found", "no such file"),
  });
  results.push(
    ...failed.map((path) => failure(path, false)),
    ...unread.map((path) => failure(path, true)),
  );
  if (results.some(({ outcome }) => outcome === "failed")) await part.withhold(results);
  else await part.end({ results });
  return notes;
}

const unfinished = async (backend: StorageBackend) => (await readOutputs(backend, ROOT)).unfinished;

for (const [name, open] of Object.entries(STORAGES)) {
  Deno.test(`a corrected upload of the same job replaces the marker of the mistyped one (${name})`, async () => {
    await using stack = new AsyncDisposableStack();
    const backend = await open(stack);
    await job(backend, ["a.html"], { unread: ["typo.html"] });
    assert.deepEqual(await unfinished(backend), [FIRST]);
    const notes = await job(backend, ["a.html", "b.html"], { part: SECOND, at: 1 });
    assert.deepEqual(notes, [
      `deleted the marker of part ${FIRST}, an upload that this one corrects; not expected any ` +
      "more: typo.html",
    ]);
    assert.deepEqual(await unfinished(backend), []);
  });

  Deno.test(`a marker is done when later parts have all its files with their hashes (${name})`, async () => {
    await using stack = new AsyncDisposableStack();
    const backend = await open(stack);
    await job(backend, ["a"], { part: "first", failed: ["b", "c"] });
    await job(backend, ["a", "b"], { part: "second", at: 1 });
    assert.deepEqual(await unfinished(backend), ["first"], "c is missing");
    await job(backend, ["c"], { part: "third", at: 2 });
    assert.deepEqual(await unfinished(backend), []);
    const { markers, missing } = await readOutputs(backend, ROOT);
    assert.deepEqual([markers, missing], [[], []]);
  });
}

Deno.test("a marker is not done by parts that were written before it", async () => {
  const backend = new MemoryBackend();
  await job(backend, ["a", "b"], { part: "before", at: 1 });
  await job(backend, ["a"], { part: "now", failed: ["b"], at: 2 });
  assert.deepEqual(await unfinished(backend), ["now"]);
  // What could not be read has no path, so nothing shows that it came.
  await job(backend, ["a"], { part: "unread", unread: ["x"], at: 3 });
  await job(backend, ["a", "b"], { part: "after", at: 4 });
  assert.deepEqual(await unfinished(backend), ["unread"]);
});

for (
  const [why, first, second] of [
    ["another job", {}, { writer: { job: "docs", runner: "runner 2" } }],
    ["another command", {}, { part: "docs.logs.89abcdef" }],
    ["a name of its own", { part: "mine" }, {}],
    ["an attempt that is older", { run: { run_attempt: 2 } }, {}],
    ["an upload without its files", { paths: ["other.html"] }, {}],
    ["an upload that has nothing in common", { paths: [] }, {}],
    ["an upload without what failed to be sent", { failed: ["c.html"] }, {}],
  ] as [string, Job & { paths?: string[] }, Job][]
) {
  Deno.test(`a marker stays after an upload that does not correct it: ${why}`, async () => {
    const backend = new MemoryBackend();
    const { paths = ["a.html"], ...rest } = first;
    await job(backend, paths, { unread: ["typo.html"], ...rest });
    const before = await unfinished(backend);
    assert.equal(before.length, 1);
    assert.deepEqual(
      await job(backend, ["a.html", "b.html"], { part: SECOND, at: 1, ...second }),
      [],
    );
    assert.deepEqual(await unfinished(backend), before);
  });
}

Deno.test("the marker of an upload in progress stays, whatever else the job uploads", async () => {
  const backend = new MemoryBackend();
  const options = { part: FIRST, tool: "test", run: { run_attempt: 1 }, writer: ONE };
  const begun = new PartUpload(backend, ROOT, options);
  const storage = await begun.begin(["a.html", "c.html"].map((path) => ROOT.file(path)));
  await upload(storage, [textItem(ROOT.file("a.html"), "a.html", "a.html")]);
  assert.deepEqual(await unfinished(backend), [FIRST]);
  await job(backend, ["a.html", "b.html"], { part: SECOND });
  assert.deepEqual(await unfinished(backend), [FIRST]);
});

Deno.test("a job that may not list uploads without looking for markers", async () => {
  const backend = new MemoryBackend();
  const denied = new RunOutputsError("denied", "no");
  const limited = changed(backend, {
    // deno-lint-ignore require-yield
    list: async function* () {
      throw denied;
    },
  });
  assert.deepEqual(await job(limited, ["a.html"], { part: SECOND }), []);
  assert.equal((await readOutputs(backend, ROOT)).parts.length, 1);
});

Deno.test("isVariant: only the hashes at the ends differ", () => {
  assert(isVariant(FIRST, SECOND));
  for (const other of [FIRST, "docs.files", "docs.files.89abcdeg", "docs.logs.89abcdef", "x"]) {
    assert(!isVariant(FIRST, other), other);
    assert(!isVariant(other, FIRST), other);
  }
});
