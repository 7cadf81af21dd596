/**
 * Builds and staging directories for tests of the whole program: small, quick, made anew each time.
 *
 * @module
 */

import { join } from "node:path";
import { listMembers } from "../../src/archive/tar/list_members.ts";
import { pack } from "../../src/archive/pack/pack.ts";
import { writeFileAtomic } from "../../src/storage/local/atomic_file.ts";
import { likeArchive, noise, sha256 } from "./bytes.ts";
import { tempDir, writeTree } from "./temp_dir.ts";

/** The options that name the run of all these tests. */
export const RUN = ["--run-id", "123", "--platform", "linux"] as const;

/** Where a build leaves its manifest. */
export const MANIFEST_PATH = "base/aux-overlay/build/therock_manifest.json";

/** The bytes of the archive that {@linkcode makeBuild} leaves packed. */
export const READY_ARCHIVE = likeArchive("xz", noise(4994, 7));

/** Makes a build of a few small files, with everything that `upload build` looks for. */
export async function makeBuild(build: string): Promise<void> {
  await writeTree(build, {
    "artifacts/blas_lib_gfx94X-dcgpu/artifact_manifest.txt": "math/stage\n",
    "artifacts/blas_lib_gfx94X-dcgpu/math/stage/lib/libblas.so": noise(3000, 1),
    "artifacts/base_run_generic/artifact_manifest.txt": "base/stage\n",
    "artifacts/base_run_generic/base/stage/bin/tool": noise(2000, 2),
    "artifacts/fft_lib_gfx942.tar.xz": READY_ARCHIVE,
    "artifacts/fft_lib_gfx942.tar.xz.sha256sum": `${
      sha256(READY_ARCHIVE)
    }  fft_lib_gfx942.tar.xz\n`,
    "logs/build.log": "built\n",
    "logs/deep/er/test.log": "tested\n",
    "logs/therock-build-prof/comp-summary.html": "<p>1 minute</p>\n",
    "logs/therock-build-prof/comp-summary.md": "1 minute\n",
    "logs/ccache/raw.log": "hit\n".repeat(100),
    ".ninja_log": "# ninja log v5\n",
    "math/.ninja_log": "# ninja log v5\n1\t2\n",
    [MANIFEST_PATH]: '{"the_rock_commit":"abc"}\n',
  });
}

/** The keys of {@linkcode makeBuild}'s own files, uploaded with `--artifact-group g`. */
export const BUILD_KEYS: readonly string[] = [
  "base_run_generic.tar.zst",
  "base_run_generic.tar.zst.sha256sum",
  "blas_lib_gfx94X-dcgpu.tar.zst",
  "blas_lib_gfx94X-dcgpu.tar.zst.sha256sum",
  "fft_lib_gfx942.tar.xz",
  "fft_lib_gfx942.tar.xz.sha256sum",
  "logs/g/build.log",
  "logs/g/ccache_logs.tar.zst",
  "logs/g/comp-summary.html",
  "logs/g/comp-summary.md",
  "logs/g/deep/er/test.log",
  "logs/g/ninja_logs.tar.gz",
  "logs/g/therock-build-prof/comp-summary.html",
  "logs/g/therock-build-prof/comp-summary.md",
  "manifests/g/therock_manifest.json",
];

/** The index pages that tell of them. */
export const BUILD_PAGES: readonly string[] = [
  "index.html",
  "logs/g/index.html",
  "logs/index.html",
  "manifests/index.html",
];

/** The part of the outputs manifest that tells of all that. */
export const BUILD_PART = "manifests/outputs/build.g.json";

/** All that `upload build --artifact-group g` makes of {@linkcode makeBuild}. */
export const UPLOADED_KEYS: readonly string[] = [...BUILD_KEYS, ...BUILD_PAGES, BUILD_PART].sort();

/** Packs a tree into a directory, its checksum beside it; `-> TARGET` is a link, as in `readTree`. */
export async function putPacked(
  dir: string,
  name: string,
  tree: Record<string, string>,
): Promise<void> {
  await using temp = await tempDir();
  const isLink = (content: string) => content.startsWith("-> ");
  const entries = Object.entries(tree);
  await writeTree(
    temp.path,
    Object.fromEntries(entries.filter(([, content]) => !isLink(content))),
  );
  for (const [path, content] of entries) {
    if (isLink(content)) await Deno.symlink(content.slice(3), join(temp.path, path));
  }
  await Deno.mkdir(dir, { recursive: true });
  const members = await listMembers(temp.path, { first: "artifact_manifest.txt" });
  const { sha256 } = await writeFileAtomic(
    join(dir, name),
    pack(members, { compression: name.endsWith(".xz") ? "xz" : "zst" }),
  );
  await Deno.writeTextFile(join(dir, `${name}.sha256sum`), `${sha256}\n`);
}

/** 1,000 bytes that begin like the archive of the name. */
function packed(name: string): Uint8Array {
  const compression = name.endsWith(".xz") ? "xz" : "zst";
  return likeArchive(compression, noise(1000, name.length)).subarray(0, 1000);
}

/** Writes archives with right checksums into a directory. */
export async function putArchives(
  dir: string,
  names: readonly string[],
  contents: (name: string) => Uint8Array = packed,
): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  for (const name of names) {
    await Deno.writeFile(join(dir, name), contents(name));
    await Deno.writeTextFile(join(dir, `${name}.sha256sum`), `${sha256(contents(name))}\n`);
  }
}
