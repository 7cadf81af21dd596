/** How commands name a run and where they may write: keys, missing ids, and the options to check. */

import { join } from "node:path";
import assert from "node:assert/strict";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { refused, runJson, runs } from "../support/command_line.ts";
import { snapshot } from "../support/snapshot.ts";
import { putArchives } from "../support/staging.ts";
import { putRun } from "../support/retained.ts";
import { tempDir } from "../support/temp_dir.ts";

const BLAS = "blas_lib_gfx942.tar.zst";
const OTHER = "ROCm-rocm-libraries/102-linux";
const KEY = "ROCm-rocm-libraries~102-linux";

function test(name: string, fn: (staging: string, dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    for (const prefix of ["100-linux", OTHER]) await putArchives(join(staging, prefix), [BLAS]);
    await fn(staging, temp.path);
  });
}

test("fetch, export: nothing is written into the run that is read", async (staging, dir) => {
  const run = ["--staging-dir", staging, "--run-id", "100", "--platform", "linux"];
  await Deno.symlink(join(staging, "100-linux"), join(dir, "link"));
  const before = await snapshot(staging);
  for (
    const at of [join(staging, "100-linux"), join(staging, "100-linux/new"), join(dir, "link")]
  ) {
    await refused(["fetch", ...run, "--output-dir", at], [at, "in the run 100-linux"]);
    await refused(["export", join(at, "x.tar"), ...run], ["in the run 100-linux"]);
  }
  assert.deepEqual(await snapshot(staging), before);
  await runs(0, ["fetch", ...run, "--output-dir", join(staging, "100-linux-copy"), "--no-extract"]);
});

test("the key of an external repository's run names it, with '~' or '/'", async (staging, dir) => {
  const place = ["--staging-dir", staging];
  for (const name of [KEY, OTHER]) {
    const listed = await runJson(0, ["list", ...place, "--run-id", name]);
    assert.equal(listed.prefix, OTHER);
    const out = ["--output-dir", join(dir, "out"), "--no-extract"];
    assert.equal((await runJson(0, ["fetch", ...place, ...out, "--run-id", name])).prefix, OTHER);
    const file = join(dir, `${name.length}${name.at(-6)}${name.includes("~")}.tar`);
    const exported = await runJson(0, ["export", file, "100-linux", name, ...place]);
    assert.deepEqual(exported.runs.map(({ prefix }: { prefix: string }) => prefix), [
      "100-linux",
      OTHER,
    ]);
  }
  const named = ["list", ...place, "--run-id", KEY];
  await refused([...named, "--repo", "ROCm/TheRock"], ["--repo", KEY]);
  await refused([...named, "--platform", "windows"], ["--platform", KEY]);
  assert.equal((await runJson(0, [...named, "--repo", "ROCm/rocm-libraries"])).prefix, OTHER);
  await refused(["list", ...place, "--run-id", "a~b"], ["a~b", "OWNER-REPO~ID-PLATFORM"]);
  for (const name of [KEY, OTHER, OTHER.replace("linux", "Linux")]) {
    assert.equal((await runJson(0, ["runs", "show", name, ...place])).key, KEY);
  }
  const missing = "ROCm-rocm-systems/1-linux";
  await refused(["runs", "show", missing, ...place], [`'${missing}'`], { code: 3 });
});

test(
  "a run that is not there: what to check, by the options of the command",
  async (staging, dir) => {
    const place = ["--staging-dir", staging, "--platform", "linux"];
    const missing = { code: 3 };
    const out = ["--output-dir", join(dir, "out")];
    const hint = `'run-outputs runs list --staging-dir ${staging} --platform linux'`;
    const local = ["no id is given", hint];
    await refused(["fetch", ...place, ...out], local, missing);
    await refused(["list", ...place], local, missing);
    await refused(["export", join(dir, "x.tar"), ...place], local, missing);
    await refused(
      ["verify", ...place, "--run-id", "55"],
      ["check --run-id, --platform and"],
      missing,
    );
    const copy = ["copy", "--from-staging", staging, "--to-staging", join(dir, "to")];
    await refused([...copy, "--source-run-id", "55", "--platform", "linux"], [
      "check --source-run-id, --platform and --source-repo",
    ], missing);
    await refused([...copy, "--run-id", "55", "--source-platform", "linux"], [
      "check --run-id, --source-platform and --source-repo",
    ], missing);
    await refused(["export", "100-linux", ...place], ["Invalid file", "give the file before"]);
  },
);

test("runs: the directory of a run is not the one with runs", async (staging) => {
  const at = join(staging, "100-linux");
  await refused(["runs", "list", "--staging-dir", at], [
    at,
    "must be the one that contains 100-linux",
  ], {
    code: 3,
  });
  await putRun(new LocalBackend(join(staging, "200-linux")), "1-linux", { files: ["x"] });
  await runs(0, ["runs", "list", "--staging-dir", join(staging, "200-linux")]);
});

test(
  "fetch, copy: a selection that selects nothing quotes what was given",
  async (staging, dir) => {
    const from = ["--staging-dir", staging, "--run-id", "100", "--platform", "linux"];
    const none = ["--allow-no-match", "--regex", "^sysdeps_", "miopen.*"];
    await refused(["fetch", ...none, "--list", ...from], [
      "None of the 1 artifacts matches '^sysdeps_' or 'miopen.*': ",
    ], { code: 3 });
    await refused(["fetch", "blas_*", "--components", "lib", "--exclude", "*", "--list", ...from], [
      "--exclude leaves none of the 1 artifacts",
    ], { code: 3 });
    const copy = ["copy", "--from-staging", staging, "--to-staging", join(dir, "to")];
    await refused([...copy, "--run-id", "100", "--platform", "linux", ...none], [
      "None of the 2 outputs matches '^sysdeps_' or 'miopen.*': ",
    ], { code: 3 });
  },
);
