/** The plans of the uploads that later jobs of a pipeline make: stages, packages, reports. */

import assert from "node:assert/strict";
import { likeArchive } from "../../support/bytes.ts";
import { join } from "node:path";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { parseDistribution } from "../../../src/operations/index_pages/distribution.ts";
import { planArtifacts } from "../../../src/operations/upload/artifacts.ts";
import { planStage } from "../../../src/operations/upload/build.ts";
import { planPytorchManifest } from "../../../src/operations/upload/manifest.ts";
import { planPackages } from "../../../src/operations/upload/packages.ts";
import {
  executeUpload,
  type UploadPlan,
  UploadPlanner,
} from "../../../src/operations/upload/plan.ts";
import { planPython } from "../../../src/operations/upload/python.ts";
import { planTarballs } from "../../../src/operations/upload/tarballs.ts";
import { planTestReport } from "../../../src/operations/upload/test_report.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { rejectsWith } from "../../support/errors.ts";
import { makeNamesOutsideUtf8, takesAnyName } from "../../support/odd_names.ts";
import { makeBuild } from "../../support/staging.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "1", platform: "linux" });

const keys = (plan: UploadPlan) =>
  [...plan.items, ...plan.last ?? []].map(({ location }) => location.relativeTo(ROOT.root()));
const noted = (plan: UploadPlan, dir: string) =>
  plan.notes.map(({ path }) => path.slice(dir.length + 1).replaceAll("\\", "/"));

function test(name: string, fn: (dir: string, planner: UploadPlanner) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    await fn(temp.path, new UploadPlanner());
  });
}

const STAGE_LOGS = [
  "build.log",
  "ccache_logs.tar.zst",
  "comp-summary.html",
  "comp-summary.md",
  "deep/er/test.log",
  "ninja_logs.tar.gz",
  "therock-build-prof/comp-summary.html",
  "therock-build-prof/comp-summary.md",
];
for (const amdgpuFamily of [undefined, "", "gfx1151"]) {
  const prefix = amdgpuFamily ? "logs/math-libs/gfx1151" : "logs/math-libs";
  test(`planStage(): family ${amdgpuFamily}: logs only, to ${prefix}/`, async (dir, planner) => {
    await makeBuild(dir);
    await planStage(ROOT, { buildDir: dir, stage: "math-libs", amdgpuFamily }, planner);
    const plan = planner.plan();
    assert.deepEqual(keys(plan).sort(), STAGE_LOGS.map((name) => `${prefix}/${name}`));
    assert.deepEqual([plan.failures, plan.notes], [[], []]);
  });
}

test("planStage(): missing logs are a failure, after a failed job a note", async (dir, planner) => {
  await writeTree(dir, { ".ninja_log": "x" });
  await planStage(ROOT, { buildDir: dir, stage: "s" }, planner);
  assert.deepEqual(planner.plan().failures.map(({ path }) => path), [join(dir, "logs")]);
  assert.deepEqual(keys(planner.plan()), ["logs/s/ninja_logs.tar.gz"]);
  const second = new UploadPlanner();
  await planStage(ROOT, { buildDir: dir, stage: "s", jobStatus: "cancelled" }, second);
  assert.deepEqual(second.plan().failures, []);
  assert.deepEqual(noted(second.plan(), dir), ["logs"]);
});

test("planStage(): a bad stage, a bad family, no build directory", async (dir) => {
  await rejectsWith(planStage(ROOT, { buildDir: dir, stage: "a/b" }), "invalid", "a/b");
  await rejectsWith(
    planStage(ROOT, { buildDir: dir, stage: "a", amdgpuFamily: ".." }),
    "invalid",
    "..",
  );
  const buildDir = join(dir, "no");
  await rejectsWith(planStage(ROOT, { buildDir, stage: "a" }), "not_found", "no");
});

const PACKAGES = {
  "rocm-7.0.tar.gz": likeArchive("gz"),
  "rocm_sdk_core-7.0-py3-none-linux_x86_64.whl": likeArchive("zip"),
  "torch-2.9.0+rocm7.0-cp312-cp312-linux_x86_64.whl": likeArchive("zip"),
};

test("planPython(): the packages of a single-arch build, dist/ where there is one", async (dir) => {
  const family = { "gfx1151/rocm_libs-7.0-py3-none-any.whl": likeArchive("zip") };
  await writeTree(join(dir, "flat"), PACKAGES);
  await writeTree(join(dir, "nested/dist"), { ...PACKAGES, ...family, "index.html": "" });
  await writeTree(join(dir, "nested"), { "build.log": "" });
  for (const name of ["flat", "nested"]) {
    const planner = new UploadPlanner();
    const packagesDir = join(dir, name);
    await planPython(ROOT, { packagesDir, artifactGroup: "gfx110X-all" }, planner);
    assert.deepEqual(
      keys(planner.plan()),
      Object.keys(PACKAGES).map((file) => `python/gfx110X-all/${file}`),
    );
    assert.deepEqual(
      noted(planner.plan(), packagesDir),
      name === "flat" ? [] : ["dist/gfx1151", "dist/index.html"],
    );
  }
});

test(
  "planPython(): of a multi-arch build, directories are families, hidden ones are not",
  async (dir, planner) => {
    await writeTree(dir, {
      "dist/rocm-7.0.tar.gz": likeArchive("gz"),
      "dist/gfx1151/rocm_libs-7.0-py3-none-any.whl": likeArchive("zip"),
      "dist/gfx1151/notes.txt": "",
      "dist/gfx1151/deeper/rocm_libs-7.0-py3-none-any.whl": likeArchive("zip"),
      "dist/.cache/rocm_libs-7.0-py3-none-any.whl": likeArchive("zip"),
    });
    await planPython(ROOT, { packagesDir: dir }, planner);
    assert.deepEqual(keys(planner.plan()), [
      "python/rocm-7.0.tar.gz",
      "python/gfx1151/rocm_libs-7.0-py3-none-any.whl",
    ]);
    assert.deepEqual(noted(planner.plan(), dir), ["dist/gfx1151/deeper", "dist/gfx1151/notes.txt"]);
  },
);

test(
  "planPython(), planTarballs(): what is empty or in another format fails, the rest goes",
  async (dir, planner) => {
    await writeTree(dir, {
      "p/good-1.0-py3-none-any.whl": likeArchive("zip"),
      "p/empty-1.0-py3-none-any.whl": "",
      "p/one_byte-1.0.tar.gz": "x",
      "p/page-1.0.zip": "<!doctype html>",
      "t/good.tar.gz": likeArchive("gz"),
      "t/cut.tar.gz": "",
    });
    await planPython(ROOT, { packagesDir: join(dir, "p"), artifactGroup: "g" }, planner);
    await planTarballs(ROOT, { tarballsDir: join(dir, "t") }, planner);
    const { items, failures } = planner.plan();
    assert.deepEqual(items.map(({ location }) => location.name), [
      "good-1.0-py3-none-any.whl",
      "good.tar.gz",
    ]);
    const reasons = failures.map(({ error }) => error!.message.replace(/^.*\/([^/]*)'/, "$1"));
    assert.deepEqual(reasons, [
      "empty-1.0-py3-none-any.whl: it is empty",
      "one_byte-1.0.tar.gz: it is not in gzip format, but its name ends in .tar.gz",
      "page-1.0.zip: it is not in zip format, but its name ends in .zip",
      "cut.tar.gz: it is empty",
    ]);
    for (const { error } of failures) {
      assert.equal((error as { code?: string }).code, "integrity");
    }
  },
);

test("planPython(): no packages, no directory, a bad group", async (dir) => {
  await writeTree(dir, { "notes.txt": "", ".hidden.whl": likeArchive("zip") });
  const plan = (packagesDir: string, artifactGroup: string) =>
    planPython(ROOT, { packagesDir, artifactGroup });
  await rejectsWith(plan(dir, "g"), "not_found", dir);
  await rejectsWith(plan(join(dir, "no"), "g"), "not_found", "no");
  await rejectsWith(plan(dir, "a/b"), "invalid", "a/b");
});

for (
  const [fileName, expected] of [
    ["rocm-7.10.0a20251101.tar.gz", ["rocm", "7.10.0a20251101"]],
    ["rocm_sdk_core-7.0-py3-none-linux_x86_64.whl", ["rocm-sdk-core", "7.0"]],
    ["Torch.Vision-0.2+rocm7-1build-cp312-cp312-win_amd64.whl", ["torch-vision", "0.2+rocm7"]],
    ["my-old-name-1.0.zip", ["my-old-name", "1.0"]],
    ["index.html", undefined],
    ["rocm.tar.gz", undefined],
    ["rocm-7.0.whl", undefined],
    ["-1.0.tar.gz", undefined],
    ["rocm-7.0.tar.gz.sha256", undefined],
  ] as const
) {
  Deno.test(`parseDistribution(): ${fileName}`, () => {
    const read = parseDistribution(fileName);
    assert.deepEqual(read && [read.project, read.version], expected);
  });
}

test("planPytorchManifest(): to the path of its name, if it is JSON", async (dir, planner) => {
  await writeTree(dir, { "m.json": "{}", "bad.json": "{" });
  const name = { amdgpuFamily: "gfx94X-dcgpu", ref: "release/2.9" };
  const options = { file: join(dir, "m.json"), ...name };
  await planPytorchManifest(ROOT, options, planner);
  await planPytorchManifest(ROOT, { ...options, pythonVersion: "py3.12" }, planner);
  assert.deepEqual(keys(planner.plan()), [
    "manifests/gfx94X-dcgpu/therock-manifest_torch_linux_release-2.9.json",
    "manifests/gfx94X-dcgpu/therock-manifest_torch_py3.12_release-2.9.json",
  ]);
  const plan = (file: string, ref: string) =>
    planPytorchManifest(ROOT, { file: join(dir, file), ...name, ref });
  await rejectsWith(plan("bad.json", "main"), "invalid", "bad.json");
  await rejectsWith(plan("no.json", "main"), "not_found", "no.json");
  await rejectsWith(plan("m.json", "../x"), "invalid", "../x");
});

const REPOSITORIES = {
  deb: {
    packages: { "pool/main/rocm_7.0_amd64.deb": "p", "key.gpg": "" },
    metadata: { "dists/stable/Release": "", "dists/stable/main/binary-amd64/Packages.gz": "" },
  },
  rpm: {
    packages: { "x86_64/rocm-7.0.x86_64.rpm": "p" },
    metadata: { "x86_64/repodata/repomd.xml": "", "x86_64/repodata/primary.xml.gz": "" },
  },
};
for (const type of ["deb", "rpm"] as const) {
  test(`planPackages(): ${type}: metadata last, logs to their place`, async (dir, planner) => {
    const { packages, metadata } = REPOSITORIES[type];
    await writeTree(dir, {
      ...metadata,
      ...packages,
      "built.txt": "",
      "index.html": "",
      "logs/rocm.log": "",
      "logs/notes.txt": "",
    });
    await planPackages(ROOT, { packagesDir: dir, type }, planner);
    const plan = planner.plan();
    assert.deepEqual(plan.notes, []);
    const paths = (items: Record<string, string>) =>
      Object.keys(items).map((path) => `packages/${type}/${path}`).sort();
    const logs = ["notes.txt", "rocm.log"].map((name) => `logs/packaging/${type}/${name}`);
    assert.deepEqual(keys({ ...plan, last: [] }).sort(), [...logs, ...paths(packages)].sort());
    assert.deepEqual(keys({ ...plan, items: [] }).sort(), paths(metadata));

    const order: string[] = [];
    const { results } = await executeUpload(new MemoryBackend(), plan, {
      onEvent: (event) => event.type === "finish" && order.push(event.result.location.key),
    });
    assert.equal(results.length, order.length);
    const seen = order.map((key) => /\/(?:dists|repodata)\//.test(key));
    assert.deepEqual(seen, seen.toSorted(), "metadata came before a package");
  });
}

test("planPackages(): without packages a note, without files not_found", async (dir, planner) => {
  await writeTree(dir, { "rpm/dists/stable/Release": "", "empty/logs/a.log": "" });
  await planPackages(ROOT, { packagesDir: join(dir, "rpm"), type: "rpm" }, planner);
  assert.deepEqual(noted(planner.plan(), dir), ["rpm"]);
  for (const name of ["empty", "no"]) {
    const packagesDir = join(dir, name);
    await rejectsWith(planPackages(ROOT, { packagesDir, type: "deb" }), "not_found", name);
  }
});

test(
  "planTarballs(): the directory's own, but for those of the other platform",
  async (dir, planner) => {
    await writeTree(dir, {
      "therock-dist-linux-gfx94X-dcgpu-7.0.tar.gz": likeArchive("gz"),
      "therock-dist-windows-gfx94X-dcgpu-7.0.tar.gz": likeArchive("gz"),
      "readme.md": "",
      "rocm-sdk-7.0.tar.gz": likeArchive("gz"),
      "deeper/therock-dist-linux-gfx94X-dcgpu-7.1.tar.gz": likeArchive("gz"),
    });
    await planTarballs(ROOT, { tarballsDir: dir }, planner);
    const plan = planner.plan();
    assert.deepEqual(keys(plan), [
      "tarballs/rocm-sdk-7.0.tar.gz",
      "tarballs/therock-dist-linux-gfx94X-dcgpu-7.0.tar.gz",
    ]);
    assert.deepEqual(noted(plan, dir), ["deeper", "readme.md"]);
    assert.deepEqual(
      plan.failures.map((
        { location, error },
      ) => [location.name, (error as { code?: string }).code]),
      [["therock-dist-windows-gfx94X-dcgpu-7.0.tar.gz", "failed"]],
    );
    for (const name of ["deeper/x", "no"]) {
      await Deno.mkdir(join(dir, "deeper/x"), { recursive: true });
      const tarballsDir = join(dir, name);
      await rejectsWith(planTarballs(ROOT, { tarballsDir }), "not_found", name);
    }
  },
);

test("planTestReport(): its pages, or the selected files", async (dir, planner) => {
  await writeTree(dir, { "a.html": "", "deep/b.html": "", "style.css": "", "raw.xml": "" });
  const report = { reportDir: dir, subfolder: "tests/rccl" };
  assert.deepEqual(await planTestReport(ROOT, report, planner), []);
  assert.deepEqual(keys(planner.plan()), [
    "logs/tests/rccl/a.html",
    "logs/tests/rccl/deep/b.html",
  ]);
  const second = new UploadPlanner();
  const more = { ...report, include: ["*.html", "*.css", "*.png"], exclude: ["deep/"] };
  assert.deepEqual(await planTestReport(ROOT, more, second), ["*.png"]);
  assert.deepEqual(keys(second.plan()), ["logs/tests/rccl/a.html", "logs/tests/rccl/style.css"]);
  await rejectsWith(planTestReport(ROOT, { ...report, subfolder: "../x" }), "invalid", "../x");
});

Deno.test({
  name: "planTarballs(), planArtifacts(), planPython(): a name that is not UTF-8 is skipped",
  ignore: !takesAnyName,
  fn: async () => {
    const plans = [
      (dir: string, planner: UploadPlanner) => planTarballs(ROOT, { tarballsDir: dir }, planner),
      (dir: string, planner: UploadPlanner) => planArtifacts(ROOT, { artifactsDir: dir }, planner),
      (dir: string, planner: UploadPlanner) => planPython(ROOT, { packagesDir: dir }, planner),
    ];
    for (const plan of plans) {
      await using temp = await tempDir();
      await writeTree(temp.path, {
        "d\ufffd": "a file, and no directory",
        "therock-dist-linux-x-7.0.tar.gz": likeArchive("gz"),
        "a_lib_x.tar.zst": "",
        "a-1.0-py3-none-any.whl": likeArchive("zip"),
      });
      await makeNamesOutsideUtf8(temp.path);
      const planner = new UploadPlanner();
      await plan(temp.path, planner);
      const { warnings = [] } = planner.plan();
      const told = warnings.filter(({ reason }) => reason.includes("UTF-8"));
      assert.deepEqual(
        told.map(({ path, reason }) => [path.slice(temp.path.length + 1), reason]),
        [
          ["a\ufffd.log", "is not uploaded: its name is not UTF-8"],
          ["d\ufffd", "is not uploaded: the name of a file next to it is not UTF-8"],
        ],
      );
    }
  },
});
