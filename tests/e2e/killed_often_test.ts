/** A killed upload leaves no file under its final name that is not whole, and can be continued. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { killWhen } from "../support/kill.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";
import { command, start } from "./processes.ts";
import {
  ARTIFACTS,
  assertNothingTemporary,
  checkWhole,
  makeSlowBuild,
  slowUpload,
  visible,
} from "./support.ts";

/** Of the run, of its logs, of the group's logs, of its manifests; and the outputs manifest. */
const PAGES = 5;

Deno.test("upload build: killed at any moment, every file is whole and a next run completes it", async () => {
  await using temp = await tempDir();
  const build = join(temp.path, "build");
  const staging = join(temp.path, "staging");
  await makeSlowBuild(build);
  const input = await fileNames(build);

  let kills = 0;
  // Before anything is to be seen: while an archive waits in the build directory.
  const moments: (() => Promise<boolean>)[] = [
    async () => (await fileNames(build)).length > input.length,
    ...[1, 3, 10, 25].map((count) => async () => (await visible(staging)).length >= count),
  ];
  for (const moment of moments) {
    const program = start(slowUpload(build, staging, "--concurrency", "2"));
    if ((await killWhen(program, moment)).code !== 0) kills++;
    assert.deepEqual(
      await checkWhole(staging).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }),
      [],
    );
  }
  assert(kills > 0, "every upload was faster than its kill");

  const { code, stderr } = await command(slowUpload(build, staging));
  assert.equal(code, 0, stderr);
  assert.deepEqual(await checkWhole(staging), []);
  assert.equal((await fileNames(staging)).length, 2 * ARTIFACTS + 5 + PAGES);
  assert.deepEqual(await fileNames(build), input);
  await assertNothingTemporary(temp.path);
});
