/** Summaries that are written later, for runs that nobody changes any more. */

import assert from "node:assert/strict";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { backfill } from "../../../src/operations/retained/backfill.ts";
import { runOperation } from "../../../src/operations/retained/operation.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { changed } from "../../support/changed_backend.ts";
import { rejectsWith } from "../../support/errors.ts";
import { ask, putRun, rootOf, STORAGES } from "../../support/retained.ts";

const DAY = 86_400_000;
const DENIED = new RunOutputsError("denied", "may not write");

/** Writes summaries so many days after now; the files are written now. */
async function write(backend: StorageBackend, days: number, params: Record<string, unknown> = {}) {
  const now = () => new Date(Date.now() + days * DAY);
  const index = new RunIndex({ backend, bucket: "suite", now });
  const { results } = await runOperation(backfill, { index, tool: "test" }, params);
  return results.map(({ key, outcome }) => [key, outcome]);
}

/** A run with a manifest, one without, one that has a summary, and one with a broken one. */
async function putRuns(backend: StorageBackend): Promise<void> {
  await putRun(backend, "4-linux", { parts: { a: ["logs/g/a.log"] }, expected: ["a"] });
  await putRun(backend, "3-windows", { files: ["x"] });
  await putRun(backend, "2-linux", { parts: { a: ["x"] } });
  await writeSummary(backend, rootOf("2-linux"), { tool: "test" });
  await putRun(backend, "1-linux", { parts: { a: ["x"] } });
  await backend.write(rootOf("1-linux").retentionSummary(), bytesSource("{"));
}

const statuses = async (backend: StorageBackend) =>
  (await ask(backend, "list")).runs.map((run: { summary: { status: string } }) =>
    run.summary.status
  );

for (const [kind, open] of Object.entries(STORAGES)) {
  Deno.test(`backfill, ${kind}: missing and broken summaries of untouched runs are written`, async () => {
    await using subject = await open();
    const { backend } = subject;
    await putRuns(backend);
    const skipped = [["4-linux", "skipped"], ["3-windows", "skipped"], ["1-linux", "skipped"]];
    assert.deepEqual(await write(backend, 6), skipped);
    assert.deepEqual(await write(new DryRunBackend(backend), 8, { platform: "windows" }), [
      ["3-windows", "planned"],
    ]);
    assert.deepEqual(await statuses(backend), ["absent", "absent", "current", "broken"]);
    assert.deepEqual(await write(backend, 8, { group: "g" }), [["4-linux", "written"]]);
    assert.deepEqual(await write(backend, 8), [["3-windows", "written"], ["1-linux", "written"]]);
    assert.deepEqual(await statuses(backend), Array(4).fill("current"));
    assert.deepEqual(await write(backend, 8), []);
  });
}

Deno.test("backfill: one that fails does not stop the others, a refusal of all does", async () => {
  const backend = new MemoryBackend();
  await putRuns(backend);
  const refusing = (isRefused: (key: string) => boolean) =>
    changed(backend, {
      write: (location, ...rest) =>
        isRefused(location.key) ? Promise.reject(DENIED) : backend.write(location, ...rest),
    });
  await rejectsWith(write(refusing(() => true), 8), "denied", "may not write");
  assert.deepEqual(await write(refusing((key) => key.startsWith("4-")), 8), [
    ["4-linux", "failed"],
    ["3-windows", "written"],
    ["1-linux", "written"],
  ]);
  await rejectsWith(write(backend, 8, { since: "soon" }), "invalid", "since", "soon");
});

Deno.test("backfill: a run that is being deleted, and a summary of a newer version, stay as they are", async () => {
  const backend = new MemoryBackend();
  await putRun(backend, "2-linux", { parts: { a: ["x"] } });
  await backend.write(rootOf("2-linux").retentionDir().join("deleting.json"), bytesSource("{}"));
  await putRun(backend, "1-linux", { parts: { a: ["x"] } });
  const newer = bytesSource('{"schema":"run-outputs.retention/9"}');
  const { etag } = await backend.write(rootOf("1-linux").retentionSummary(), newer);
  assert.deepEqual(await write(backend, 8), [["2-linux", "skipped"], ["1-linux", "unchanged"]]);
  assert.equal((await backend.stat(rootOf("1-linux").retentionSummary())).etag, etag);
});
