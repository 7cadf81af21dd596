/**
 * A job on a runner that has nothing but the executable: upload, list, fetch and verify, each in an
 * empty root with one workspace.
 *
 * `RUN_OUTPUTS_EXECUTABLE` names the executable; `.ci/run` makes one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EXECUTABLE, hasOldBase } from "../support/program.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const EMPTY_ROOT = fileURLToPath(new URL("empty_root", import.meta.url));
const LIBRARY = "math-libs/stage/lib/libblas.so.4";
const RUN = ["--run-id", "7", "--platform", "linux"];

/** Runs the executable where nothing else is. */
async function runIn(workspace: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(EMPTY_ROOT, {
    args: [EXECUTABLE!, workspace, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Why there is no empty root; `undefined` if there can be one. */
async function whyNot(): Promise<string | undefined> {
  if (EXECUTABLE === undefined) return "RUN_OUTPUTS_EXECUTABLE is not set";
  if (Deno.build.os !== "linux") return "only Linux has namespaces";
  const namespaces = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--net"];
  const { success, stderr } = await new Deno.Command("unshare", {
    args: [...namespaces, "unshare", "--user", "true"],
  }).output();
  return success ? undefined : new TextDecoder().decode(stderr).trim();
}

const reason = await whyNot();
if (reason !== undefined) console.warn(`runner_test: skipped: ${reason}`);

Deno.test({
  name: "a runner with nothing but the executable: upload build, list, fetch, verify",
  ignore: reason !== undefined,
  fn: async () => {
    await using workspace = await tempDir();
    await writeTree(workspace.path, {
      "build/.ninja_log": "# ninja log v5\n",
      "build/artifacts/blas_lib_gfx94X-dcgpu/artifact_manifest.txt": "math-libs/stage\n",
      [`build/artifacts/blas_lib_gfx94X-dcgpu/${LIBRARY}`]: "blas".repeat(100_000),
      "build/base/aux-overlay/build/therock_manifest.json": "{}",
      "build/logs/blas.log": "built\n",
    });
    const link = join(workspace.path, "build/artifacts/blas_lib_gfx94X-dcgpu", LIBRARY, "..");
    await Deno.symlink("libblas.so.4", join(link, "libblas.so"));
    const ok = async (...args: string[]) => {
      const { code, stdout, stderr } = await runIn(workspace.path, ...args);
      assert.deepEqual([code, stderr], [0, ""], args.join(" "));
      return stdout;
    };

    const compression = hasOldBase ? "xz" : "zstd";
    const build = ["--artifact-group", "gfx94X-dcgpu", "--build-dir", "build"];
    const upload = ["upload", "build", ...build, "--compression", compression, ...RUN];
    const uploaded = JSON.parse(await ok(...upload, "--output-dir", "runs", "--json"));
    assert(uploaded.counts.written === uploaded.files.length && uploaded.files.length > 4);

    const listed = JSON.parse(await ok("list", "--staging-dir", "runs", ...RUN, "--json"));
    const paths = listed.files.map(({ path }: { path: string }) => path);
    for (const { path } of uploaded.files) assert(paths.includes(path), path);

    await ok(
      "fetch",
      "--flatten",
      "--require-checksums",
      "--staging-dir",
      "runs",
      ...RUN,
      "-o",
      "out",
    );
    const library = join(workspace.path, "out", "lib", "libblas.so");
    assert.equal(await Deno.readTextFile(library), "blas".repeat(100_000));

    await ok("verify", "--staging-dir", "runs", ...RUN);
    const archive = uploaded.files.map(({ path }: { path: string }) => path)
      .find((path: string) => /^blas_lib_.*\.tar\.\w+$/.test(path));
    await Deno.writeTextFile(join(workspace.path, "runs/7-linux", archive), "x", { append: true });
    const damaged = await runIn(workspace.path, "verify", "--staging-dir", "runs", ...RUN);
    assert.equal(damaged.code, 6, damaged.stderr);

    // It writes nowhere but where it was told to.
    const elsewhere = await runIn(workspace.path, ...upload, "--output-dir", "/elsewhere");
    assert.match(elsewhere.stderr, /^error: [^\n]*'?\/elsewhere[^\n]*read-only\n/m);
    const names = await Array.fromAsync(Deno.readDir(workspace.path), ({ name }) => name);
    assert.deepEqual(names.sort(), ["build", "out", "runs"]);
  },
});
