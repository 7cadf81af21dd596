/**
 * A run on its way: from one run to another on a server, into a directory and out of it, and in one
 * file to where there is no network.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { makeBuild, putArchives } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";
import type { Target } from "./pipeline_suite.ts";
import { command, finish, OFFLINE } from "./processes.ts";

/** Registers the tests for a server. */
export function copySuite(name: string, open: () => Promise<Target>): void {
  Deno.test(`${name}: a run is copied on the server, mirrored, and carried to where no network is`, async () => {
    await using dir = await tempDir();
    await using target = await open();
    const at = (...names: string[]) => join(dir.path, ...names);
    const run = (id: number) => ["--run-id", `${id}`, "--platform", "linux"];
    const ok = async (args: readonly string[], permissions?: readonly string[]) => {
      const { code, stdout, stderr } = permissions === undefined
        ? await command([...args, "--json"], target.env)
        : await finish([...args, "--json"], {}, permissions);
      assert.equal(code, 0, `${args.join(" ")}\n${stderr}`);
      return JSON.parse(stdout);
    };
    /** Path, size and hash of all that a run has, as its manifest and its storage tell. */
    const list = async (...args: string[]) => {
      const { files, manifest } = await ok(["list", ...args]);
      assert.equal(manifest.complete, true);
      return files.filter((file: { sha256?: string; kind: string }) =>
        file.sha256 !== undefined && file.kind !== "outputs-manifest"
      ).map(({ path, size, sha256 }: Record<string, unknown>) => `${sha256} ${size} ${path}`);
    };
    const counts = async (args: readonly string[], permissions?: readonly string[]) => {
      const { counts, files } = await ok(args, permissions);
      return [counts.written, counts.unchanged, files.length];
    };

    await makeBuild(at("build"));
    await ok([
      ...["upload", "build", "--artifact-group", "g", "--build-dir", at("build")],
      ...["--part", "build", "--expect-parts", "build,more", ...target.args, ...run(1)],
    ]);
    await putArchives(at("more"), ["rccl_lib_gfx942.tar.zst"]);
    await ok(["upload", "artifacts", at("more"), "--part", "more", ...target.args, ...run(1)]);
    const original = await list(...target.args, ...run(1));

    const [bucket] = target.args.slice(-1);
    const source = ["--source-run-id", "1", "--source-bucket", bucket, "--platform", "linux"];
    const toRun = ["copy", ...source, ...target.args, "--run-id", "2"];
    const [written, unchanged, all] = await counts(toRun);
    assert.deepEqual([unchanged, all], [0, written]);
    assert.deepEqual(await counts(toRun), [0, all, all]);
    assert.deepEqual(await list(...target.args, ...run(2)), original);

    // The second run continues what is left of the first.
    const toStaging = ["copy", ...source.slice(0, 4), "--source-platform", "linux"];
    toStaging.push("--to-staging", at("mirror"));
    assert.deepEqual(await counts(toStaging), [all, 0, all]);
    await Deno.remove(at("mirror/1-linux/rccl_lib_gfx942.tar.zst"));
    assert.deepEqual(await counts(toStaging), [1, all - 1, all]);
    assert.deepEqual(await list("--staging-dir", at("mirror"), ...run(1)), original);

    const fromStaging = ["copy", "--from-staging", at("mirror"), ...source.slice(0, 2)];
    fromStaging.push(...target.args, ...run(3));
    assert.deepEqual(await counts(fromStaging), [all, 0, all]);
    assert.deepEqual(await counts(fromStaging), [0, all, all]);
    assert.deepEqual(await list(...target.args, ...run(3)), original);

    const runs = at("runs.tar");
    const exported = await ok([
      ...["export", runs, "1", "2", "--require-complete", ...target.args, "--platform", "linux"],
    ]);
    assert.equal(exported.runs.length, 2);
    const imported = await ok(["import", runs, "--output-dir", at("lab")], OFFLINE);
    assert.deepEqual(
      imported.runs.map(({ counts }: { counts: { written: number } }) => {
        return counts.written;
      }),
      [all, all],
    );
    const inLab = ["--staging-dir", at("lab"), ...run(2)];
    assert.deepEqual(await list(...inLab), original);
    const fetch = ["fetch", "--require-complete", "--require-checksums", "--no-extract"];
    const here = await ok([...fetch, ...target.args, ...run(1), "-o", at("here")]);
    const there = await ok([...fetch, ...inLab, "-o", at("there")], OFFLINE);
    const hashes = (fetched: { files: Record<string, unknown>[] }) =>
      fetched.files.map(({ path, sha256, verified }) => `${path} ${sha256} ${verified}`);
    assert.deepEqual(hashes(there), hashes(here));
    assert.equal(there.counts.written, 4);

    // Out of the lab again, into a bucket.
    const back = await ok(["import", runs, ...target.args, "--if-exists", "fail"]);
    assert.deepEqual(
      back.runs.map(({ counts }: { counts: { unchanged: number } }) => {
        return counts.unchanged;
      }),
      [all, all],
    );
  });

  Deno.test(`${name}: runs of before there were manifests are copied and exported`, async () => {
    await using dir = await tempDir();
    await using target = await open();
    const at = (...names: string[]) => join(dir.path, ...names);
    const run = ["--run-id", "9", "--platform", "linux"];
    const names = ["blas_lib_gfx94X-dcgpu.tar.xz", "base_run_generic.tar.xz"];
    const old = at("old/9-linux");
    await putArchives(old, names);
    await putArchives(join(old, "artifacts"), ["fft_lib_gfx942.tar.zst"]);
    await Deno.writeTextFile(join(old, "index-gfx94X-dcgpu.html"), "<p>old</p>\n");
    const copied = await command(
      ["copy", "--from-staging", at("old"), ...run, ...target.args, "--json"],
      target.env,
    );
    assert.equal(copied.code, 0, copied.stderr);
    const keys = await target.keys();
    assert.equal(keys.length, 8);
    const file = at("old.tar");
    const exported = await command(["export", file, ...run, ...target.args], target.env);
    assert.equal(exported.code, 0, exported.stderr);
    const imported = await finish(["import", file, "--output-dir", at("new")], {}, OFFLINE);
    assert.equal(imported.code, 0, imported.stderr);
    const fetched = await finish(
      [
        ...["fetch", "--no-extract", "--require-checksums", "--staging-dir", at("new"), ...run],
        ...["-o", at("out")],
      ],
      {},
      OFFLINE,
    );
    assert.equal(fetched.code, 0, fetched.stderr);
    assert.match(fetched.stdout, /3 written; 3 verified/);
  });
}
