/** A fetch by a user who may not change everything: directories without write permission. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RECORD_NAME } from "../../src/operations/fetch/fetched_record.ts";
import { putPacked } from "../support/staging.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { canBeOrdinary, finishOrdinary } from "./processes.ts";

const NAME = "blas_lib_gfx942";

interface Fetch {
  readonly dir: string;
  readonly out: string;
  readonly args: readonly string[];
}

function test(
  name: string,
  fn: (fetch: Fetch) => Promise<void>,
  ignore: boolean = !canBeOrdinary,
): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      await using temp = await tempDir();
      const staging = join(temp.path, "staging");
      await putPacked(join(staging, "1-linux"), `${NAME}.tar.xz`, {
        "artifact_manifest.txt": "s\n",
        "s/lib/libblas.so": "blas",
      });
      const out = join(temp.path, "out");
      const run = ["--staging-dir", staging, "--run-id", "1", "--platform", "linux"];
      await fn({ dir: temp.path, out, args: ["fetch", "-q", ...run, "-o", out] });
    },
  });
}

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
}

/** The staging directory of the next fetch: one that fails leaves its archive, and so its place. */
async function stagingOf(f: Fetch): Promise<string> {
  const { code } = await finishOrdinary([...f.args, "--max-members", "1"]);
  assert.equal(code, 6);
  const staging = join(await filesOf(f), "staging");
  await Deno.mkdir(staging, { mode: 0o700 });
  return staging;
}

/** Where the next fetch finds what the last one left; each one gives it a new name. */
async function filesOf(f: Fetch): Promise<string> {
  const [work] = (await names(f.dir)).filter((name) => name.startsWith(".out.run-outputs-fetch-"));
  const [files] = await names(join(f.dir, work));
  return join(f.dir, work, files);
}

test("fetch: an old tree with directories that are not writable is replaced and removed", async (f) => {
  await writeTree(join(f.out, NAME), { "s/locked/deep/old": "old", "s/locked/old": "old" });
  await Deno.chmod(join(f.out, NAME, "s", "locked", "deep"), 0o000);
  await Deno.chmod(join(f.out, NAME, "s", "locked"), 0o555);
  const { code, stderr } = await finishOrdinary(f.args);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.deepEqual(await names(join(f.out, NAME, "s")), ["lib"]);
  assert.deepEqual(await names(f.dir), ["out", "staging"]);
});

test("fetch: what an earlier one left without write permission is in nobody's way", async (f) => {
  const work = await stagingOf(f);
  await writeTree(work, { "saved/0/locked/old": "old" });
  await Deno.chmod(join(work, "saved", "0", "locked"), 0o555);
  const { code, stderr } = await finishOrdinary(f.args);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.deepEqual(await names(f.dir), ["out", "staging"]);
});

test("fetch: a read-only directory is rejected before anything is downloaded", async (f) => {
  for (
    const [place, more] of [[f.out, []], [f.out, ["--flatten"]], [join(f.out, NAME), []]] as const
  ) {
    await Deno.mkdir(place, { recursive: true });
    await Deno.chmod(place, 0o555);
    const { code, stdout, stderr } = await finishOrdinary([...f.args, ...more]);
    await Deno.chmod(place, 0o755);
    assert.equal(
      stderr,
      `error: Cannot write to '${place}': permission denied\n`,
    );
    assert.deepEqual([code, stdout], [4, ""]);
    assert.deepEqual(await names(f.dir), ["out", "staging"], "nothing was downloaded");
  }
  assert.deepEqual(await names(f.out), [NAME]);
  assert.equal((await finishOrdinary(f.args)).code, 0);
});

const NOBODY_ID = 65534;

test(
  "fetch: what is somebody else's and can't be removed is a warning, and in nobody's way",
  async (f) => {
    const work = await stagingOf(f);
    for (const name of ["merged", "saved"]) {
      await writeTree(join(work, name), { file: "theirs" });
      await Deno.chown(join(work, name), NOBODY_ID, NOBODY_ID);
    }
    const args = f.args.filter((arg) => arg !== "-q");
    for (const more of [[], ["--flatten"]]) {
      const { code, stderr } = await finishOrdinary([...args, ...more]);
      assert.match(
        stderr,
        /^warning: Cannot remove '[^\n]*left-\d'[^\n]*; the fetched files are in place, and[^\n]*$/m,
      );
      assert.equal(code, 0);
      assert.deepEqual(await names(join(await filesOf(f), "staging")), [
        "left-1",
        "left-2",
        "lock",
      ]);
    }
    assert.deepEqual(await names(f.out), [RECORD_NAME, NAME, "lib"]);
  },
  !canBeOrdinary || Deno.uid() !== 0,
);
