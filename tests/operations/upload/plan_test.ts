/** The plans of uploads: what goes where, what is told, what fails. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { planArtifacts } from "../../../src/operations/upload/artifacts.ts";
import { type JobStatus, planBuild } from "../../../src/operations/upload/build.ts";
import { planFiles } from "../../../src/operations/upload/files.ts";
import { planLogs } from "../../../src/operations/upload/logs.ts";
import { planManifest } from "../../../src/operations/upload/manifest.ts";
import {
  executeUpload,
  filesOfPlan,
  type UploadPlan,
  UploadPlanner,
} from "../../../src/operations/upload/plan.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { collect, likeArchive, noise, sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { BUILD_KEYS, makeBuild, MANIFEST_PATH } from "../../support/staging.ts";
import { fileNames } from "../../support/snapshot.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";
import { unpack } from "../../support/unpack.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "1", platform: "linux" });
const onWindows = Deno.build.os === "windows";

const keys = (plan: UploadPlan) =>
  plan.items.map(({ location }) => location.relativeTo(ROOT.root()));
const failed = (plan: UploadPlan) =>
  plan.failures.map(({ path, error }) => [path, (error as { code?: string }).code]);

function test(name: string, fn: (dir: string, planner: UploadPlanner) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    await fn(temp.path, new UploadPlanner());
  });
}

/** Carries out and tells outcomes by path, and the storage. */
async function execute(plan: UploadPlan) {
  const backend = new MemoryBackend();
  const { results } = await executeUpload(backend, plan);
  const outcomes = Object.fromEntries(
    results.map(({ location, outcome, error }) => [
      location.relativeTo(ROOT.root()),
      outcome === "failed" ? (error as { code?: string }).code ?? error!.message : outcome,
    ]),
  );
  const read = async (path: string) => {
    await using body = await backend.read(ROOT.file(path));
    return await collect(body);
  };
  return { outcomes, read };
}

test(
  "planArtifacts(): directories become .tar.zst with a checksum file, archives do not change",
  async (dir, planner) => {
    const archive = likeArchive("xz", noise(1000));
    await writeTree(dir, {
      "blas_lib_gfx942/artifact_manifest.txt": "stage\n",
      "blas_lib_gfx942/stage/lib.so": "library",
      "fft_dev_generic.tar.xz": archive,
    });
    assert.deepEqual(await planArtifacts(ROOT, { artifactsDir: dir }, planner), []);
    const { outcomes, read } = await execute(planner.plan());
    assert.deepEqual(outcomes, {
      "blas_lib_gfx942.tar.zst": "written",
      "blas_lib_gfx942.tar.zst.sha256sum": "written",
      "fft_dev_generic.tar.xz": "written",
      "fft_dev_generic.tar.xz.sha256sum": "written",
    });
    const packed = await read("blas_lib_gfx942.tar.zst");
    assert.deepEqual((await unpack(packed, "zst")).map(({ name }) => name), [
      "artifact_manifest.txt",
      "stage/lib.so",
    ]);
    const text = async (path: string) => new TextDecoder().decode(await read(path));
    assert.equal(await text("blas_lib_gfx942.tar.zst.sha256sum"), `${sha256(packed)}\n`);
    assert.deepEqual(await read("fft_dev_generic.tar.xz"), archive);
    assert.equal(await text("fft_dev_generic.tar.xz.sha256sum"), `${sha256(archive)}\n`);
  },
);

for (
  const [title, sidecar] of [
    ["bare", (digest: string) => digest],
    ["two-column", (digest: string) => `${digest}  a_lib_generic.tar.zst\n`],
    ["upper-case", (digest: string) => digest.toUpperCase()],
  ] as const
) {
  test(
    `planArtifacts(): a valid ${title} checksum file is uploaded unchanged`,
    async (dir, planner) => {
      const archive = likeArchive("zst", "content");
      const text = sidecar(sha256(archive));
      await writeTree(dir, {
        "a_lib_generic.tar.zst": archive,
        "a_lib_generic.tar.zst.sha256sum": text,
      });
      await planArtifacts(ROOT, { artifactsDir: dir }, planner);
      const { outcomes, read } = await execute(planner.plan());
      assert.deepEqual(Object.values(outcomes), ["written", "written"]);
      assert.equal(
        new TextDecoder().decode(await read("a_lib_generic.tar.zst.sha256sum")),
        text,
      );
    },
  );
}

for (
  const [title, sidecar] of [
    ["wrong", "0".repeat(64)],
    ["broken", "not a checksum"],
    ["empty", ""],
    ["endless", " ".repeat(5000)],
  ] as const
) {
  test(`planArtifacts(): a ${title} checksum fails its archive alone`, async (dir, planner) => {
    await writeTree(dir, {
      "a_lib_generic.tar.zst": likeArchive("zst", "content"),
      "a_lib_generic.tar.zst.sha256sum": sidecar,
      "b_lib_generic.tar.zst": likeArchive("zst", "other"),
    });
    await planArtifacts(ROOT, { artifactsDir: dir }, planner);
    const { outcomes } = await execute(planner.plan());
    assert.deepEqual(outcomes, {
      "a_lib_generic.tar.zst": "integrity",
      "b_lib_generic.tar.zst": "written",
      "b_lib_generic.tar.zst.sha256sum": "written",
    });
  });
}

test(
  "planArtifacts(): a directory without artifact_manifest.txt fails, and is not packed",
  async (dir, planner) => {
    await writeTree(dir, {
      "a_lib_generic/stage/x": "x",
      "b_lib_generic/artifact_manifest.txt/x": "a directory of that name",
      "c_lib_generic/artifact_manifest.txt": "",
    });
    await planArtifacts(ROOT, { artifactsDir: dir }, planner);
    assert.deepEqual(keys(planner.plan()), ["c_lib_generic.tar.zst"]);
    assert.deepEqual(failed(planner.plan()), [
      [join(dir, "a_lib_generic"), "failed"],
      [join(dir, "b_lib_generic"), "failed"],
    ]);
  },
);

test(
  "planArtifacts(): a directory whose archive exists is skipped, with a note",
  async (dir, planner) => {
    await writeTree(dir, {
      "a_lib_generic.tar.xz": likeArchive("xz", "packed"),
      "a_lib_generic/artifact_manifest.txt": "stage\n",
    });
    await planArtifacts(ROOT, { artifactsDir: dir }, planner);
    const plan = planner.plan();
    assert.deepEqual(keys(plan), ["a_lib_generic.tar.xz"]);
    assert.equal(plan.notes.length, 1);
    assert.equal(plan.notes[0].path, join(dir, "a_lib_generic"));
  },
);

test("planArtifacts(): other files are reported, hidden files are not", async (dir, planner) => {
  await writeTree(dir, {
    "README": "",
    "not-an-artifact/x": "",
    "orphan_lib_generic.tar.zst.sha256sum": "0".repeat(64),
    ".run-outputs-tmp-x": "",
    ".DS_Store": "",
    "a_lib_generic.tar.zst": likeArchive("zst", "a"),
  });
  await planArtifacts(ROOT, { artifactsDir: dir }, planner);
  const plan = planner.plan();
  assert.deepEqual(keys(plan), ["a_lib_generic.tar.zst"]);
  assert.deepEqual(
    plan.notes.map(({ path }) => path),
    ["README", "not-an-artifact", "orphan_lib_generic.tar.zst.sha256sum"].map((n) => join(dir, n)),
  );
});

test(
  "planArtifacts(): patterns match directories and their archives",
  async (dir, planner) => {
    for (const name of ["a_lib_generic", "b_lib_generic", "c_dev_generic"]) {
      await writeTree(dir, { [`${name}/artifact_manifest.txt`]: "" });
    }
    await writeTree(dir, { "d_lib_generic.tar.xz": likeArchive("xz", "d") });
    const unmatched = await planArtifacts(ROOT, {
      artifactsDir: dir,
      include: ["*_lib_generic", "c_*.tar.zst", "e_*"],
      exclude: ["b_*"],
    }, planner);
    assert.deepEqual(unmatched, ["e_*"]);
    assert.deepEqual(keys(planner.plan()), [
      "d_lib_generic.tar.xz",
      "a_lib_generic.tar.zst",
      "c_dev_generic.tar.zst",
    ]);
  },
);

test(
  "planArtifacts(): exclude meant for a directory or for its archive leaves both out",
  async (dir, planner) => {
    for (const name of ["a_lib_generic", "b_lib_generic", "c_lib_generic"]) {
      await writeTree(dir, { [`${name}/artifact_manifest.txt`]: "" });
    }
    await planArtifacts(ROOT, {
      artifactsDir: dir,
      exclude: ["a_lib_generic", "b_lib_generic.tar.zst"],
    }, planner);
    assert.deepEqual(keys(planner.plan()), ["c_lib_generic.tar.zst"]);
  },
);

test("planArtifacts(): a missing directory is not_found", async (dir) => {
  await rejectsWith(planArtifacts(ROOT, { artifactsDir: join(dir, "no") }), "not_found", "no");
});

test(
  "planLogs(): the tree, without ccache's raw logs, with flat copies of the summaries",
  async (dir, planner) => {
    await writeTree(dir, {
      "a.log": "",
      "deep/b.log": "",
      "ccache/raw.log": "",
      "deep/ccache/raw.log": "",
      "therock-build-prof/comp-summary.html": "",
      "therock-build-prof/other.txt": "",
    });
    const unmatched = await planLogs(ROOT, { logsDir: dir, group: "g" }, planner);
    assert.deepEqual(unmatched, []);
    assert.deepEqual(keys(planner.plan()), [
      "logs/g/comp-summary.html",
      "logs/g/a.log",
      "logs/g/deep/b.log",
      "logs/g/therock-build-prof/comp-summary.html",
      "logs/g/therock-build-prof/other.txt",
    ]);
  },
);

test(
  "planLogs(): a stage of a family, include, exclude, unmatched patterns",
  async (dir, planner) => {
    await writeTree(dir, {
      "a.log": "",
      "b.log": "",
      "c.txt": "",
      "therock-build-prof/comp-summary.md": "",
    });
    const unmatched = await planLogs(ROOT, {
      logsDir: dir,
      group: { stage: "math", amdgpuFamily: "gfx1151" },
      include: ["*.log", "*.xml"],
      exclude: ["b*"],
    }, planner);
    assert.deepEqual(unmatched, ["*.xml"]);
    assert.deepEqual(keys(planner.plan()), ["logs/math/gfx1151/a.log"]);
  },
);

Deno.test({
  name: "planLogs(): symbolic links are reported, those of summaries too, and not followed",
  ignore: onWindows,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, {
      "secret": "s",
      "logs/a.log": "",
      "logs/therock-build-prof/x": "",
    });
    await Deno.symlink("../secret", join(temp.path, "logs", "link.log"));
    await Deno.symlink(
      "../../secret",
      join(temp.path, "logs", "therock-build-prof", "comp-summary.html"),
    );
    const planner = new UploadPlanner();
    await planLogs(ROOT, { logsDir: join(temp.path, "logs"), group: "g" }, planner);
    const plan = planner.plan();
    assert.deepEqual(keys(plan), ["logs/g/a.log", "logs/g/therock-build-prof/x"]);
    assert.equal(plan.notes.length, 2);
  },
});

test(
  "planFiles(): two files for one path are rejected, one given twice is reported",
  async (dir, planner) => {
    await writeTree(dir, { "one/a": "1", "two/a": "2" });
    const paths = [join(dir, "one", "a"), join(dir, "two")];
    await rejectsWith(planFiles(ROOT, { paths, to: "x" }), "invalid", paths[0], paths[1]);
    await planFiles(ROOT, { paths: [paths[0], paths[0]], to: "x" }, planner);
    const plan = planner.plan();
    assert.deepEqual(keys(plan), ["x/a"]);
    assert.deepEqual(plan.notes.map(({ path }) => path), [paths[0]]);
  },
);

test(
  "planFiles(): patterns count over all paths, a missing path is not_found",
  async (dir, planner) => {
    await writeTree(dir, { "in/a.html": "", "in/b.txt": "", "c.md": "" });
    const paths = [join(dir, "in"), join(dir, "c.md")];
    const include = ["*.html", "*.md", "*.xml"];
    assert.deepEqual(await planFiles(ROOT, { paths, to: "", include }, planner), ["*.xml"]);
    assert.deepEqual(keys(planner.plan()), ["a.html", "c.md"]);
    await rejectsWith(planFiles(ROOT, { paths: [join(dir, "no")], to: "x" }), "not_found", "no");
    await rejectsWith(planFiles(ROOT, { paths, to: "../x" }), "invalid", "../x");
  },
);

test(
  "planManifest(): JSON is uploaded unchanged, to the group's or the run's path",
  async (dir, planner) => {
    const text = '\uFEFF{ "a":   1 }\n';
    await writeTree(dir, { "m.json": text });
    await planManifest(ROOT, { file: join(dir, "m.json"), artifactGroup: "g" }, planner);
    await planManifest(ROOT, { file: join(dir, "m.json") }, planner);
    const { read } = await execute(planner.plan());
    for (const key of ["manifests/g/therock_manifest.json", "manifests/therock_manifest.json"]) {
      assert.deepEqual(await read(key), new Uint8Array(new TextEncoder().encode(text)));
    }
  },
);

test("planManifest(): invalid JSON, invalid UTF-8 and a missing file have different errors", async (dir) => {
  await writeTree(dir, { "bad.json": "{", "bytes.json": new Uint8Array([0x22, 0xff, 0x22]) });
  const plan = (name: string) => planManifest(ROOT, { file: join(dir, name) });
  await rejectsWith(plan("bad.json"), "invalid", "bad.json", "JSON");
  await rejectsWith(plan("bytes.json"), "invalid", "bytes.json");
  await rejectsWith(plan("no.json"), "not_found", "no.json");
});

test("planBuild(): everything of a build, each at its place", async (dir, planner) => {
  await makeBuild(dir);
  await planBuild(ROOT, { buildDir: dir, artifactGroup: "g" }, planner);
  assert.deepEqual(failed(planner.plan()), []);
  const before = await fileNames(dir);
  const { outcomes, read } = await execute(planner.plan());
  assert.deepEqual(Object.keys(outcomes).sort(), BUILD_KEYS);
  for (const outcome of Object.values(outcomes)) assert.equal(outcome, "written");
  const ccache = await unpack(await read("logs/g/ccache_logs.tar.zst"), "zst");
  assert.deepEqual(ccache.map(({ name }) => name), ["raw.log"]);
  assert.deepEqual(await fileNames(dir), before);
});

const PARTS: readonly (readonly [string, readonly string[]])[] = [
  ["artifacts", BUILD_KEYS.filter((key) => !key.includes("/"))],
  ["logs", BUILD_KEYS.filter((key) => key.startsWith("logs/") && !key.includes("ninja"))],
  [MANIFEST_PATH, ["manifests/g/therock_manifest.json"]],
];
for (const [part, gone] of PARTS) {
  for (const jobStatus of ["success", "failure", "cancelled"] satisfies JobStatus[]) {
    const told = jobStatus === "success" ? "a failure" : "a note";
    test(
      `planBuild(): after ${jobStatus} a missing ${part} is ${told}, the rest is planned`,
      async (dir, planner) => {
        await makeBuild(dir);
        await Deno.remove(join(dir, part), { recursive: true });
        await planBuild(ROOT, { buildDir: dir, artifactGroup: "g", jobStatus }, planner);
        const plan = planner.plan();
        const path = join(dir, part);
        assert.deepEqual(failed(plan), jobStatus === "success" ? [[path, "not_found"]] : []);
        assert.deepEqual(
          plan.notes.map((note) => note.path),
          jobStatus === "success" ? [] : [path],
        );
        const { outcomes } = await execute({ ...plan, failures: [] });
        assert.deepEqual(
          Object.keys(outcomes).sort(),
          BUILD_KEYS.filter((key) => !gone.includes(key)),
        );
      },
    );
  }
}

test("planBuild(): after a failed job, what is broken is still a failure", async (dir, planner) => {
  await makeBuild(dir);
  await Deno.writeTextFile(join(dir, MANIFEST_PATH), "{");
  await planBuild(ROOT, { buildDir: dir, artifactGroup: "g", jobStatus: "failure" }, planner);
  assert.deepEqual(failed(planner.plan()), [[join(dir, MANIFEST_PATH), "failed"]]);
});

test(
  "filesOfPlan(): the files of an upload are known before it, checksum files too",
  async (dir, planner) => {
    await makeBuild(dir);
    await planBuild(ROOT, { buildDir: dir, artifactGroup: "g" }, planner);
    const plan = planner.plan();
    const files = [...filesOfPlan(plan)].map(({ path, size, madeFrom }) => {
      assert(size !== undefined || madeFrom! > 0, path);
      return path;
    });
    const { results } = await executeUpload(new MemoryBackend(), plan);
    assert(results.every(({ outcome }) => outcome === "written"));
    assert(files.some((path) => path.startsWith("sha256 of ")));
    assert.deepEqual(files, results.map(({ path }) => path));
  },
);

test("planBuild(): archives wait in the work directory, if one is given", async (dir, planner) => {
  const [buildDir, workDir] = [join(dir, "build"), join(dir, "work")];
  await makeBuild(buildDir);
  await planBuild(ROOT, { buildDir, artifactGroup: "g", workDir }, planner);
  const item = planner.plan().items.find(({ location }) => location.name.startsWith("blas_"))!;
  const before = await fileNames(buildDir);
  const source = await item.open();
  assert.equal((await fileNames(workDir)).length, 1);
  assert.deepEqual(await fileNames(buildDir), before);
  await source[Symbol.asyncDispose]?.();
  assert.deepEqual(await fileNames(workDir), []);
});

test("planBuild(): no build directory is not_found, a file in its place invalid", async (dir) => {
  await writeTree(dir, { "file": "" });
  const plan = (name: string) => planBuild(ROOT, { buildDir: join(dir, name), artifactGroup: "g" });
  await rejectsWith(plan("no"), "not_found", "no");
  await rejectsWith(plan("file"), "invalid", "file");
});

test(
  "executeUpload(): packing progress is in bytes of the tree",
  async (dir, planner) => {
    await makeBuild(dir);
    await planArtifacts(ROOT, { artifactsDir: join(dir, "artifacts") }, planner);
    const made = new Map<string, number>();
    const plan = planner.plan();
    await executeUpload(new MemoryBackend(), plan, {
      onEvent(event) {
        if (event.type !== "made") return;
        made.set(event.path, (made.get(event.path) ?? 0) + event.bytes);
        assert(event.of! >= made.get(event.path)!);
      },
    });
    const directories = plan.items.filter(({ madeFrom }) => madeFrom !== undefined);
    assert.deepEqual(made, new Map(directories.map(({ path, madeFrom }) => [path, madeFrom])));
    assert.equal(made.size, 2);
  },
);
