/** How artifacts are packed: compression, level and times from the command line. */

import assert from "node:assert/strict";
import { join } from "node:path";

import {
  COMPRESSION_LEVELS,
  type PackCompression,
} from "../../../../src/archive/compression/format.ts";
import { refused, run, runs } from "../../../support/command_line.ts";
import { RUN } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";
import { unpack, type Unpacked } from "../../../support/unpack.ts";

const EARLY = new Date("2001-02-03T04:05:06Z");
/** Later than all of the others. */
const NEW = new Date("2031-01-01T00:00:00Z");
const LATE = new Date("2026-01-01T00:00:00Z");
const epoch = String(LATE.getTime() / 1000);

/** Uploads one artifact and reads its archive. */
async function upload(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  compression: PackCompression = "zst",
): Promise<{ readonly bytes: Uint8Array; readonly members: readonly Unpacked[] }> {
  await using temp = await tempDir();
  const artifact = join(temp.path, "artifacts", "blas_lib_gfx942");
  await writeTree(artifact, {
    "artifact_manifest.txt": "stage\n",
    "stage/old": "o",
    "stage/new": "n",
  });
  await Deno.utime(join(artifact, "stage", "old"), EARLY, EARLY);
  await Deno.utime(join(artifact, "stage", "new"), NEW, NEW);
  const out = join(temp.path, "out");
  await runs(
    0,
    ["upload", "artifacts", join(temp.path, "artifacts"), "--output-dir", out, ...RUN, ...args],
    env,
  );
  const name = `blas_lib_gfx942.tar.${compression}`;
  const bytes = await Deno.readFile(join(out, "123-linux", name));
  await Deno.stat(join(out, "123-linux", `${name}.sha256sum`));
  return { bytes, members: await unpack(bytes, compression) };
}

/** The times that differ, of old files and of new ones. */
function years(members: readonly Unpacked[]): Record<string, number> {
  const year = (name: string) =>
    members.find((member) => member.name === name)!.mtime.getUTCFullYear();
  return { old: year("stage/old"), new: year("stage/new") };
}

Deno.test("upload artifacts: --compression xz uploads .tar.xz with a checksum file", async () => {
  const { members } = await upload(["--compression", "xz", "--level", "0"], {}, "xz");
  assert.deepEqual(members.map(({ name }) => name), [
    "artifact_manifest.txt",
    "stage/new",
    "stage/old",
  ]);
});

Deno.test("upload build: --compression xz is for artifacts, not for logs", async () => {
  await using temp = await tempDir();
  const build = join(temp.path, "build");
  await writeTree(build, {
    "artifacts/blas_lib_gfx942/artifact_manifest.txt": "stage\n",
    "logs/ccache/raw.log": "hit\n",
    "logs/build.log": "built\n",
    "base/aux-overlay/build/therock_manifest.json": "{}",
  });
  const out = join(temp.path, "out");
  const args = ["upload", "build", "--build-dir", build, "--artifact-group", "g"];
  await runs(0, [...args, "--compression", "xz", "--output-dir", out, ...RUN]);
  await Deno.stat(join(out, "123-linux", "blas_lib_gfx942.tar.xz"));
  await Deno.stat(join(out, "123-linux", "logs", "g", "ccache_logs.tar.zst"));
});

Deno.test("upload artifacts: times are those of the files", async () => {
  const { members } = await upload([]);
  assert.deepEqual(years(members), { old: 2001, new: NEW.getUTCFullYear() });
});

Deno.test("upload artifacts: --mtime is the time of all, so two builds make the same bytes", async () => {
  const one = await upload(["--mtime", epoch]);
  assert(one.members.every(({ mtime }) => mtime.getTime() === LATE.getTime()));
  assert.deepEqual((await upload(["--mtime", epoch])).bytes, one.bytes);
  assert.deepEqual(years((await upload(["--mtime", "0"])).members), { old: 1970, new: 1970 });
});

Deno.test("upload artifacts: nothing is later than $SOURCE_DATE_EPOCH; --mtime comes before it", async () => {
  const env = { SOURCE_DATE_EPOCH: epoch };
  assert.deepEqual(years((await upload([], env)).members), { old: 2001, new: 2026 });
  assert.deepEqual(years((await upload(["--mtime", "1"], env)).members), { old: 1970, new: 1970 });
  const { members } = await upload([], { SOURCE_DATE_EPOCH: "" });
  assert.equal(years(members).new, NEW.getUTCFullYear());
});

for (const value of ["now", "-1", "1.5", "99999999999999"]) {
  Deno.test(`upload artifacts: SOURCE_DATE_EPOCH=${value} is one line`, async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "a_lib_generic/artifact_manifest.txt": "" });
    const args = ["upload", "artifacts", temp.path, "--output-dir", join(temp.path, "out"), ...RUN];
    await refused(args, ["SOURCE_DATE_EPOCH", value], { env: { SOURCE_DATE_EPOCH: value } });
  });
}

Deno.test("upload: the help lists the levels", async () => {
  for (const command of ["build", "artifacts"]) {
    const { out } = await run(["upload", command, "--help"]);
    for (const compression of ["zst", "xz"] as const) {
      const { min, max, standard } = COMPRESSION_LEVELS[compression];
      const levels = `${compression} ${min} to ${max} (default: ${standard})`;
      assert(out.replace(/\s+/g, " ").includes(levels), `${command}: ${levels}`);
    }
  }
});
