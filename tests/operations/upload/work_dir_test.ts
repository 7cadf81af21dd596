/** Where archives are packed, what a kill leaves there, and what to do if it can't be written. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { planBuild } from "../../../src/operations/upload/build.ts";
import { UploadPlanner } from "../../../src/operations/upload/plan.ts";
import { defaultWorkDir, withAdvice } from "../../../src/operations/upload/work_dir.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { packingOptions } from "../../../src/cli/commands/upload/options.ts";
import { makeBuild } from "../../support/staging.ts";
import { fileNames } from "../../support/snapshot.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "1", platform: "linux" });

async function itemOf(buildDir: string) {
  const planner = new UploadPlanner();
  await planBuild(ROOT, { buildDir, artifactGroup: "g" }, planner);
  return planner.plan().items.find(({ location }) => location.name.startsWith("blas_"))!;
}

Deno.test("work directory: nothing lies at the root of a build, and nothing is left", async () => {
  await using temp = await tempDir();
  await makeBuild(temp.path);
  const before = await fileNames(temp.path);
  const names = async () => (await Array.fromAsync(Deno.readDir(temp.path), (e) => e.name)).sort();
  const top = await names();
  const item = await itemOf(temp.path);
  // Two at the same time: the first to end does not take the directory from the second.
  const [first, second] = await Promise.all([item.open(), item.open()]);
  assert.deepEqual((await names()).filter((name) => !top.includes(name)), [
    ".run-outputs-tmp-work",
  ]);
  await first[Symbol.asyncDispose]?.();
  assert.equal((await fileNames(defaultWorkDir(temp.path))).length, 1);
  await second[Symbol.asyncDispose]?.();
  assert.deepEqual(await fileNames(temp.path), before);
  assert.deepEqual(await names(), top);
  // And again, after the directory was deleted.
  await (await item.open())[Symbol.asyncDispose]?.();
  assert.deepEqual(await names(), top);
});

Deno.test("work directory: what a killed upload left is deleted by the next, and not uploaded", async () => {
  await using temp = await tempDir();
  await makeBuild(temp.path);
  const names = async () => {
    const planner = new UploadPlanner();
    await planBuild(ROOT, { buildDir: temp.path, artifactGroup: "g" }, planner);
    return planner.plan().items.map(({ location }) => location.key);
  };
  const before = await names();
  for (const dir of ["", "artifacts"]) {
    const work = defaultWorkDir(join(temp.path, dir));
    await writeTree(work, { ".run-outputs-tmp-1a2b": "left" });
  }
  assert.deepEqual(await names(), before);
  const source = await (await itemOf(temp.path)).open();
  const left = await Array.fromAsync(Deno.readDir(defaultWorkDir(temp.path)), ({ name }) => name);
  assert(!left.includes(".run-outputs-tmp-1a2b"), left.join());
  await source[Symbol.asyncDispose]?.();
});

Deno.test("work directory: one that can't be written names --work-dir", async () => {
  await using temp = await tempDir();
  await makeBuild(temp.path);
  // A file in its place: no directory can be made, whoever runs this.
  await writeTree(temp.path, { ".run-outputs-tmp-work": "a file" });
  await rejectsWith((await itemOf(temp.path)).open(), "conflict", "Cannot write", "--work-dir");
  const other = new RunOutputsError("denied", "Cannot read 'a': permission denied");
  assert.equal(withAdvice(other), other);
});

Deno.test("work directory: $RUNNER_TEMP, if it is on the disk of the build", async () => {
  await using temp = await tempDir();
  const at = (runnerTemp: string, workDir?: string) =>
    packingOptions({ compression: "zst", workDir }, temp.path, {
      env: (name) => name === "RUNNER_TEMP" ? runnerTemp : undefined,
    }).workDir;
  assert.equal(at(temp.path), temp.path);
  assert.equal(at(temp.path, "given"), "given");
  assert.equal(at(""), undefined);
  assert.equal(at(join(temp.path, "missing")), undefined);
  if (Deno.build.os === "linux") assert.equal(at("/proc"), undefined);
});
