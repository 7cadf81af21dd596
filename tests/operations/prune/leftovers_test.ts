/** What killed processes have left: a prune deletes it, if it is old and nobody has it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CreateMultipartUploadCommand } from "@aws-sdk/client-s3";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { executePrune, narrowPlan } from "../../../src/operations/prune/execute.ts";
import { planPrune } from "../../../src/operations/prune/plan.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import type { PrunePolicy } from "../../../src/runs/retention/policy.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { lockFile } from "../../../src/storage/local/file_lock.ts";
import { putRun } from "../../support/retained.ts";
import { memoryS3, otherClient } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const NOW = new Date("2026-11-30T00:00:00Z");
const OLD = new Date("2026-11-01T00:00:00Z");
const POLICY: PrunePolicy = { group_by: [], min_age_seconds: 0, keep_last: 9 };
const JOURNAL = `{"schema":"run-outputs.download/1","x":1}\n`;

Deno.test("leftovers, disk: old downloads and temporary files, but nothing that is in use", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putRun(backend, "1-linux", { parts: { a: ["x"] } });
  await Deno.mkdir(join(temp.path, "1-linux/logs"));
  await Deno.mkdir(join(temp.path, "photos"));
  const put = async (name: string, text: string, time = OLD) => {
    await Deno.writeTextFile(join(temp.path, name), text);
    await Deno.utime(join(temp.path, name), time, time);
  };
  await put("1-linux/logs/old.part", "12345");
  await put("1-linux/logs/old.part.journal", JOURNAL);
  await put("1-linux/logs/used.part", "12345");
  await put("1-linux/logs/used.part.journal", JOURNAL);
  await put("1-linux/.run-outputs-tmp-1", "123");
  await put("1-linux/.run-outputs-tmp-2", "1234567", new Date(NOW.getTime() - 3_600_000));
  await put("1-linux/logs/mine.part", "the user's own");
  await put("photos/.run-outputs-tmp-3", "in no run");
  using _ = await lockFile(join(temp.path, "1-linux/logs/used.part.journal"));

  const index = new RunIndex({ backend, bucket: "suite", now: () => NOW });
  const place = { index, directory: temp.path };
  const plan = await planPrune(place, { policy: POLICY });
  const names = ["1-linux/.run-outputs-tmp-1", "1-linux/logs/old.part"];
  names.push("1-linux/logs/old.part.journal");
  const paths = names.map((name) => join(temp.path, name));
  assert.deepEqual(plan.leftovers!.map(({ kind, path, bytes }) => [kind, path, bytes]), [
    ["temporary", paths[0], 3],
    ["download", paths[1], 5],
    ["download", paths[2], JOURNAL.length],
  ]);
  // What stays counts: the young file, and the download in progress.
  const kept = 7 + 5 + JOURNAL.length;
  const run = (await index.describe({ externalRepo: "", runId: "1", platform: "linux" }))!;
  const sized = (bytes: number) =>
    planPrune(place, { policy: { ...POLICY, max_size_bytes: run.bytes + bytes } });
  assert.deepEqual((await sized(kept)).unreached, []);
  assert.equal((await sized(kept - 1)).unreached.length, 1);

  // A plan can't name other files.
  const forged = [{ ...plan.leftovers![0], path: join(temp.path, "1-linux/logs/mine.part") }];
  assert.deepEqual(await executePrune(place, { ...plan, leftovers: forged }, { tool: "test" }), []);
  const { plan: narrowed } = narrowPlan({ ...plan, leftovers: [plan.leftovers![0]] }, plan);
  assert.equal(narrowed.leftovers!.length, 1);
  const results = await executePrune(place, plan, { tool: "test" });
  assert.deepEqual(results.map(({ key, outcome }) => [key, outcome]), [
    [paths[0], "cleaned"],
    [paths[1], "cleaned"],
    [paths[2], "cleaned"],
  ]);
  const left = async (dir: string) =>
    (await Array.fromAsync(Deno.readDir(join(temp.path, dir)))).map(({ name }) => name).sort();
  assert.deepEqual(await left("1-linux/logs"), ["mine.part", "used.part", "used.part.journal"]);
  assert((await left("1-linux")).includes(".run-outputs-tmp-2"));
  assert.deepEqual(await left("photos"), [".run-outputs-tmp-3"]);
  assert.equal((await planPrune(place, { policy: POLICY })).leftovers, undefined);
});

Deno.test("leftovers, s3: old multipart uploads in runs are aborted, others are not touched", async () => {
  await using subject = await memoryS3();
  const { backend, bucket, url } = subject;
  await putRun(backend, "1-linux", { parts: { a: ["x"] } });
  const client = otherClient(url);
  const keys = ["1-linux/a.tar.zst", "a-b/2-windows/logs/b", "photos/c"];
  for (const Key of keys) {
    await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
  }
  client.destroy();
  const placeAt = (days: number) => {
    const now = () => new Date(Date.now() + days * 86_400_000);
    return { index: new RunIndex({ backend, bucket, now }) };
  };
  assert.equal((await planPrune(placeAt(0), { policy: POLICY })).leftovers, undefined);
  const place = placeAt(2);
  const plan = await planPrune(place, { policy: POLICY });
  const found = plan.leftovers!.map(({ kind, path }) => [kind, path]);
  assert.deepEqual(found, [["upload", keys[0]], ["upload", keys[1]]]);
  const results = await executePrune(place, plan, { tool: "test" });
  assert.deepEqual(results.map(({ outcome }) => outcome), ["cleaned", "cleaned"]);
  const top = new OutputLocation(bucket, "");
  const left = await Array.fromAsync(backend.listStaleUploads(top));
  assert.deepEqual(left.map(({ key }) => key), ["photos/c"]);
});
