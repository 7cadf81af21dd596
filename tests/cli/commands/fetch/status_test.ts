/** What fetches record in their output directory, remove of earlier ones, and `status` says. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import schema from "../../../../docs/status.schema.json" with { type: "json" };
import { RECORD_NAME } from "../../../../src/operations/fetch/fetched_record.ts";
import { openWorkDir } from "../../../../src/operations/fetch/work_dir.ts";
import { runJson, runs } from "../../../support/command_line.ts";
import { snapshot } from "../../../support/snapshot.ts";
import { putPacked } from "../../../support/staging.ts";
import { readTree, tempDir, writeTree } from "../../../support/temp_dir.ts";

const BLAS = "blas_lib_gfx942.tar.zst";
const FFT = "fft_lib_generic.tar.zst";

/** Two runs: the second one lacks files and an archive of the first. */
async function world() {
  const temp = await tempDir();
  const [staging, out] = [join(temp.path, "staging"), join(temp.path, "out")];
  const put = (run: string, name: string, files: Record<string, string>) =>
    putPacked(join(staging, `${run}-linux`), name, files);
  await put("1", BLAS, {
    "artifact_manifest.txt": "math/stage\n",
    "math/stage/lib/libblas.so": "one",
    "math/stage/old/deep/gone": "one",
  });
  await put("1", FFT, { "artifact_manifest.txt": "fft/stage\n", "fft/stage/lib/libfft.so": "one" });
  await put("2", BLAS, {
    "artifact_manifest.txt": "math/stage\n",
    "math/stage/lib/libblas.so": "two!",
  });
  const args = (run: string, ...more: string[]) => [
    ...["fetch", "--staging-dir", staging, "--run-id", run, "--platform", "linux"],
    ...["--output-dir", out, ...more],
  ];
  return {
    dir: temp.path,
    staging,
    out,
    put,
    args,
    fetch: (run: string, ...more: string[]) => runs(0, args(run, ...more)),
    status: async (code = 0) => {
      const document = await runJson(code, ["status", out]);
      z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(document);
      return document;
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

Deno.test("fetch --flatten of another run: what only the first run has is gone", async () => {
  await using w = await world();
  await w.fetch("1", "--flatten");
  const { err } = await w.fetch("2", "--flatten");
  assert.match(err, /^note: removed 2 files of earlier fetches \(run 1\)\n$/);
  assert.deepEqual(await readTree(w.out), { "lib/libblas.so": "two!" });
  const names = await Array.fromAsync(Deno.readDir(w.out), ({ name }) => name);
  assert.deepEqual(names.sort(), [RECORD_NAME, "lib"], "no empty directory is left");
  const { runs: [run, ...others], files } = await w.status();
  assert.deepEqual([run.run_id, run.groups, others, files], ["2", ["gfx942"], [], 1]);
});

Deno.test("fetch of another run: changed and foreign files stay, and are named", async () => {
  await using w = await world();
  await w.fetch("1", "--flatten");
  await writeTree(w.out, { "old/deep/gone": "mine", "lib/notes": "mine", "other/x": "mine" });
  const status = await w.status(7);
  assert.deepEqual([status.changed, status.foreign], [["old/deep/gone"], ["lib/notes", "other/x"]]);
  const { err } = await w.fetch("2", "--flatten");
  assert.match(err, /^warning: 1 file of .* was changed since, and stays: old\/deep\/gone$/m);
  assert.match(err, /^note: not from a fetch, and kept: .*lib\/notes/m);
  assert.deepEqual(await readTree(w.out), {
    "lib/libblas.so": "two!",
    "lib/notes": "mine",
    "old/deep/gone": "mine",
    "other/x": "mine",
  });
  const { foreign } = await w.status();
  assert.deepEqual(foreign, ["lib/notes", "old/deep/gone", "other/x"]);
});

for (const [mode, path] of [["--flatten", "lib/libblas.so"], ["--no-extract", BLAS]]) {
  Deno.test(`fetch ${mode}: changed files that it replaces are counted and named`, async () => {
    await using w = await world();
    await w.fetch("1", mode);
    const before = await readTree(w.out);
    const warned = `warning: 1 file that was changed since the last fetch is replaced: ${path}\n`;
    for (const run of ["1", "2"]) {
      await writeTree(w.out, { [path]: "mine" });
      assert.deepEqual((await w.status(7)).changed, [path]);
      const { err } = await w.fetch(run, mode);
      assert(err.includes(warned), err);
      if (run === "1") assert.deepEqual(await readTree(w.out), before);
      assert.equal((await w.fetch(run, mode)).err, "");
    }
    await writeTree(w.out, { [path]: "mine" });
    assert.deepEqual((await runJson(0, w.args("2", mode))).removed.replaced, [path]);
    await Deno.remove(join(w.out, path));
    assert.equal((await w.fetch("2", mode)).err, "");
  });
}

Deno.test("fetch -q of another run: a warning and its one line say that changed files stay", async () => {
  await using w = await world();
  await w.fetch("1", "--flatten");
  await writeTree(w.out, { "old/deep/gone": "mine" });
  const { out, err } = await w.fetch("2", "--flatten", "--quiet");
  assert.match(err, /^warning: 1 file of [^\n]+ was changed since, and stays: [^\n]+\n$/);
  assert.match(out, /^[^\n]+; in [^\n]+; 1 changed file of earlier fetches kept\n$/);
});

Deno.test("fetch of another run: a file becomes a directory, and the reverse", async () => {
  await using w = await world();
  const fft = (run: string, files: Record<string, string>) =>
    w.put(run, FFT, { "artifact_manifest.txt": "fft/stage\n", ...files });
  await fft("1", { "fft/stage/a": "file", "fft/stage/b/c": "in a directory" });
  await fft("2", { "fft/stage/a/b": "in a directory", "fft/stage/b": "file" });
  await w.fetch("1", "--flatten", "fft*");
  await w.fetch("2", "--flatten", "fft*");
  assert.deepEqual(await readTree(w.out), { "a/b": "in a directory", "b": "file" });
  await w.fetch("1", "--flatten", "fft*");
  assert.deepEqual(await readTree(w.out), { "a": "file", "b/c": "in a directory" });
});

Deno.test("fetch of another run: a link of the first one is not followed by the second", async () => {
  await using w = await world();
  const fft = (run: string, files: Record<string, string>) =>
    w.put(run, FFT, { "artifact_manifest.txt": "fft/stage\n", ...files });
  await fft("1", { "fft/stage/lib/a": "one", "fft/stage/lib64": "-> lib" });
  await fft("2", { "fft/stage/lib/b": "two", "fft/stage/lib64/c": "two" });
  await w.fetch("1", "--flatten", "fft*");
  assert.equal((await w.status()).unchanged, 2);
  await w.fetch("2", "--flatten", "fft*");
  assert.deepEqual(await readTree(w.out), { "lib/b": "two", "lib64/c": "two" });
  await w.fetch("1", "--flatten", "fft*");
  assert.deepEqual(await readTree(w.out), { "lib/a": "one", "lib64": "-> lib" });
  await Deno.remove(join(w.out, "lib64"));
  await Deno.symlink("elsewhere", join(w.out, "lib64"));
  assert.deepEqual((await w.status(7)).changed, ["lib64"]);
});

Deno.test("fetch of the same run: it adds groups, and repeating it is up to date", async () => {
  await using w = await world();
  await w.fetch("1", "--flatten", "blas*");
  const { err } = await w.fetch("1", "--flatten", "fft*");
  assert.equal(err, "");
  const tree = await readTree(w.out);
  assert.deepEqual(Object.keys(tree), ["lib/libblas.so", "lib/libfft.so", "old/deep/gone"]);
  const before = await snapshot(w.out);
  const { out } = await w.fetch("1", "--flatten");
  assert.match(out, /; already up to date: /);
  assert.deepEqual(await snapshot(w.out), before);
  assert.equal((await runJson(0, w.args("1", "--flatten"))).up_to_date, true);
  // A deleted file, a changed one, and a changed archive are noticed.
  await Deno.remove(join(w.out, "old/deep/gone"));
  assert.deepEqual((await w.status(7)).missing, ["old/deep/gone"]);
  assert.equal((await runJson(0, w.args("1", "--flatten"))).up_to_date, false);
  await Deno.writeTextFile(join(w.out, "lib/libfft.so"), "changed");
  assert.doesNotMatch((await w.fetch("1", "--flatten")).out, /up to date/);
  assert.deepEqual(await readTree(w.out), tree);
  await w.put("1", FFT, { "artifact_manifest.txt": "fft/stage\n", "fft/stage/lib/new": "new" });
  const replaced = await w.fetch("1", "--flatten", "fft*");
  assert.match(replaced.err, /^note: removed 1 file of an earlier fetch$/m);
  assert.deepEqual(Object.keys(await readTree(w.out)), [
    ...["lib/libblas.so", "lib/new", "old/deep/gone"],
  ]);
});

Deno.test("fetch --keep-old: files of both runs; the next fetch without it removes the rest", async () => {
  await using w = await world();
  await w.fetch("1", "--flatten");
  await w.fetch("2", "--flatten", "--keep-old");
  assert.deepEqual(await readTree(w.out), {
    "lib/libblas.so": "two!",
    "lib/libfft.so": "one",
    "old/deep/gone": "one",
  });
  const ids = (document: { runs: { run_id: string }[] }) => document.runs.map((run) => run.run_id);
  assert.deepEqual(ids(await w.status()), ["1", "2"]);
  await w.fetch("2", "--flatten");
  assert.deepEqual(ids(await w.status()), ["2"]);
  assert.deepEqual(await readTree(w.out), { "lib/libblas.so": "two!" });
});

for (const mode of ["extract", "bootstrap", "no-extract"]) {
  Deno.test(`fetch --${mode} of another run: files of the first one are gone`, async () => {
    await using w = await world();
    await w.fetch("1", `--${mode}`);
    await w.status();
    await w.fetch("2", `--${mode}`);
    const expected = await tempDir();
    await using _ = expected;
    await w.fetch("2", `--${mode}`, "--output-dir", join(expected.path, "fresh"));
    assert.deepEqual(await readTree(w.out), await readTree(join(expected.path, "fresh")));
    const entries = (dir: string) => Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
    assert.deepEqual(
      (await entries(w.out)).sort(),
      (await entries(join(expected.path, "fresh"))).sort(),
    );
    assert.deepEqual((await w.status()).foreign, []);
    assert.match((await w.fetch("2", `--${mode}`)).out, /; already up to date: /);
  });
}

Deno.test("fetch --keep-archives: they are recorded too, and removed with their content", async () => {
  await using w = await world();
  await w.fetch("1", "--keep-archives");
  const { runs: [{ archives }], unfinished, foreign } = await w.status();
  assert.equal(archives.length, 4);
  assert.deepEqual([unfinished, foreign], [[], []]);
  assert.match((await w.fetch("1", "--keep-archives")).out, /; already up to date: /);
  await w.fetch("2", "--flatten");
  assert.deepEqual(await readTree(w.out), { "lib/libblas.so": "two!" });
});

Deno.test("fetch --no-extract: two at the same time into one directory are both recorded", async () => {
  await using w = await world();
  await Promise.all(["blas*", "fft*"].map((glob) => w.fetch("1", "--no-extract", glob)));
  const { files, foreign, unfinished } = await w.status();
  assert.deepEqual([files, foreign, unfinished], [2, [], []]);
});

Deno.test("fetch --no-extract: a killed one's archives are known to the next, which removes them", async () => {
  await using w = await world();
  await w.fetch("1", "--no-extract");
  // As it is between the download and the end: sizes and hashes, but no times.
  const path = join(w.out, RECORD_NAME);
  const record = JSON.parse(await Deno.readTextFile(path));
  for (const file of record.files) {
    file.sha256 = record.archives[file.archive].sha256;
    delete file.mtime;
  }
  await Deno.writeTextFile(path, JSON.stringify(record));
  await Deno.writeTextFile(join(w.out, `${FFT}.part`), "partial");
  const status = await w.status(7);
  assert.deepEqual([status.unfinished, status.foreign], [[BLAS, FFT], []]);
  await w.fetch("2", "--no-extract");
  assert.deepEqual(Object.keys(await readTree(w.out)), [BLAS]);
});

Deno.test("fetch --no-extract: if one fails, those of the other run stay until all are there", async () => {
  await using w = await world();
  await w.put("2", FFT, { "artifact_manifest.txt": "fft/stage\n" });
  await w.put("1", "only_lib_generic.tar.zst", { "artifact_manifest.txt": "o\n" });
  await w.fetch("1", "--no-extract");
  const archive = join(w.staging, "2-linux", FFT);
  const bytes = await Deno.readFile(archive);
  await Deno.writeFile(archive, bytes.map((byte) => byte ^ 1));
  await runs(6, w.args("2", "--no-extract"));
  const names = [BLAS, FFT, "only_lib_generic.tar.zst"];
  assert.deepEqual(Object.keys(await readTree(w.out)).length, names.length);
  assert.deepEqual((await w.status(7)).foreign, []);
  await Deno.writeFile(archive, bytes);
  await w.fetch("2", "--no-extract");
  assert.deepEqual((await w.status()).foreign, []);
  const { files } = await w.status();
  assert.equal(files, 2);
});

Deno.test("fetch: while another one unpacks into the directory, --no-extract is refused", async () => {
  await using w = await world();
  await using _busy = await openWorkDir(w.out);
  const { err } = await runs(1, w.args("1", "--no-extract"));
  assert.match(err, /^error: Cannot fetch into .*another process is unpacking/);
});

Deno.test("fetch --dry-run: says what it would remove, and whether anything is to be done", async () => {
  await using w = await world();
  await w.fetch("1", "--flatten");
  const before = await snapshot(w.out);
  const { err } = await w.fetch("2", "--flatten", "-n");
  assert.match(err, /^note: would remove or replace 3 files of earlier fetches \(run 1\)$/m);
  assert.match((await w.fetch("1", "--flatten", "-n")).err, /is already up to date$/m);
  assert.deepEqual(await snapshot(w.out), before);
});

Deno.test("fetch: a record that cannot be used stops it before anything changes", async () => {
  await using w = await world();
  await writeTree(w.out, { [RECORD_NAME]: "{", "lib/mine": "mine" });
  for (const mode of ["--flatten", "--no-extract"]) {
    const { err } = await runs(1, w.args("1", mode));
    assert.match(err, /^error: Cannot use '.*: it is damaged\. Move it away/);
  }
  await runs(1, ["status", w.out]);
  assert.deepEqual(await readTree(w.out), { "lib/mine": "mine" });
});

Deno.test("fetch: a link that took a directory's place is not followed", async () => {
  await using w = await world();
  await w.fetch("1", "--flatten");
  const outside = join(w.dir, "outside");
  await Deno.rename(join(w.out, "old"), outside);
  await Deno.symlink(outside, join(w.out, "old"));
  await w.fetch("2", "--flatten");
  assert.deepEqual(await readTree(outside), { "deep/gone": "one" });
});

Deno.test("status: text; where no fetch was, exit 3", async () => {
  await using w = await world();
  assert.match((await runs(3, ["status", w.out])).err, /does not exist$/m);
  await Deno.mkdir(w.out);
  assert.match((await runs(3, ["status", w.out])).err, /^error: No fetch is recorded in /);
  await w.fetch("1", "--flatten");
  const extra = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`extra/${i}`, ""]));
  await writeTree(w.out, extra);
  const { out } = await runs(0, ["status", w.out]);
  assert.match(out, /^run 1 for linux, from .*1-linux\n {2}2 archives unpacked with --flatten, /);
  assert.match(out, /: generic, gfx942$/m);
  assert.match(out, /^foreign +… and 2 more \(--all\)$/m);
  assert.match(out, /^3 files, 12 not from a fetch$/m);
  assert.doesNotMatch((await runs(0, ["status", w.out, "--all"])).out, /more/);
});
