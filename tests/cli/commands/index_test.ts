/** `run-outputs index`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runJson, runs } from "../../support/command_line.ts";
import { startS3Server } from "../../support/s3_server.ts";
import { KEYS } from "../../support/s3_subject.ts";
import { outputNames, snapshot } from "../../support/snapshot.ts";
import { BUILD_PAGES, makeBuild, RUN, UPLOADED_KEYS } from "../../support/staging.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

/** A test with a run in a staging directory, without its index pages. */
function test(name: string, fn: (staging: string, dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    await using dir = await tempDir();
    const staging = join(dir.path, "staging");
    await makeBuild(join(dir.path, "build"));
    const upload = ["upload", "build", "--artifact-group", "g", "--no-index", ...RUN];
    await runs(0, [...upload, "--build-dir", join(dir.path, "build"), "--output-dir", staging]);
    await fn(staging, dir.path);
  });
}

const index = (staging: string, ...more: string[]) => [
  ...["index", "--staging-dir", staging, ...RUN, ...more],
];

test("index: writes all pages of a run, and nothing the second time", async (staging) => {
  const { out, err } = await runs(0, index(staging));
  assert.equal(err, "");
  assert.deepEqual(await outputNames(join(staging, "123-linux")), UPLOADED_KEYS);
  assert.match(out, /4 files, [\d.]+ kB: 4 written; in .*123-linux\n$/);
  const before = await snapshot(staging);
  assert.match((await runs(0, index(staging))).out, /: 4 unchanged; in /);
  assert.deepEqual(await snapshot(staging), before);
});

test("index: pages written by an upload do not change", async (staging, dir) => {
  const args = ["upload", "build", "--artifact-group", "g", "--build-dir", join(dir, "build")];
  await runs(0, [...args, "--output-dir", staging, ...RUN]);
  assert.match((await runs(0, index(staging))).out, /: 4 unchanged; in /);
});

test("index DIR: a directory called like a run is one", async (staging) => {
  const { files, where } = await runJson(0, ["index", join(staging, "123-linux")]);
  assert.deepEqual(files.map((file: { path: string }) => file.path), BUILD_PAGES);
  assert.equal(where, join(staging, "123-linux"));
});

test("index DIR: any other gets one page", async (_, dir) => {
  const { schema, files } = await runJson(0, ["index", join(dir, "build", "logs")]);
  assert.equal(schema, "run-outputs.index/1");
  assert.deepEqual(files.map((file: { path: string }) => file.path), ["index.html"]);
  const html = await Deno.readTextFile(join(dir, "build", "logs", "index.html"));
  assert(html.includes('<a href="deep/er/test.log">deep/er/test.log</a>'), html);
});

test("index --dry-run: names the pages and touches nothing", async (staging, dir) => {
  const before = await snapshot(dir);
  const { files, dry_run } = await runJson(0, index(staging, "--dry-run"));
  assert.equal(dry_run, true);
  assert.deepEqual(files.map((file: { path: string }) => file.path), BUILD_PAGES);
  await runs(0, ["index", join(dir, "build"), "-n"]);
  assert.deepEqual(await snapshot(dir), before);
});

test("index: a page of another tool is kept with a warning; --force replaces it", async (staging) => {
  const page = join(staging, "123-linux", "logs", "index.html");
  await writeTree(staging, { "123-linux/logs/index.html": "mine" });
  const { err, out } = await runs(0, index(staging));
  assert.match(err, /^warning: kept '[^']*logs.index\.html': [^\n]*--force[^\n]*\n$/);
  assert.match(out, /3 written, 1 skipped/);
  assert.equal(await Deno.readTextFile(page), "mine");
  assert.equal((await runs(0, index(staging, "--force"))).err, "");
  assert.match(await Deno.readTextFile(page), /^<!doctype html>/);
});

test("upload: a page of another tool is kept with a note", async (staging, dir) => {
  await writeTree(staging, { "123-linux/index.html": "mine" });
  const args = ["upload", "files", join(dir, "build/logs/build.log"), "--to", "x", ...RUN];
  const { err } = await runs(0, [...args, "--output-dir", staging]);
  assert.match(err, /^note: skipped '[^']*123-linux.index\.html': [^\n]*--force[^\n]*\n$/);
});

test(
  "upload: a page that the upload itself wrote is kept without advice to replace it",
  async (staging, dir) => {
    await writeTree(dir, { "report/index.html": "mine", "report/more.html": "more" });
    const args = ["upload", "test-report", join(dir, "report"), "--to", "reports/t", ...RUN];
    for (let i = 0; i < 2; i++) {
      const { err } = await runs(0, [...args, "--output-dir", staging]);
      assert.match(
        err,
        /^note: skipped '[^']*index\.html': it is one of these files, and is kept$/m,
      );
      assert.doesNotMatch(err, /--force/);
    }
  },
);

Deno.test("index: a run on S3", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  const env = {
    AWS_ENDPOINT_URL_S3: server.url,
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
  };
  await writeTree(dir.path, { "a.log": "a" });
  const s3 = ["--bucket", "suite", ...RUN];
  const upload = ["upload", "files", join(dir.path, "a.log"), "--to", "logs/g", "--no-index"];
  await runs(0, [...upload, ...s3], env);
  const { files } = await runJson(0, ["index", ...s3], env);
  assert.deepEqual(files.map((file: { path: string }) => file.path), [
    "index.html",
    "logs/g/index.html",
    "logs/index.html",
  ]);
  const page = await fetch(`${server.url}/suite/123-linux/index.html`);
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(await page.text(), /<a href="logs\/index\.html">Logs<\/a>/);
});
