/** A killed upload leaves no file under its final name that is not whole, and can be continued. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { killAt } from "../support/kill.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";
import { command, start } from "./processes.ts";
import {
  ARTIFACTS,
  assertNothingTemporary,
  checkWhole,
  makeSlowBuild,
  uploadOf,
} from "./support.ts";

/** Where a first upload is killed, and each next one: so many changes later than it begins. */
const MOMENTS = [1, 2, 5, 20, 60, 120];

/** Of the run, of its logs, of the group's logs, of its manifests; and the outputs manifest. */
const PAGES = 5;

Deno.test("upload build: killed at any moment, every file is whole and a next run completes it", async () => {
  await using temp = await tempDir();
  const build = join(temp.path, "build");
  const staging = join(temp.path, "staging");
  await makeSlowBuild(build);
  const input = await fileNames(build);

  for (const at of MOMENTS) {
    const killed = await killAt({ at }, (options, env) => {
      const args = uploadOf(build, staging, "--concurrency", "2");
      return start(args, "null", env, ["-P", ...options]);
    });
    assert(killed, `it made fewer than ${at} changes`);
    assert.deepEqual(
      await checkWhole(staging).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }),
      [],
    );
  }

  const { code, stderr } = await command(uploadOf(build, staging));
  assert.equal(code, 0, stderr);
  assert.deepEqual(await checkWhole(staging), []);
  assert.equal((await fileNames(staging)).length, 2 * ARTIFACTS + 5 + PAGES);
  assert.deepEqual(await fileNames(build), input);
  await assertNothingTemporary(temp.path);
});
