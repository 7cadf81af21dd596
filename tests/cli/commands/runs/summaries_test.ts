/** `run-outputs runs list --write-summaries` */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { putRun } from "../../../support/retained.ts";
import { fileNames, snapshot } from "../../../support/snapshot.ts";
import { canMount, smallDisk } from "../../../support/small_disk.ts";
import { tempDir } from "../../../support/temp_dir.ts";

/** A run that was uploaded long ago. */
async function putOldRun(dir: string, key: string): Promise<void> {
  await putRun(new LocalBackend(dir), key, { parts: { a: ["x"] } });
  for (const name of await fileNames(join(dir, key))) {
    await Deno.utime(join(dir, key, name), new Date(0), new Date(0));
  }
}

Deno.test("runs list --write-summaries: a dry run writes nothing; failures are one line each, exit 7", async () => {
  await using temp = await tempDir();
  const { path } = temp;
  for (const key of ["1-linux", "2-linux", "3-linux"]) await putOldRun(path, key);
  await putRun(new LocalBackend(path), "4-linux", { parts: { a: ["x"] } });
  // A directory of that name: nothing can be written there.
  await Deno.mkdir(join(path, "2-linux/retention-summary.json/x"), { recursive: true });
  const list = ["runs", "list", "--staging-dir", path];
  const before = await snapshot(path);
  const planned = await runJson(7, [...list, "--write-summaries", "-n", "--until", "1d"]);
  assert.equal(planned.summaries.dry_run, true);
  assert.deepEqual(planned.summaries.written, ["3-linux", "1-linux"]);
  assert.deepEqual(await snapshot(path), before);
  const { out, err } = await runs(7, [...list, "--write-summaries", "-v"]);
  assert.match(out, /\n4 runs in /);
  const lines = err.trimEnd().split("\n");
  assert.match(lines[0], /^error: 2-linux: Cannot write '[^']+retention-summary\.json': [^\n]+$/);
  assert.deepEqual(lines.slice(1, 3), [
    "wrote the summary of 3-linux",
    "wrote the summary of 1-linux",
  ]);
  assert.match(lines[3], /^no summary for 4-linux: \S+ was written at /);
  assert.match(lines[4], /^note: 2 summaries written, 1 run skipped [^\n]+, 1 failed$/);
  assert.equal(lines.length, 5);
  const again = await runJson(1, [...list, "--write-summaries"]);
  assert.deepEqual(
    again.runs.map((run: { summary: { status: string } }) => run.summary.status),
    ["absent", "current", "absent", "current"],
  );
  assert.deepEqual(again.summaries.written, []);
  assert.deepEqual(again.summaries.failed.map(({ key }: { key: string }) => key), ["2-linux"]);
});

Deno.test("runs list: options for writing need --write-summaries", async () => {
  await using temp = await tempDir();
  const list = ["runs", "list", "--staging-dir", temp.path];
  await refused([...list, "-n"], ["--dry-run", "--write-summaries"]);
  await refused([...list, "--sse", "AES256"], ["--sse", "--write-summaries"]);
  await refused([...list, "--write-summaries", "--since", "soon"], ["--since", "soon"]);
});

Deno.test({
  name: "runs list --write-summaries: a read-only directory is one line",
  ignore: !canMount,
  fn: async () => {
    await using disk = await smallDisk();
    for (const key of ["1-linux", "2-linux"]) await putOldRun(disk.path, key);
    await disk.makeReadOnly();
    const list = ["runs", "list", "--staging-dir", disk.path];
    await refused([...list, "--write-summaries"], ["read-only"], { code: 4 });
    assert.equal((await runJson(0, list)).runs.length, 2);
  },
});
