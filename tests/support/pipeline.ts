/**
 * What the jobs of a pipeline leave on their disks, and the uploads they make of it: single-stage
 * and multi-stage, for Linux and for Windows, in names that are no easy ones.
 *
 * @module
 */

import { join } from "node:path";
import { likeArchive, noise } from "./bytes.ts";
import { makeBuild, MANIFEST_PATH } from "./staging.ts";
import { writeTree } from "./temp_dir.ts";

/** A name with all that has a meaning somewhere; Windows can't have it on its disks. */
export const ODD_NAME = "a+b#c%25d&\"e<f' ü.log";

/** Makes all that the uploads of {@linkcode pipelineUploads} read. */
export async function makePipeline(dir: string): Promise<void> {
  await makeBuild(join(dir, "build"));
  await writeTree(dir, {
    [`build/logs/${ODD_NAME}`]: "odd\n",
    "build/logs/build_observability.html": "<!doctype html><title>Build</title>\n",

    "windows/artifacts/blas_lib_gfx1151/artifact_manifest.txt": "math/stage\n",
    "windows/artifacts/blas_lib_gfx1151/math/stage/bin/blas.dll": noise(1000, 3),
    "windows/logs/Build Log.txt": "built\r\n",
    "windows/.ninja_log": "# ninja log v6\n",
    [`windows/${MANIFEST_PATH}`]: "{}\n",

    "stage/logs/configure.log": "configured\n",
    "stage/logs/ccache/ccache.log": "hit\n",
    "stage/math/.ninja_log": "# ninja log v5\n",

    "artifacts/rccl_test_gfx942:xnack+.tar.zst": likeArchive("zst", noise(896, 4)),

    "wheels/dist/rocm-7.0.tar.gz": likeArchive("gz", noise(500, 5)),
    "wheels/dist/rocm_sdk_core-7.0-py3-none-linux_x86_64.whl": likeArchive("zip", noise(600, 6)),
    "multiarch/rocm-7.0.tar.gz": likeArchive("gz", noise(500, 5)),
    "multiarch/torch-2.9.0+rocm7.0-cp312-cp312-linux_x86_64.whl": likeArchive("zip", noise(700, 8)),
    "multiarch/gfx1151/rocm_sdk_libraries-7.0-py3-none-linux_x86_64.whl": likeArchive(
      "zip",
      noise(800, 9),
    ),
    "multiarch/.cache/hidden-1.0.tar.gz": likeArchive("gz"),

    "torch.json": '{"pytorch": "2.9"}\n',
    "report/rccl.html": "<!doctype html><title>RCCL</title>\n",
    "report/raw.xml": "<tests/>\n",

    "deb/pool/main/rocm_7.0_amd64.deb": noise(400, 10),
    "deb/dists/stable/Release": "Suite: stable\n",
    "deb/built_packages.txt": "rocm\n",
    "deb/logs/rocm.log": "packed\n",
    "rpm/x86_64/rocm-7.0.x86_64.rpm": noise(400, 11),
    "rpm/x86_64/repodata/repomd.xml": "<repomd/>\n",

    "tarballs/therock-dist-linux-gfx94X-dcgpu-7.0.tar.gz": likeArchive("gz", noise(300, 12)),
    "tarballs-windows/therock-dist-windows-multiarch-tests-7.0.tar.gz": likeArchive(
      "gz",
      noise(300, 13),
    ),

    "notes/read me.txt": "notes\n",
  });
}

/** An upload of the pipeline: what is made of it, and its arguments after `upload`. */
export type PipelineUpload = readonly [name: string, args: readonly string[]];

/** The uploads, in their order: later ones find what earlier ones have left. */
export function pipelineUploads(dir: string): PipelineUpload[] {
  const at = (name: string) => join(dir, name);
  const linux = ["--run-id", "123", "--platform", "linux"];
  const windows = ["--run-id", "123", "--platform", "windows"];
  const multiarch = ["--run-id", "456", "--platform", "linux"];
  const torch = ["--amdgpu-family", "gfx1151", "--ref", "release/2.9"];
  const family = ["--stage", "math-libs", "--amdgpu-family", "gfx1151", "--build-dir", at("stage")];
  return [
    ["build", ["build", "--artifact-group", "g", "--build-dir", at("build"), ...linux]],
    ["build, Windows", [
      "build",
      "--artifact-group",
      "g",
      "--build-dir",
      at("windows"),
      ...windows,
    ]],
    ["stage, generic", [
      "stage",
      "--stage",
      "foundation",
      "--build-dir",
      at("stage"),
      ...multiarch,
    ]],
    ["stage of a family", ["stage", ...family, ...multiarch]],
    ["artifacts", ["artifacts", at("artifacts"), ...multiarch]],
    ["artifacts, typed", ["artifacts", at("artifacts"), "--layout", "typed", ...multiarch]],
    ["logs", ["logs", at("build/logs"), "--artifact-group", "other", ...linux]],
    ["manifest of the run", ["manifest", at("torch.json"), ...multiarch]],
    ["pytorch-manifest", ["pytorch-manifest", at("torch.json"), ...torch, ...multiarch]],
    [
      "pytorch-manifest, earlier name",
      ["pytorch-manifest", at("torch.json"), ...torch, "--python-version", "py3.12", ...multiarch],
    ],
    ["python, single-arch", ["python", at("wheels"), "--artifact-group", "gfx110X-all", ...linux]],
    ["python, multi-arch", ["python", at("multiarch"), "--multiarch", ...multiarch]],
    ["packages, deb", ["packages", at("deb"), "--pkg-type", "deb", ...multiarch]],
    ["packages, rpm", ["packages", at("rpm"), "--pkg-type", "rpm", ...multiarch]],
    ["tarballs", ["tarballs", at("tarballs"), ...multiarch]],
    ["tarballs, Windows", ["tarballs", at("tarballs-windows"), ...windows]],
    [
      "test-report",
      ["test-report", at("report"), "--to", "gfx950-dcgpu", "--index-file-name", "index_rccl.html"]
        .concat(linux),
    ],
    ["files", ["files", at("notes"), "--to", "notes", ...linux]],
  ];
}
