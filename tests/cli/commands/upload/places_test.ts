/** What is where something else is expected: missing paths, files for directories, itself. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { fileNames, snapshot } from "../../../support/snapshot.ts";
import { makeBuild, RUN } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

function test(name: string, fn: (dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    await fn(temp.path);
  });
}

const files = (paths: string[], to: string, out: string) => [
  ...["upload", "files", ...paths, "--to", to, "--output-dir", out, ...RUN],
];

test("upload files: an output directory inside is left out, each time", async (dir) => {
  await writeTree(dir, { "d/a": "a", "d/sub/b": "b" });
  const out = join(dir, "d", "out");
  const args = files([join(dir, "d")], "x", out);
  assert.equal((await runs(0, args)).err, "");
  const before = await fileNames(out);
  const { err } = await runs(0, args);
  assert.match(err, /^note: skipped '[^\n]*out': the output directory\n$/);
  assert.deepEqual(await fileNames(out), before);
  // Another run does not take the first one along either.
  await runs(0, [...args, "--run-id", "124"]);
  const run124 = await fileNames(join(out, "124-linux"));
  assert.deepEqual(run124, await fileNames(join(out, "123-linux")));
});

test("upload files: a directory into itself is rejected, by whatever name", async (dir) => {
  await writeTree(dir, { "d/a": "a", "s/123-linux/x/b": "b" });
  const [d, s] = [join(dir, "d"), join(dir, "s")];
  await refused(files([d], "x", d), ["into itself", "--output-dir"]);
  await refused(files([s], "x", s), ["into itself"]);
  await refused(files([join(s, "123-linux", "x")], "x", s), ["into itself"]);
  await refused(files([join(s, "123-linux")], "y", s), ["into itself"]);
  if (Deno.build.os !== "windows") {
    await Deno.symlink(d, join(dir, "link"));
    await refused(files([d], "x", join(dir, "link")), ["into itself"]);
  }
  // A directory of the run to another place of it is no circle.
  await runs(0, files([join(s, "123-linux", "x")], "y", s));
  assert((await fileNames(s)).includes("123-linux/y/b"));
});

test("upload files: one missing path does not stop the others, exit 7", async (dir) => {
  await writeTree(dir, { "a": "a", "d/b": "b" });
  const paths = ["a", "nope", "d"].map((name) => join(dir, name));
  const { out, err } = await runs(7, [...files(paths, "x", join(dir, "s")), "-v"]);
  assert.match(err, /^error: Cannot read '[^\n]*nope': no such file or directory\n$/m);
  assert.match(out, /^failed +x\/nope +<- \S*nope$/m);
  assert.match(out, /: 3 written, 1 failed in /);
  const document = await runJson(7, files(paths, "x", join(dir, "s")));
  const [failed] = document.files.filter((f: { outcome: string }) => f.outcome === "failed");
  assert.deepEqual([failed.path, failed.source, failed.error.code], [
    "x/nope",
    paths[1],
    "not_found",
  ]);
});

test("upload files: no path at all is there: one line with all of them, exit 2", async (dir) => {
  const paths = ["no", "nope"].map((name) => join(dir, name));
  await refused(files(paths, "x", join(dir, "s")), paths);
});

test("upload files: an empty path is wrong usage", async (dir) => {
  await writeTree(dir, { "a": "a" });
  await refused(files([""], "x", join(dir, "s")), ["paths", "empty"]);
  await refused(files([join(dir, "a"), ""], "x", join(dir, "s")), ["paths", "empty"]);
});

test("a file where a directory is needed, and the reverse: one line, exit 2", async (dir) => {
  await makeBuild(join(dir, "build"));
  await writeTree(dir, { "file": "x", "s/123-linux/a_lib_generic.tar.zst": "x" });
  const [file, out, s] = ["file", "out", "s"].map((name) => join(dir, name));
  const before = await snapshot(dir);
  const to = ["--output-dir", out, ...RUN];
  const cases = [
    ["upload", "artifacts", file, ...to],
    ["upload", "logs", file, "--artifact-group", "g", ...to],
    ["upload", "build", "--artifact-group", "g", "--build-dir", file, ...to],
    ["upload", "stage", "--stage", "s", "--build-dir", file, ...to],
    ["upload", "python", file, "--multiarch", ...to],
    ["upload", "packages", file, "--pkg-type", "deb", ...to],
    ["upload", "tarballs", file, ...to],
    ["upload", "test-report", file, "--to", "x", ...to],
    ["upload", "manifest", s, ...to],
    files([s], "x", file),
    files([s], "x", join(file, "below")),
    [...files([s], "x", file), "--dry-run"],
    ["list", "--staging-dir", file, ...RUN],
    ["list", "--staging-dir", join(file, "below"), ...RUN],
    ["fetch", "--staging-dir", file, "--output-dir", out, ...RUN],
    ["fetch", "--staging-dir", s, "--output-dir", file, ...RUN],
    ["fetch", "--staging-dir", s, "--output-dir", join(file, "below"), ...RUN, "--dry-run"],
    ["index", file],
  ];
  for (const args of cases) {
    const texts = args.includes(s) && args[1] === "manifest" ? [s] : [file, "directory"];
    await refused(args, texts);
  }
  assert.deepEqual(await snapshot(dir), before);
});

test("upload build: in a build without any file, each missing output is reported, exit 3", async (dir) => {
  await Deno.mkdir(join(dir, "empty/logs"), { recursive: true });
  const args = ["upload", "build", "--artifact-group", "g", "--build-dir", join(dir, "empty")];
  const { out, err } = await runs(3, [...args, "--output-dir", join(dir, "s"), ...RUN, "-v"]);
  assert.equal(err.match(/^error: /mg)?.length, 2, err);
  for (const part of ["artifacts", "therock_manifest.json"]) {
    assert.match(out, new RegExp(`^failed +(?:\\S+ +<- )?\\S*${part}$`, "m"));
  }
});

test("upload --dry-run: what is in the way is seen, as by the real run", async (dir) => {
  await makeBuild(join(dir, "build"));
  await writeTree(dir, {
    "s/123-linux/logs": "a file",
    "s/123-linux/blas_lib_gfx94X-dcgpu.tar.zst/x": "a directory",
  });
  const args = ["upload", "build", "--artifact-group", "g", "--build-dir", join(dir, "build")];
  args.push("--output-dir", join(dir, "s"), "--no-index", ...RUN);
  const before = await snapshot(join(dir, "s"));
  const failed = (document: { files: { path: string; outcome: string }[] }) =>
    document.files.filter((f) => f.outcome === "failed").map((f) => f.path);
  const dry = failed(await runJson(7, [...args, "--dry-run"]));
  assert.deepEqual(await snapshot(join(dir, "s")), before);
  assert.deepEqual(failed(await runJson(7, args)), dry);
  assert(
    dry.includes("blas_lib_gfx94X-dcgpu.tar.zst") && dry.includes("logs/g/build.log"),
    `${dry}`,
  );
});

test("upload files: the path of one of the run's own pages is rejected", async (dir) => {
  await writeTree(join(dir, "rep"), { "index.html": "mine", "a.txt": "a" });
  const args = ["upload", "files", join(dir, "rep"), "--output-dir", join(dir, "s"), ...RUN];
  const { err } = await runs(2, [...args, "--to", "."]);
  assert.match(
    err,
    /^error: Cannot upload '.*index\.html' to .*: that is an index page of the run/,
  );
  await assert.rejects(Deno.stat(join(dir, "s")), Deno.errors.NotFound);
  await runs(0, [...args, "--to", ".", "--exclude", "index.html"]);
  await runs(0, [...args, "--to", "reports"]);
});

test("upload --dry-run: files of unknown size are counted, not treated as empty", async (dir) => {
  await makeBuild(join(dir, "build"));
  const args = ["upload", "artifacts", join(dir, "build", "artifacts"), "--no-index", "--dry-run"];
  args.push("--output-dir", join(dir, "s"), ...RUN);
  const { out } = await runs(0, args);
  assert.match(out, /^7 files, [\d.]+ k?B and 3 of unknown size: 7 to write; would be in /m);
  assert.equal((await runJson(0, args)).unknown_sizes, 3);
});

test("upload to a disk: messages name paths, not s3://", async (dir) => {
  await writeTree(dir, { "a": "one" });
  const args = [...files([join(dir, "a")], "x", join(dir, "s")), "--no-index"];
  await runs(0, args);
  await Deno.writeTextFile(join(dir, "a"), "two");
  const refused = await runs(1, [...args, "--if-exists", "fail"]);
  const replaced = await runs(0, args);
  for (const { err } of [refused, replaced]) {
    assert(err.includes(join(dir, "s", "123-linux", "x", "a")), err);
    assert(!err.includes("s3://"), err);
  }
});
