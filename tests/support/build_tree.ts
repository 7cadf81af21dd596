/**
 * A small build tree made of real files, as a build of a large project leaves it: for the demo and
 * for tests of the whole program.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { listMembers } from "../../src/archive/tar/list_members.ts";
import { pack } from "../../src/archive/pack/pack.ts";
import { writeFileAtomic } from "../../src/storage/local/atomic_file.ts";
import { fileSource } from "../../src/storage/byte_source.ts";

/** Options of {@linkcode makeBuildTree}. */
export interface BuildTreeOptions {
  /** The build directory to make. */
  readonly buildDir: string;
  /** How much of a real binary goes into the largest library, in bytes. */
  readonly librarySize?: number;
  /** Whether all artifacts are packed already, so that none is left as a directory. */
  readonly packed?: boolean;
}

/** The project's own root: its sources stand in for those of a library. */
const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Makes a build tree: five artifacts, as directories and as archives, logs, ninja's and ccache's
 * logs, a profile summary and a manifest.
 *
 * @param options Where, and of which size.
 */
export async function makeBuildTree(options: BuildTreeOptions): Promise<void> {
  const { buildDir, librarySize = 8_000_000, packed = false } = options;
  const artifacts = join(buildDir, "artifacts");

  await artifact(artifacts, "base_lib_generic", "base/aux-overlay/stage", async (stage) => {
    await copyTree(join(PROJECT, "src"), join(stage, "share", "base"));
  });
  await artifact(artifacts, "base_doc_generic", "base/aux-overlay/stage", async (stage) => {
    await copyFile(join(PROJECT, "LICENSE"), join(stage, "share", "doc", "LICENSE"));
    await copyTree(join(PROJECT, "docs"), join(stage, "share", "doc"));
  });
  await artifact(artifacts, "blas_lib_gfx94X-dcgpu", "math-libs/BLAS/stage", async (stage) => {
    const library = join(stage, "lib", "libblas.so.4.2");
    await copyHead(Deno.execPath(), library, librarySize);
    if (Deno.build.os === "windows") return;
    await Deno.chmod(library, 0o755);
    await Deno.symlink("libblas.so.4.2", join(stage, "lib", "libblas.so.4"));
    await Deno.symlink("libblas.so.4", join(stage, "lib", "libblas.so"));
  });
  await artifact(artifacts, "blas_dev_gfx94X-dcgpu", "math-libs/BLAS/stage", async (stage) => {
    await copyTree(join(PROJECT, "src", "layout"), join(stage, "include", "blas"));
  });
  await artifact(artifacts, "rccl_test_gfx942", "comm-libs/rccl/stage", async (stage) => {
    await copyHead(Deno.execPath(), join(stage, "bin", "rccl-UnitTests"), librarySize / 4);
  });
  // A build packs some of its artifacts itself.
  await packArtifact(artifacts, "base_doc_generic");
  if (packed) {
    const names = ["base_lib_generic", "blas_lib_gfx94X-dcgpu", "blas_dev_gfx94X-dcgpu"];
    for (const name of [...names, "rccl_test_gfx942"]) await packArtifact(artifacts, name);
  }

  const logs = join(buildDir, "logs");
  await text(
    join(logs, "therock-build.log"),
    lines("[{n}/420] Building CXX object blas_{n}.o", 420),
  );
  await text(join(logs, "rccl_install.log"), lines("-- Installing: lib/rccl/kernel_{n}.co", 60));
  await text(
    join(logs, "therock-build-prof", "comp-summary.md"),
    "| component | minutes |\n|---|---|\n| blas | 41 |\n| rccl | 12 |\n",
  );
  await text(
    join(logs, "therock-build-prof", "comp-summary.html"),
    "<!doctype html><title>Build time</title><table><tr><td>blas<td>41<tr><td>rccl<td>12</table>\n",
  );
  if (!packed) await text(join(logs, "ccache", "ccache.log"), lines("Result: direct_hit {n}", 900));
  for (const dir of ["", "math-libs/BLAS/build", "comm-libs/rccl/build"]) {
    await text(
      join(buildDir, dir, ".ninja_log"),
      `# ninja log v5\n${lines("{n}\t9\t0\to_{n}", 50)}`,
    );
  }
  await text(
    join(buildDir, "base", "aux-overlay", "build", "therock_manifest.json"),
    JSON.stringify({ the_rock_commit: "0".repeat(40), submodules: [] }, null, 2) + "\n",
  );
}

async function artifact(
  artifacts: string,
  name: string,
  relativePath: string,
  fill: (stage: string) => Promise<void>,
): Promise<void> {
  await text(join(artifacts, name, "artifact_manifest.txt"), `${relativePath}\n`);
  await fill(join(artifacts, name, relativePath));
}

/** Makes the archive of an artifact's directory and removes the directory. */
async function packArtifact(artifacts: string, name: string): Promise<void> {
  const dir = join(artifacts, name);
  const members = await listMembers(dir, { first: "artifact_manifest.txt" });
  await writeFileAtomic(
    join(artifacts, `${name}.tar.zst`),
    pack(members, { compression: "zst" }),
  );
  await Deno.remove(dir, { recursive: true });
}

async function copyTree(from: string, to: string): Promise<void> {
  for await (const entry of Deno.readDir(from)) {
    if (entry.isDirectory) await copyTree(join(from, entry.name), join(to, entry.name));
    else if (entry.isFile) await copyFile(join(from, entry.name), join(to, entry.name));
  }
}

async function copyFile(from: string, to: string): Promise<void> {
  await Deno.mkdir(dirname(to), { recursive: true });
  await Deno.copyFile(from, to);
}

/** Copies the beginning of a file. */
async function copyHead(from: string, to: string, bytes: number): Promise<void> {
  const source = await fileSource(from);
  await writeFileAtomic(to, source.open({ start: 0, end: Math.min(bytes, source.size) }));
}

async function text(path: string, content: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, content);
}

function lines(pattern: string, count: number): string {
  return Array.from({ length: count }, (_, n) => pattern.replaceAll("{n}", `${n + 1}`) + "\n")
    .join("");
}
