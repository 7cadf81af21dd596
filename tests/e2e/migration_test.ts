/** The commands of docs/migration.md work as they stand there. */

import assert from "node:assert/strict";
import { likeArchive } from "../support/bytes.ts";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deb } from "../support/package_builder.ts";
import { sha, startGithub } from "../support/github_server.ts";
import { readTree, tempDir, writeTree } from "../support/temp_dir.ts";
import { makeWheel } from "../support/wheel.ts";
import { finishBare, NOBODY } from "./processes.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const TOPOLOGY = `
[build_stages.foundation]
artifact_groups = ["base"]
type = "generic"

[build_stages.math-libs]
artifact_groups = ["math"]
type = "per-arch"

[artifact_groups.base]
type = "generic"

[artifact_groups.math]
artifact_group_deps = ["base"]
type = "per-arch"

[artifacts.core]
artifact_group = "base"
type = "target-neutral"

[artifacts.blas]
artifact_group = "math"
artifact_deps = ["core"]
type = "target-specific"
`;

/** What a job finds in its directory. */
async function prepare(dir: string): Promise<void> {
  await writeTree(dir, {
    "BUILD_TOPOLOGY.toml": TOPOLOGY,
    "build/artifacts/core_lib_generic/artifact_manifest.txt": "core/stage\n",
    "build/artifacts/core_lib_generic/core/stage/lib/libcore.so": "core",
    "build/artifacts/blas_lib_gfx94X-dcgpu/artifact_manifest.txt": "math/stage\n",
    "build/artifacts/blas_lib_gfx94X-dcgpu/math/stage/lib/libblas.so": "blas",
    "build/logs/blas.log": "built",
    "build/blas/.ninja_log": "# ninja log v5\n",
    "build/base/aux-overlay/build/therock_manifest.json": "{}",
    "manifest.json": "{}",
    "tarballs/therock-dist-linux-multiarch-7.10.0.tar.gz": likeArchive("gz", "tarball"),
    "report/rccl.html": "<!doctype html><title>rccl</title>",
  });
  await Deno.mkdir(join(dir, "packages/dist"), { recursive: true });
  await Deno.writeFile(
    join(dir, "packages/dist/rocm-7.10.0-py3-none-any.whl"),
    makeWheel("rocm", "7.10.0", ""),
  );
  await Deno.mkdir(join(dir, "debs"));
  await Deno.writeFile(join(dir, "debs/rocm_7.10.0_amd64.deb"), deb("rocm"));
}

/** The command lines of a page, as a shell reads them. */
function commandsOf(page: string): string[] {
  return [...page.matchAll(/^```sh\n([^]*?)^```$/gm)]
    .flatMap(([, block]) => block.replaceAll("\\\n", " ").trim().split("\n"));
}

/** The arguments that a shell gives to the program, for each line. */
async function argumentsOf(
  lines: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string[][]> {
  const script = `run-outputs() { printf '%s\\0' "$@"; printf '\\n\\0'; }\nset -eu\n`;
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", script + lines.join("\n")],
    env,
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const all = new TextDecoder().decode(stdout).split("\0\n\0").slice(0, -1);
  assert.equal(all.length, lines.length, "each line is one command");
  return all.map((one) => one.split("\0"));
}

Deno.test({
  name:
    "docs/migration.md: each command does what it says, in a job with a local staging directory",
  // The page's commands are for a Unix shell.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await tempDir();
    await prepare(dir.path);
    await using github = startGithub({
      runs: [{ id: 12345, sha: sha(1), createdAt: "2026-11-01T00:00:00Z" }],
    });
    const staging = join(dir.path, "staging");
    const output = join(dir.path, "output");
    const env = {
      ...NOBODY,
      NO_COLOR: "1",
      XDG_CACHE_HOME: join(dir.path, "cache"),
      XDG_STATE_HOME: join(dir.path, "state"),
      THEROCK_LOCAL_STAGING_DIR: staging,
      THEROCK_PLATFORM: "linux",
      GITHUB_ACTIONS: "true",
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: "a-token-of-a-test",
      GITHUB_RUN_ID: "12345",
      GITHUB_SHA: sha(1),
      GITHUB_REPOSITORY: "ROCm/TheRock",
      GITHUB_OUTPUT: output,
    };
    const commands = commandsOf(await Deno.readTextFile(join(ROOT, "docs/migration.md")));
    assert(commands.length >= 16, "the page's commands were found");
    for (const command of commands) assert.match(command, /^run-outputs /);
    const lines = [
      // The stage before has uploaded what this one needs.
      "run-outputs upload artifacts build/artifacts --stage foundation -q",
      ...commands,
    ];
    const ran = await finishBare(await argumentsOf(lines, env), env, dir.path);
    for (const [i, { code, stderr }] of ran.entries()) {
      assert.equal(code, 0, `${lines[i]}\n${stderr}`);
    }

    const run = Object.keys(await readTree(join(staging, "12345-linux")));
    for (
      const path of [
        "blas_lib_gfx94X-dcgpu.tar.zst",
        "blas_lib_gfx94X-dcgpu.tar.zst.sha256sum",
        "core_lib_generic.tar.zst",
        "logs/gfx94X-dcgpu/blas.log",
        "logs/gfx94X-dcgpu/index_rccl_test_report.html",
        "logs/math-libs/gfx1151/ninja_logs.tar.gz",
        "manifests/gfx94X-dcgpu/therock_manifest.json",
        "manifests/gfx94X-dcgpu/therock-manifest_torch_linux_release-2.9.json",
        "packages/deb/dists/stable/main/binary-amd64/Packages.gz",
        "packages/deb/pool/main/rocm_7.10.0_amd64.deb",
        "python/gfx94X-dcgpu/index.html",
        "tarballs/therock-dist-linux-multiarch-7.10.0.tar.gz",
      ]
    ) assert(run.includes(path), `${path} is not in ${run.join(" ")}`);
    const copied = Object.keys(await readTree(join(staging, "67890-linux")));
    assert(copied.includes("blas_lib_gfx94X-dcgpu.tar.zst"), copied.join(" "));

    // A stage gets what it needs, and not what it makes.
    const next = Object.keys(await readTree(join(dir.path, "next")));
    assert(next.includes("core/stage/lib/libcore.so") && next.includes("core/stage.prebuilt"));
    assert(!next.some((path) => path.includes("blas")), next.join(" "));
    for (const tree of ["rocm", "by-commit/blas_lib_gfx94X-dcgpu/math/stage"]) {
      assert.equal(await Deno.readTextFile(join(dir.path, tree, "lib/libblas.so")), "blas");
    }

    // The names that other jobs read.
    const outputs = await Deno.readTextFile(output);
    for (
      const name of [
        "bucket",
        "iam_role",
        "aws_region",
        "package_find_links_url",
        "kpack_split",
        "tarball_urls",
        "package_repository_url",
        "packaging_logs_url",
      ]
    ) assert.match(outputs, new RegExp(`^${name}(?:=|<<)`, "m"));
  },
});
