/** The first command of README.md. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { tempDir } from "../support/temp_dir.ts";

const DEMO = fileURLToPath(new URL("./demo.ts", import.meta.url));

async function demo(dir: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", DEMO, dir],
    // A CI job has these, and the demo is run in CI.
    env: {
      NO_COLOR: "1",
      GITHUB_RUN_ID: "1",
      RELEASE_TYPE: "ci",
      GITHUB_REPOSITORY: "a/b",
      GITHUB_ACTIONS: "",
      GITHUB_OUTPUT: "",
      GITHUB_STEP_SUMMARY: "",
    },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("the demo does the main job, twice in one directory, and leaves nothing else", async () => {
  await using dir = await tempDir();
  for (let i = 0; i < 2; i++) {
    const { code, stdout, stderr } = await demo(`${dir.path}/demo`);
    assert.equal(code, 0, stderr);
    // A slow machine shows how far it is.
    const shown = stderr.replaceAll(/^(?:uploaded|fetched) \d+ of \d+ files?, .*\n/gm, "");
    assert.equal(shown, "", "a newcomer's first run shows no warnings");
    assert.match(stdout, /24 files, .*: 24 written/);
    assert.match(stdout, /2 written; 2 verified/);
    assert(stdout.includes("https://therock-ci-artifacts.s3.amazonaws.com/12345678901-linux/"));
    assert(stdout.includes(`${dir.path}/demo`), "it names its directory");
  }
  assert.deepEqual((await Array.fromAsync(Deno.readDir(dir.path))).map((e) => e.name), ["demo"]);
});

Deno.test("the demo touches no directory that it did not make", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/precious`, "");
  const { code, stderr } = await demo(dir.path);
  assert.equal(code, 2);
  assert.match(stderr, /was not made by the demo/);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(dir.path))).map((e) => e.name), [
    "precious",
  ]);
});
