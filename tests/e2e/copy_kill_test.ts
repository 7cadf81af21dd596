/** An export and an import are killed; what is there is whole, and the next one continues. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { likeArchive, noise } from "../support/bytes.ts";
import { killAt, type Standstill } from "../support/kill.ts";
import { putArchives } from "../support/staging.ts";
import { outputTree, tempDir } from "../support/temp_dir.ts";
import { command, start } from "./processes.ts";

const RUN = ["--run-id", "123", "--platform", "linux"];
const NAMES = Array.from({ length: 6 }, (_, i) => `x${i}_lib_generic.tar.zst`);

/** The place of an archive or its checksum in a run. */
const FILE = "123-linux/[^/]*\\.(?:zst|sha256sum)$";

/** Kills a command at a standstill. */
async function killed(args: readonly string[], where: Standstill): Promise<boolean> {
  return await killAt(where, (options, env) => start(args, "null", env, ["-P", ...options]));
}

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
    (name) => likeArchive("zst", noise(300_000, name.charCodeAt(1))),
  );
  const uploaded = await command(
    ["upload", "artifacts", at("in"), "--output-dir", at("staging"), ...RUN],
  );
  assert.equal(uploaded.code, 0, uploaded.stderr);
  const whole = await outputTree(at("staging"));

  const out = at("file", "run.tar");
  const exporting = ["export", out, "--staging-dir", at("staging"), ...RUN];
  // In the middle of the file, which it writes to.
  assert(await killed(exporting, { at: 10 }), "it made fewer changes");
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
  for (const place of [1, 2, 4]) {
    assert(await killed(importing, { at: place, path: `/lab/${FILE}` }), "it had fewer files");
    await incomplete("--staging-dir", at("lab"));
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
      (name) => likeArchive("zst", noise(300_000, name.charCodeAt(1))),
    );
    if (hasManifest) {
      const uploading = ["upload", "artifacts", put, "--part", "p", "--expect-parts", "p"];
      const uploaded = await command([...uploading, "--output-dir", at("staging"), ...RUN]);
      assert.equal(uploaded.code, 0, uploaded.stderr);
    }
    const whole = await outputTree(at("staging"));
    const copying = ["copy", "--from-staging", at("staging"), "--to-staging", at("copy")];
    copying.push("--source-run-id", "123", "--platform", "linux", "--concurrency", "2");
    for (const place of [2, 4]) {
      assert(await killed(copying, { at: place, path: `/copy/${FILE}` }), "it had fewer files");
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
