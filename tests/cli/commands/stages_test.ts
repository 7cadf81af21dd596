/** Stages of a multi-arch build: listed, and uploads that take what a stage produces. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { refused, runJson, runs } from "../../support/command_line.ts";
import { makeBuild, MANIFEST_PATH, RUN } from "../../support/staging.ts";
import { tempDir } from "../../support/temp_dir.ts";

const CONFORMANCE = new URL("../../testdata/conformance/", import.meta.url);
const TOPOLOGY = ["--topology", new URL("topology.toml", CONFORMANCE).pathname];

/** The build of these tests has base, blas and fft; this is who makes them. */
const OWN = `
[build_stages.compiler-runtime]
artifact_groups = ["base"]
[build_stages.math-libs]
artifact_groups = ["math"]
[artifact_groups.base]
[artifact_groups.math]
artifact_group_deps = ["base"]
[artifacts.base]
artifact_group = "base"
[artifacts.blas]
artifact_group = "math"
[artifacts.fft]
artifact_group = "math"
`;

interface World {
  readonly build: string;
  readonly topology: readonly string[];
  readonly to: readonly string[];
}

function test(name: string, fn: (world: World) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const [build, file] = [join(temp.path, "build"), join(temp.path, "TOPOLOGY.toml")];
    await makeBuild(build);
    await Deno.writeTextFile(file, OWN);
    const to = [...RUN, "--output-dir", join(temp.path, "staging"), "--dry-run"];
    await fn({ build, topology: ["--topology", file], to });
  });
}

async function paths(args: readonly string[], ...more: (readonly string[])[]): Promise<string[]> {
  const { files } = await runJson(0, [...args, ...more.flat()]);
  return files.map((file: { path: string }) => file.path);
}

const archives = (all: readonly string[]) => all.filter((path) => /\.tar\.(?:xz|zst)$/.test(path));

Deno.test("stages: all in build order, as text and as JSON", async () => {
  const { stages } = await runJson(0, ["stages", ...TOPOLOGY]);
  const expected = JSON.parse(await Deno.readTextFile(new URL("topology.json", CONFORMANCE)));
  assert.deepEqual(stages.map(({ name }: { name: string }) => name), expected.build_order);
  for (const { name, type, needs, produces } of stages) {
    const { inbound, produced } = expected.stages[name];
    assert.deepEqual({ type, needs, produces }, {
      type: expected.stages[name].type,
      needs: inbound,
      produces: produced,
    });
  }
  const { out } = await runs(0, ["stages", "foundation", "maths", ...TOPOLOGY]);
  assert.equal(
    out,
    "foundation (generic)\n" +
      "  needs nothing\n" +
      "  produces 4 artifacts: core, sysdeps, sysdeps-extra, tools\n" +
      "maths (per-arch)\n" +
      "  needs 3 artifacts: core, sysdeps, tools\n" +
      "  produces 2 artifacts: blas, fft\n",
  );
  assert.equal((await runJson(0, ["stages", "all", ...TOPOLOGY])).stages.length, 4);
});

Deno.test("stages: an unknown stage, a file that is none or not there", async () => {
  await refused(["stages", "math", ...TOPOLOGY], ['stage "math"', "foundation", "'maths'"]);
  await using temp = await tempDir();
  const file = join(temp.path, "x.toml");
  await refused(["stages", "--topology", file], ["--topology", file], { code: 3 });
  await Deno.writeTextFile(file, "[");
  await refused(["stages", "--topology", file], [file, "line 1"]);
});

test("upload artifacts --stage: just what the stage produces, packed or not", async (w) => {
  const upload = ["upload", "artifacts", join(w.build, "artifacts"), ...w.to];
  assert.deepEqual(archives(await paths(upload, w.topology, ["--stage", "math-libs"])), [
    "blas_lib_gfx94X-dcgpu.tar.zst",
    "fft_lib_gfx942.tar.xz",
  ]);
  const both = await paths(upload, w.topology, ["--stage", "math-libs,compiler-runtime"]);
  assert.equal(archives(both).length, 3);
  const all = await paths(upload, ["--stage", "all", "--topology", "no such file"]);
  assert.equal(archives(all).length, 3);
  await refused([...upload, ...w.topology, "--stage", "maths"], ['stage "maths"', "math-libs"]);
});

test("upload stage --topology: logs and what the stage produces", async (w) => {
  const upload = ["upload", "stage", "--build-dir", w.build, ...w.to];
  const maths = await paths(upload, w.topology, ["--stage", "math-libs"]);
  assert.deepEqual(archives(maths.filter((path) => !path.startsWith("logs/"))), [
    "blas_lib_gfx94X-dcgpu.tar.zst",
    "fft_lib_gfx942.tar.xz",
  ]);
  assert(maths.includes("logs/math-libs/build.log"), `${maths}`);
  const logs = await paths(upload, ["--stage", "math-libs"]);
  assert.deepEqual(archives(logs.filter((path) => !path.startsWith("logs/"))), []);
});

test("upload stage: compiler-runtime uploads the run's manifest and its index too", async (w) => {
  const upload = ["upload", "stage", "--build-dir", w.build, ...w.to];
  const runtime = await paths(upload, ["--stage", "compiler-runtime"]);
  assert(runtime.includes("manifests/therock_manifest.json"), `${runtime}`);
  assert(runtime.includes("manifests/index.html"), `${runtime}`);
  const other = await paths(upload, ["--stage", "math-libs"]);
  assert(!other.includes("manifests/therock_manifest.json"), `${other}`);
  await Deno.remove(join(w.build, MANIFEST_PATH));
  const args = [...upload, "--stage", "compiler-runtime"];
  assert.match((await runs(7, args)).err, /Cannot read the manifest/);
  await runs(0, [...args, "--job-status", "failure"]);
});
