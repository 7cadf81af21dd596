import { strict as assert } from "node:assert";
import fc from "fast-check";
import { OutputPaths } from "../../src/layout/output_paths.ts";
import { PATH_KINDS } from "../../src/layout/path_kinds.ts";
import { locateKind } from "../../src/layout/locate_kind.ts";
import { RunDirectory } from "../../src/layout/run_directory.ts";
import { RunOutputRoot, type RunOutputRootOptions } from "../../src/layout/run_output_root.ts";
import { assertInvalid, conformance } from "./support.ts";

const OPTIONS = { bucket: "therock-ci-artifacts", runId: 1, platform: "linux" } as const;
const flat = new RunOutputRoot(OPTIONS);
const typed = new RunOutputRoot({ ...OPTIONS, layout: "typed" });

const camel = (name: string) => name.replace(/[-_](\w)/g, (_, letter) => letter.toUpperCase());

const runId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/);
const platform = fc.constantFrom("linux" as const, "windows" as const);
const externalRepo = fc.oneof(
  fc.constant(""),
  fc.stringMatching(/^[A-Za-z0-9-]{1,20}-[A-Za-z0-9._-]{1,20}$/).map((name) => `${name}/`),
);
const root = fc.record({
  bucket: fc.constant("therock-ci-artifacts"),
  externalRepo,
  runId,
  platform,
  layout: fc.constantFrom("flat" as const, "typed" as const),
}).map((options) => new RunOutputRoot(options));

interface PathRow {
  method: string;
  args: string[];
  external_repo: string;
  platform: "linux" | "windows";
  path: string;
}

Deno.test("RunOutputRoot: all conformance rows of paths", async (t) => {
  const rows = conformance<PathRow[]>("paths");
  assert.equal(rows.length, 50);
  for (const row of rows) {
    await t.step(`${row.method}(${row.args.join(", ")}) → ${row.path}`, () => {
      const root = new RunOutputRoot({
        bucket: "therock-ci-artifacts",
        externalRepo: row.external_repo,
        runId: 12345,
        platform: row.platform,
      });
      const methods = root as unknown as Record<string, (...args: string[]) => { key: string }>;
      assert.equal(methods[camel(row.method)](...row.args).key, row.path);
      const kind = row.method.replaceAll("_", "-");
      assert.equal(locateKind(root, kind, row.args).key, row.path);
    });
  }
});

Deno.test("RunOutputRoot: outputs that the conformance rows leave out", () => {
  const stage = { stage: "math-libs", amdgpuFamily: "gfx1151" };
  const paths: [string, string][] = [
    [flat.file("a/b").key, "a/b"],
    [flat.artifactSidecar("a_lib_generic.tar.xz").key, "a_lib_generic.tar.xz.sha256sum"],
    [flat.logsDir().key, "logs"],
    [flat.logDir(stage).key, "logs/math-libs/gfx1151"],
    [flat.logDir({ stage: "compiler-runtime" }).key, "logs/compiler-runtime"],
    [flat.logStageDir("compiler-runtime", "").key, "logs/compiler-runtime"],
    [flat.logFile(stage, "a/b.log").key, "logs/math-libs/gfx1151/a/b.log"],
    [flat.ninjaLogs("g").key, "logs/g/ninja_logs.tar.gz"],
    [flat.ninjaLogs(stage).key, "logs/math-libs/gfx1151/ninja_logs.tar.gz"],
    [flat.ccacheLogs("g").key, "logs/g/ccache_logs.tar.zst"],
    [flat.buildTimeAnalysis("g").key, "logs/g/build_time_analysis.html"],
    [flat.compSummary("g", "md").key, "logs/g/comp-summary.md"],
    [flat.buildProfSummary("g", "html").key, "logs/g/therock-build-prof/comp-summary.html"],
    [flat.testReportDir("test/x").key, "logs/test/x"],
    [flat.testReport("test/x", "report.html").key, "logs/test/x/report.html"],
    [flat.manifestsDir().key, "manifests"],
    [flat.outputsManifestDir().key, "manifests/outputs"],
    [flat.outputsManifest("build-g").key, "manifests/outputs/build-g.json"],
    [flat.pythonIndex().key, "python/index.html"],
    [flat.pythonIndex("g").key, "python/g/index.html"],
    [flat.retentionSummary().key, "retention-summary.json"],
  ];
  for (const [key, path] of paths) assert.equal(key, `1-linux/${path}`);
});

Deno.test("RunOutputRoot.pytorchManifest(): the platform's name, without the slashes of the ref", () => {
  const name = { amdgpuFamily: "gfx94X-dcgpu", ref: "users/me/x" };
  const dir = "manifests/gfx94X-dcgpu";
  const file = (system: string) => `${dir}/therock-manifest_torch_${system}_users-me-x.json`;
  assert.equal(flat.pytorchManifest(name).key, `1-linux/${file("linux")}`);
  const windows = RunOutputRoot.forLocal({ runId: "1", platform: "windows" });
  assert.equal(windows.pytorchManifest(name).key, `1-windows/${file("windows")}`);
  assertInvalid(() => flat.pytorchManifest({ ...name, ref: "" }), "ref");
  assertInvalid(() => flat.pytorchManifest({ ...name, ref: "a//b" }), "ref");
  assertInvalid(() => new RunDirectory().pytorchManifest(name), "platform");
  const earlier = { ...name, pythonVersion: "3.12" };
  assert.equal(new RunDirectory().pytorchManifest(earlier).key, file("py3.12"));
});

Deno.test("RunOutputRoot.pytorchManifest(): the earlier name drops 'py' of the version", () => {
  const name = { amdgpuFamily: "gfx94X-dcgpu", ref: "users/me/x" };
  const key = "1-linux/manifests/gfx94X-dcgpu/therock-manifest_torch_py3.12_users-me-x.json";
  assert.equal(flat.pytorchManifest({ ...name, pythonVersion: "3.12" }).key, key);
  assert.equal(flat.pytorchManifest({ ...name, pythonVersion: "py3.12" }).key, key);
  for (const pythonVersion of ["py", "", "main", "release/2.9"]) {
    const quoted = JSON.stringify(pythonVersion);
    assertInvalid(
      () => flat.pytorchManifest({ ...name, pythonVersion }),
      "python version",
      quoted,
    );
  }
});

Deno.test("RunOutputRoot: the typed layout moves the artifacts, and nothing else", () => {
  const moved = PATH_KINDS.filter((kind) =>
    kind.locate(flat, kind.example).key !== kind.locate(typed, kind.example).key
  ).map((kind) => kind.name);
  assert.deepEqual(moved, ["artifacts-dir", "artifact", "artifact-sidecar", "artifact-index"]);
  assert.equal(typed.artifactsDir().key, "1-linux/artifacts");
  assert.equal(
    typed.artifact("a_lib_generic.tar.xz").key,
    "1-linux/artifacts/a_lib_generic.tar.xz",
  );
  assert.equal(typed.artifactIndex().key, "1-linux/artifacts/index.html");
  assert.equal(typed.artifactIndex("g").key, "1-linux/artifacts/index-g.html");
  assert.equal(flat.artifactsDir().key, "1-linux");
});

Deno.test("RunOutputRoot: rejects invalid values, naming field and value", () => {
  const make = (options: Record<string, unknown>) => () =>
    new RunOutputRoot({ ...OPTIONS, ...options } as RunOutputRootOptions);
  for (const runId of ["", "-1", ".", "..", "a/b", "a b", "1\n", "ü", NaN, 1.5, 1e21, -1, null]) {
    assertInvalid(make({ runId }), "Invalid run id");
  }
  assertInvalid(make({ runId: "a/b" }), `"a/b"`);
  assertInvalid(make({ runId: "a".repeat(250) }), "run id", "255");
  assertInvalid(make({ platform: "macos" }), "platform", `"macos"`, "linux or windows");
  assertInvalid(make({ layout: "nested" }), "layout", `"nested"`, "flat or typed");
  assertInvalid(make({ bucket: "No Bucket" }), "bucket", `"No Bucket"`);
  for (const externalRepo of ["a", "a/b/", "/", "../", "./", "a//"]) {
    assertInvalid(make({ externalRepo }), "external repository", JSON.stringify(externalRepo));
  }
  assertInvalid(make({ externalRepo: "a\\b/" }), "external repository", JSON.stringify("a\\b"));
});

Deno.test("RunOutputRoot: a bad argument is named as the user knows it", () => {
  assertInvalid(() => flat.artifact("../a"), "artifact file name", `"../a"`);
  assertInvalid(() => flat.artifactIndex(""), "artifact group");
  assertInvalid(() => flat.logDir(".."), "artifact group", `".."`);
  assertInvalid(() => flat.logStageDir("a", "b/c"), "amdgpu family", `"b/c"`);
  assertInvalid(() => flat.logFile("g", "/etc/passwd"), "log path", `"/etc/passwd"`);
  assertInvalid(() => flat.compSummary("g", "pdf" as "md"), "summary format", `"pdf"`);
  assertInvalid(() => flat.nativeLinuxPackages("apk" as "deb"), "package type", `"apk"`);
  assertInvalid(() => flat.file(""), "path");
  assertInvalid(() => flat.outputsManifest("a/b"), "part", `"a/b"`);
});

Deno.test("RunOutputRoot: a part's manifest never has the path of a group's", () => {
  assertInvalid(() => flat.outputsManifest("therock_manifest"), "part");
  assert.equal(flat.manifest("outputs").key, "1-linux/manifests/outputs/therock_manifest.json");
});

Deno.test("RunOutputRoot.parsePrefix(): reads back every prefix", () => {
  fc.assert(
    fc.property(root, ({ prefix, externalRepo, runId, platform }) => {
      assert.deepEqual(RunOutputRoot.parsePrefix(prefix), { externalRepo, runId, platform });
    }),
  );
});

Deno.test("RunOutputRoot.parsePrefix(): the last platform counts", () => {
  assert.deepEqual(RunOutputRoot.parsePrefix("ROCm-x/a-linux-windows"), {
    externalRepo: "ROCm-x/",
    runId: "a-linux",
    platform: "windows",
  });
});

Deno.test("RunOutputRoot.parsePrefix(): rejects anything but a prefix", () => {
  for (
    const bad of [
      "",
      "1",
      "-linux",
      "1-linux/",
      "1-linux-old",
      "a/b/1-linux",
      "/1-linux",
      "1-Linux",
      "1-linux\n",
      "a b-linux",
    ]
  ) {
    assertInvalid(() => RunOutputRoot.parsePrefix(bad), "Invalid run prefix", JSON.stringify(bad));
  }
});

Deno.test("RunOutputRoot.parsePrefix(): rejects an invalid external repository", () => {
  for (const bad of ["../1-linux", "./1-linux", "a\n/1-linux", "a\\b/1-linux"]) {
    assertInvalid(() => RunOutputRoot.parsePrefix(bad), "Invalid external repository");
  }
});

Deno.test("RunOutputRoot.forLocal(): the bucket 'local', without an external repository", () => {
  const root = RunOutputRoot.forLocal({ platform: "windows" });
  assert.equal(root.root().s3Uri, "s3://local/local-windows");
  assert.equal(
    RunOutputRoot.forLocal({ platform: "linux", runId: 5, layout: "typed" }).layout,
    "typed",
  );
});

Deno.test("RunOutputRoot: is immutable, and can be created again with another bucket", () => {
  assert(Object.isFrozen(flat));
  const moved = new RunOutputRoot({ ...typed, bucket: "another" });
  assert.deepEqual({ ...moved }, { ...typed, bucket: "another" });
});

Deno.test("PATH_KINDS: every output has a kind of the same name, and its example works", () => {
  const methods = Object.getOwnPropertyNames(OutputPaths.prototype)
    .concat("root").filter((name) => name !== "constructor");
  assert.deepEqual(PATH_KINDS.map((kind) => camel(kind.name)).sort(), methods.sort());
  for (const kind of PATH_KINDS) {
    assert(kind.locate(flat, kind.example).key.startsWith("1-linux"), kind.name);
    const required = kind.args.map((argument) => argument.required);
    assert.deepEqual(required, required.toSorted((a, b) => Number(b) - Number(a)), kind.name);
  }
});

Deno.test("PATH_KINDS: no string leads out of the run", async (t) => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.array(fc.constantFrom("..", ".", "/", "\\", "a", "%2e", "\u0000", "deb", "html", " "), {
      maxLength: 6,
    }).map((parts) => parts.join("")),
    fc.constantFrom("html", "md", "deb", "rpm", "3.12", "ok", "a/b", "__proto__"),
  );
  for (const kind of PATH_KINDS) {
    const minLength = kind.args.filter(({ required }) => required).length;
    await t.step(kind.name, () => {
      let located = 0;
      fc.assert(
        fc.property(
          root,
          fc.array(text, { minLength, maxLength: kind.args.length }),
          (root, args) => {
            let key: string;
            try {
              key = locateKind(root, kind.name, args).key;
            } catch (error) {
              assertInvalid(() => {
                throw error;
              });
              return;
            }
            located++;
            assert(key === root.prefix || key.startsWith(`${root.prefix}/`), key);
            if (minLength > 0) assert.notEqual(key, root.prefix);
            for (const name of key.split("/")) assert(!["", ".", ".."].includes(name), key);
          },
        ),
        { numRuns: 300 },
      );
      assert(located > 0, "every string was refused");
    });
  }
});

Deno.test("locateKind(): an unknown kind suggests the nearest one", () => {
  assertInvalid(() => locateKind(flat, "artefact", []), "kind", `"artefact"`, "'artifact'");
  assertInvalid(() => locateKind(flat, "log_dir", []), "'log-dir'");
  assert.throws(
    () => locateKind(flat, "zzz", []),
    /^RunOutputsError: Invalid kind "zzz": expected the name of an output$/,
  );
});

Deno.test("locateKind(): too few and too many arguments name the argument", () => {
  assertInvalid(
    () => locateKind(flat, "log-file", ["g"]),
    "Missing argument log-path",
    "'log-file GROUP LOG-PATH'",
  );
  assertInvalid(() => locateKind(flat, "log-dir", []), "group", "'log-dir GROUP [AMDGPU-FAMILY]'");
  assertInvalid(() => locateKind(flat, "root", ["x"]), "Too many arguments", "'root'", `"x"`);
});
