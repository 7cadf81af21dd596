import { strict as assert } from "node:assert";
import { classify, OUTPUT_KINDS, type OutputKind } from "../../src/layout/classify.ts";
import { PATH_KINDS } from "../../src/layout/path_kinds.ts";
import { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import { assertInvalid } from "./support.ts";

const PATHS: Record<string, OutputKind> = {
  "blas_lib_gfx94X.tar.xz": "artifact",
  "artifacts/rccl_test_gfx942:xnack+.tar.zst": "artifact",
  "artifacts/sub/blas_lib_gfx94X.tar.xz": "other",
  "blas_lib_gfx94X.tar.xz.sha256sum": "checksum",
  "artifacts/blas_lib_gfx94X.tar.xz.sha256sum": "checksum",
  "tarballs/therock-dist-linux-multiarch-7.13.0.tar.gz.sha256sum": "checksum",
  "index.html": "index",
  "index-gfx94X-dcgpu.html": "index",
  "artifacts/index.html": "index",
  "logs/index.html": "index",
  "logs/g/index.html": "index",
  "logs/packaging/deb/index.html": "index",
  "manifests/index.html": "index",
  "python/g/index.html": "index",
  "logs/g/build.log": "log",
  "logs/g/ninja_logs.tar.gz": "log",
  "logs/math-libs/gfx1151/ccache_logs.tar.zst": "log",
  "logs/blas_lib_gfx94X.tar.xz": "log",
  "logs/g/build_observability.html": "report",
  "logs/g/build_time_analysis.html": "report",
  "logs/g/comp-summary.md": "report",
  "logs/g/therock-build-prof/comp-summary.md": "report",
  "logs/test/hipblas/report.html": "report",
  "manifests/therock_manifest.json": "manifest",
  "manifests/g/therock_manifest.json": "manifest",
  "manifests/outputs/therock_manifest.json": "manifest",
  "manifests/g/therock-manifest_torch_py3.12_main.json": "manifest",
  "manifests/g/therock-manifest_torch_windows_main.json": "manifest",
  "manifests/outputs/build-g.json": "outputs-manifest",
  "manifests/outputs/build-g.incomplete": "outputs-manifest",
  "manifests/outputs/deeper/build-g.json": "manifest",
  "python/torch-2.9-cp312-cp312-linux_x86_64.whl": "python",
  "packages/deb/pool/main/r/rocm.deb": "package",
  "packages/rpm/x86_64/repodata/repomd.xml": "package",
  "tarballs/therock-dist-linux-multiarch-7.13.0.tar.gz": "tarball",
  "retention-summary.json": "retention",
  "manifests/retention/release.pin.json": "retention",
  "manifests/retention/therock_manifest.json": "manifest",
  "manifests/retention/a/b.json": "manifest",
  "logs/retention-summary.json": "log",
  "readme.txt": "other",
  "logs": "other",
  "elsewhere/index.html": "other",
  "constructor/x": "other",
};

Deno.test("classify(): the kind of a file of either layout", () => {
  for (const [path, kind] of Object.entries(PATHS)) assert.equal(classify(path), kind, path);
});

Deno.test("classify(): the table above has every kind", () => {
  assert.deepEqual([...new Set(Object.values(PATHS))].sort(), OUTPUT_KINDS.toSorted());
});

Deno.test("classify(): knows the file of every path kind, in both layouts", () => {
  const files = PATH_KINDS.filter((kind) => !/(?:root|dir|packages|tarballs)$/.test(kind.name));
  assert(files.length > 20);
  for (const layout of ["flat", "typed"] as const) {
    const root = RunOutputRoot.forLocal({ platform: "linux", layout });
    for (const kind of files) {
      const path = kind.locate(root, kind.example).relativeTo(root.root())!;
      assert.notEqual(classify(path), "other", `${kind.name}: ${path}`);
    }
  }
});

Deno.test("classify(): rejects anything but a relative path", () => {
  for (const bad of ["", "/logs/a", "logs//a", "../logs/a", "logs/"]) {
    assertInvalid(() => classify(bad), "path", JSON.stringify(bad));
  }
});
