/** `run-outputs fetch`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { noise, sha256 } from "../support/bytes.ts";
import { FakeIo, refused, runJson, runs } from "../support/fake_io.ts";
import { fileNames, snapshot } from "../support/snapshot.ts";
import { putArchives, RUN } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

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
  const { out, err } = await runs(0, d.args);
  assert.equal(err, "");
  assert.match(out, /^3 files, 3\.0 kB: 3 written; 3 verified$/m);
  assert.deepEqual(await fileNames(d.out), NAMES);
  const before = await snapshot(d.out);
  assert.match((await runs(0, d.args)).out, /3 unchanged; 3 verified\n/);
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

test("fetch INCLUDE and --exclude: choose", async (d) => {
  await runs(0, [...d.args, "blas_*,fft_*", "--exclude", "*_dev_*"]);
  assert.deepEqual(await fileNames(d.out), NAMES.slice(1));
});

test("fetch: a pattern that matches nothing exits with 7, the rest is there", async (d) => {
  const { err } = await runs(7, [...d.args, "blas_lib*", "sparse_*"]);
  assert.equal(err, "error: no artifact of the run matches 'sparse_*'\n");
  assert.deepEqual(await fileNames(d.out), [NAMES[1]]);
});

test("fetch: nothing matches at all: exit 3, nothing is made", async (d) => {
  await refused([...d.args, "sparse_*"], ["sparse_*"], { code: 3 });
  await refused([...d.args.slice(0, -4), "--run-id", "9", "--platform", "linux"], ["9"], {
    code: 3,
  });
  await assert.rejects(Deno.stat(d.out), Deno.errors.NotFound);
});

test("fetch: a checksum that does not match exits with 6 and leaves nothing", async (d) => {
  await Deno.writeFile(join(d.run, NAMES[0]), noise(1000, 99));
  const { err } = await runs(6, [...d.args, NAMES[0]]);
  assert.match(err, /^error: [^\n]+\n$/);
  assert(err.includes(NAMES[0]) && err.includes(sha256(noise(1000, 99))), err);
  assert.deepEqual(await fileNames(d.out), []);
});

test("fetch: a checksum that does not match does not stop the others", async (d) => {
  await Deno.writeFile(join(d.run, NAMES[0]), noise(1000, 99));
  await runs(6, d.args);
  assert.deepEqual(await fileNames(d.out), NAMES.slice(1));
});

test("fetch: a checksum without its archive exits with 7 and names it", async (d) => {
  await Deno.remove(join(d.run, NAMES[0]));
  const { err } = await runs(7, d.args);
  assert.match(err, new RegExp(`^error: [^\n]*${NAMES[0]} is missing[^\n]*\n$`));
  assert.deepEqual(await fileNames(d.out), NAMES.slice(1));
});

test("fetch: an archive without a checksum comes with a warning, exit 0", async (d) => {
  await Deno.remove(join(d.run, `${NAMES[0]}.sha256sum`));
  const { out, err } = await runs(0, d.args);
  assert.match(err, new RegExp(`^warning: ${NAMES[0]} has no \\.sha256sum[^\n]*\n$`));
  assert.match(out, /3 written; 2 verified/);
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

test("fetch: without --no-extract a note says that nothing is unpacked", async (d) => {
  const args = d.args.filter((arg) => arg !== "--no-extract");
  assert.match((await runs(0, args)).err, /^note: [^\n]*--no-extract[^\n]*\n$/);
  assert.equal((await runs(0, [...args, "--quiet"])).err, "");
});

test("fetch: an interruption exits with 130, one line, nothing partial", async (d) => {
  const io = new FakeIo();
  const running = main(d.args, io);
  while (io.listeners === 0) await Promise.resolve();
  io.interrupt();
  assert.equal(await running, 130);
  assert.match(io.err, /^error: interrupted[^\n]*\n$/);
  for (const name of await fileNames(d.dir)) assert(!name.includes(".run-outputs-tmp"), name);
});
