/** `copy`, `export` and `import` by the command line: what they take, say and refuse. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type StreamedMember, tarStream } from "../../../../src/archive/tar/stream.ts";
import { bytesSource } from "../../../../src/storage/byte_source.ts";
import { collect, sha256 } from "../../../support/bytes.ts";
import { type Json, refused, runJson, runs } from "../../../support/command_line.ts";
import { makeNamesOutsideUtf8, takesAnyName } from "../../../support/odd_names.ts";
import { snapshot } from "../../../support/snapshot.ts";
import { BUILD_KEYS, BUILD_PAGES, BUILD_PART, makeBuild, RUN } from "../../../support/staging.ts";
import { outputTree, tempDir, writeTree } from "../../../support/temp_dir.ts";

interface Dirs {
  readonly dir: string;
  readonly staging: string;
  readonly at: (...names: string[]) => string;
}

/** A test with a staging directory that has the run `123-linux`. */
function test(name: string, fn: (dirs: Dirs) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const dir = temp.path;
    const at = (...names: string[]) => join(dir, ...names);
    await makeBuild(at("build"));
    await runs(0, [
      ...["upload", "build", "--artifact-group", "g", "--build-dir", at("build"), ...RUN],
      ...["--output-dir", at("staging")],
    ]);
    await fn({ dir, staging: at("staging"), at });
  });
}

const LINUX = ["--platform", "linux"] as const;
const paths = ({ files }: Json): string[] => files.map(({ path }: Json) => path);

test("copy: a page that is copied and regenerated is listed once", async ({ staging, at }) => {
  const args = ["copy", "--from-staging", staging, "--to-staging", at("to"), "--run-id", "9"];
  args.push("--source-run-id", "123", "--platform", "linux", "--regex");
  assert.deepEqual(paths(await runJson(0, [...args, "^index"])), ["index.html"]);
  const { err } = await runs(3, [...args, "^index", "--exclude", "html$"]);
  assert.match(err, /^error: --exclude leaves none of the 1 outputs that are selected otherwise/);
});

test("copy: from a directory into another one, all the same, under its own name", async (dirs) => {
  const { staging, at } = dirs;
  const args = ["copy", "--from-staging", staging, "--to-staging", at("mirror")];
  const named = [...args, "--source-run-id", "123", "--source-platform", "linux"];
  const dry = await runJson(0, [...named, "--dry-run"]);
  assert.equal(dry.dry_run, true);
  assert.equal(dry.counts.planned, paths(dry).length);
  await assert.rejects(Deno.stat(at("mirror")), Deno.errors.NotFound);

  const copied = await runJson(0, named);
  assert.equal(copied.prefix, "123-linux");
  assert.equal(copied.output_dir, at("mirror"));
  assert.equal(copied.source.staging_dir, staging);
  assert.deepEqual(copied.withheld, []);
  assert.deepEqual(paths(copied), [...BUILD_KEYS, ...BUILD_PAGES, BUILD_PART].sort());
  assert.deepEqual(await outputTree(at("mirror")), await outputTree(staging));
  for (const platform of ["--platform", "--source-platform"]) {
    const again = await runJson(0, [...args, "--source-run-id", "123", platform, "linux"]);
    assert.equal(again.prefix, "123-linux");
  }
  const repo = ["--source-repo", "Some/fork"];
  await refused([...args, ...repo, ...RUN], ["No outputs of run 123"], { code: 3 });
  const { out } = await runs(0, [...args, ...RUN]);
  assert.match(
    out,
    /^20 files, .*: 20 unchanged in .*; in .*mirror\/123-linux, from .*staging\/123-linux\n$/,
  );
});

test("copy: a selection to another run, which gets parts and pages of its own", async (dirs) => {
  const { staging } = dirs;
  const to = ["--from-staging", staging, "--to-staging", staging, "--run-id", "9", ...LINUX];
  const args = ["copy", "blas_*", "--source-run-id", "123", ...to];
  const copied = await runJson(0, args);
  const blas = "blas_lib_gfx94X-dcgpu.tar.zst";
  assert.deepEqual(paths(copied), [
    blas,
    `${blas}.sha256sum`,
    "index.html",
    BUILD_PART,
  ]);
  const part = JSON.parse(await Deno.readTextFile(join(staging, "9-linux", BUILD_PART)));
  assert.equal(part.run.run_id, "123");
  assert.deepEqual(paths(part), [blas, `${blas}.sha256sum`]);
  assert.equal((await runJson(0, args)).counts.unchanged, 4);
  const more = ["copy", "--components", "run", "--no-index", "--source-run-id", "123", ...to];
  assert.deepEqual(paths(await runJson(0, more)), [
    "base_run_generic.tar.zst",
    "base_run_generic.tar.zst.sha256sum",
    BUILD_PART,
  ]);
  const list = await runJson(0, ["list", "--staging-dir", staging, "--run-id", "9", ...LINUX]);
  const told = list.files.filter(({ parts }: Json) => parts !== undefined);
  assert.equal(told.length, 4);
});

test("copy: failures are reported, also by the exit code", async (dirs) => {
  const { staging, at } = dirs;
  const args = ["copy", "--from-staging", staging, "--to-staging", at("out"), ...RUN];
  const log = join(staging, "123-linux/logs/g/build.log");
  await writeTree(at("out/123-linux"), { "logs/g/build.log": "of others\n" });
  const { err } = await runs(7, [...args, "--if-exists", "fail"]);
  assert.match(err, /^error: Cannot upload .*build\.log.*different content/m);
  assert.match(err, /^warning: manifest part build\.g not written: 1 file/m);
  await Deno.writeTextFile(log, "bu1lt\n");
  const utimes = new Date("2026-01-01T00:00:00Z");
  await Deno.utime(log, utimes, utimes);
  const { err: damaged } = await runs(6, args);
  assert(damaged.includes(`error: Cannot copy '${log}': checksum mismatch (expected `), damaged);
  assert.match(damaged, /; upload it again, or repair it from a copy \(verify --repair\)$/m);
  assert.doesNotMatch(damaged, /Cannot write/);
  await Deno.remove(log);
  const { err: gone } = await runs(7, args);
  assert(gone.includes(`build.log is missing: manifest part build.g lists ${log}\n`), gone);
  const broken = join(staging, "123-linux", BUILD_PART);
  await Deno.writeTextFile(broken, "{");
  assert.match((await runs(6, args)).err, /--no-manifest ignores the manifest/);
  assert.equal((await runJson(0, [...args, "--no-manifest"])).manifest, undefined);
});

test("copy: a copy to the same run through a link is rejected, and changes nothing", async ({ staging, at }) => {
  const before = await outputTree(staging);
  const from = ["copy", "--from-staging", staging, ...RUN];
  await Deno.symlink(staging, at("link"));
  await refused([...from, "--to-staging", at("link")], ["123-linux to itself"]);
  await Deno.mkdir(at("other"));
  await Deno.symlink(join(staging, "123-linux"), join(at("other"), "123-linux"));
  await refused([...from, "--to-staging", at("other")], ["123-linux to itself"]);
  // Another run of the same directory is none of it.
  await runs(0, [...from, "--source-run-id", "123", "--to-staging", at("link"), "--run-id", "5"]);
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(await outputTree(staging)).filter(([name]) => name.startsWith("123-linux/")),
    ),
    before,
  );
});

test("copy: a copy to the same run and contradicting options are rejected", async ({ staging }) => {
  const both = ["--from-staging", staging, "--to-staging", `${staging}/../staging`];
  await refused(["copy", ...both, ...RUN], ["123-linux to itself", "--source-run-id"]);
  await refused(["copy", ...RUN, "--bucket", "some-bucket", "--source-bucket", "some-bucket"], [
    "to itself",
  ]);
  await refused(["copy", ...RUN, "--families-file", "x"], ["--expand-families"]);
  await refused(
    ["copy", ...both.slice(0, 2), ...RUN, "--to-staging", "x", "--no-manifest"].concat(
      "--require-complete",
    ),
    ["--require-complete with --no-manifest"],
  );
  await refused(["copy", ...RUN, "--source-bucket", "_"], ["bucket", '"_"']);
  await refused(["copy", ...both, "--source-run-id", "5", ...RUN], ["No outputs of run 5"], {
    code: 3,
  });
  await refused(["copy", "x*", ...both, "--source-run-id", "123", "--run-id", "5", ...LINUX], [
    "'x*'",
  ], { code: 3 });
});

test("export and import: a run in one file; the file is never half there", async (dirs) => {
  const { staging, at } = dirs;
  const file = at("run.tar");
  const args = ["export", file, "--staging-dir", staging];
  const dry = await runJson(0, [...args, ...RUN, "--dry-run"]);
  assert.equal(dry.runs[0].count, 20);
  await assert.rejects(Deno.stat(file), Deno.errors.NotFound);

  const exported = await runJson(0, [...args, "123-linux"]);
  assert.equal(exported.size, (await Deno.stat(file)).size);
  assert.deepEqual(exported.runs[0].files, dry.runs[0].files);
  await refused([...args, ...RUN], ["run.tar", "exists; --force replaces it"], { code: 1 });
  await refused([...args, ...RUN, "--dry-run"], ["run.tar", "exists"], { code: 1 });
  // Before anything is looked for: of a run that is not there nothing is said.
  await refused([...args, "7", ...LINUX], ["run.tar", "exists"], { code: 1 });
  const again = await runJson(0, [...args, "123", ...LINUX, "--force"]);
  assert.equal(again.sha256, exported.sha256);

  await refused(["import", file], ["--output-dir <dir> or --bucket <name>"]);
  await refused(["import", file, "--output-dir", at("out"), "--bucket", "lab"], [
    "Cannot use --bucket with --output-dir",
  ]);
  const before = await snapshot(at("."));
  const planned = await runJson(0, ["import", file, "--output-dir", at("out"), "--dry-run"]);
  assert.equal(planned.runs[0].counts.planned, 20);
  assert.deepEqual(await snapshot(at(".")), before);
  const { out } = await runs(0, ["import", file, "--output-dir", at("out")]);
  assert.match(out, /^20 files, .*: 20 written in .*; in .*out\/123-linux\n$/);
  assert.deepEqual(await outputTree(at("out")), await outputTree(staging));
  const twice = await runJson(0, ["import", file, "--output-dir", at("out")]);
  assert.equal(twice.runs[0].counts.unchanged, 20);
});

test("import: a file that is cut or altered exits with 6", async ({ staging, at }) => {
  const file = at("run.tar");
  await runs(0, ["export", file, "--staging-dir", staging, ...RUN]);
  const bytes = await Deno.readFile(file);
  const into = ["import", file, "--output-dir", at("out")];
  await Deno.writeFile(file, bytes.subarray(0, bytes.length / 2));
  await refused(into, ["Cannot read the export", "ends in the middle"], { code: 6 });
  await assert.rejects(Deno.stat(at("out")), Deno.errors.NotFound);

  const text = new TextDecoder("latin1").decode(bytes);
  const content = text.indexOf("tested\n");
  assert(content > 0);
  bytes[content] ^= 1;
  await Deno.writeFile(file, bytes);
  for (const more of [["--dry-run"], []]) {
    const { err } = await runs(6, [...into, ...more]);
    assert.match(err, /^error: Cannot copy '.*test\.log': checksum mismatch .*; export it again$/m);
    assert.match(err, /^warning: manifest part build\.g not written/m);
  }
  const tree = await outputTree(at("out/123-linux"));
  assert(!("logs/g/deep/er/test.log" in tree) && "logs/g/build.log" in tree);
});

test("import: a run that can't be read is found before anything of the others is written", async ({ at }) => {
  const file = at("runs.tar");
  const into = ["import", file, "--output-dir", at("out")];
  const first = { prefix: "1-linux", files: { "a.txt": "a" } };
  const broken = { "a.txt": "a", "manifests/outputs/p.json": "{broken" };
  await craftExport(file, [first, { prefix: "2-linux", files: broken }]);
  await refused(into, ["2-linux/manifests/outputs/p.json"], { code: 6 });
  await assert.rejects(Deno.stat(at("out")), Deno.errors.NotFound);
});

test("import: content types that are invalid in a header are ignored", async ({ at }) => {
  const file = at("runs.tar");
  for (const type of ["text/html\r\nx-evil: 1", "text/plé", ""]) {
    await craftExport(file, [{ prefix: "1-linux", files: { "a.txt": "a" } }], type);
    await runs(0, ["import", file, "--output-dir", at("out")]);
  }
  assert.deepEqual((await outputTree(at("out")))["1-linux/a.txt"], "a");
});

/** Writes an export that `export` would not make. */
async function craftExport(
  path: string,
  runs: readonly { readonly prefix: string; readonly files: Readonly<Record<string, string>> }[],
  type = "text/plain",
): Promise<void> {
  const described = ([path, text]: [string, string]) => {
    return { path, size: text.length, sha256: sha256(text), content_type: type };
  };
  const index = JSON.stringify({
    schema: "run-outputs.export/1",
    tool: "test",
    runs: runs.map(({ prefix, files }) => {
      return { bucket: "suite", prefix, files: Object.entries(files).map(described) };
    }),
  });
  const members: readonly [string, string][] = [
    ["run-outputs.export.json", index],
    ...runs.flatMap(({ prefix, files }) =>
      Object.entries(files).map(([path, text]): [string, string] => [`${prefix}/${path}`, text])
    ),
  ];
  const chunks = tarStream(members.map(([name, text]): StreamedMember => {
    const bytes = new TextEncoder().encode(text);
    return { name, size: bytes.length, open: () => bytesSource(bytes).open() };
  }));
  await Deno.writeFile(path, await collect(chunks));
}

test("export: what is missing or wrong leaves no file", async ({ staging, at }) => {
  const log = join(staging, "123-linux/logs/g/build.log");
  const args = ["export", at("run.tar"), "--staging-dir", staging, ...RUN];
  await Deno.writeTextFile(log, "bu1lt\n");
  const then = new Date("2026-01-01T00:00:00Z");
  await Deno.utime(log, then, then);
  await refused(args, ["build.log", "checksum mismatch"], { code: 6 });
  await Deno.remove(log);
  await refused(args, ["build.log is missing"], { code: 7 });
  await refused([...args, "--require-complete"], ["--expect-parts"], { code: 7 });
  await refused(["export", at("run.tar"), "7", "--staging-dir", staging, ...LINUX], ["run 7"], {
    code: 3,
  });
  await assert.rejects(Deno.stat(at("run.tar")), Deno.errors.NotFound);
});

Deno.test({
  name: "copy: exit 7 for a whole run with files whose names are invalid in the copy",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    const [staging, mirror] = ["staging", "mirror"].map((name) => join(temp.path, name));
    await writeTree(staging, { "123-linux/logs/g/x.log": "x" });
    await makeNamesOutsideUtf8(join(staging, "123-linux"));
    const args = ["copy", "--from-staging", staging, "--to-staging", mirror, ...RUN];
    const { err } = await runs(7, args);
    assert.match(err, /^error: Could not copy all of .*: 2 files skipped, see above$/m);
    assert.deepEqual(await outputTree(mirror), { "123-linux/logs/g/x.log": "x" });
    await runs(0, [...args, "logs/**"]);
  },
});

test("copy: a part that is missing at the source is a warning, also with -q", async ({ at }) => {
  await Deno.mkdir(at("logs"));
  await Deno.writeTextFile(at("logs", "a.log"), "built\n");
  await runs(0, [
    ...["upload", "logs", at("logs"), "--artifact-group", "g", "--output-dir", at("s")],
    ...["--run-id", "7", "--platform", "linux", "--part", "j1", "--expect-parts", "j1,j2"],
  ]);
  const args = ["copy", "--from-staging", at("s"), "--source-run-id", "7", "--platform", "linux"];
  for (const more of [[], ["-q"]]) {
    const { err } = await runs(0, [...args, "--to-staging", at("t"), ...more]);
    assert.match(err, /^warning: at the source part j2 is missing: the run is incomplete$/m);
  }
});
