import assert from "node:assert/strict";
import { join } from "node:path";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { command, finish } from "./processes.ts";

Deno.test("fetch with few permissions: unpacks, makes links, says what it may do", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await tempDir();
  const at = (name: string) => join(dir.path, name);
  const stage = "build/artifacts/blas_lib_generic/stage";
  await writeTree(dir.path, {
    "build/artifacts/blas_lib_generic/artifact_manifest.txt": "stage\n",
    [`${stage}/lib.so.1`]: "library",
  });
  await Deno.symlink("lib.so.1", at(`${stage}/lib.so`));
  const run = ["--run-id", "1", "--platform", "linux"];
  const artifacts = at("build/artifacts");
  await command(["upload", "artifacts", artifacts, "--output-dir", at("staging"), ...run]);
  const fetch = ["fetch", "--staging-dir", at("staging"), "--output-dir", at("out"), ...run];
  const { code, stderr } = await finish([...fetch, "--no-cache", "-v"]);
  assert.equal(code, 0, stderr);
  assert(stderr.includes(`permission: write ${at("out")}`), stderr);
  assert(stderr.includes(`permission: read ${at("staging")}: the staging directory`), stderr);
  assert(!stderr.includes("connect to"), stderr);
  assert.equal(await Deno.readLink(at("out/blas_lib_generic/stage/lib.so")), "lib.so.1");
});

Deno.test("a command line that is guessed wrong: the command runs once, with its own grants", async () => {
  await using dir = await tempDir();
  const staging = join(dir.path, "staging");
  await writeTree(staging, { "1-linux/a_lib_generic.tar.zst": "1" });
  // Separators alone are no stage, so no file with the stages is read.
  const line = ["fetch", "--stage", ",", "--run-id", "1", "--platform", "linux", "-n", "-v"];
  const places = ["--staging-dir", staging, "--output-dir", join(dir.path, "out")];
  const { code, stdout, stderr } = await finish([...line, ...places]);
  assert.equal(code, 0, stderr);
  assert(stderr.includes(`permission: read ${staging}: the staging directory`), stderr);
  assert(!stderr.includes("the stages (--topology)"), stderr);
  assert.match(stdout, /^would fetch[^\n]*\n1 file,[^\n]*\n$/);
});

Deno.test("RUN_OUTPUTS_FENCE=0: the command has the permissions of the process, and -v says why", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "1-linux/a_lib_generic.tar.zst": "1" });
  const list = ["list", "--staging-dir", dir.path, "1-linux", "-v"];
  const { code, stdout, stderr } = await finish(list, { RUN_OUTPUTS_FENCE: "0" });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /\$RUN_OUTPUTS_FENCE is 0/);
  const fenced = await finish(list);
  assert.equal(fenced.stdout, stdout);
  assert.doesNotMatch(fenced.stderr, /RUN_OUTPUTS_FENCE/);
});
