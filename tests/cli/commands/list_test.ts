/** `run-outputs list`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { isFull } from "../../support/cases.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";
import { refused, runJson, runs } from "../../support/command_line.ts";
import { makeBuild, RUN, UPLOADED_KEYS } from "../../support/staging.ts";
import { snapshot } from "../../support/snapshot.ts";
import { takesAnyName } from "../../support/odd_names.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

/** What an upload of the build leaves in the run. */
const LISTED = [...UPLOADED_KEYS, "retention-summary.json"];

function test(name: string, fn: (staging: string) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const build = join(temp.path, "build");
    const staging = join(temp.path, "staging");
    await makeBuild(build);
    const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", build, "-q"];
    await runs(0, [...upload, "--output-dir", staging, ...RUN]);
    await fn(staging);
  });
}

test("list: the outputs by kind, with sizes and a sum", async (staging) => {
  const { out, err } = await runs(0, ["list", "--staging-dir", staging, ...RUN]);
  assert.equal(err, "");
  assert.deepEqual(out.match(/^\S.*(?=: \d+ file)/gm), [
    "artifact",
    "checksum",
    "index",
    "log",
    "report",
    "manifest",
    "outputs-manifest",
    "retention",
  ]);
  assert.match(out, /^artifact: 3 files, [\d.]+ kB$/m);
  assert.match(out, /^ +5\.0 kB {2}fft_lib_gfx942\.tar\.xz$/m);
  assert.match(out, /^21 files, [\d.]+ kB, in .*123-linux\n$/m);
  for (const key of LISTED) assert(out.includes(`  ${key}\n`), key);
});

test("list --json: every file with kind, size, time and places", async (staging) => {
  const document = await runJson(0, ["list", "--staging-dir", staging, ...RUN]);
  assert.equal(document.schema, "run-outputs.list/1");
  assert.equal(document.count, LISTED.length);
  assert.deepEqual(document.files.map((file: { path: string }) => file.path), LISTED);
  for (const file of document.files) {
    const stat = await Deno.stat(file.local_path);
    assert.equal(file.size, stat.size);
    assert.equal(file.modified, stat.mtime!.toISOString());
  }
});

test("list --kind: one, several, and none of that kind", async (staging) => {
  const kinds = async (...names: string[]) =>
    new Set(
      (await runJson(0, ["list", "--staging-dir", staging, ...RUN, ...names])).files
        .map((file: { kind: string }) => file.kind),
    );
  assert.deepEqual(await kinds("--kind", "artifact"), new Set(["artifact"]));
  assert.deepEqual(await kinds("--kind", "artifact,log"), new Set(["artifact", "log"]));
  assert.deepEqual(
    await kinds("--kind", "artifact", "--kind", "log"),
    new Set(["artifact", "log"]),
  );
  await refused(["list", "--staging-dir", staging, ...RUN, "--kind", "tarball"], ["tarball"], {
    code: 3,
  });
});

test("list: a sibling prefix is not included", async (staging) => {
  await writeTree(staging, { "123-linux-old/x.txt": "x", "1234-linux/y.txt": "y" });
  const document = await runJson(0, ["list", "--staging-dir", staging, ...RUN]);
  assert.equal(document.count, LISTED.length);
});

test("list: a run that is not there exits with 3 and says where it looked", async (staging) => {
  const args = ["list", "--staging-dir", staging, "--platform", "linux", "--run-id", "999"];
  await refused(args, ["999", join(staging, "999-linux"), "--run-id"], { code: 3 });
  const document = await runJson(3, args);
  assert.equal(document.schema, "run-outputs.error/1");
  assert.equal(document.error.code, "not_found");
  assert.equal(document.error.exit_code, 3);
});

test("list: touches nothing", async (staging) => {
  const before = await snapshot(staging);
  await runs(0, ["list", "--staging-dir", staging, ...RUN]);
  assert.deepEqual(await snapshot(staging), before);
});

Deno.test({
  name: "list: a name that no key has is a warning, the others are listed",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "123-linux/good": "g", "123-linux/tab\there": "t" });
    const { out, err } = await runs(0, ["list", "--staging-dir", temp.path, ...RUN]);
    assert.match(out, /good/);
    assert.match(err, /^warning: Skipped "[^\n\t]*tab\\there": [^\n\t]+\n$/);
  },
});

Deno.test("list: a run of very many files", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  const root = new RunOutputRoot({ bucket: "therock-ci-artifacts", runId: 123, platform: "linux" });
  const one = outputFile("x");
  const count = isFull ? 150_000 : 20_000;
  const files = Array.from({ length: count }, (_, i) => ({
    ...one,
    path: `logs/g/${String(i).padStart(6, "0")}.log`,
  }));
  await putPart(backend, root, manifestPart("p", files));
  await putExpected(backend, root, ["p"]);
  const args = ["list", "--staging-dir", temp.path, ...RUN];
  const { out } = await runs(0, args);
  assert.match(out, new RegExp(`^log: ${count} files, `));
  assert.equal(out.split("\n").length, count + 6);
  const document = await runJson(0, args);
  assert.equal(document.files.length, count + 2);
});
