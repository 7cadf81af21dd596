/** Stages of a multi-arch build: listed; uploads and copies of what they produce, fetches of needs. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { refused, runJson, runs } from "../../support/command_line.ts";
import { startGithub } from "../../support/github_server.ts";
import { makeBuild, MANIFEST_PATH, putArchives, RUN } from "../../support/staging.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

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

Deno.test("docs/selection.md: the topology there is one, and its stages are as it says", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/selection.md", import.meta.url));
  const [, toml] = /^```toml\n([^]*?)^```$/m.exec(page)!;
  const [, expected] = /^```console\n\$ run-outputs stages\n([^]*?)^```$/m.exec(page)!;
  await using temp = await tempDir();
  const file = join(temp.path, "BUILD_TOPOLOGY.toml");
  await Deno.writeTextFile(file, toml);
  assert.equal((await runs(0, ["stages", "--topology", file])).out, expected);
});

Deno.test("stages: an unknown stage, an invalid file, a missing file", async () => {
  await refused(["stages", "math", ...TOPOLOGY], ['stage "math"', "foundation", "'maths'"]);
  await using temp = await tempDir();
  const file = join(temp.path, "x.toml");
  await refused(["stages", "--topology", file], ["--topology", file]);
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
  await refused([...upload, "--stage", "all,maths"], ["--stage all", "maths"]);
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

/** A run in a staging directory, of which every stage has made something. */
function testRun(
  name: string,
  archives: readonly string[],
  fn: (run: { readonly dir: string; readonly staging: string }) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await putArchives(join(staging, "123-linux"), archives);
    await fn({ dir: temp.path, staging });
  });
}

const CORE = ["core_dev_generic.tar.zst", "core_lib_generic.tar.zst"];
const BLAS = ["blas_lib_gfx1100.tar.xz", "blas_lib_gfx94X-dcgpu.tar.zst"];
const OTHERS = ["core-extra_lib_generic.tar.zst", "rccl_lib_gfx94X-dcgpu.tar.zst"];
const RUN_OF_ALL = [...BLAS, ...CORE, ...OTHERS].sort();

testRun(
  "fetch --stage: what the stage needs, as far as the run has it",
  RUN_OF_ALL,
  async (run) => {
    const fetch = ["fetch", "--list", "--staging-dir", run.staging, ...RUN];
    const stage = (name: string) => ["--stage", name, ...TOPOLOGY];
    // Of core, sysdeps and tools the run has core.
    assert.deepEqual(await paths(fetch, stage("maths")), CORE);
    assert.deepEqual(await paths(fetch, stage("maths"), ["--components", "lib"]), [CORE[1]]);
    assert.deepEqual(await paths(fetch, stage("maths"), ["*_dev_*"]), [CORE[0]]);
    const group = ["--artifact-group", "gfx94X-dcgpu"];
    const { err } = await runs(0, [...fetch, ...stage("maths"), ...group]);
    assert.match(err, /^note: [^\n]*gfx94X-dcgpu: the stage has only generic ones[^\n]*\n$/);
    assert.deepEqual(
      await paths(fetch, ["--stage", "all", "--topology", "no such file"]),
      RUN_OF_ALL,
    );
    await refused([...fetch, ...stage("math")], ['stage "math"', "'maths'"]);
    await refused(
      [...fetch, "--stage", "maths", "--topology", join(run.dir, "x.toml")],
      ["x.toml"],
      {
        code: 2,
      },
    );
  },
);

testRun("fetch --stage: a run with nothing that the stage needs", BLAS, async (run) => {
  const fetch = ["fetch", "--staging-dir", run.staging, ...RUN, "-o", join(run.dir, "out")];
  const args = [...fetch, "--stage", "maths", ...TOPOLOGY];
  await refused(args, ["none of the artifacts core, sysdeps, tools: it has blas"], { code: 3 });
});

Deno.test("fetch --stage: a stage that needs nothing fetches nothing, from a run that need not exist", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  const fetch = ["fetch", "--stage", "foundation", ...TOPOLOGY, "-o", out];
  const staging = ["--staging-dir", join(temp.path, "no"), ...RUN];
  const { err, out: text } = await runs(0, [...fetch, ...staging]);
  assert.equal(err, "note: stage foundation needs no artifacts: nothing to fetch\n");
  assert.equal(text, "");
  const told = await runJson(0, [...fetch, ...staging, "--flatten"]);
  assert.deepEqual([told.files, told.bytes, told.prefix], [[], 0, "123-linux"]);
  assert.deepEqual([told.mode, told.output_dir, told.dry_run], ["flatten", out, false]);
  // The steps after it find the directory, but for a dry run.
  assert.deepEqual(await Array.fromAsync(Deno.readDir(out)), []);
  const other = join(temp.path, "other");
  await runs(0, [...fetch.slice(0, -1), other, ...staging, "--dry-run"]);
  await assert.rejects(Deno.stat(other), Deno.errors.NotFound);
  // Nor is GitHub asked.
  const latest = [...fetch, "--latest", "--platform", "linux"];
  assert.deepEqual((await runJson(0, latest, { GITHUB_API_URL: "nowhere" })).files, []);
  await refused([...fetch, ...staging, "--flatten", "--bootstrap"], ["--flatten"]);
});

testRun(
  "--topology without --stage is refused, but for a --stage that is empty",
  CORE,
  async (run) => {
    await writeTree(run.dir, {
      "artifacts/base_run_generic/artifact_manifest.txt": "base/stage\n",
    });
    const commands = [
      ["fetch", "--list", "--staging-dir", run.staging, ...RUN],
      ["copy", "--from-staging", run.staging, "--to-staging", join(run.dir, "to"), "-n", ...RUN],
      [
        "upload",
        "artifacts",
        join(run.dir, "artifacts"),
        "--output-dir",
        run.staging,
        "-n",
        ...RUN,
      ],
    ];
    for (const command of commands) {
      await refused([...command, ...TOPOLOGY], ["Cannot use --topology without --stage"]);
      const note = "note: --stage is empty, so no stage limits the selection";
      const { err } = await runs(0, [...command, "--stage="]);
      assert(err.includes(`${note}\n`), err);
      const both = await runs(0, [...command, "--stage", ",", ...TOPOLOGY]);
      assert(
        both.err.includes("note: --stage ',' lists nothing: the option counts as not given\n"),
      );
      assert(both.err.includes(`${note}, and --topology has no effect\n`), both.err);
      assert(!(await runs(0, command)).err.includes("--stage"));
    }
  },
);

testRun(
  "fetch --commit --stage: the newest run that has something of it",
  RUN_OF_ALL,
  async (run) => {
    const sha = "b".repeat(40);
    await putArchives(join(run.staging, "124-linux"), [BLAS[1]]);
    await putArchives(join(run.staging, "125-linux"), [CORE[0], BLAS[0]]);
    await using server = startGithub({
      commits: [{ sha }],
      runs: [125, 124, 123].map((id) => ({ id, sha, createdAt: `2026-06-01T00:00:${id - 100}Z` })),
    });
    const env = { GITHUB_API_URL: server.url, GH_TOKEN: "t", XDG_CACHE_HOME: join(run.dir, "c") };
    const fetch = ["fetch", "--list", "--commit", sha, "--staging-dir", run.staging];
    fetch.push("--platform", "linux", "--stage", "maths", ...TOPOLOGY);
    const of = async (args: readonly string[]) => {
      const { run_id, files } = await runJson(0, [...fetch, ...args], env);
      return [run_id, ...files.map(({ path }: { path: string }) => path)];
    };
    assert.deepEqual(await of([]), ["125", CORE[0]]);
    // 124 lacks what the stage needs, and 125 the group.
    assert.deepEqual(await of(["--artifact-group", "gfx94X-dcgpu"]), ["123", ...CORE]);
  },
);

testRun("copy --stage: all that the stages produce, and nothing else", RUN_OF_ALL, async (run) => {
  await Deno.mkdir(join(run.staging, "123-linux/logs"));
  await Deno.writeTextFile(join(run.staging, "123-linux/logs/build.log"), "built\n");
  const copy = ["copy", "--from-staging", run.staging, "--to-staging", join(run.dir, "to"), ...RUN];
  copy.push("--dry-run", "--no-index");
  const withSums = (names: readonly string[]) =>
    names.flatMap((name) => [name, `${name}.sha256sum`]).sort();
  const of = (...args: string[]) => paths(copy, TOPOLOGY, args);
  assert.deepEqual(await of("--stage", "maths"), withSums(BLAS));
  assert.deepEqual(await of("--stage", "maths,foundation"), withSums([...BLAS, ...CORE]));
  assert.deepEqual(await of("--stage", "maths", "--stage", "foundation", "*_dev_*"), [
    CORE[0],
    `${CORE[0]}.sha256sum`,
  ]);
  assert.deepEqual(
    await of("--stage", "maths", "--amdgpu-targets", "gfx1100"),
    withSums([BLAS[0]]),
  );
  assert((await of("--stage", "all")).includes("logs/build.log"));
  await refused([...copy, ...TOPOLOGY, "--stage", "math"], ['stage "math"']);
  const nothing = join(run.dir, "nothing.toml");
  await Deno.writeTextFile(
    nothing,
    OWN.replace("[artifacts.base]", "[artifacts.base2]")
      .replace(/(?<=\[build_stages.compiler-runtime\]\n)[^\n]*/, "artifact_groups = []"),
  );
  for (
    const [stage, text] of [
      ["compiler-runtime", "stage compiler-runtime produces no artifacts"],
      ["other", 'stage "other"'],
    ]
  ) {
    const code = stage === "other" ? 2 : 3;
    await refused([...copy, "--topology", nothing, "--stage", stage], [text], { code });
  }
});

testRun("copy --stage: none of what the stages produce is there", CORE, async (run) => {
  const copy = ["copy", "--from-staging", run.staging, "--to-staging", join(run.dir, "to"), ...RUN];
  const args = [...copy, "--stage", "maths", ...TOPOLOGY];
  await refused(args, ["none of the artifacts blas, fft: it has core"], { code: 3 });
});
