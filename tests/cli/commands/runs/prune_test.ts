/** `run-outputs runs prune`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../../../src/cli/main.ts";
import { openBisectStore } from "../../../../src/operations/bisect/store.ts";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { refused, runJson, runs, WatchedIo } from "../../../support/command_line.ts";
import type { LifecycleRule } from "../../../../src/runs/retention/lifecycle.ts";
import { putRun } from "../../../support/retained.ts";
import { snapshot } from "../../../support/snapshot.ts";
import { tempDir } from "../../../support/temp_dir.ts";

const NOW = ["--min-age", "0s"];

function test(
  name: string,
  fn: (place: readonly string[], staging: string) => Promise<void>,
): void {
  Deno.test(`runs prune: ${name}`, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    for (const id of [1, 2, 3, 4]) {
      const run = { repository: "a/b", commit: `${id}bcdef12`.padEnd(40, "0") };
      await putRun(new LocalBackend(staging), `${id}-linux`, { parts: { a: ["x"] }, run });
    }
    await fn(["--staging-dir", staging], staging);
  });
}

test("prints a plan and deletes nothing", async (place, staging) => {
  const before = await snapshot(staging);
  const { out, err } = await runs(0, ["runs", "prune", ...place, ...NOW, "--keep-last", "2"]);
  assert.match(
    out,
    new RegExp(
      "^keep +4-linux +latest of its group; last 2\n" +
        "keep +3-linux +last 2\n" +
        "delete +2-linux +\\d+ B +not kept by: keep-last 2\n" +
        "delete +1-linux +\\d+ B +not kept by: keep-last 2\n" +
        "2 runs kept, 2 runs to delete \\([\\d.]+ k?B\\)\n$",
    ),
  );
  assert.match(err, /^note: nothing was deleted: --yes deletes, /);
  assert.deepEqual(await snapshot(staging), before);
});

test("files that were just written are younger than the minimum age", async (place) => {
  const plan = await runJson(0, ["runs", "prune", ...place, "--older-than", "1d"]);
  assert.equal(plan.schema, "run-outputs.prune-plan/1");
  assert.deepEqual(plan.policy, {
    group_by: ["repo", "platform", "workflow"],
    min_age_seconds: 86400,
    older_than_seconds: 86400,
  });
  assert.deepEqual(plan.drop, []);
});

test("--yes deletes, and reports each run", async (place, staging) => {
  const args = ["runs", "prune", ...place, ...NOW, "--keep-last", "2", "--yes"];
  const { out } = await runs(0, args);
  assert.match(out, /^1-linux: deleted \(.*\)\n2-linux: deleted \(.*\)\n2 runs deleted \(.*\)\n$/);
  const names = (await Array.fromAsync(Deno.readDir(staging))).map(({ name }) => name);
  assert.deepEqual(names.sort(), ["3-linux", "4-linux"]);
  const again = await runJson(0, args);
  assert.equal(again.schema, "run-outputs.prune/1");
  assert.deepEqual([again.deleted, again.failed, again.results], [0, 0, []]);
});

test(
  "--execute deletes what a saved plan says, but no run that was pinned since",
  async (place, staging) => {
    const args = ["runs", "prune", ...place, ...NOW, "--keep-last", "2"];
    const file = `${staging}.json`;
    await Deno.writeTextFile(file, JSON.stringify(await runJson(0, args)));
    await runs(0, ["runs", "pin", "1", ...place, "--reason", "shipped"]);
    const { results, deleted, skipped } = await runJson(0, [
      ...["runs", "prune", ...place, "--execute", file],
    ]);
    assert.deepEqual([deleted, skipped], [1, 1]);
    assert.deepEqual(results[0], {
      key: "1-linux",
      outcome: "skipped",
      reason: "kept now: pin 'manual'",
    });
    await refused(["runs", "prune", ...place, "--execute", file, "--keep-last", "1"], [
      "--keep-last",
      "--execute",
    ]);
    await Deno.writeTextFile(file, `{"schema":"run-outputs.prune-plan/1"}`);
    await refused(["runs", "prune", ...place, "--execute", file], ["Cannot read the plan"]);
  },
);

test("a list on standard input keeps runs, and reports what it does not find", async (place) => {
  const io = new WatchedIo({});
  io.input = `${
    "1bcdef12".padEnd(40, "0")
  } commit\trefs/tags/v1\nabcdef1234 commit\trefs/tags/v0\n`;
  const args = ["runs", "prune", ...place, ...NOW, "--keep-listed", "-"];
  assert.equal(await main(args, io), 0, io.err);
  assert.match(io.out, /^keep +1-linux +listed: 1bcdef12/m);
  assert.match(io.err, /^warning: no run matches 'abcdef1234' in --keep-listed$/m);
});

test(
  "the runs of a bisect are kept, and one that can't be read stops the prune",
  async (place, staging) => {
    const dir = `${staging}-bisect`;
    await Deno.mkdir(dir, { mode: 0o700 });
    await Deno.writeTextFile(join(dir, "bisect.json"), "{", { mode: 0o600 });
    const args = ["runs", "prune", ...place, ...NOW, "--keep-last", "1", "--bisect-dir", dir];
    await refused(args, ["Cannot read the bisect"], { code: 6 });
    const sha = "1".repeat(40);
    const end = { given: "x", sha };
    const run = { run_id: "1", url: "", bucket: "b", external_repo: "", groups: [] };
    {
      using store = await openBisectStore(dir);
      await store.write({
        schema: "run-outputs.bisect/1",
        started_at: "2026-11-01T00:00:00Z",
        good: { given: "y", sha: "2".repeat(40) },
        bad: end,
        commits: [{ sha, parents: ["2".repeat(40)], title: "t", date: "2026-11-01T00:00:00Z" }],
        artifacts: { [sha]: { status: "yes", runs: [run] } },
        log: [],
        current: null,
        fetched: [],
        settings: {},
      });
    }
    const { keep } = await runJson(0, args);
    assert.deepEqual(keep.at(-1), { key: "1-linux", reasons: [`the bisect in '${dir}' uses it`] });
  },
);

test("a limit that can't be reached exits with 7 and names what holds it", async (place) => {
  await runs(0, ["runs", "pin", "1", ...place, "--reason", "shipped"]);
  const { err } = await runs(7, ["runs", "prune", ...place, ...NOW, "--max-runs", "1"]);
  assert.match(
    err,
    /^warning: limit not reached: more than 1 runs: 2 must be kept: 4-linux \(latest/,
  );
});

test("what is refused", async (place, staging) => {
  const before = await snapshot(staging);
  const cases: readonly (readonly [args: readonly string[], texts: readonly string[]])[] = [
    [[], ["without a rule", "--keep-last"]],
    [["--keep-last", "0"], ["--keep-last", "from 1"]],
    [["--keep", "1x"], ["--keep", "10,1d1w,1w1m"]],
    [["--keep-last", "1", "--keep", "2,1d1w"], ["--keep-last", "--keep"]],
    [["--max-size", "5"], ["--max-size", "500GB"]],
    [["--group-by", "commit", "--keep-last", "1"], ["--group-by", "commit"]],
    [["--keep-last", "1", "--allow-large"], ["--allow-large", "--yes"]],
    [["--execute", "x", "--yes"], ["--yes", "--execute"]],
    [["--drop-kinds", "checksum", "--keep-last", "1"], ["--drop-kinds", "artifact"]],
    [["--drop-kinds", "log"], ["without a rule"]],
    [["--drop-kinds", "log", "--leave-manifest"], ["--drop-kinds", "--leave-manifest"]],
    [["--drop-kinds", "log", "--max-runs", "1"], ["--max-runs", "--drop-kinds"]],
    [["--execute", "x", "--leave-manifest"], ["--execute", "--leave-manifest"]],
    [["--as-lifecycle-rule"], ["--staging-dir", "--as-lifecycle-rule"]],
  ];
  for (const [args, texts] of cases) await refused(["runs", "prune", ...place, ...args], texts);
  assert.deepEqual(await snapshot(staging), before);
});

test("a plan that needs --allow-large is printed before it is refused", async (place, staging) => {
  const before = await snapshot(staging);
  const args = ["runs", "prune", ...place, ...NOW, "--keep-last", "1", "--yes"];
  const { out, err } = await runs(2, args);
  assert.match(
    out,
    /^keep +4-linux .*\n(?:delete +[321]-linux .*\n){3}1 run kept, 3 runs to delete /,
  );
  assert.match(err, /^error: .* 3 of 4 runs; nothing was deleted; .* add --allow-large\n$/);
  assert.deepEqual(await snapshot(staging), before);
});

test("ages can be weeks and years, up to what a time can be", async (place) => {
  const args = ["runs", "prune", ...place, "--older-than", "1y", "--keep-within", "2w"];
  const { policy } = await runJson(0, args);
  const { older_than_seconds, keep_within_seconds } = policy;
  assert.deepEqual([older_than_seconds, keep_within_seconds], [365 * 86_400, 14 * 86_400]);
  await runs(0, ["runs", "list", ...place, "--since", "2700y"]);
  await refused(["runs", "prune", ...place, "--older-than", "2800y"], [
    "--older-than",
    "m (minutes)",
  ]);
});

test("an empty list and a plan for another directory change nothing", async (place, staging) => {
  const before = await snapshot(staging);
  const list = `${staging}.list`;
  for (const text of ["", "\n", "# none\n"]) {
    await Deno.writeTextFile(list, text);
    const args = ["runs", "prune", ...place, ...NOW, "--keep-listed", list];
    await refused([...args, "--yes", "--allow-large"], ["--keep-listed", "empty"]);
    await refused([...args, "--older-than", "1h", "--yes"], ["--keep-listed", "empty"]);
  }
  const file = `${staging}.json`;
  const plan = await runJson(0, ["runs", "prune", ...place, ...NOW, "--keep-last", "2"]);
  assert.deepEqual(plan.place, { directory: await Deno.realPath(staging) });
  await Deno.writeTextFile(file, JSON.stringify({ ...plan, place: { directory: "/elsewhere" } }));
  await refused(["runs", "prune", ...place, "--execute", file], ["/elsewhere", staging]);
  assert.deepEqual(await snapshot(staging), before);
});

test("a mark on a disk is reported, and its pinned run kept", async (place, staging) => {
  await runs(0, ["runs", "pin", "1", ...place, "--reason", "shipped"]);
  await Deno.writeTextFile(join(staging, "1-linux/manifests/retention/deleting.json"), "{}");
  const before = await snapshot(join(staging, "1-linux"));
  const { err } = await runs(0, ["runs", "prune", ...place, ...NOW, "--keep-last", "9", "--yes"]);
  assert.match(err, /^warning: 1-linux is kept: .*deleting\.json/m);
  assert.deepEqual(await snapshot(join(staging, "1-linux")), before);
});

test(
  "--drop-kinds deletes files, and every command says why they are gone",
  async (place, staging) => {
    const archive = "x_lib_generic.tar.zst";
    const parts = { a: [archive, "logs/g/a.log"] };
    for (const id of [5, 6]) {
      await putRun(new LocalBackend(staging), `${id}-linux`, { parts, run: { repository: "a/b" } });
    }
    const args = [
      "runs",
      "prune",
      ...place,
      ...NOW,
      "--keep-last",
      "1",
      "--drop-kinds",
      "artifact",
    ];
    const { out } = await runs(0, args);
    assert.match(out, /^thin +5-linux +21 B +not kept by: keep-last 1$/m);
    assert.match(out, /^keep +4-linux +it has no files that the policy deletes$/m);
    assert.match(out, /^5 runs kept, 1 run to thin \(21 B\)\n$/m);
    const done = await runs(0, [...args, "--yes"]);
    assert.match(done.out, /^5-linux: thinned \(21 B\)\nfiles of 1 run deleted \(21 B\)\n$/);
    const run = ["--run-id", "5", "--platform", "linux", ...place];
    const why = /removed by retention on \d{4}-\d\d-\d\d \(not kept by: keep-last 1\)/;
    const { err } = await runs(3, ["fetch", ...run, "--output-dir", `${staging}-out`]);
    assert.match(err, new RegExp(`^error: Cannot fetch ${archive} from .*: ${why.source}\n$`));
    assert.match((await runs(0, ["list", ...run])).err, why);
    assert.match((await runs(3, ["list", ...run, "--kind", "artifact"])).err, why);
    assert.deepEqual((await runJson(0, ["list", ...run])).removed[0].path, archive);
    assert.match((await runs(0, ["verify", ...run])).out, /; 1 removed by retention/);
    assert.equal((await runJson(0, ["verify", ...run])).removed_by_retention, 1);
    assert.match((await runs(0, ["runs", "list", ...place])).out, /^5 .* unproven, thinned /m);
    assert.match(
      (await runs(0, ["runs", "show", "5", ...place])).out,
      /removed +1 file, 21 B, on /,
    );
    const shown = (await runs(0, ["runs", "manifest", "5", ...place])).out;
    assert.match(
      shown,
      /x_lib.* \(removed on .*: not kept by: keep-last 1\)\n.*, 1 removed by retention\n$/s,
    );
  },
);

Deno.test("runs prune: --as-lifecycle-rule prints rules for the AWS CLI, and their limits", async () => {
  const args = ["runs", "prune", "--as-lifecycle-rule"];
  const { out, err } = await runs(0, [...args, "--older-than", "90d", "--keep-within", "100h"]);
  const { Rules } = JSON.parse(out);
  assert.deepEqual(Rules.map(({ ID: _, Status: _1, Filter: _2, ...rule }: LifecycleRule) => rule), [
    { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
    { NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    { Expiration: { Days: 90 } },
  ]);
  for (const limit of ["each object ages alone", "midnight UTC", "knows no pins", "replaces all"]) {
    assert(err.includes(limit), limit);
  }
  const json = await runJson(0, [...args, "--keep-within", "100h"]);
  assert.equal(json.schema, "run-outputs.lifecycle/1");
  assert.deepEqual(json.configuration.Rules[2].Expiration, { Days: 5 });
  // Without an age, only what no run has.
  assert.equal(JSON.parse((await runs(0, args)).out).Rules.length, 2);
  for (
    const [flag, ...value] of [["--keep-last", "1"], ["--max-size", "1GB"], ["--leave-manifest"]]
  ) {
    await refused([...args, flag, ...value], [flag, "lifecycle"]);
  }
  await refused([...args, "--yes"], ["--yes", "--as-lifecycle-rule"]);
});
