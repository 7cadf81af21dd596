/** An export and an import are killed; what is there is whole, and the next one continues. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { likeArchive, noise } from "../support/bytes.ts";
import { kill, killWhen } from "../support/kill.ts";
import { putArchives } from "../support/staging.ts";
import { outputTree, tempDir } from "../support/temp_dir.ts";
import { command, start } from "./processes.ts";

const RUN = ["--run-id", "123", "--platform", "linux"];
const NAMES = Array.from({ length: 6 }, (_, i) => `x${i}_lib_generic.tar.zst`);

/** The names of all files below a directory, temporary ones too; none, if it is not there. */
async function namesBelow(dir: string): Promise<string[]> {
  return Object.keys(await outputTree(dir).catch(() => ({})));
}

Deno.test("a killed export leaves no file, a killed import only whole ones, and is continued", async () => {
  await using dir = await tempDir();
  const at = (...names: string[]) => join(dir.path, ...names);
  await putArchives(
    at("in"),
    NAMES,
    (name) => likeArchive("zst", noise(2_000_000, name.charCodeAt(1))),
  );
  const uploaded = await command(
    ["upload", "artifacts", at("in"), "--output-dir", at("staging"), ...RUN],
  );
  assert.equal(uploaded.code, 0, uploaded.stderr);
  const whole = await outputTree(at("staging"));

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
      (await command(["import", out, "--output-dir", at("check")])).code === 0,
  );
  const exported = await command([...exporting, "--force"]);
  assert.equal(exported.code, 0, exported.stderr);
  assert.deepEqual(await namesBelow(at("file")), ["run.tar"]);

  const importing = ["import", out, "--output-dir", at("lab"), "--concurrency", "1"];
  for (const count of [3, 4, 6]) {
    const victim = start(importing);
    await killWhen(victim, async () => (await namesBelow(at("lab"))).length >= count);
    if (await lacks(at("lab"), whole)) await incomplete("--staging-dir", at("lab"));
    for (const [path, content] of Object.entries(await outputTree(at("lab")))) {
      if (/\.run-outputs-tmp-|\/copy\.\w+\.incomplete$/.test(path)) continue;
      assert(content === whole[path], path);
    }
  }
  const again = await command([...importing, "--json"]);
  assert.equal(again.code, 0, again.stderr);
  const { counts } = JSON.parse(again.stdout).runs[0];
  assert(counts.unchanged > 0);
  const lab = await outputTree(at("lab"));
  assert.deepEqual(Object.keys(lab), Object.keys(whole));
  for (const path of Object.keys(whole)) assert(lab[path] === whole[path], path);
});

/** Whether not all files are there, those of the manifest included. */
async function lacks(dir: string, whole: Readonly<Record<string, unknown>>): Promise<boolean> {
  const names = await namesBelow(dir);
  return Object.keys(whole).some((name) => !names.includes(name));
}

/** A run that was written to until a kill: each command that reads it says so. */
async function incomplete(...from: readonly string[]): Promise<void> {
  const verified = await command(["verify", "--quick", ...from, ...RUN]);
  assert.equal(verified.code, 7, verified.stderr);
  const text = /a copy to this run is incomplete \(in progress, killed or failed\)/;
  assert.match(verified.stderr, text);
  for (const args of [["list"], ["fetch", "--list"]]) {
    const { code, stderr } = await command([...args, ...from, ...RUN]);
    // Before the first archive there is nothing to fetch.
    assert(code === 0 || code === 3 && args[0] === "fetch", stderr);
    assert.match(stderr, text);
  }
  const required = await command(["fetch", "--list", "--require-complete", ...from, ...RUN]);
  assert.equal(required.code, 7, required.stderr);
}

for (const hasManifest of [true, false]) {
  const which = hasManifest ? "with" : "without";
  Deno.test(`a killed copy of a run ${which} a manifest is seen, and continued`, async () => {
    await using dir = await tempDir();
    const at = (...names: string[]) => join(dir.path, ...names);
    const put = hasManifest ? at("in") : at("staging", "123-linux");
    await putArchives(
      put,
      NAMES,
      (name) => likeArchive("zst", noise(2_000_000, name.charCodeAt(1))),
    );
    if (hasManifest) {
      const uploading = ["upload", "artifacts", put, "--part", "p", "--expect-parts", "p"];
      const uploaded = await command([...uploading, "--output-dir", at("staging"), ...RUN]);
      assert.equal(uploaded.code, 0, uploaded.stderr);
    }
    const whole = await outputTree(at("staging"));
    const copying = ["copy", "--from-staging", at("staging"), "--to-staging", at("copy")];
    copying.push("--source-run-id", "123", "--platform", "linux", "--concurrency", "2");
    for (const count of [3, 5]) {
      const victim = start(copying);
      await killWhen(victim, async () => (await namesBelow(at("copy"))).length >= count);
      // One that was killed while it ended has all there is.
      if (!await lacks(at("copy"), whole)) continue;
      await incomplete("--staging-dir", at("copy"));
      const there = (await namesBelow(at("copy"))).filter((name) => !name.includes("-tmp-"));
      for (const name of there.filter((name) => name.endsWith(".sha256sum"))) {
        assert(there.includes(name.replace(/\.sha256sum$/, "")), name);
      }
    }
    const again = await command(copying);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(Object.keys(await outputTree(at("copy"))), Object.keys(whole));
    const verified = await command(["verify", "--staging-dir", at("copy"), ...RUN]);
    assert.equal(verified.code, 0, verified.stderr);
  });
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2));
}
