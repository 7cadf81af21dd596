/** Comparison of runs: which hashes on record count. */

import assert from "node:assert/strict";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { diffRuns, type DiffRunsOptions } from "../../../src/operations/diff/diff.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { changed } from "../../support/changed_backend.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";

const RUNS = [1, 2].map((runId) =>
  new RunOutputRoot({ bucket: "suite", runId, platform: "linux" })
);
const LOG = "logs/g/deep/build.log";

/** A storage in which two runs have a log each, which their complete manifests tell of as "same". */
async function twoRuns(): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  for (const root of RUNS) {
    await backend.write(root.file(LOG), bytesSource("same"));
    await putPart(backend, root, manifestPart("p", [outputFile(LOG, "same")]));
    await putExpected(backend, root, ["p"]);
  }
  return backend;
}

/** What a diff says of the log, and by what. */
async function diff(backend: StorageBackend, options?: DiffRunsOptions) {
  const [a, b] = RUNS.map((root) => ({ backend, root }));
  const files = await Array.fromAsync(diffRuns(a, b, options));
  return files.map(({ change, comparedBy }) => `${change} ${comparedBy}`);
}

/** What lists and answers about the second run's log are changed to. */
type Log = Readonly<{ modified?: Date; etag?: string; sha256?: string }>;

/** A storage that has no hashes on record but given ones, and tells other things of the logs. */
function telling(inner: MemoryBackend, logs: readonly [Log, Log]): StorageBackend {
  const told = <T extends { location: { key: string } }>(info: T): T => {
    const at = RUNS.findIndex((root) => root.file(LOG).key === info.location.key);
    return { ...info, sha256: undefined, ...logs[at] };
  };
  return changed(inner, {
    async *list(...args) {
      for await (const info of inner.list(...args)) yield { ...told(info), sha256: undefined };
    },
    stat: async (...args) => told(await inner.stat(...args)),
    async read(...args) {
      const body = await inner.read(...args);
      return Object.assign(Object.create(body), { info: told(body.info) });
    },
  });
}

/** After anything that a test writes, whenever it runs. */
const LATER = { modified: new Date("2100-01-01T00:00:00Z") };

Deno.test("diffRuns(): a complete manifest is not used for a file that was replaced since", async () => {
  const backend = await twoRuns();
  assert.deepEqual(await diff(telling(backend, [{}, {}])), ["same hash"]);
  await backend.write(RUNS[1].file(LOG), bytesSource("evil"));
  const stale = telling(backend, [{}, LATER]);
  assert.deepEqual(await diff(stale), ["unsure size"]);
  assert.deepEqual(await diff(stale, { read: true }), ["changed hash"]);
});

Deno.test("diffRuns(): a deleted file counts as removed, whatever the manifest lists", async () => {
  const backend = await twoRuns();
  await backend.delete(RUNS[1].file(LOG));
  assert.deepEqual(await diff(backend), ["removed undefined"]);
});

for (const by of ["manifest", "metadata"]) {
  Deno.test(`diffRuns(): with --read, equal hashes of the ${by} are not trusted if MD5s differ`, async () => {
    const backend = await twoRuns();
    await backend.write(RUNS[1].file(LOG), bytesSource("evil"));
    // Told as old as the manifest's parts at most, however long the write took.
    const record = by === "manifest"
      ? { modified: new Date(0) }
      : { ...LATER, sha256: outputFile(LOG, "same").sha256 };
    const [a, b] = ["a", "b"].map((digit) => ({ ...record, etag: digit.repeat(32) }));
    const stale = telling(backend, [a, b]);
    assert.deepEqual(await diff(stale), ["same hash"]);
    assert.deepEqual(await diff(stale, { read: true }), ["changed hash"]);
    // Parts of other sizes tell nothing.
    const inParts = telling(backend, [a, { ...b, etag: `${"b".repeat(32)}-2` }]);
    assert.deepEqual(await diff(inParts, { read: true }), ["same hash"]);
  });
}
