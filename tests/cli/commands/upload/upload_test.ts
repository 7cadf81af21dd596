import assert from "node:assert/strict";
import { main } from "../../../../src/cli/main.ts";
import { makeBuildTree } from "../../../support/build_tree.ts";
import { likeArchive } from "../../../support/bytes.ts";
import { refused } from "../../../support/command_line.ts";
import { FakeIo, run } from "../../../support/fake_io.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { outputTree, tempDir, writeTree } from "../../../support/temp_dir.ts";

const RUN = ["--run-id", "7", "--platform", "linux"];
/** For tests that are not about index pages. */
const NO_INDEX = "--no-index";
const GROUP = ["--artifact-group", "g"];

/** What `upload build` makes of the tree of `makeBuildTree`. */
const BUILD_KEYS = [
  "base_doc_generic.tar.zst",
  "base_doc_generic.tar.zst.sha256sum",
  "base_lib_generic.tar.zst",
  "base_lib_generic.tar.zst.sha256sum",
  "blas_dev_gfx94X-dcgpu.tar.zst",
  "blas_dev_gfx94X-dcgpu.tar.zst.sha256sum",
  "blas_lib_gfx94X-dcgpu.tar.zst",
  "blas_lib_gfx94X-dcgpu.tar.zst.sha256sum",
  "index.html",
  "logs/g/ccache_logs.tar.zst",
  "logs/g/comp-summary.html",
  "logs/g/comp-summary.md",
  "logs/g/index.html",
  "logs/g/ninja_logs.tar.gz",
  "logs/g/rccl_install.log",
  "logs/g/therock-build-prof/comp-summary.html",
  "logs/g/therock-build-prof/comp-summary.md",
  "logs/g/therock-build.log",
  "logs/index.html",
  "manifests/g/therock_manifest.json",
  "manifests/index.html",
  "manifests/outputs/build.g.json",
  "rccl_test_gfx942.tar.zst",
  "rccl_test_gfx942.tar.zst.sha256sum",
];

async function snapshot(root: string): Promise<string[]> {
  const seen: string[] = [];
  async function walk(dir: string): Promise<void> {
    for await (const entry of Deno.readDir(dir)) {
      const path = `${dir}/${entry.name}`;
      const { mtime, size, mode } = await Deno.lstat(path);
      seen.push(`${path} ${entry.isDirectory ? "" : size} ${mode} ${mtime?.getTime()}`);
      if (entry.isDirectory) await walk(path);
    }
  }
  await walk(root);
  return seen.sort();
}

Deno.test("upload build: a dry run prints exactly the keys that the run then writes, and touches nothing", async () => {
  await using dir = await tempDir();
  const buildDir = `${dir.path}/build`;
  await makeBuildTree({ buildDir, librarySize: 200_000 });
  const args = ["upload", "build", ...GROUP, ...RUN, "--build-dir", buildDir];
  const to = ["--output-dir", `${dir.path}/staging`];
  const before = await snapshot(dir.path);

  const dry = await run([...args, ...to, "--dry-run", "--json"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.deepEqual(await snapshot(dir.path), before);
  const planned = JSON.parse(dry.stdout);
  assert.equal(planned.schema, "run-outputs.upload/1");
  assert.equal(planned.dry_run, true);
  assert.equal(planned.counts.planned, BUILD_KEYS.length);
  assert.deepEqual(planned.files.map((file: { path: string }) => file.path), BUILD_KEYS);

  const real = await run([...args, ...to, "--json"]);
  assert.equal(real.code, 0, real.stderr);
  const tree = await outputTree(`${dir.path}/staging`);
  assert.deepEqual(Object.keys(tree), BUILD_KEYS.map((key) => `7-linux/${key}`));
  const { files, counts, bytes } = JSON.parse(real.stdout);
  assert.equal(counts.written, BUILD_KEYS.length);
  let sum = 0;
  for (const file of files) {
    assert.match(file.sha256, /^[0-9a-f]{64}$/);
    assert.equal((await Deno.stat(file.local_path)).size, file.size);
    sum += file.size;
    if (file.kind === "checksum") {
      const archive = files.find((f: { path: string }) => `${f.path}.sha256sum` === file.path);
      assert.equal(await Deno.readTextFile(file.local_path), `${archive.sha256}\n`);
    }
  }
  assert.equal(bytes, sum);

  const again = await run([...args, ...to, "--json"]);
  assert.equal(JSON.parse(again.stdout).counts.unchanged, BUILD_KEYS.length);
});

Deno.test("upload build: the build directory is as before, without temporary files", async () => {
  await using dir = await tempDir();
  const buildDir = `${dir.path}/build`;
  await makeBuildTree({ buildDir, librarySize: 200_000 });
  const before = Object.keys(await outputTree(buildDir));
  const args = ["upload", "build", ...GROUP, ...RUN, "--build-dir", buildDir];
  assert.equal((await run([...args, "--output-dir", `${dir.path}/s`])).code, 0);
  assert.deepEqual(Object.keys(await outputTree(buildDir)), before);
});

Deno.test("upload build: missing outputs are reported, all others uploaded, exit 7", async () => {
  await using dir = await tempDir();
  const buildDir = `${dir.path}/build`;
  await writeTree(buildDir, { "logs/build.log": "log" });
  const args = ["upload", "build", ...GROUP, ...RUN, "--build-dir", buildDir];
  const ran = await run([...args, "--output-dir", `${dir.path}/s`]);
  assert.equal(ran.code, 7);
  assert.deepEqual(Object.keys(await outputTree(`${dir.path}/s`)), [
    "7-linux/index.html",
    "7-linux/logs/g/build.log",
    "7-linux/logs/g/index.html",
    "7-linux/logs/index.html",
    "7-linux/manifests/outputs/build.g.incomplete",
  ]);
  assert.match(ran.stderr, /error: .*artifacts.*no such file or directory/);
  assert.match(ran.stderr, /error: .*therock_manifest\.json.*no such file or directory/);
});

for (const status of ["failure", "cancelled"]) {
  Deno.test(`upload build --job-status ${status}: what is missing is a note, exit 0`, async () => {
    await using dir = await tempDir();
    const buildDir = `${dir.path}/build`;
    await writeTree(buildDir, { "logs/build.log": "log" });
    const args = ["upload", "build", ...GROUP, ...RUN, "--build-dir", buildDir];
    const to = [NO_INDEX, "--output-dir", `${dir.path}/s`, "--job-status", status];
    const ran = await run([...args, ...to]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /^note: .*artifacts.*\nnote: .*therock_manifest\.json/m);
  });
}

Deno.test("upload: other content is replaced with a warning that names both hashes", async () => {
  await using dir = await tempDir();
  const file = `${dir.path}/a.log`;
  const args = ["upload", "files", file, "--to", ".", ...RUN, "--output-dir", `${dir.path}/s`];
  await Deno.writeTextFile(file, "one");
  await run(args);
  await Deno.writeTextFile(file, "two");
  const one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
  const two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

  const skipped = await run([...args, "--if-exists", "skip"]);
  assert.equal(skipped.code, 0);
  assert.match(skipped.stdout, /: 2 unchanged, 1 skipped in /);
  const refused = await run([...args, "--if-exists", "fail"]);
  assert.equal(refused.code, 1);
  assert(refused.stderr.includes(one) && refused.stderr.includes(two), refused.stderr);
  assert.equal(await Deno.readTextFile(`${dir.path}/s/7-linux/a.log`), "one");

  const replaced = await run(args);
  assert.equal(replaced.code, 0);
  assert.match(replaced.stderr, new RegExp(`^warning: .*sha256 was ${one}, is ${two}\\)\n$`));
  assert.equal(await Deno.readTextFile(`${dir.path}/s/7-linux/a.log`), "two");
});

Deno.test("upload artifacts: a sidecar that does not match fails its archive alone, exit 6", async () => {
  await using dir = await tempDir();
  await writeTree(`${dir.path}/a`, {
    "good_lib_generic.tar.zst": likeArchive("zst", "good"),
    "bad_lib_generic.tar.zst": likeArchive("zst", "bad"),
    "bad_lib_generic.tar.zst.sha256sum": "0".repeat(64),
    "odd_lib_generic.tar.xz": likeArchive("xz", "odd"),
    "odd_lib_generic.tar.xz.sha256sum": "no digest",
  });
  const args = [
    "upload",
    "artifacts",
    `${dir.path}/a`,
    ...RUN,
    NO_INDEX,
    "--output-dir",
    `${dir.path}/s`,
  ];
  const ran = await run(args);
  assert.equal(ran.code, 6);
  assert.deepEqual(Object.keys(await outputTree(`${dir.path}/s`)), [
    "7-linux/good_lib_generic.tar.zst",
    "7-linux/good_lib_generic.tar.zst.sha256sum",
    "7-linux/manifests/outputs/artifacts.aa61ec6d.incomplete",
  ]);
  assert.equal(ran.stderr.trim().split("\n").length, 2, ran.stderr);
  const from = `'${dir.path}/a/bad_lib_generic.tar.zst.sha256sum'`;
  assert.match(
    ran.stderr,
    new RegExp(`expected 0{64}, got \\w+\\) \\(the checksum is from ${from}\\)$`, "m"),
  );
  const dry = await run([...args, "--dry-run"]);
  assert.equal(dry.code, 6);
  assert(dry.stderr.includes(from), dry.stderr);

  await using server = await startS3Server();
  const s3 = ["upload", "artifacts", `${dir.path}/a`, ...RUN, NO_INDEX, "--bucket", "suite"];
  const onS3 = await run(s3, s3Env(server.url));
  assert.equal(onS3.code, 6);
  assert(onS3.stderr.includes(`(the checksum is from ${from})`), onS3.stderr);
});

Deno.test("upload logs: links are skipped with a note, raw ccache logs are left out", async () => {
  await using dir = await tempDir();
  await writeTree(`${dir.path}/logs`, {
    "a.log": "a",
    "ccache/raw.log": "raw",
    "sub/.hidden": "h",
  });
  await Deno.symlink("a.log", `${dir.path}/logs/link.log`);
  const args = ["upload", "logs", `${dir.path}/logs`, ...GROUP, ...RUN];
  const ran = await run([...args, NO_INDEX, "--output-dir", `${dir.path}/s`]);
  assert.equal(ran.code, 0);
  assert.match(ran.stderr, /^note: skipped '.*link\.log': a symbolic link\n$/);
  assert.deepEqual(Object.keys(await outputTree(`${dir.path}/s`)), [
    "7-linux/logs/g/a.log",
    "7-linux/logs/g/sub/.hidden",
    "7-linux/manifests/outputs/logs.g.9ae5f65b.json",
  ]);
  assert.equal((await run([...args, NO_INDEX, "--output-dir", `${dir.path}/s`, "-q"])).stderr, "");
});

Deno.test("upload files: a pattern that matches nothing is reported, exit 7", async () => {
  await using dir = await tempDir();
  await writeTree(`${dir.path}/d`, { "a.html": "a", "sub/b.html": "b", "c.txt": "c" });
  const args = ["upload", "files", `${dir.path}/d`, "--to", "logs/x", ...RUN];
  const to = [NO_INDEX, "--output-dir", `${dir.path}/s`];
  const ran = await run([...args, ...to, "--include", "*.html,*.png"]);
  assert.equal(ran.code, 7);
  assert.match(ran.stderr, /^error: no file matches '\*\.png'\n$/);
  assert.deepEqual(Object.keys(await outputTree(`${dir.path}/s`)), [
    "7-linux/logs/x/a.html",
    "7-linux/logs/x/sub/b.html",
    "7-linux/manifests/outputs/files.logs-x.ec1816d4.incomplete",
  ]);
});

Deno.test("upload manifest: with a group and without", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/m.json`, '{"a": 1}\n');
  const args = ["upload", "manifest", `${dir.path}/m.json`, ...RUN];
  const to = [NO_INDEX, "--output-dir", `${dir.path}/s`];
  await run([...args, ...to, ...GROUP]);
  await run([...args, ...to]);
  const tree = await outputTree(`${dir.path}/s`);
  assert.deepEqual(Object.keys(tree), [
    "7-linux/manifests/g/therock_manifest.json",
    "7-linux/manifests/outputs/manifest.g.json",
    "7-linux/manifests/outputs/manifest.json",
    "7-linux/manifests/therock_manifest.json",
  ]);
  assert.equal(tree["7-linux/manifests/g/therock_manifest.json"], '{"a": 1}\n');
  assert.equal(tree["7-linux/manifests/therock_manifest.json"], '{"a": 1}\n');
});

Deno.test("upload --layout typed: artifacts go below artifacts/, logs stay", async () => {
  await using dir = await tempDir();
  await writeTree(`${dir.path}/a`, { "x_lib_generic.tar.xz": likeArchive("xz", "x") });
  const to = [...RUN, NO_INDEX, "--output-dir", `${dir.path}/s`, "--layout", "typed"];
  await run(["upload", "artifacts", `${dir.path}/a`, ...to]);
  await run(["upload", "logs", `${dir.path}/a`, ...GROUP, ...to]);
  assert.deepEqual(Object.keys(await outputTree(`${dir.path}/s`)), [
    "7-linux/artifacts/x_lib_generic.tar.xz",
    "7-linux/artifacts/x_lib_generic.tar.xz.sha256sum",
    "7-linux/logs/g/x_lib_generic.tar.xz",
    "7-linux/manifests/outputs/artifacts.f9ae6c8c.json",
    "7-linux/manifests/outputs/logs.g.4c9e05e5.json",
  ]);
});

Deno.test("upload: another repository gets its prefix on disk too", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/f`, "f");
  const env = { GITHUB_REPOSITORY: "ROCm/rocm-libraries" };
  const args = ["upload", "files", `${dir.path}/f`, "--to", "x", "--platform", "windows"];
  await run([...args, NO_INDEX, "--output-dir", `${dir.path}/s`], env);
  assert.deepEqual(Object.keys(await outputTree(`${dir.path}/s`)), [
    "ROCm-rocm-libraries/local-windows/manifests/outputs/files.x.c682c79e.json",
    "ROCm-rocm-libraries/local-windows/x/f",
  ]);
});

Deno.test("upload: an interruption ends with 130 and one line, and leaves nothing half done", async () => {
  await using dir = await tempDir();
  await writeTree(`${dir.path}/d`, { "a": "a", "b": "b" });
  const io = new FakeIo();
  const args = ["upload", "files", `${dir.path}/d`, "--to", "x", ...RUN];
  const running = main([...args, "--output-dir", `${dir.path}/s`], io);
  await io.listening;
  io.interrupt();
  assert.equal(await running, 130);
  assert.match(io.err, /^error: interrupted; [^\n]*\n$/);
  assert.equal(io.out, "");
  const left = await outputTree(`${dir.path}/s`).catch(() => ({}));
  assert.deepEqual(left, {});
});

Deno.test("upload: a group or stage that is a list is rejected, because it becomes one directory", async () => {
  await using dir = await tempDir();
  const to = ["--output-dir", dir.path, "--run-id", "1"];
  for (const group of ["gfx94X dcgpu", "a;b", "a,b"]) {
    const upload = ["upload", "build", "--build-dir", dir.path, ...to];
    await refused([...upload, "--artifact-group", group], ["artifact group", group, "one name"]);
    await refused(["upload", "logs", dir.path, ...to, "--artifact-group", group], [group]);
    await refused(["upload", "stage", "--stage", group, "--build-dir", dir.path, ...to], [group]);
  }
});
