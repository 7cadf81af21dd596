/** `run-outputs upload …`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { main } from "../../../../src/cli/main.ts";
import { sha256 } from "../../../support/bytes.ts";
import { refused, run, runJson, runs, WatchedIo } from "../../../support/command_line.ts";
import { fileNames, outputNames, snapshot } from "../../../support/snapshot.ts";
import { makeBuild, RUN, UPLOADED_KEYS } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";
import { unpack } from "../../../support/unpack.ts";

/** A test with a build and a staging directory that does not exist yet. */
function test(
  name: string,
  fn: (dirs: { dir: string; build: string; staging: string; root: string }) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const dir = temp.path;
    const staging = join(dir, "staging");
    await makeBuild(join(dir, "build"));
    await fn({ dir, build: join(dir, "build"), staging, root: join(staging, "123-linux") });
  });
}

const build = (buildDir: string, staging: string, ...more: string[]) => [
  ...["upload", "build", "--artifact-group", "g", "--build-dir", buildDir],
  ...["--output-dir", staging, ...RUN, ...more],
];

test("upload build: writes everything under the canonical layout and exits with 0", async (d) => {
  const { out, err } = await runs(0, build(d.build, d.staging, "-v"));
  assert.match(err, /^part build\.g of the outputs manifest: /m);
  assert.deepEqual(await outputNames(d.root), UPLOADED_KEYS);
  const lines = out.trimEnd().split("\n");
  assert.equal(lines.length, UPLOADED_KEYS.length + 1);
  for (const [i, key] of UPLOADED_KEYS.entries()) {
    assert.match(lines[i], /^written +[\d.]+ k?B +\S/, key);
  }
  const page = pathToFileURL(join(d.root, "index.html")).href;
  assert.match(
    lines.at(-1)!,
    /^20 files, [\d.]+ kB: 20 written in [\d.]+ s( \([\d.]+ [kM]?B\/s\))?; see file:/,
  );
  assert(lines.at(-1)!.endsWith(`; see ${page}`));

  for (const name of UPLOADED_KEYS.filter((key) => key.endsWith(".sha256sum"))) {
    const archive = await Deno.readFile(join(d.root, name.slice(0, -".sha256sum".length)));
    assert.equal((await Deno.readTextFile(join(d.root, name))).split(/\s/)[0], sha256(archive));
  }
  const blas = await unpack(
    await Deno.readFile(join(d.root, "blas_lib_gfx94X-dcgpu.tar.zst")),
    "zst",
  );
  assert.equal(blas[0].name, "artifact_manifest.txt");
  const ninja = await unpack(await Deno.readFile(join(d.root, "logs/g/ninja_logs.tar.gz")), "gz");
  assert.deepEqual(ninja.map(({ name }) => name), [".ninja_log", "math/.ninja_log"]);
});

test("upload build, stage: another directory than that of a build is refused, and nothing is written", async (d) => {
  await runs(0, build(d.build, d.staging));
  const before = await snapshot(d.staging);
  const stage = [
    "upload",
    "stage",
    "--stage",
    "compiler-runtime",
    "--output-dir",
    d.staging,
    ...RUN,
  ];
  for (const wrong of [join(d.build, "artifacts"), d.dir]) {
    const texts = ["No build in ", wrong, "check --build-dir", "--job-status"];
    await refused(build(wrong, d.staging), texts);
    await refused([...stage, "--build-dir", wrong], texts);
  }
  assert.deepEqual(await snapshot(d.staging), before);
  await runs(0, ["verify", "--staging-dir", d.staging, ...RUN]);
  // A failed job may have written nothing.
  await runs(0, build(d.dir, join(d.dir, "other"), "--job-status", "failure"));
});

test("upload build: leaves nothing in the build directory", async (d) => {
  const before = await outputNames(d.build);
  await runs(0, build(d.build, d.staging));
  assert.deepEqual(await outputNames(d.build), before);
});

test("upload build: a second run writes nothing and says unchanged", async (d) => {
  await runs(0, build(d.build, d.staging));
  const before = await snapshot(d.staging);
  const { out } = await runs(0, build(d.build, d.staging));
  assert.match(out, /^20 files, [\d.]+ kB: 20 unchanged in [\d.]+ s; see /);
  assert.deepEqual(await snapshot(d.staging), before);
});

test("upload build --json: one document with every file, its hash and its places", async (d) => {
  const document = await runJson(0, build(d.build, d.staging));
  assert.equal(document.schema, "run-outputs.upload/1");
  assert.equal(document.dry_run, false);
  assert.equal(document.run_id, "123");
  assert.equal(document.platform, "linux");
  assert.equal(document.prefix, "123-linux");
  assert.equal(document.bucket, "therock-ci-artifacts");
  assert.equal(document.s3_uri, undefined);
  assert.equal(document.output_dir, d.staging);
  assert.deepEqual(document.counts, {
    written: 20,
    unchanged: 0,
    skipped: 0,
    planned: 0,
    failed: 0,
  });
  assert.deepEqual(document.files.map((file: { path: string }) => file.path), UPLOADED_KEYS);
  let bytes = 0;
  for (const file of document.files) {
    const content = await Deno.readFile(join(d.root, file.path));
    assert.equal(file.local_path, join(d.root, file.path));
    assert.equal(file.size, content.length);
    assert.equal(file.sha256, sha256(content));
    assert.equal(file.s3_uri, undefined);
    assert.equal(file.https_url, undefined);
    bytes += file.size;
  }
  assert.equal(document.bytes, bytes);
});

test("upload build --dry-run: the text names source and target of each file", async (d) => {
  const { out } = await runs(0, build(d.build, d.staging, "--dry-run"));
  assert.match(
    out,
    /^would write +6 B {2}logs\/g\/build\.log {2,}<- .*build[/\\]logs[/\\]build\.log$/m,
  );
  assert.match(out, /: 20 to write; would be in [^\n]*\n$/);
});

test("upload build --dry-run: over a finished upload it touches nothing either", async (d) => {
  await runs(0, build(d.build, d.staging));
  const before = await snapshot(d.dir);
  await runs(0, build(d.build, d.staging, "-n"));
  await runs(0, build(d.build, d.staging, "-n", "--if-exists", "fail"));
  assert.deepEqual(await snapshot(d.dir), before);
});

test("upload build --dry-run: a wrong checksum beside an archive exits as the real run does", async (d) => {
  const sidecar = join(d.build, "artifacts", "fft_lib_gfx942.tar.xz.sha256sum");
  await Deno.writeTextFile(sidecar, `${"0".repeat(64)}\n`);
  const before = await snapshot(d.dir);
  const dry = await runJson(6, build(d.build, d.staging, "--dry-run"));
  assert.deepEqual(await snapshot(d.dir), before);
  const real = await runJson(6, build(d.build, d.staging));
  const failed = (document: typeof dry) =>
    document.files.filter((f: { outcome: string }) => f.outcome === "failed")
      .map((f: { path: string; error: { code: string } }) => [f.path, f.error.code]);
  assert.deepEqual(failed(real), [["fft_lib_gfx942.tar.xz", "integrity"]]);
  assert.deepEqual(failed(dry), failed(real));
});

test("upload build --dry-run --if-exists skip: says skipped where the real run does", async (d) => {
  await runs(0, build(d.build, d.staging));
  // The pages are newer than the checksum files, however fast all of them were written.
  const before = new Date("2026-01-01T00:00:00Z");
  for (const name of await fileNames(d.root)) {
    if (name.endsWith(".sha256sum")) await Deno.utime(join(d.root, name), before, before);
  }
  const keep = ["--if-exists", "skip"];
  const outcomes = async (...more: string[]) =>
    (await runJson(0, build(d.build, d.staging, ...keep, ...more))).files
      .map((f: { path: string; outcome: string }) => `${f.path} ${f.outcome}`);
  assert.deepEqual(await outcomes("--dry-run"), await outcomes());
});

test("upload artifacts: include and exclude choose, an unmatched pattern exits with 7", async (d) => {
  const args = [
    "upload",
    "artifacts",
    join(d.build, "artifacts"),
    "--output-dir",
    d.staging,
    ...RUN,
  ];
  await runs(0, [...args, "--no-index", "--include", "*_lib_*", "--exclude", "fft_*"]);
  assert.deepEqual(await outputNames(d.root), [
    "blas_lib_gfx94X-dcgpu.tar.zst",
    "blas_lib_gfx94X-dcgpu.tar.zst.sha256sum",
    "manifests/outputs/artifacts.8a7fe8ac.json",
  ]);
  const { err } = await runs(7, [...args, "--include", "base_*,nothing_*"]);
  assert.equal(err, "error: no file matches 'nothing_*'\n");
  await refused([...args, "--include", "nothing_*"], ["nothing_*"], { code: 3 });
});

test("upload logs: the raw ccache logs stay, the summaries get a flat copy", async (d) => {
  const logs = ["upload", "logs", join(d.build, "logs"), "--artifact-group", "g"];
  await runs(0, [...logs, "--no-index", "--output-dir", d.staging, ...RUN]);
  assert.deepEqual(await outputNames(d.root), [
    "logs/g/build.log",
    "logs/g/comp-summary.html",
    "logs/g/comp-summary.md",
    "logs/g/deep/er/test.log",
    "logs/g/therock-build-prof/comp-summary.html",
    "logs/g/therock-build-prof/comp-summary.md",
    "manifests/outputs/logs.g.0398f77d.json",
  ]);
});

test("upload manifest: a file that is not JSON is rejected, and nothing is written", async (d) => {
  const file = join(d.dir, "m.json");
  await Deno.writeTextFile(file, "{");
  await refused(["upload", "manifest", file, "--output-dir", d.staging, ...RUN], [file, "JSON"]);
  await assert.rejects(Deno.stat(d.staging), Deno.errors.NotFound);
});

test("upload files: files by name, directories by content, '.' for the run's root", async (d) => {
  await writeTree(d.dir, { "in/a.txt": "a", "in/b/c.txt": "c", "one.txt": "1" });
  const args = ["upload", "files", join(d.dir, "in"), join(d.dir, "one.txt")];
  await runs(0, [...args, "--no-index", "--to", "x/y", "--output-dir", d.staging, ...RUN]);
  await runs(0, [...args, "--no-index", "--to", ".", "--output-dir", d.staging, ...RUN]);
  const names = ["a.txt", "b/c.txt", "one.txt"];
  assert.deepEqual(
    (await outputNames(d.root)).filter((name) => !name.startsWith("manifests/outputs/files.")),
    [...names, ...names.map((name) => `x/y/${name}`)].sort(),
  );
});

test("upload --if-exists fail: different content exits with 1 and stays; the same content is OK", async (d) => {
  await writeTree(d.dir, { "a.txt": "one" });
  const args = ["upload", "files", join(d.dir, "a.txt"), "--to", "x", "--output-dir", d.staging];
  args.push("--if-exists", "fail", ...RUN);
  await runs(0, args);
  assert.match((await runs(0, [...args, "-v"])).out, /^unchanged .* x\/a.txt$/m);
  await Deno.writeTextFile(join(d.dir, "a.txt"), "two");
  const { err } = await runs(1, args);
  assert.match(err, /^error: [^\n]*different content[^\n]*\n$/);
  assert.equal(await Deno.readTextFile(join(d.root, "x", "a.txt")), "one");
});

test("upload --if-exists skip: existing files stay, exit 0", async (d) => {
  await writeTree(d.dir, { "a.txt": "one" });
  const args = ["upload", "files", join(d.dir, "a.txt"), "--to", "x", "--output-dir", d.staging];
  args.push("--if-exists", "skip", "--no-index", ...RUN);
  await runs(0, args);
  await Deno.writeTextFile(join(d.dir, "a.txt"), "two");
  assert.match((await runs(0, [...args, "-v"])).out, /^skipped .* x\/a.txt$/m);
  assert.equal(await Deno.readTextFile(join(d.root, "x", "a.txt")), "one");
});

test("upload --if-exists skip: a checksum that is added is that of the archive which is there", async (d) => {
  await writeTree(d.root, { "fft_lib_gfx942.tar.xz": "another archive" });
  const args = ["upload", "artifacts", join(d.build, "artifacts"), "--include", "fft_*"];
  await runs(0, [...args, "--if-exists", "skip", "--output-dir", d.staging, ...RUN]);
  assert.equal(
    (await Deno.readTextFile(join(d.root, "fft_lib_gfx942.tar.xz.sha256sum"))).slice(0, 64),
    sha256("another archive"),
  );
});

test("upload: one file that can't be written does not stop the others, exit 7", async (d) => {
  await writeTree(d.root, { "logs/g/build.log/in-the-way": "x" });
  const { out, err } = await runs(7, build(d.build, d.staging));
  assert.match(err, /^error: [^\n]*build\.log[^\n]*directory[^\n]*\n$/);
  assert.match(out, /18 written, 1 failed/);
  await Deno.remove(join(d.root, "logs/g/build.log"), { recursive: true });
  const again = await runs(0, build(d.build, d.staging));
  assert.match(again.out, /5 written, 15 unchanged/);
});

test("upload --color always: the outcome is painted, --json never is", async (d) => {
  await runs(0, build(d.build, d.staging));
  const painted = await runs(0, build(d.build, d.staging, "-v", "--color", "always"));
  assert(painted.out.includes("\x1b[2munchanged"), painted.out);
  const document = await runJson(0, build(d.build, d.staging, "--color", "always"));
  assert.equal(document.counts.unchanged, 20);
});

Deno.test("colours: on a terminal, unless NO_COLOR is set", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "in/a.txt": "a" });
  const args = ["upload", "files", join(temp.path, "in"), "--to", "x"];
  args.push("--output-dir", join(temp.path, "staging"), ...RUN);
  await runs(0, args);
  for (const [env, painted] of [[{}, true], [{ NO_COLOR: "1" }, false]] as const) {
    const io = new WatchedIo(env, true);
    assert.equal(await main([...args, "--verbose"], io), 0);
    assert.equal(io.out.includes("\x1b["), painted);
  }
});

test("upload --json: an interruption gives a run-outputs.error/1 document", async (d) => {
  const io = new WatchedIo();
  const running = main(build(d.build, d.staging, "--json"), io);
  await io.listening;
  io.interrupt();
  assert.equal(await running, 130);
  const { schema, error } = JSON.parse(io.out);
  assert.equal(schema, "run-outputs.error/1");
  assert.equal(error.exit_code, 130);
});

Deno.test("upload: a name can't begin a new line or control the terminal", async () => {
  if (Deno.build.os === "windows") return;
  await using temp = await tempDir();
  const name = "a\n::error::pwned\u001b]0;title\u0007.log";
  await Deno.mkdir(join(temp.path, "logs"));
  await Deno.writeTextFile(join(temp.path, "logs", name), "x");
  const { out, err } = await run([
    ...["upload", "logs", join(temp.path, "logs"), "--artifact-group", "g", ...RUN],
    ...["--output-dir", join(temp.path, "s")],
  ]);
  for (const line of (out + err).split("\n")) assert(!line.startsWith("::"), line);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(out + err, /[\u0000-\u0009\u000b-\u001f]/);
  assert.match(err, /\\u000a::error::pwned\\u001b/);
});

Deno.test("upload files: two files for one path are rejected, one file given twice is not", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a/r.html": "a", "b/r.html": "b" });
  const [a, b] = ["a", "b"].map((name) => join(temp.path, name, "r.html"));
  const rest = ["--to", "logs/x", "--output-dir", join(temp.path, "s"), ...RUN];
  await refused(["upload", "files", a, b, ...rest], [a, b, "logs/x/r.html"], { code: 2 });
  await refused(["upload", "files", join(temp.path, "a"), b, ...rest], [a, b], { code: 2 });
  await runs(0, ["upload", "files", a, a, ...rest]);
});

/** Runs an upload of which nothing succeeds, because of what it finds on disk. */
async function failsOnDisk(args: readonly string[], ...texts: string[]): Promise<void> {
  const { err } = await runs(1, args);
  for (const text of texts) assert(err.includes(text), `${text} is not in: ${err}`);
}

test("upload artifacts: what is wrong with an artifact is a failure, not wrong usage", async (d) => {
  const artifacts = join(d.dir, "a");
  const args = ["upload", "artifacts", artifacts, "--output-dir", d.staging, ...RUN];
  const fails = async (...texts: string[]) => {
    await failsOnDisk(args, ...texts);
    const outputs = await outputNames(join(d.root, "manifests/outputs"));
    assert(outputs.every((name) => name.endsWith(".incomplete")), outputs.join());
  };
  await writeTree(artifacts, { "x_lib_generic/stage/x": "x" });
  await fails(
    "Cannot pack",
    "it has no artifact_manifest.txt, so it is not a complete artifact: list its directories there, one " +
      "relative path per line",
  );
  await writeTree(artifacts, { "x_lib_generic/artifact_manifest.txt": "../x\n" });
  await fails("Cannot pack", "line 1");
  if (Deno.build.os === "windows") return;
  await writeTree(artifacts, { "x_lib_generic/artifact_manifest.txt": "stage\n" });
  using _ = Deno.listen({ transport: "unix", path: join(artifacts, "x_lib_generic/stage/s") });
  await fails("Cannot pack", "neither a file, a directory nor a link");
});

test("upload: an invalid file, an invalid name and a broken manifest exit with 1", async (d) => {
  const to = ["--output-dir", d.staging, ...RUN];
  await writeTree(d.dir, { "t/therock-dist-windows-odd.tar.gz": "x" });
  await failsOnDisk(["upload", "tarballs", join(d.dir, "t"), ...to], "another platform than linux");
  await writeTree(d.dir, { "b/base/aux-overlay/build/therock_manifest.json": "{" });
  await Deno.mkdir(join(d.dir, "b/logs"));
  await Deno.mkdir(join(d.dir, "b/artifacts"));
  await failsOnDisk(build(join(d.dir, "b"), d.staging), "it is not JSON");
  if (Deno.build.os === "windows") return;
  const socket = join(d.dir, "s");
  using _ = Deno.listen({ transport: "unix", path: socket });
  const files = ["upload", "files", socket, "--to", "x", ...to];
  await failsOnDisk(files, "it is not a regular file");
});

for (const status of ["failure", "cancelled"]) {
  test(`upload build, stage, logs: after ${status} an empty or missing build directory is OK`, async (d) => {
    const empty = join(d.dir, "empty");
    await Deno.mkdir(empty);
    for (const dir of [empty, join(d.dir, "missing")]) {
      const stage = [
        ...["upload", "stage", "--stage", "s", "--build-dir", dir],
        ...["--output-dir", d.staging, ...RUN],
      ];
      const logs = [
        ...["upload", "logs", join(dir, "logs"), "--artifact-group", "g"],
        ...["--output-dir", d.staging, ...RUN],
      ];
      const said: readonly [readonly string[], Record<string, string>][] = [
        [["--job-status", status], {}],
        [["--job-status", status], { JOB_STATUS: "success" }],
        [[], { JOB_STATUS: status }],
        [[], { GITHUB_JOB_STATUS: status }],
        [[], { JOB_STATUS: "", GITHUB_JOB_STATUS: status }],
      ];
      for (const args of [stage, build(dir, d.staging), logs]) {
        for (const [more, env] of said) {
          const { out, err } = await runs(0, [...args, ...more, "--json"], env);
          assert.match(
            err,
            new RegExp(`^note: skipped '${dir}.*: not found, .* status is ${status}$`, "m"),
          );
          const { files, notes } = JSON.parse(out);
          assert.deepEqual(files, []);
          assert(notes.length > 0);
        }
      }
      for (const args of [build(join(d.dir, "missing"), d.staging), logs]) {
        for (
          const [more, env] of [
            [[], {}],
            [[], { JOB_STATUS: "success", GITHUB_JOB_STATUS: status }],
            [[], { JOB_STATUS: "active" }],
            [["--job-status", "success"], { JOB_STATUS: status }],
          ] as const
        ) {
          const { err } = await runs(2, [...args, ...more], env);
          assert.match(err, /missing|empty/);
          assert.match(err, /no such file or directory; .* give --job-status failure$/m);
        }
      }
    }
    await assert.rejects(Deno.stat(d.staging), Deno.errors.NotFound);
    await refused(build(join(d.dir, "missing"), d.staging), ["missing"], { code: 2 });
  });
}
