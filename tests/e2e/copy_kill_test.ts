/** An export and an import are killed; what is there is whole, and the next one continues. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { likeArchive, noise } from "../support/bytes.ts";
import { kill, killWhen } from "../support/kill.ts";
import { putArchives } from "../support/staging.ts";
import { readTree, tempDir } from "../support/temp_dir.ts";
import { finish, start } from "./processes.ts";

const RUN = ["--run-id", "123", "--platform", "linux"];
const NAMES = Array.from({ length: 6 }, (_, i) => `x${i}_lib_generic.tar.zst`);

/** The names of all files below a directory, temporary ones too; none, if it is not there. */
async function namesBelow(dir: string): Promise<string[]> {
  return Object.keys(await readTree(dir).catch(() => ({})));
}

Deno.test("a killed export leaves no file, a killed import only whole ones, and is continued", async () => {
  await using dir = await tempDir();
  const at = (...names: string[]) => join(dir.path, ...names);
  await putArchives(
    at("in"),
    NAMES,
    (name) => likeArchive("zst", noise(2_000_000, name.charCodeAt(1))),
  );
  const uploaded = await finish(
    ["upload", "artifacts", at("in"), "--output-dir", at("staging"), ...RUN],
  );
  assert.equal(uploaded.code, 0, uploaded.stderr);
  const whole = await readTree(at("staging"));

  const out = at("file", "run.tar");
  const exporting = ["export", out, "--staging-dir", at("staging"), ...RUN];
  const first = start(exporting);
  while ((await namesBelow(at("file"))).length === 0) await pause();
  kill(first);
  await first.status;
  const left = await namesBelow(at("file"));
  assert(left.length <= 1);
  // It was killed in the middle of it, or it had just ended: there is nothing in between.
  assert(
    !left.includes("run.tar") ||
      (await finish(["import", out, "--output-dir", at("check")])).code === 0,
  );
  const exported = await finish([...exporting, "--force"]);
  assert.equal(exported.code, 0, exported.stderr);
  assert.deepEqual(await namesBelow(at("file")), ["run.tar"]);

  const importing = ["import", out, "--output-dir", at("lab"), "--concurrency", "1"];
  for (const count of [1, 3, 5]) {
    const victim = start(importing);
    await killWhen(victim, async () => (await namesBelow(at("lab"))).length >= count);
    for (const [path, content] of Object.entries(await readTree(at("lab")))) {
      if (!path.includes(".run-outputs-tmp-")) assert(content === whole[path], path);
    }
  }
  const again = await finish([...importing, "--json"]);
  assert.equal(again.code, 0, again.stderr);
  const { counts } = JSON.parse(again.stdout).runs[0];
  assert(counts.unchanged > 0);
  const lab = await readTree(at("lab"));
  assert.deepEqual(Object.keys(lab), Object.keys(whole));
  for (const path of Object.keys(whole)) assert(lab[path] === whole[path], path);
});

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2));
}
