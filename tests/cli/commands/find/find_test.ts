import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputRoot } from "../../../../src/layout/run_output_root.ts";
import { unfinishedName } from "../../../../src/runs/unfinished_part.ts";
import { bytesSource } from "../../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { main } from "../../../../src/cli/main.ts";
import { FakeIo } from "../../../support/fake_io.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import type { TestRun } from "../../../support/github_answers.ts";
import { type GithubServer, refusal, sha, startGithub } from "../../../support/github_server.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../../support/manifest.ts";
import { contentOf, putRun } from "../../../support/run_storage.ts";
import { readTree, tempDir } from "../../../support/temp_dir.ts";

const BLAS = ["blas_lib_gfx942.tar.zst", "core_lib_generic.tar.zst"];
const FFT = ["fft_lib_gfx1151.tar.zst", "core_lib_generic.tar.zst"];
const PLATFORM = ["--platform", "linux"];

const testRun = (id: number, hour: number, more: Partial<TestRun> = {}): TestRun => ({
  id,
  sha: sha(1),
  createdAt: `2026-06-01T0${hour}:00:00Z`,
  ...more,
});

/** A GitHub, and a staging directory with the archives of some of its runs. */
async function world(
  runs: readonly TestRun[],
  stored: Readonly<Record<string, readonly string[]>>,
): Promise<World> {
  const dir = await tempDir();
  const commits = Array.from({ length: 5 }, (_, i) => ({ sha: sha(i) }));
  const server = startGithub({ runs, commits });
  const staging = `${dir.path}/s`;
  await Deno.mkdir(staging);
  for (const [prefix, names] of Object.entries(stored)) {
    await putRun(new LocalBackend(staging), `any-bucket/${prefix}`, names);
  }
  return new World(server, dir, staging);
}

class World {
  readonly env: Record<string, string>;
  readonly from: readonly string[];
  readonly path: string;

  constructor(
    readonly server: GithubServer,
    readonly dir: { readonly path: string } & AsyncDisposable,
    staging: string,
  ) {
    this.path = dir.path;
    this.env = {
      GITHUB_API_URL: server.url,
      GH_TOKEN: "a-token-of-a-test",
      XDG_CACHE_HOME: `${dir.path}/cache`,
    };
    this.from = ["--staging-dir", staging, ...PLATFORM];
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}

Deno.test("find: the run of a commit, in text and in JSON, with one request; again with none", async () => {
  await using w = await world([testRun(5, 1, { attempt: 2 })], { "5-linux": BLAS });
  const args = ["find", "--commit", sha(1), "--artifact-group", "gfx942", ...w.from];
  const { out, err } = await runs(0, args, w.env);
  assert.equal(err, "");
  assert.match(out, new RegExp(`^commit ${sha(1)}\n`));
  assert.match(out, /gfx942: 2 archives, \d+ B\n/);
  assert.match(out, /run 5, attempt 2, success: https:\/\/github.com\/ROCm\/TheRock/);
  assert.match(out, /bucket therock-ci-artifacts, prefix 5-linux: file:/);
  assert.match(out, /blas_lib_gfx942.tar.zst\n/);
  assert.equal(w.server.counted, 1);

  const json = await runJson(0, args, w.env);
  assert.equal(w.server.counted, 1, "an answer that has not changed does not count");
  assert.equal(json.schema, "run-outputs.find/1");
  assert.equal(json.found, true);
  assert.deepEqual(json.requests, { sent: 1, counted: 0 });
  const [group] = json.groups;
  assert.deepEqual(
    [group.group, group.run.id, group.run.attempt, group.bucket, group.prefix],
    ["gfx942", "5", 2, "therock-ci-artifacts", "5-linux"],
  );
  assert.deepEqual(group.archives.map((archive: { name: string }) => archive.name), BLAS);
  assert.equal(
    group.archives[0].local_path,
    join(group.local_path, "blas_lib_gfx942.tar.zst"),
  );
  assert.deepEqual(group.places.map((place: { outcome: string }) => place.outcome), [
    "holds",
    "not_asked",
  ]);
});

Deno.test("find: without a match it exits with 3, with the reason and the nearest match", async () => {
  await using w = await world([testRun(5, 1), testRun(6, 2), testRun(3, 1, { sha: sha(3) })], {
    "5-linux": BLAS,
    "6-linux": ["index.html"],
    "3-linux": FFT,
  });
  const args = ["find", "--commit", sha(1), "--artifact-group", "gfx1151", ...w.from];
  const { err, out } = await runs(3, args, w.env);
  assert.match(err, /^error: No artifacts for gfx1151 for linux of [^\n]*\n$/);
  assert.match(
    err,
    new RegExp(`${sha(3).slice(0, 10)}, 2 commits before, has them: --nearest-ancestor`),
  );
  assert.match(out, /rejected:\n {2}run 6, .*no artifacts\n {2}run 5, .*gfx1151/);

  const json = await runJson(3, args, w.env);
  assert.equal(json.found, false);
  assert.deepEqual(json.missing, ["gfx1151"]);
  assert.equal(json.nearest.sha, sha(3));
  assert.equal(json.error.code, "not_found");
  assert.deepEqual(json.rejected.map((one: { run: { id: string } }) => one.run.id), ["6", "5"]);

  const taken = await runJson(0, [...args, "--nearest-ancestor"], w.env);
  assert.deepEqual([taken.commit, taken.asked_commit, taken.distance], [sha(3), sha(1), 2]);
});

Deno.test("find: -v explains each place and each run", async () => {
  await using w = await world([testRun(5, 1, { createdAt: "2025-10-01T00:00:00Z" })], {
    "5-linux": BLAS,
  });
  const { err } = await runs(0, ["find", "--run-id", "5", "-v", ...w.from], w.env);
  assert.match(
    err,
    /run 5: holds in bucket therock-artifacts, prefix 5-linux: .*2025-11-11T16:18:48Z/,
  );
  assert.match(err, /run 5: not_asked in bucket therock-ci-artifacts/);
  assert.match(err, /commit [0-9a-f]{10}: run 5 accepted/);
});

Deno.test("find: the latest of a branch; RELEASE_TYPE of this job says nothing of another run", async () => {
  await using w = await world([testRun(3, 1, { sha: sha(3) })], { "3-linux": BLAS });
  const env = { ...w.env, RELEASE_TYPE: "nightly", GITHUB_RUN_ID: "77" };
  for (const selector of [["--branch", "main"], ["--latest"], ["--latest", "--branch", "main"]]) {
    const json = await runJson(0, ["find", ...selector, ...w.from], env);
    assert.deepEqual([json.commit, json.distance], [sha(3), 3]);
    assert.equal(json.groups[0].bucket, "therock-ci-artifacts");
  }
  const nightly = await runJson(
    0,
    ["find", "--latest", "--release-type", "nightly", ...w.from],
    env,
  );
  assert.equal(nightly.groups[0].bucket, "therock-nightly-artifacts");
  const own = { ...env, GITHUB_RUN_ID: "3" };
  const ownRun = await runJson(0, ["find", "--run-id", "3", ...w.from], own);
  assert.equal(ownRun.groups[0].bucket, "therock-nightly-artifacts");
});

Deno.test("find --latest: a newer run in progress is skipped with a note", async () => {
  const known = [
    testRun(9, 2, { sha: sha(1), status: "in_progress" }),
    testRun(3, 1, { sha: sha(3) }),
  ];
  await using w = await world(known, { "3-linux": BLAS, "9-linux": BLAS });
  const found = await runs(0, ["find", "--latest", "--json", ...w.from], w.env);
  assert.equal(JSON.parse(found.out).commit, sha(3));
  assert.match(found.err, /skipped newer runs: run 9 is in progress .*--allow-incomplete/);
  const any = await runs(0, ["find", "--latest", "--allow-incomplete", "--json", ...w.from], w.env);
  assert.equal(JSON.parse(any.out).commit, sha(1));
  assert.doesNotMatch(any.err, /skipped/);
  await refused(
    ["find", "--commit", sha(1), "--allow-incomplete", ...w.from],
    ["--allow-incomplete", "--latest"],
    { env: w.env },
  );
});

Deno.test("find: an empty or missing selector is an error, never the newest", async () => {
  await using w = await world([testRun(5, 1)], { "5-linux": BLAS });
  const env = { ...w.env, GITHUB_RUN_ID: "5" };
  for (const name of ["--commit", "--ref", "--branch"]) {
    await refused(["find", name, "", ...w.from], [name, "empty"], { env });
  }
  await refused(["find", ...w.from], ["Missing option", "--commit"], { env });
  await refused(["find", "--commit", "main", ...w.from], ["main", "--ref"], { env });
  await refused(["find", "--commit", sha(1), "--ref", "x", ...w.from], ["--commit", "--ref"], {
    env,
  });
  await refused(["find", "--latest", "--run-id", "5", ...w.from], ["--latest", "--run-id"], {
    env,
  });
  await refused(["find", "--commit", sha(1), "--max-commits", "5", ...w.from], ["--max-commits"], {
    env,
  });
  await refused(
    ["find", "--commit", sha(1), "--timeout", "5m", ...w.from],
    ["--timeout", "--wait"],
    {
      env,
    },
  );
  await refused(
    ["find", "--latest", "--require-artifact", "(", ...w.from],
    ["--require-artifact"],
    {
      env,
    },
  );
  await refused(["fetch", "--commit", "", "-o", "x", ...w.from], ["--commit", "empty"], { env });
  await refused(["fetch", "--nearest-ancestor", "-o", "x", ...w.from], ["--nearest-ancestor"], {
    env,
  });
  await refused(["fetch", "--run-id", "5", "--ref", "x", "-o", "x", ...w.from], ["--run-id"], {
    env,
  });
  assert.deepEqual(w.server.requests, []);
});

Deno.test("find: an error of GitHub has its exit code, in one line without the token", async () => {
  await using w = await world([], {});
  const args = ["find", "--run-id", "5", ...w.from];
  await refused(args, ["run 5", "--repo"], { env: w.env, code: 3 });
  w.server.troubles.push(() => refusal(401, "Bad credentials a-token-of-a-test"));
  await refused(args, ["GH_TOKEN", "***"], { env: w.env, code: 4 });
  w.server.state.remaining = 0;
  w.server.state.reset = Math.floor(Date.now() / 1000) + 3000;
  await refused(args, ["limit of 60 requests", "Z (in "], { env: w.env, code: 5 });
  await refused(args, ["GITHUB_API_URL"], { env: { GITHUB_API_URL: "x" } });
});

Deno.test("fetch --commit: downloads from the runs that have the artifacts, and lists them", async () => {
  await using w = await world([testRun(5, 1), testRun(6, 2)], { "5-linux": FFT, "6-linux": BLAS });
  const args = ["fetch", "--commit", sha(1), "--no-extract", ...w.from, "-o", `${w.path}/out`];
  const groups = ["--artifact-group", "gfx942,gfx1151"];
  const json = await runJson(0, [...args, ...groups], w.env);
  assert.equal(w.server.counted, 1);
  assert.deepEqual(
    json.found.runs.map((run: { id: string; groups: string[] }) => [
      run.id,
      run.groups,
    ]),
    [["6", ["gfx942"]], ["5", ["gfx1151"]]],
  );
  assert.deepEqual(json.files.map((file: { path: string }) => file.path).sort(), [
    "blas_lib_gfx942.tar.zst",
    "core_lib_generic.tar.zst",
    "fft_lib_gfx1151.tar.zst",
  ]);
  const tree = await readTree(`${w.path}/out`);
  assert.deepEqual(Object.keys(tree).length, 3);
  assert.equal(
    await Deno.readTextFile(`${w.path}/out/core_lib_generic.tar.zst`),
    new TextDecoder().decode(contentOf("any-bucket/6-linux", "core_lib_generic.tar.zst")),
  );

  const { out, err } = await runs(0, [...args, ...groups], w.env);
  assert.match(err, /note: no single run has all groups; using gfx942 of run 6; gfx1151 of run 5/);
  assert.match(out, new RegExp(`of commit ${sha(1)}, run 6, attempt 1, success`));

  await refused([...args, ...groups, "--require-single-run"], ["run 5", "gfx942"], {
    env: w.env,
    code: 3,
  });
  const latest = args.with(1, "--branch").with(2, "main");
  const listed = await runJson(0, [...latest, "blas_*", "--list"], w.env);
  assert.deepEqual(listed.found.commit, sha(1));
  await refused([...latest, "nope_*"], ["nope_*"], { env: w.env, code: 3 });
});

Deno.test("fetch --wait: waits for the run in progress, and says so", async () => {
  await using w = await world([testRun(5, 1, { status: "in_progress" })], {});
  const args = ["fetch", "--ref", "main", "--no-extract", ...w.from, "-o", `${w.path}/out`];
  w.server.state.refs = { main: sha(1) };
  await refused([...args, "-q"], ["--wait"], { env: w.env, code: 3 });
  // What it waits for comes while GitHub is asked for the second time.
  w.server.troubles.push(
    () => undefined,
    () => undefined,
    async () => {
      await putRun(new LocalBackend(`${w.path}/s`), "any-bucket/5-linux", BLAS);
      return refusal(502, "and it is asked once more");
    },
  );
  const { err, out } = await runs(0, [...args, "--wait", "--interval", "1s"], w.env);
  assert.match(err, /note: waiting for artifacts: run 5 is in progress/);
  assert.match(err, /note: run 5 is in progress and may add artifacts/);
  assert.match(out, /2 written/);
});

Deno.test("fetch --wait --require-complete: waits for the parts of the run too", async () => {
  await using w = await world([testRun(5, 1, { status: "in_progress" })], { "5-linux": BLAS });
  const backend = new LocalBackend(`${w.path}/s`);
  const root = RunOutputRoot.fromWorkflowRun({ runId: 5, platform: "linux" });
  await putExpected(backend, root, ["a", "b"]);
  await putPart(backend, root, manifestPart("a", [outputFile(BLAS[0])]));
  const args = ["fetch", "--commit", sha(1), ...w.from, "--list", "--require-complete"];
  const quiet = [...args, "-q"];
  await refused(quiet, ["1 of its 2 parts is missing: b"], { env: w.env, code: 7 });
  const late = [...quiet, "--wait", "--timeout", "1s", "--interval", "1s"];
  await refused(late, ["1 of its 2 parts is missing: b"], { env: w.env, code: 7 });
  // The part comes while GitHub is asked for the second time.
  w.server.troubles.push(() => undefined, async () => {
    await putPart(backend, root, manifestPart("b", []));
    return undefined;
  });
  const { err } = await runs(0, [...args, "--wait", "--interval", "1s"], w.env);
  assert.match(err, /note: waiting for all parts \(Run 5 .* missing: b\): run 5 is in progress/);
});

Deno.test("fetch: a run with an unfinished upload is used with a warning", async () => {
  const ended = { status: "completed", conclusion: "failure" };
  await using w = await world([testRun(5, 1, ended)], { "5-linux": BLAS });
  const root = RunOutputRoot.fromWorkflowRun({ runId: 5, platform: "linux" });
  const marker = root.outputsManifestDir().join(unfinishedName("build.gfx942"));
  await new LocalBackend(`${w.path}/s`).write(marker, bytesSource("{}"));
  for (const run of [["--commit", sha(1)], ["--run-id", "5"]]) {
    const { err } = await runs(0, ["fetch", ...run, ...w.from, "--list"], w.env);
    const warning = new RegExp(
      "^warning: run 5: the upload of part build\\.gfx942 is incomplete \\(in progress, killed or failed\\): " +
        "files can be missing or from two uploads until it is run again " +
        "\\(--require-complete rejects such a run\\)$",
      "m",
    );
    assert.match(err, warning);
  }
});

Deno.test("list, fetch: another run is found by the rules of its time, without requests to GitHub", async () => {
  await using w = await world([], { "ROCm-TheRock/5-linux": BLAS });
  const json = await runJson(0, ["list", "--run-id", "5", ...w.from], w.env);
  assert.equal(json.prefix, "ROCm-TheRock/5-linux");
  assert.equal(json.count, 4);
  const args = ["fetch", "--run-id", "5", "--list", ...w.from];
  assert.equal((await runJson(0, args, w.env)).prefix, "ROCm-TheRock/5-linux");
  const looked = ["9-linux", "ROCm-TheRock/9-linux"];
  await refused(["list", "--run-id", "9", ...w.from], looked, { env: w.env, code: 3 });
  await refused(args.with(2, "9"), looked, { env: w.env, code: 3 });
  // The place of this job's own run is certain, and so is a bucket that is named.
  const own = { ...w.env, GITHUB_RUN_ID: "5" };
  await refused(["list", "--run-id", "5", ...w.from], ["No outputs of run 5"], {
    env: own,
    code: 3,
  });
  const named = ["list", "--run-id", "5", "--bucket", "my-bucket", ...w.from];
  await refused(named, ["No outputs"], { env: w.env, code: 3 });
  assert.deepEqual(w.server.requests, []);
});

Deno.test("find: only the cache is written, without the token", async () => {
  await using w = await world([testRun(5, 1)], { "5-linux": BLAS });
  await runs(0, ["find", "--commit", sha(1), ...w.from], w.env);
  const cached = await readTree(`${w.path}/cache`);
  assert.equal(Object.keys(cached).length, 1);
  assert.match(Object.keys(cached)[0], /^run-outputs\/github\/v1\//);
  const name = Object.keys(cached)[0];
  const text = await Deno.readTextFile(`${w.path}/cache/${name}`);
  assert(!text.includes("a-token-of-a-test"));

  const elsewhere = ["--cache-dir", `${w.path}/other`];
  await runs(0, ["find", "--commit", sha(1), ...w.from, ...elsewhere], w.env);
  assert.equal(Object.keys(await readTree(`${w.path}/other`)).length, 1);
});

Deno.test("find: a line on stderr if GitHub does not answer for two seconds, not with -q", async () => {
  await using w = await world([], {});
  for (const quiet of [[], ["-q"]]) {
    const io = new FakeIo(w.env);
    w.server.troubles.push(() => {
      // Two seconds are over before the server answers.
      for (const callback of io.scheduled) callback();
      return refusal(404, "Not Found");
    });
    assert.equal(await main(["find", "--commit", sha(1), ...w.from, ...quiet], io), 3);
    const [line, error] = [/^note: no answer from \S+ for 2 s: still waiting\n/, /^error: .*\n$/m];
    assert.equal(line.test(io.err), quiet.length === 0, io.err);
    assert.match(io.err, error);
  }
});
