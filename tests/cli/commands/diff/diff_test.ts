/** `run-outputs diff`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { makeBuild } from "../../../support/staging.ts";
import { snapshot } from "../../../support/snapshot.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const LINUX = ["--platform", "linux"];

/** Two runs of one build: the second has another archive and log, and lacks a report. */
function test(name: string, fn: (staging: string, dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const [build, staging] = [join(temp.path, "build"), join(temp.path, "staging")];
    await makeBuild(build);
    const upload = (runId: string) =>
      runs(0, [
        ...["upload", "build", "--artifact-group", "g", "--build-dir", build, "-q"],
        ...["--output-dir", staging, "--run-id", runId, ...LINUX],
      ]);
    await upload("1");
    await Deno.remove(join(build, "logs/therock-build-prof/comp-summary.md"));
    await writeTree(build, {
      "logs/build.log": "built again\n",
      "logs/new.log": "new\n",
      "logs/deep/er/test.log": "failed\n",
    });
    await upload("2");
    await fn(staging, temp.path);
  });
}

test("diff: a line for each file, sums by kind and in total; 0 all the same", async (staging) => {
  const before = await snapshot(staging);
  const { out, err } = await runs(0, ["diff", "1", "2", "--staging-dir", staging, ...LINUX]);
  assert.equal(err, "");
  assert.deepEqual(out.split("\n").slice(0, 7), [
    `--- ${join(staging, "1-linux")}`,
    `+++ ${join(staging, "2-linux")}`,
    "changed  6 B -> 12 B (+6 B)  logs/g/build.log",
    "removed  9 B                 logs/g/comp-summary.md",
    "changed  7 B                 logs/g/deep/er/test.log",
    "added    4 B                 logs/g/new.log",
    "removed  9 B                 logs/g/therock-build-prof/comp-summary.md",
  ]);
  assert.match(out, /^kind +before +after +difference +changes$/m);
  assert.match(out, /^artifact +3: [\d.]+ kB +3: [\d.]+ kB +\+0 B {2}3 the same$/m);
  assert.match(out, /^report +4: 50 B +2: 32 B +-18 B {2}2 removed, 2 the same$/m);
  assert.match(out, /\n1 added, 2 removed, 2 changed, 11 the same; .* kB \(-8 B\)\n$/);
  assert.deepEqual(await snapshot(staging), before);
});

test("diff --exit-code: 1 if they differ, 0 if not", async (staging) => {
  const args = ["--staging-dir", staging, ...LINUX, "--exit-code"];
  await runs(1, ["diff", "1", "2", ...args]);
  await runs(0, ["diff", "1", "1", ...args]);
  await runs(0, ["diff", "1", "2", "--kind", "artifact,checksum", ...args]);
  await refused(["diff", "1", "9", ...args], ["run 9"], { code: 3 });
  await refused(["diff", "9", "1", ...args], ["run 9"], { code: 3 });
});

test("diff --json: both runs, counts, bytes and files", async (staging) => {
  const args = ["diff", "1", "2", "--staging-dir", staging, ...LINUX];
  const document = await runJson(0, args);
  assert.equal(document.schema, "run-outputs.diff/1");
  assert.deepEqual([document.a.run_id, document.b.run_id, document.differs], ["1", "2", true]);
  assert.deepEqual(document.counts, { same: 11, added: 1, removed: 2, changed: 2, unsure: 0 });
  assert.equal(document.bytes.difference, -8);
  assert.deepEqual(document.compared_by, { hash: 12, etag: 0, size: 1 });
  const log = document.files.find(({ path }: { path: string }) => path.endsWith("test.log"));
  assert.equal(log.compared_by, "hash");
  assert.notEqual(log.a.sha256, log.b.sha256);
  // deno-lint-ignore no-explicit-any -- a test asserts on what it expects
  const kinds = Object.fromEntries(document.kinds.map((one: any) => [one.kind, one.bytes]));
  assert.deepEqual(kinds.report, { a: 50, b: 32, difference: -18 });
  const same = await runs(0, [...args, "--format", "json"]);
  assert.deepEqual(JSON.parse(same.out), document);
});

test("diff --format markdown: for a step summary", async (staging) => {
  await writeTree(staging, { "2-linux/logs/g/<b>|x.log": "?" });
  const args = ["diff", "1", "2", "--staging-dir", staging, ...LINUX];
  const { out } = await runs(0, [...args, "--format", "markdown"]);
  assert.match(out, /^### Outputs of .*2-linux against .*1-linux\n\n2 added, /);
  assert.match(out, /^\| report \| 4: 50 B \| 2: 32 B \| -18 B \| 2 removed, 2 the same \|$/m);
  assert.match(out, /^\| \*\*total\*\* \| /m);
  assert.match(out, /^<details><summary>6 files<\/summary>$/m);
  assert.match(out, /^\| added \| 1 B \| logs\/g\/&lt;b&gt;\\\|x\.log \|$/m);
  assert.match(out, /<\/details>\n\n$/);
  await refused([...args, "--format", "markdown"].concat("--format", "html"), ["--format"]);
});

test("diff: what no hash is known of is compared by size, and that is said; --read reads", async (staging) => {
  for (const run of ["1", "2"]) {
    await Deno.remove(join(staging, `${run}-linux/manifests/outputs`), { recursive: true });
  }
  const args = ["diff", "1", "2", "--staging-dir", staging, ...LINUX];
  const { out } = await runs(0, args);
  assert.match(out, /\n1 added, 2 removed, 1 changed, 12 of the same size; /);
  assert.match(out, /\n12 files of the same size not compared further; use --read /);
  const read = await runJson(0, [...args, "--read"]);
  assert.deepEqual(read.counts, { same: 11, added: 1, removed: 2, changed: 2, unsure: 0 });
});

Deno.test("diff --exit-code: files that only differ in their bytes are read", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, {
    "1-linux/logs/g/x.log": "aaaa",
    "1-linux/logs/g/y.txt": "same",
    "2-linux/logs/g/x.log": "bbbb",
    "2-linux/logs/g/y.txt": "same",
    "3-linux/logs/g/x.log": "aaaa",
    "3-linux/logs/g/y.txt": "same",
  });
  const args = ["--staging-dir", temp.path, ...LINUX];
  assert.equal((await runJson(0, ["diff", "1", "2", ...args])).counts.unsure, 2);
  const document = await runJson(1, ["diff", "1", "2", ...args, "--exit-code"]);
  assert.deepEqual([document.counts.changed, document.counts.same], [1, 1]);
  await runs(0, ["diff", "1", "3", ...args, "--exit-code"]);
});

test("diff --exit-code: a file that was replaced after its manifest is read", async (staging) => {
  await Deno.remove(join(staging, "2-linux"), { recursive: true });
  const copying = ["copy", "--from-staging", staging, "--to-staging", staging, ...LINUX];
  await runs(0, [...copying, "--source-run-id", "1", "--run-id", "2", "-q"]);
  const args = ["diff", "1", "2", "--staging-dir", staging, ...LINUX, "--exit-code"];
  await runs(0, args);
  const log = join(staging, "2-linux/logs/g/build.log");
  const { size } = await Deno.stat(log);
  await Deno.writeTextFile(log, "x".repeat(size));
  const later = new Date(Date.now() + 60_000);
  await Deno.utime(log, later, later);
  assert.equal((await runJson(1, args)).counts.changed, 1);
});

test("diff: runs of other places, by options for the second", async (staging, dir) => {
  const other = join(dir, "other");
  await Deno.mkdir(other);
  await Deno.rename(join(staging, "2-linux"), join(other, "2-windows"));
  const args = ["diff", "1", "2", "--staging-dir", staging, ...LINUX, "--exit-code"];
  const second = ["--staging-dir-b", other, "--platform-b", "windows"];
  const document = await runJson(1, [...args, ...second, "--repo-b", "ROCm/TheRock"]);
  assert.deepEqual([document.a.platform, document.b.platform], ["linux", "windows"]);
  assert.equal(document.counts.changed, 2);
  await Deno.rename(join(other, "2-windows"), join(other, "2-linux"));
  await Deno.mkdir(join(other, "someone-TheRock"));
  await Deno.rename(join(other, "2-linux"), join(other, "someone-TheRock/2-linux"));
  const fork = await runJson(1, [
    ...args,
    ...["--staging-dir-b", other, "--repo-b", "someone/TheRock"],
  ]);
  assert.equal(fork.b.prefix, "someone-TheRock/2-linux");
  await refused(["diff", "1"], ["run_b"]);
  await refused([...args, "--run-id", "3"], ["--run-id"]);
});
