/** Two processes upload the same run into the same directory at once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { start } from "../support/program.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";
import {
  ARTIFACTS,
  assertNothingTemporary,
  checkWhole,
  makeSlowBuild,
  slowUpload,
} from "./support.ts";

/** Quick, so that the two meet often. */
const QUICK = ["--level", "1", "--concurrency", "4"];

Deno.test("two uploads of the same build at once: both succeed, every file is whole", async () => {
  await using temp = await tempDir();
  const build = join(temp.path, "build");
  const staging = join(temp.path, "staging");
  await makeSlowBuild(build);
  const both = await Promise.all(
    [1, 2].map(() => start(...slowUpload(build, staging, ...QUICK)).end),
  );
  for (const { code, stderr } of both) {
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
  }
  assert.deepEqual(await checkWhole(staging), []);
  assert.equal((await fileNames(staging)).length, 2 * ARTIFACTS + 4);
  await assertNothingTemporary(temp.path);
});

Deno.test("two uploads of different builds at once: every file is whole, no wrong checksum is left unsaid", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "staging");
  const builds = ["one", "two"].map((name) => join(temp.path, name));
  for (const [seed, build] of builds.entries()) await makeSlowBuild(build, seed);
  const both = await Promise.all(
    builds.map((build) => start(...slowUpload(build, staging, ...QUICK)).end),
  );
  const wrong = await checkWhole(staging);
  for (const name of wrong) {
    const told = both.filter(({ code, stderr }) =>
      code !== 0 &&
      stderr.split("\n").some((line) => line.startsWith("error:") && line.includes(name))
    );
    assert(told.length > 0, `${name}: ${both.map(({ stderr }) => stderr).join("\n")}`);
  }
  for (const { code, stderr } of both) {
    assert(code === 0 || stderr.includes("Another upload has replaced"), stderr);
  }
  assert.equal((await fileNames(staging)).length, 2 * ARTIFACTS + 4);
  await assertNothingTemporary(temp.path);

  // Once they are done, one of them again puts everything right.
  const { code, stderr } = await start(...slowUpload(builds[0], staging, ...QUICK)).end;
  assert.equal(code, 0, stderr);
  assert.deepEqual(await checkWhole(staging), []);
});
