/** `run-outputs fetch`, in process. */

import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { main } from "../../../../src/cli/main.ts";
import { noise, sha256 } from "../../../support/bytes.ts";
import { refused, runJson, runs, WatchedIo } from "../../../support/command_line.ts";
import { fileNames, snapshot } from "../../../support/snapshot.ts";
import { putArchives, RUN } from "../../../support/staging.ts";
import { tempDir } from "../../../support/temp_dir.ts";

const NAMES = [
  "blas_dev_gfx94X-dcgpu.tar.zst",
  "blas_lib_gfx94X-dcgpu.tar.zst",
  "fft_lib_gfx942.tar.xz",
];

function test(
  name: string,
  fn: (dirs: { dir: string; run: string; out: string; args: string[] }) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    const run = join(staging, "123-linux");
    const out = join(temp.path, "out");
    await putArchives(run, NAMES);
    const args = ["--no-extract", "--staging-dir", staging, "--output-dir", out, ...RUN];
    await fn({ dir: temp.path, run, out, args: ["fetch", ...args] });
  });
}

test("fetch: all archives, verified, exit 0; a second run leaves them alone", async (d) => {
  const { out, err } = await runs(0, [...d.args, "--quiet"]);
  assert.equal(err, "");
  assert.match(
    out,
    /^3 files, 3\.0 kB: 3 written; 3 verified; downloaded 3\.0 kB in .*; in .*out\n$/,
  );
  assert.deepEqual(await fileNames(d.out), NAMES);
  const before = await snapshot(d.out);
  assert.match((await runs(0, d.args)).out, /3 unchanged; 3 verified; already up to date: /);
  assert.deepEqual(await snapshot(d.out), before);
});

test("fetch --json: one document", async (d) => {
  const document = await runJson(0, d.args);
  assert.equal(document.schema, "run-outputs.fetch/1");
  assert.equal(document.output_dir, d.out);
  assert.equal(document.counts.written, 3);
  assert.deepEqual(document.files.map((f: { path: string }) => f.path), NAMES);
  for (const file of document.files) {
    assert.equal(file.local_path, join(d.out, file.path));
    assert.equal(file.sha256, sha256(await Deno.readFile(file.local_path)));
  }
});

test("fetch --json: paths are absolute, also of a relative directory", async (d) => {
  const args = [...d.args, "--output-dir", relative(Deno.cwd(), d.out)];
  for (const more of [[], ["--dry-run"]]) {
    const document = await runJson(0, [...args, ...more]);
    assert.equal(document.output_dir, d.out);
    for (const { path, local_path } of document.files) assert.equal(local_path, join(d.out, path));
  }
});

test("fetch INCLUDE and --exclude: choose", async (d) => {
  await runs(0, [...d.args, "blas_*,fft_*", "--exclude", "*_dev_*"]);
  assert.deepEqual(await fileNames(d.out), NAMES.slice(1));
});

test("fetch: nothing matches at all: exit 3, nothing is created", async (d) => {
  await refused([...d.args, "sparse_*"], ["sparse_*"], { code: 3 });
  await refused([...d.args.slice(0, -4), "--run-id", "9", "--platform", "linux"], ["9"], {
    code: 3,
  });
  await assert.rejects(Deno.stat(d.out), Deno.errors.NotFound);
});

test("fetch: a checksum that does not match does not stop the others", async (d) => {
  await Deno.writeFile(join(d.run, NAMES[0]), noise(1000, 99));
  await runs(6, d.args);
  assert.deepEqual(await fileNames(d.out), NAMES.slice(1));
});

test("fetch --dry-run: prints the archives of the real run and touches nothing", async (d) => {
  const before = await snapshot(d.dir);
  const planned = await runJson(0, [...d.args, "--dry-run", "blas_*"]);
  assert.deepEqual(await snapshot(d.dir), before);
  const written = await runJson(0, [...d.args, "blas_*"]);
  const paths = (document: typeof planned) => document.files.map((f: { path: string }) => f.path);
  assert.deepEqual(paths(planned), paths(written));
  assert.equal(planned.counts.planned, 2);
});

test("fetch: an interruption exits with 130, one line, nothing partial", async (d) => {
  const io = new WatchedIo();
  const running = main(d.args, io);
  await io.listening;
  io.interrupt();
  assert.equal(await running, 130);
  assert.match(io.err, /^error: interrupted[^\n]*\n$/);
  for (const name of await fileNames(d.dir)) assert(!name.includes(".run-outputs-tmp"), name);
});

test("fetch: a second interruption exits at once, and restores the cursor", async (d) => {
  class Terminal extends WatchedIo {
    override readonly stderrIsTerminal = true;
  }
  const io = new Terminal({ NO_COLOR: "1" });
  // Quiet, so that no bar of ours writes to the terminal of who runs the tests.
  const running = main([...d.args, "--quiet"], io);
  await io.listening;
  io.interrupt();
  io.interrupt();
  assert.equal(await running, 130);
  assert(io.err.includes("\u001b[?25h"), io.err);
  assert.match(
    io.err,
    /^error: stopped without cleaning up; run the same command again to resume$/m,
  );
  // The program would be gone now; here its work ends by itself, at some time.
  for (let tries = 0; !io.err.includes("interrupted"); tries++) {
    assert(tries < 1000, io.err);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
});
