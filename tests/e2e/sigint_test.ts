/** Ctrl-C ends an upload cleanly. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileNames } from "../support/snapshot.ts";
import { start } from "../support/program.ts";
import { tempDir } from "../support/temp_dir.ts";
import {
  assertNothingTemporary,
  checkWhole,
  makeSlowBuild,
  slowUpload,
  until,
  visible,
} from "./support.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `upload build: ${signal} exits with 130 and one line, nothing partial is left`,
    // Windows has no way to send these to one process alone.
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using temp = await tempDir();
      const build = join(temp.path, "build");
      const staging = join(temp.path, "staging");
      await makeSlowBuild(build);
      const input = await fileNames(build);
      const program = start(...slowUpload(build, staging, "--concurrency", "1"));
      await until(program, async () => (await visible(staging)).length > 0);
      program.kill(signal);
      const { code, stdout, stderr } = await program.end;
      assert.equal(code, 130, stdout + stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /^error: interrupted[^\n]*\n$/);
      assert.deepEqual(await checkWhole(staging), []);
      assert.deepEqual(await fileNames(build), input);
      await assertNothingTemporary(temp.path);
    },
  });
}
