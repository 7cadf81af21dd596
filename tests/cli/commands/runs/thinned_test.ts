/** What the commands say of runs that have lost files, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { putRun } from "../../../support/retained.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const ARCHIVE = "x_lib_generic.tar.zst";
const RUN = { repository: "a/b" };

/** How retention has removed files, in a message. */
const BY = "removed by retention on \\d{4}-\\d\\d-\\d\\d \\(not kept by: keep-last 1\\)";

/** Runs 5 and 6, of which a prune with these options takes files from 5. */
function test(
  name: string,
  options: readonly string[],
  fn: (place: readonly string[], staging: string) => Promise<void>,
): void {
  Deno.test(`thinned runs: ${name}`, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    const parts = { a: [ARCHIVE, "logs/g/a.log", "logs/g/report.html"] };
    for (const id of [5, 6]) {
      await putRun(new LocalBackend(staging), `${id}-linux`, { parts, run: RUN });
      await writeTree(join(staging, `${id}-linux`), {
        "index.html": "<title>5</title>",
        [`${ARCHIVE}.sha256sum`]: `${"0".repeat(64)}  ${ARCHIVE}\n`,
      });
    }
    const place = ["--staging-dir", staging];
    const prune = ["runs", "prune", ...place, "--min-age", "0s", "--keep-last", "1", ...options];
    const plan = await runJson(0, prune);
    const done = await runJson(0, [...prune, "--yes"]);
    assert.equal(done.thinned, 1);
    assert.equal(plan.thin[0].bytes, done.bytes, "the plan says what is freed");
    await fn(place, staging);
  });
}

test("verify says that all files were removed", ["--leave-manifest"], async (place, staging) => {
  const args = ["verify", ...place, "--run-id", "5", "--platform", "linux"];
  const all = new RegExp(`^error: Nothing to verify in \\S+: all 3 files were ${BY}\n$`);
  for (const more of [[], ["--print-sums"], ["--quick"]]) {
    const { out, err } = await runs(3, [...args, ...more]);
    assert.match(err, all);
    assert.equal(out, "");
  }
  assert.match(
    (await runs(3, [...args, "--kind", "artifact"])).err,
    new RegExp(`^error: Nothing to verify in \\S+ \\(artifact\\): 1 file was ${BY}\n$`),
  );
  const alone = join(staging, "5-linux");
  assert.match((await runs(3, ["verify", alone])).err, all);
  await Deno.rename(join(staging, "6-linux"), `${staging}-6`);
  assert.match((await runs(3, ["verify", staging])).err, all);
});

test("verify of a staging directory counts what was removed", ["--leave-manifest"], async (
  _,
  staging,
) => {
  await Deno.remove(join(staging, "6-linux", `${ARCHIVE}.sha256sum`));
  const { out } = await runs(0, ["verify", staging]);
  assert.match(out, /^5-linux: .*; 3 removed by retention$/m);
});

Deno.test("thinned runs: verify says that nothing is known of the other files", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "staging");
  const files = [ARCHIVE, "logs/g/a.log"];
  for (const id of [5, 6]) {
    await putRun(new LocalBackend(staging), `${id}-linux`, { files, run: RUN });
  }
  const place = ["--staging-dir", staging];
  const options = ["--min-age", "0s", "--keep-last", "1", "--drop-kinds", "artifact", "--yes"];
  await runs(0, ["runs", "prune", ...place, "--group-by", "platform", ...options]);
  await refused(["verify", ...place, "--run-id", "5", "--platform", "linux"], [
    "1 file was removed by retention on",
    "(not kept by: keep-last 1); no known checksum for 1 other file",
  ], { code: 3 });
});

test("a run keeps its groups, by its manifest", ["--leave-manifest"], async (place) => {
  const { runs: found } = await runJson(0, ["runs", "list", ...place, "--group", "g"]);
  assert.deepEqual(found.map(({ key }: { key: string }) => key), ["6-linux", "5-linux"]);
});

test("search, reports and diff say what was removed", ["--drop-kinds", "log,report"], async (
  place,
) => {
  const log = new RegExp(`^note: no match in 0 files of 5-linux; 1 log was ${BY}\n$`);
  assert.match((await runs(3, ["runs", "search", "5", "error", ...place])).err, log);
  assert.equal(
    (await runs(3, ["runs", "search", "6", "error", ...place])).err,
    "note: no match in 1 file of 6-linux\n",
  );
  const { out, err } = await runs(0, ["runs", "reports", "5", ...place]);
  assert.equal(out, "0 reports of 5-linux\n");
  assert.match(err, new RegExp(`^note: 1 report was ${BY}\n$`));
  assert.equal((await runs(0, ["runs", "reports", "6", ...place])).err, "");
  const diff = await runs(0, ["diff", "5", "6", "--platform", "linux", ...place]);
  assert.match(
    diff.err,
    new RegExp(`^note: \\S*5-linux\\S*: 2 files were ${BY}; the manifest is compared instead\n$`),
  );
  assert.equal((await runs(0, ["diff", "6", "6", "--platform", "linux", ...place])).err, "");
});
