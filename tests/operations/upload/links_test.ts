/** Links that a build makes: no upload follows one, wherever it takes a file by its name. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { planArtifacts } from "../../../src/operations/upload/artifacts.ts";
import { planBuild, planStage } from "../../../src/operations/upload/build.ts";
import { planLogs } from "../../../src/operations/upload/logs.ts";
import { executeUpload, UploadPlanner } from "../../../src/operations/upload/plan.ts";
import { planPython } from "../../../src/operations/upload/python.ts";
import { planTarballs } from "../../../src/operations/upload/tarballs.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { collect, likeArchive } from "../../support/bytes.ts";
import { makeBuild, MANIFEST_PATH } from "../../support/staging.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "1", platform: "linux" });
const SECRET = "the runner's own secret";

/** Replaces a path of a directory by a link to the same path of another one. */
async function linkTo(other: string, dir: string, path: string): Promise<void> {
  await Deno.remove(join(dir, path), { recursive: true }).catch(() => {});
  await Deno.mkdir(dirname(join(dir, path)), { recursive: true });
  await Deno.symlink(join(other, path), join(dir, path));
}

/** All that an upload of the plan stores, as one text; archives' names are in it too. */
async function stored(planner: UploadPlanner): Promise<string> {
  const backend = new MemoryBackend();
  await executeUpload(backend, planner.plan());
  let text = "";
  for await (const { location } of backend.list(ROOT.root())) {
    await using body = await backend.read(location);
    text += `${location.key}\n${new TextDecoder().decode(await collect(body))}\n`;
  }
  return text;
}

for (
  const path of [
    MANIFEST_PATH,
    "base/aux-overlay",
    "base",
    "logs",
    "logs/ccache",
    "artifacts",
    "artifacts/rocm_lib_generic",
  ]
) {
  for (
    const [name, plan] of [
      [
        "planBuild()",
        (buildDir: string, planner: UploadPlanner) =>
          planBuild(ROOT, { buildDir, artifactGroup: "g" }, planner),
      ],
      [
        "planStage()",
        (buildDir: string, planner: UploadPlanner) =>
          planStage(ROOT, { buildDir, stage: "compiler-runtime", artifacts: {} }, planner),
      ],
    ] as const
  ) {
    Deno.test(`${name}: ${path} as a link uploads nothing from elsewhere, and says so`, async () => {
      await using temp = await tempDir();
      const [build, other] = ["build", "other"].map((name) => join(temp.path, name));
      await makeBuild(build);
      await writeTree(other, {
        [MANIFEST_PATH]: JSON.stringify(SECRET),
        "logs/secret.log": SECRET,
        "logs/ccache/secret.log": SECRET,
        "artifacts/secret_lib_generic/artifact_manifest.txt": "stage\n",
        "artifacts/secret_lib_generic/stage/x": SECRET,
        "artifacts/rocm_lib_generic/artifact_manifest.txt": "stage\n",
      });
      await linkTo(other, build, path);
      const planner = new UploadPlanner();
      await plan(build, planner);
      const { failures, notes } = planner.plan();
      const told = [
        ...failures.map(({ error }) => error!.message),
        ...notes.map(({ path }) => path),
      ];
      assert(told.some((text) => text.includes(join(build, path))), told.join("\n"));
      if (!path.includes("rocm_")) assert.match(told.join("\n"), /is a symbolic link/);
      assert.doesNotMatch(await stored(planner), /secret/);
    });
  }
}

Deno.test("uploads of a directory: files found by name must not be links either", async () => {
  await using temp = await tempDir();
  const [dir, other] = ["dir", "other"].map((name) => join(temp.path, name));
  const tarball = "therock-dist-linux-multiarch-1.tar.gz";
  const archive = "a_lib_generic.tar.zst";
  await writeTree(other, {
    "logs/therock-build-prof/comp-summary.html": SECRET,
    [`tarballs/${tarball}`]: SECRET,
    "python/dist/secret-1-py3-none-any.whl": SECRET,
    "python/secret-1-py3-none-any.whl": SECRET,
    [`artifacts/${archive}.sha256sum`]: `${"0".repeat(64)}  secret\n`,
  });
  await writeTree(dir, {
    "logs/a.log": "a",
    "tarballs/therock-dist-linux-multiarch-2.tar.gz": likeArchive("gz", "x"),
    "python/x-1-py3-none-any.whl": likeArchive("zip", "x"),
  });
  for (
    const path of [
      "logs/therock-build-prof",
      `tarballs/${tarball}`,
      "python/dist",
      "python/secret-1-py3-none-any.whl",
      `artifacts/${archive}.sha256sum`,
    ]
  ) await linkTo(other, dir, path);
  await Deno.writeFile(join(dir, "artifacts", archive), new Uint8Array([0x28, 0xb5, 0x2f, 0xfd]));
  const planner = new UploadPlanner();
  const at = (name: string) => join(dir, name);
  await planLogs(ROOT, { logsDir: at("logs"), group: "g" }, planner);
  await planTarballs(ROOT, { tarballsDir: at("tarballs") }, planner);
  await planPython(ROOT, { packagesDir: at("python"), artifactGroup: "g" }, planner);
  await planArtifacts(ROOT, { artifactsDir: at("artifacts") }, planner);
  assert.doesNotMatch(await stored(planner), /secret/);
  const { failures } = planner.plan();
  assert.match(failures.map(({ error }) => error!.message).join("\n"), /symbolic link/);
});
