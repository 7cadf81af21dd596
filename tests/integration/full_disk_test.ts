/**
 * A disk that fills up: a small file system in memory. It takes root to mount one; elsewhere these
 * tests are left out.
 *
 * @module
 */

import assert from "node:assert/strict";
import { finish } from "../e2e/processes.ts";
import { likeArchive, noise, sha256 } from "../support/bytes.ts";
import { makeJob } from "../support/job.ts";
import { startS3Server } from "../support/s3_server.ts";
import { canMount, smallDisk } from "../support/small_disk.ts";
import { readTree, tempDir, writeTree } from "../support/temp_dir.ts";

const RUN = ["--run-id", "7", "--platform", "linux"];

/** Two archives that fit and one that does not, with their checksums. */
async function makeArchives(dir: string): Promise<void> {
  const files: Record<string, Uint8Array | string> = {};
  for (const [name, size] of [["a", 500_000], ["big", 6_000_000], ["c", 500_000]] as const) {
    const bytes = likeArchive("zst", noise(size, size));
    files[`${name}_lib_generic.tar.zst`] = bytes;
    files[`${name}_lib_generic.tar.zst.sha256sum`] = sha256(bytes);
  }
  await writeTree(dir, files);
}

Deno.test({
  name: "full disk: an upload reports the archive that did not fit, others are uploaded, exit 7",
  ignore: !canMount,
  fn: async () => {
    await using dir = await tempDir();
    await using disk = await smallDisk();
    const names = ["a_lib_generic", "big_lib_generic", "c_lib_generic"];
    // Until it is packed, nobody knows how large an archive is.
    await writeTree(
      `${dir.path}/in`,
      Object.fromEntries(names.flatMap((name, i) => [
        [`${name}/artifact_manifest.txt`, "stage\n"],
        [`${name}/stage/noise`, noise(name.startsWith("big") ? 6_000_000 : 500_000, i)],
      ])),
    );
    const args = ["upload", "artifacts", `${dir.path}/in`, ...RUN];
    // One after the other: while the big one fills the disk there is no room for a checksum.
    args.push("--output-dir", `${disk.path}/s`, "--concurrency", "1");
    for (let i = 0; i < 2; i++) {
      const job = await makeJob(`${dir.path}/job${i}`);
      const { code, stderr } = await finish(args, job.env);
      assert.equal(code, 7, stderr);
      const { summary, outputs } = await job.told();
      assert.match(summary, /^\| big\\_lib\\_generic\.tar\.zst \| [^\n]*no space left/m);
      assert.equal(outputs.count, "4");
      assert.match(stderr, /^::error::[^\n]*big_lib_generic[^\n]*no space left on device\n$/);
      assert.deepEqual(Object.keys(await readTree(`${disk.path}/s/7-linux`)), [
        "a_lib_generic.tar.zst",
        "a_lib_generic.tar.zst.sha256sum",
        "c_lib_generic.tar.zst",
        "c_lib_generic.tar.zst.sha256sum",
        "index.html",
        // The marker of a part that is not whole.
        "manifests/outputs/artifacts.c2c1e06d.incomplete",
        "retention-summary.json",
      ]);
    }
  },
});

Deno.test({
  name:
    "full disk: upload, copy, import and export that can't fit fail before the first byte, exit 1",
  ignore: !canMount,
  fn: async () => {
    await using dir = await tempDir();
    await using disk = await smallDisk();
    await makeArchives(`${dir.path}/in`);
    const staging = `${dir.path}/s`;
    const artifacts = ["upload", "artifacts", `${dir.path}/in`, ...RUN, "--output-dir"];
    const tar = `${dir.path}/run.tar`;
    const exporting = ["export", "--staging-dir", staging, ...RUN];
    for (const args of [[...artifacts, staging], [...exporting, tar]]) {
      const { code, stderr } = await finish(args);
      assert.equal(code, 0, stderr);
    }
    for (
      const args of [
        [...artifacts, `${disk.path}/s`],
        ["copy", "--from-staging", staging, ...RUN, "--to-staging", `${disk.path}/s`],
        ["import", tar, "--output-dir", `${disk.path}/s`],
        [...exporting, `${disk.path}/run.tar`],
      ]
    ) {
      for (const more of [[], ["--dry-run"]]) {
        const { code, stderr } = await finish([...args, ...more]);
        assert.equal(code, 1, stderr);
        assert.match(
          stderr,
          /^error: Cannot (?:write|export) to '[^']+': no space left on device: at least 7\.0 MB needed, .* free\n$/,
        );
        assert.deepEqual(await readTree(disk.path), {});
      }
    }
  },
});

for (const from of ["a staging directory", "S3"]) {
  Deno.test({
    name: `full disk: a fetch from ${from} that can't fit fails before the first byte, exit 1`,
    ignore: !canMount,
    fn: async () => {
      await using dir = await tempDir();
      await using disk = await smallDisk();
      await using server = await startS3Server();
      const env = {
        AWS_ENDPOINT_URL_S3: server.url,
        AWS_ACCESS_KEY_ID: "key",
        AWS_SECRET_ACCESS_KEY: "secret",
      };
      await makeArchives(`${dir.path}/in`);
      const onS3 = from === "S3";
      const to = onS3 ? [] : ["--output-dir", `${dir.path}/s`];
      const place = onS3 ? [] : ["--staging-dir", `${dir.path}/s`];
      const run = [...RUN, "--bucket", "suite"];
      const up = await finish(["upload", "artifacts", `${dir.path}/in`, ...run, ...to], env);
      assert.equal(up.code, 0, up.stderr);
      const args = ["fetch", ...run, ...place, "--output-dir", `${disk.path}/out`];
      for (const [more, needed] of [[[], "14.0 MB"], [["--no-extract"], "7.0 MB"]] as const) {
        const { code, stderr } = await finish([...args, ...more], env);
        assert.equal(code, 1, stderr);
        const line =
          /^error: Cannot fetch to '[^']*out': no space left on device: at least (.*) needed, .* free\n$/;
        assert.equal(line.exec(stderr)?.[1], needed, stderr);
        assert.deepEqual(await readTree(disk.path), {});
      }
      const some = await finish([...args, "--no-extract", "a_*", "c_*"], env);
      assert.equal(some.code, 0, some.stderr);
    },
  });
}

Deno.test({
  name: "full disk: a fetch whose cache is full warns once and continues without it, exit 0",
  ignore: !canMount,
  fn: async () => {
    await using dir = await tempDir();
    await using disk = await smallDisk();
    await makeArchives(`${dir.path}/in`);
    const to = ["--output-dir", `${dir.path}/s`];
    const up = await finish(["upload", "artifacts", `${dir.path}/in`, ...RUN, ...to]);
    assert.equal(up.code, 0, up.stderr);
    const args = ["fetch", "--no-extract", "--staging-dir", `${dir.path}/s`, ...RUN];
    for (const state of ["empty", "full", "read-only"]) {
      if (state === "full") await fillUp(disk.path);
      if (state === "read-only") await disk.makeReadOnly();
      const out = `${dir.path}/out ${state}`;
      const env = { RUN_OUTPUTS_NO_CACHE: "", RUN_OUTPUTS_CACHE_DIR: `${disk.path}/${state}` };
      const { code, stderr } = await finish([...args, "-o", out], env);
      assert.equal(code, 0, stderr);
      assert.equal(stderr.match(/^warning: [^\n]*; continuing without the cache$/mg)?.length, 1);
      assert.equal(Object.keys(await readTree(out)).length, 3);
    }
  },
});

/** Fills a disk to the last byte, as far as its pages go. */
async function fillUp(dir: string): Promise<void> {
  try {
    await Deno.writeFile(`${dir}/fill`, new Uint8Array(8_000_000));
  } catch {
    // It is full.
  }
}

Deno.test({
  name: "full disk: packing beside the build reports what did not fit, and leaves nothing of it",
  ignore: !canMount,
  fn: async () => {
    await using dir = await tempDir();
    await using disk = await smallDisk();
    await writeTree(`${dir.path}/a`, {
      "big_lib_generic/artifact_manifest.txt": "stage\n",
      "big_lib_generic/stage/big.so": noise(6_000_000),
    });
    const args = ["upload", "artifacts", `${dir.path}/a`, ...RUN, "--work-dir", disk.path];
    const { code, stderr } = await finish([...args, "--output-dir", `${dir.path}/s`]);
    assert.equal(code, 1, stderr);
    assert.match(
      stderr,
      /^error: [^\n]*no space left on device; --work-dir names another [^\n]*\n$/,
    );
    assert.deepEqual(await Array.fromAsync(Deno.readDir(disk.path)), []);
  },
});

Deno.test({
  name: "full disk: a member larger than the disk is one short line, and leaves nothing",
  ignore: !canMount,
  fn: async () => {
    await using dir = await tempDir();
    await using disk = await smallDisk();
    const deep = `stage/${"d".repeat(200)}/${"e".repeat(200)}/large`;
    await writeTree(`${dir.path}/a/x_lib_generic`, {
      "artifact_manifest.txt": "stage\n",
      [deep]: "the same line again and again\n".repeat(1_000_000),
    });
    const out = ["--output-dir", `${dir.path}/s`];
    const up = await finish(["upload", "artifacts", `${dir.path}/a`, ...RUN, ...out]);
    assert.equal(up.code, 0, up.stderr);
    const args = ["fetch", "--staging-dir", `${dir.path}/s`, ...RUN, "-o", `${disk.path}/out`];
    const { code, stderr } = await finish(args);
    assert.equal(code, 1, stderr);
    const errors = stderr.split("\n").filter((line) => line.startsWith("error: "));
    assert.equal(errors.length, 1, stderr);
    assert.match(errors[0], /\/large': no space left on device$/);
    assert(errors[0].length < 350, errors[0]);
    const files = Object.keys(await readTree(disk.path)).filter((path) => path.includes("large"));
    assert.deepEqual(files, []);
  },
});
