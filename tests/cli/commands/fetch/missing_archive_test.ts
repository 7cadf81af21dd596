/** Archives that a run tells of and that are not there: what `fetch` and `list` say of them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { putArchives, RUN } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const HERE = "blas_lib_gfx942.tar.zst";
const GONE = "fft_lib_gfx942.tar.zst";

interface Dirs {
  readonly run: string;
  readonly from: readonly string[];
  readonly out: string;
}

/** Two archives are there; the test takes one away. */
function test(name: string, fn: (dirs: Dirs) => Promise<void>, withManifest = false): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const [built, staging] = [join(temp.path, "built"), join(temp.path, "staging")];
    const run = join(staging, "123-linux");
    await putArchives(withManifest ? built : run, [HERE, GONE]);
    if (withManifest) {
      await runs(0, ["upload", "artifacts", built, "--output-dir", staging, "--part", "p", ...RUN]);
    }
    await fn({ run, from: ["--staging-dir", staging, ...RUN], out: join(temp.path, "out") });
  });
}

function testWithManifest(name: string, fn: (dirs: Dirs) => Promise<void>): void {
  test(name, fn, true);
}

test("fetch: a missing archive that only has a checksum file has no size", async (d) => {
  await Deno.remove(join(d.run, GONE));
  const fetch = ["fetch", "--no-extract", ...d.from, "--output-dir", d.out];
  const { out } = await runs(7, [...fetch, "--verbose"]);
  assert.match(out, /^failed +fft_lib_gfx942\.tar\.zst$/m);
  const { files } = await runJson(7, fetch);
  const [, gone] = files;
  assert.equal(gone.path, GONE);
  assert.equal(gone.kind, "artifact");
  assert.equal(gone.size, undefined);
  assert.equal(gone.error.code, "not_found");
});

testWithManifest("fetch: a missing archive has the size that the manifest tells", async (d) => {
  const { size } = await Deno.stat(join(d.run, GONE));
  await Deno.remove(join(d.run, GONE));
  const { files } = await runJson(7, [
    ...["fetch", "--no-extract", ...d.from, "--output-dir", d.out],
  ]);
  assert.deepEqual([files[1].path, files[1].size], [GONE, size]);
});

test("fetch --json: only archives that are left on the disk have a local path", async (d) => {
  const paths = async (...more: string[]) => {
    const { files } = await runJson(0, ["fetch", ...d.from, ...more]);
    return files.map((file: { local_path?: string }) => file.local_path);
  };
  const out = ["--output-dir", d.out];
  const there = [join(d.out, HERE), join(d.out, GONE)];
  assert.deepEqual(await paths("--list"), [undefined, undefined]);
  assert.deepEqual(await paths("--list", "--no-extract", ...out), [undefined, undefined]);
  assert.deepEqual(await paths("--dry-run", ...out), [undefined, undefined]);
  assert.deepEqual(await paths("--dry-run", "--keep-archives", ...out), there);
  assert.deepEqual(await paths("--no-extract", ...out), there);
});

test("fetch --list: without --output-dir the result names none", async (d) => {
  const list = ["fetch", ...d.from, "--list"];
  assert.equal((await runJson(0, list)).output_dir, undefined);
  const { out } = await runs(0, list);
  assert.match(out, /^2 files, [^\n]*: 2 to fetch\n$/m);
});

test("list: a checksum without its archive is a warning, and in the document", async (d) => {
  const list = ["list", ...d.from];
  const { missing: none } = await runJson(0, list);
  assert.deepEqual(none, []);
  await Deno.remove(join(d.run, GONE));
  const { err, out } = await runs(0, list);
  assert.equal(err, `warning: ${GONE} is missing: only its checksum file exists\n`);
  assert.match(out, /^ +\d+ B {2}fft_lib_gfx942\.tar\.zst\.sha256sum$/m);
  const { missing } = await runJson(0, list);
  assert.deepEqual(missing, [{ path: GONE, kind: "artifact" }]);
  assert.equal((await runs(0, [...list, "--kind", "checksum"])).err, "");
});

testWithManifest("list: a file that a part tells of and that is gone is a warning", async (d) => {
  const list = ["list", ...d.from];
  const { files } = await runJson(0, list);
  const told = files.find(({ path }: { path: string }) => path === GONE);
  for (const name of [GONE, `${GONE}.sha256sum`]) await Deno.remove(join(d.run, name));
  const { err } = await runs(0, list);
  assert.equal(
    err,
    [GONE, `${GONE}.sha256sum`].map((name) =>
      `warning: ${name} is missing: listed in manifest part p\n`
    ).join(""),
  );
  const { missing } = await runJson(0, [...list, "--kind", "artifact"]);
  const { size, sha256 } = told;
  assert.deepEqual(missing, [{ path: GONE, kind: "artifact", size, sha256, parts: ["p"] }]);
});

test("list, fetch: a run's own directory as the staging directory is noticed", async (d) => {
  const from = ["--staging-dir", d.run, ...RUN];
  const text = "the staging directory must be the one that contains 123-linux";
  await refused(["list", ...from], [text], { code: 3 });
  await refused(["fetch", ...from, "--list"], [text], { code: 3 });
});

for (const platform of ["linux", "windows"]) {
  Deno.test(`list, fetch, verify: a run id that ends in -${platform}: the hint says where that goes`, async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "123-linux/logs/a.log": "a" });
    const run = ["--staging-dir", temp.path, "--run-id", `123-${platform}`, "--platform", "linux"];
    for (const args of [["list"], ["verify"], ["fetch", "-o", join(temp.path, "out")]]) {
      await refused([...args, ...run], [
        `123-${platform}-linux`,
        `the platform is not part of the id: the id is 123, the platform ${platform}`,
      ], { code: 3 });
    }
  });
}
