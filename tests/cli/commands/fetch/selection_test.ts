/** What `fetch` and `find` choose: groups, targets and patterns, through the command line. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../../../src/cli/main.ts";
import { type Json, refused, runJson, runs, WatchedIo } from "../../../support/command_line.ts";
import { startGithub } from "../../../support/github_server.ts";
import { sha } from "../../../support/github_server.ts";
import { putArchives, RUN } from "../../../support/staging.ts";
import { tempDir } from "../../../support/temp_dir.ts";

const SPLIT = [
  "blas_lib_gfx942.tar.zst",
  "core-hip_dev_generic.tar.zst",
  "core-hip_lib_generic.tar.zst",
  "fft_lib_gfx1100.tar.xz",
];
const GENERIC = [SPLIT[1], SPLIT[2]];

function test(
  name: string,
  archives: readonly string[],
  fn: (d: { dir: string; staging: string; fetch: string[] }) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await putArchives(join(staging, "123-linux"), archives);
    const fetch = ["fetch", "--list", "--staging-dir", staging, ...RUN];
    await fn({ dir: temp.path, staging, fetch });
  });
}

const names = ({ files }: Json) => files.map(({ path }: Json) => path);

test(
  "fetch: one of several groups and targets is enough; a note names the others",
  SPLIT,
  async (d) => {
    const args = ["--artifact-group", "gfx1201", "--amdgpu-targets", "gfx942"];
    assert.deepEqual(names(await runJson(0, [...d.fetch, ...args])), [SPLIT[0], ...GENERIC]);
    const { err } = await runs(0, [...d.fetch, "--amdgpu-targets", "gfx942,gfx1201"]);
    assert.match(err, /^note: No artifact is for gfx1201: [^\n]*\n$/);
    assert.equal((await runs(0, [...d.fetch, "--amdgpu-targets", "gfx942", "-q"])).err, "");
  },
);

test("fetch: a group and its target are one request", SPLIT, async (d) => {
  for (const group of ["gfx94X-dcgpu", "gfx94X-dcgpu-asan", "some-group"]) {
    const args = ["--artifact-group", group, "--amdgpu-targets", "gfx942"];
    for (const more of [[], ["--require-each"]]) {
      const { err } = await runs(0, [...d.fetch, ...args, ...more]);
      assert.equal(err, "");
    }
  }
});

test(
  "fetch: if no group or target matches, it exits with 3 and lists the existing ones",
  SPLIT,
  async (d) => {
    await refused([...d.fetch, "--artifact-group", "gfx94X-dcgpu,gfx1201"], [
      "No artifact is for gfx94X-dcgpu, gfx1201: there are artifacts for generic, gfx1100, gfx942",
      "--expand-families takes those for gfx942",
    ], { code: 3 });
    const expanded = await runJson(0, [
      ...[...d.fetch, "--artifact-group", "gfx94X-dcgpu,gfx1201", "--expand-families"],
    ]);
    assert.deepEqual(names(expanded), [SPLIT[0], ...GENERIC]);
  },
);

test("fetch --require-each: each of them must have artifacts", SPLIT, async (d) => {
  const strict = [...d.fetch, "--require-each", "--amdgpu-targets"];
  await refused([...strict, "gfx942,gfx1201"], ["No artifact is for gfx1201"], { code: 3 });
  assert.equal(names(await runJson(0, [...strict, "gfx942,gfx1100"])).length, 4);
});

test("fetch: a first stage gets the generic archives, with a note", GENERIC, async (d) => {
  const args = [...d.fetch, "--artifact-group", "gfx94X-dcgpu", "--amdgpu-targets", "gfx942"];
  const { err } = await runs(0, args);
  assert.match(err, /^note: [^\n]*gfx94X-dcgpu or gfx942: the run has only generic ones[^\n]*\n$/);
  assert.deepEqual(names(await runJson(0, args)), GENERIC);
  await refused([...args, "--require-each"], ["gfx94X-dcgpu or gfx942"], { code: 3 });
});

test("fetch --expand-families: a family that is not known is noted", SPLIT, async (d) => {
  const args = [...d.fetch, "--artifact-group", "gfx94X-dcgpu,new-family", "--expand-families"];
  const { err } = await runs(0, args);
  assert.match(err, /^note: GPU family new-family is not known[^\n]*--families-file[^\n]*\n/);
  const file = join(d.dir, "families.cmake");
  const call = 'therock_add_amdgpu_target(gfx1100 "RX 7900" FAMILY new-family)\n';
  await Deno.writeTextFile(file, call);
  const newer = ["--artifact-group", "new-family", "--families-file", file];
  const taken = names(await runJson(0, [...d.fetch, ...newer, "--expand-families"]));
  assert.deepEqual(taken, [...GENERIC, SPLIT[3]]);
  await refused([...d.fetch, ...newer], ["--expand-families"]);
});

test("find, fetch --latest: families are expanded without an option", SPLIT, async (d) => {
  const commits = [{ sha: sha(2) }, { sha: sha(1) }];
  const runsOf = [
    { id: 123, sha: sha(2), createdAt: "2026-06-02T00:00:00Z" },
    { id: 122, sha: sha(1), createdAt: "2026-06-01T00:00:00Z" },
  ];
  await putArchives(join(d.staging, "122-linux"), ["blas_lib_gfx94X-dcgpu.tar.zst"]);
  await using server = startGithub({ commits, runs: runsOf });
  const env = { GITHUB_API_URL: server.url, GH_TOKEN: "t", XDG_CACHE_HOME: join(d.dir, "cache") };
  const from = ["--staging-dir", d.staging, "--platform", "linux"];
  const group = ["--artifact-group", "gfx94X-dcgpu", ...from];
  const found = await runJson(0, ["find", "--latest", ...group], env);
  assert.deepEqual([found.commit, found.groups[0].run.id], [sha(2), "123"]);
  const fetched = await runJson(0, ["fetch", "--list", "--latest", ...group], env);
  assert.deepEqual(names(fetched), [SPLIT[0], ...GENERIC]);
  assert.equal(fetched.found.runs[0].id, "123");

  const file = join(d.dir, "families.cmake");
  const call = 'therock_add_amdgpu_target(gfx1100 "RX 7900" FAMILY new-family)\n';
  await Deno.writeTextFile(file, call);
  const newer = ["--artifact-group", "new-family", ...from, "--families-file", file];
  for (const command of [["find"], ["fetch", "--list"]]) {
    await runs(0, [...command, "--commit", sha(2), ...newer], env);
    await runs(3, [...command, "--commit", sha(2), ...newer.slice(0, -2)], env);
  }
  for (const command of [["find"], ["fetch", "--list"]]) {
    const bad = [...command, "--commit", sha(2), ...group, "--require-artifact", "(?=x)"];
    await refused(bad, ["--require-artifact", "(?=x)", "lookaround"], { env });
  }
});

test("fetch: a name may leave out its ending, and its target", SPLIT, async (d) => {
  for (const name of [GENERIC[1], "core-hip_lib_generic", "core-hip_lib"]) {
    assert.deepEqual(names(await runJson(0, [...d.fetch, name])), [GENERIC[1]]);
  }
  const texts = ["'core_hip_lib'", "did you mean 'core-hip_lib'?"];
  await refused([...d.fetch, "core_hip_lib"], texts, { code: 3 });
});

test("fetch --allow-no-match: each may match nothing, all of them may not", SPLIT, async (d) => {
  const patterns = [...d.fetch, "rccl_*", "blas_*"];
  await refused(patterns, ["'rccl_*'"], { code: 3 });
  assert.deepEqual(names(await runJson(0, [...patterns, "--allow-no-match"])), [SPLIT[0]]);
  await refused([...d.fetch, "rccl_*", "--allow-no-match"], ["None of the 4"], { code: 3 });
});

test("fetch --regex: searched, not anchored; commas and braces belong to it", SPLIT, async (d) => {
  const search = async (...args: string[]) =>
    names(await runJson(0, [...d.fetch, "--regex", ...args]));
  assert.deepEqual(await search("hip"), GENERIC);
  assert.deepEqual(await search("_gfx[0-9]{3,4}", "--exclude", "^f"), [SPLIT[0]]);
  assert.deepEqual(await search("_generic$", "--exclude", "_dev_", "--exclude", "x{9,}"), [
    SPLIT[2],
  ]);
  await refused([...d.fetch, "--regex", "(blas"], ["--regex", "(blas"]);
  await refused([...d.fetch, "--regex", "--exclude", "(a"], ['Invalid --exclude "(a"']);
  await refused([...d.fetch, "--regex", "^(a|aa)+$"], ["'^(a|aa)+$'"], { code: 3 });
});

test("fetch --patterns-from: one a line, comments and blank lines skipped", SPLIT, async (d) => {
  const file = join(d.dir, "patterns.txt");
  await Deno.writeTextFile(file, "\ufeff# libraries\r\nblas_*  # one\r\n\r\n  fft_lib\r\n");
  const from = [...d.fetch, "--patterns-from", file];
  assert.deepEqual(names(await runJson(0, from)), [SPLIT[0], SPLIT[3]]);
  assert.deepEqual(names(await runJson(0, [...from, "core-hip_lib"])), [
    SPLIT[0],
    SPLIT[2],
    SPLIT[3],
  ]);
  await refused([...d.fetch, "--patterns-from", join(d.dir, "none")], ["none"]);
  await Deno.writeTextFile(file, "# nothing\n");
  await refused(from, ["--patterns-from", "no pattern in it"]);

  const io = new WatchedIo();
  io.input = "blas_(lib|dev)\n";
  assert.equal(await main([...d.fetch, "--regex", "--patterns-from", "-", "--json"], io), 0);
  assert.deepEqual(names(JSON.parse(io.out)), [SPLIT[0]]);
});

test("copy, export: the same choice", SPLIT, async (d) => {
  const copy = ["copy", "--from-staging", d.staging, "--to-staging", join(d.dir, "to"), ...RUN];
  const artifacts = (document: Json) =>
    names(document).filter((path: string) => /\.tar\.(?:zst|xz)$/.test(path));
  const group = ["--artifact-group", "gfx94X-dcgpu", "--amdgpu-targets", "gfx942"];
  const { err } = await runs(0, [...copy, "-n", "--amdgpu-targets", "gfx942,gfx1201"]);
  assert.match(err, /^note: No artifact is for gfx1201/);
  assert.deepEqual(artifacts(await runJson(0, [...copy, ...group, "-n"])), [SPLIT[0], ...GENERIC]);
  assert.deepEqual(artifacts(await runJson(0, [...copy, "core-hip_lib", "-n"])), [SPLIT[2]]);
  const search = ["nope|blas", "rccl", "--regex", "--allow-no-match", "-n"];
  assert.deepEqual(artifacts(await runJson(0, [...copy, ...search])), [SPLIT[0]]);
  await refused([...copy, "blass_*"], ["did you mean 'blas_*'?"], { code: 3 });
  const exported = ["export", join(d.dir, "x.tar"), "--staging-dir", d.staging, ...RUN, "-n"];
  const { runs: [run] } = await runJson(0, [
    ...[...exported, "--include", "gfx[0-9]{3,3}[.]", "--regex"],
  ]);
  assert.deepEqual(artifacts(run), [SPLIT[0]]);
});
