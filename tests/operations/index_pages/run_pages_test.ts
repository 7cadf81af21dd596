/** Which index pages there are and what is on them: pure, with golden files for the HTML. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { directoryPages } from "../../../src/operations/index_pages/directory_pages.ts";
import { FileTree } from "../../../src/operations/index_pages/file_tree.ts";
import { Hashes } from "../../../src/operations/index_pages/hashes.ts";
import { keyOfLink, relativeLink } from "../../../src/operations/index_pages/links.ts";
import { type IndexPage, isOurs, MARK_WITHIN } from "../../../src/operations/index_pages/page.ts";
import { renderPage } from "../../../src/operations/index_pages/render.ts";
import { reportPage, runPages, runTree } from "../../../src/operations/index_pages/run_pages.ts";
import { SCRIPT } from "../../../src/operations/index_pages/script.ts";
import { STYLE } from "../../../src/operations/index_pages/style.ts";
import { sha256 } from "../../support/bytes.ts";
import { assertGolden } from "../../support/golden.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "123", platform: "linux" });
const WINDOWS = RunOutputRoot.forLocal({ runId: "123", platform: "windows" });

const fileOf = (root: RunOutputRoot) => (path: string, i: number) => ({
  location: root.file(path),
  size: 1234 * (i + 1),
  modified: new Date(Date.UTC(2026, 10, 1, 2, 3, i)),
});
const pagesOf = (paths: readonly string[], root = ROOT): IndexPage[] =>
  runPages(root, runTree(root, paths.map(fileOf(root))));
const names = (pages: readonly IndexPage[], root = ROOT) =>
  pages.map(({ location }) => location.relativeTo(root.root())).sort();
const at = (pages: readonly IndexPage[], path: string) => {
  const found = pages.find(({ location }) => location.relativeTo(ROOT.root()) === path);
  assert(found, `there is no page ${path}`);
  return found;
};
/** What a page shows: a row's name, where it leads and how many files a directory has. */
const rows = (page: IndexPage) =>
  (page.kind === "list" ? page.sections.flatMap(({ entries }) => entries) : page.entries)
    .map(({ name, target, files }) =>
      `${name} -> ${relativeLink(page.location, target)}${files === undefined ? "" : ` ${files}`}`
    );

/** A page without what is the same on all: style, script and their hashes. */
const skeleton = (html: string) =>
  html.replace(STYLE, "").replace(SCRIPT, "").replace(/'sha256-[^']+'/g, "'sha256-…'");

const HASHES = (entry: { readonly target: OutputLocation }) => sha256(entry.target.key);

/** Outputs of every kind, of single-stage and multi-stage jobs, in names that are no easy ones. */
const EVERYTHING = [
  "blas_lib_gfx94X-dcgpu.tar.zst",
  "blas_lib_gfx94X-dcgpu.tar.zst.sha256sum",
  "rccl_test_gfx942:xnack+.tar.xz",
  "rccl_test_gfx942:xnack+.tar.xz.sha256sum",
  "index.html",
  "readme & <notes>.txt",
  "logs/top.log",
  "logs/gfx94X-dcgpu/build.log",
  "logs/gfx94X-dcgpu/therock-build-prof/comp-summary.html",
  "logs/gfx94X-dcgpu/index.html",
  "logs/math-libs/ninja_logs.tar.gz",
  "logs/math-libs/gfx1151/a10.log",
  "logs/math-libs/gfx1151/a9.log",
  "logs/math-libs/gfx1151/index.html",
  "logs/packaging/deb/rocm.log",
  "logs/rccl/report/index.html",
  "logs/only-a-page/index.html",
  "manifests/gfx94X-dcgpu/therock_manifest.json",
  "packages/deb/pool/rocm_7.0_amd64.deb",
  "python/rocm-7.0.tar.gz",
  "python/gfx1151/rocm_libs-7.0-py3-none-any.whl",
  "tarballs/therock-dist-linux-gfx94X-dcgpu-7.0.tar.gz",
  "x/y/a+b#c%20d%?\"e'ü.bin",
];

Deno.test("runPages(): a page for each part of a run, whatever its jobs were", () => {
  assert.deepEqual(names(pagesOf(EVERYTHING)), [
    "index.html",
    "logs/gfx94X-dcgpu/index.html",
    "logs/index.html",
    "logs/math-libs/gfx1151/index.html",
    "logs/math-libs/index.html",
    "logs/only-a-page/index.html",
    "logs/packaging/deb/index.html",
    "logs/packaging/index.html",
    "logs/rccl/index.html",
    "manifests/index.html",
    "packages/deb/index.html",
    "python/gfx1151/index.html",
    "python/gfx1151/simple/index.html",
    "python/gfx1151/simple/rocm-libs/index.html",
    "python/gfx1151/simple/rocm/index.html",
    "python/index.html",
    "python/simple/index.html",
    "python/simple/rocm/index.html",
    "tarballs/index.html",
  ]);
});

Deno.test("runPages(): pages are the same once they are there", () => {
  const before = pagesOf(EVERYTHING);
  const paths = [...new Set([...EVERYTHING, ...names(before) as string[]])];
  const files = paths.map((path) => fileOf(ROOT)(path, EVERYTHING.indexOf(path)));
  const after = runPages(ROOT, runTree(ROOT, files));
  assert.deepEqual(names(after), names(before));
  for (const page of after) {
    assert.equal(renderPage(page), renderPage(at(before, page.location.relativeTo(ROOT.root())!)));
  }
});

Deno.test("runPages(): the run's page has its parts, its artifacts and the rest", () => {
  const page = at(pagesOf(EVERYTHING), "index.html");
  assert(page.kind === "list");
  assert.deepEqual(page.sections.map(({ title }) => title), [
    "Contents",
    "Artifacts",
    "Other files",
  ]);
  assert.deepEqual(rows(page), [
    "Logs -> logs/index.html 8",
    "Manifests -> manifests/index.html 1",
    "Python packages -> python/index.html 2",
    "Native packages (deb) -> packages/deb/index.html 1",
    "Tarballs -> tarballs/index.html 1",
    "blas_lib_gfx94X-dcgpu.tar.zst -> blas_lib_gfx94X-dcgpu.tar.zst",
    "rccl_test_gfx942:xnack+.tar.xz -> rccl_test_gfx942%3Axnack%2B.tar.xz",
    "readme & <notes>.txt -> readme%20%26%20%3Cnotes%3E.txt",
    "x/y/a+b#c%20d%?\"e'ü.bin -> x/y/a%2Bb%23c%2520d%25%3F%22e%27%C3%BC.bin",
  ]);
});

Deno.test("runPages(): of the typed layout, artifacts have a page of their own", () => {
  const pages = pagesOf(["artifacts/a_lib_generic.tar.zst", "artifacts/notes.txt", "b.txt"]);
  assert.deepEqual(names(pages), ["artifacts/index.html", "index.html"]);
  assert.deepEqual(rows(at(pages, "index.html")), [
    "Artifacts -> artifacts/index.html 2",
    "b.txt -> b.txt",
  ]);
  assert.deepEqual(rows(at(pages, "artifacts/index.html")), [
    "a_lib_generic.tar.zst -> a_lib_generic.tar.zst",
    "notes.txt -> notes.txt",
  ]);
});

Deno.test("runPages(): logs by group and family, numbers in their order, foreign pages as rows", () => {
  const pages = pagesOf(EVERYTHING);
  assert.deepEqual(rows(at(pages, "logs/index.html")), [
    "gfx94X-dcgpu/ -> gfx94X-dcgpu/index.html 2",
    "math-libs/ -> math-libs/index.html 3",
    "only-a-page/ -> only-a-page/index.html 0",
    "packaging/ -> packaging/index.html 1",
    "rccl/ -> rccl/index.html 1",
    "top.log -> top.log",
  ]);
  assert.deepEqual(rows(at(pages, "logs/math-libs/index.html")), [
    "gfx1151/ -> gfx1151/index.html 2",
    "ninja_logs.tar.gz -> ninja_logs.tar.gz",
  ]);
  assert.deepEqual(rows(at(pages, "logs/math-libs/gfx1151/index.html")), [
    "a9.log -> a9.log",
    "a10.log -> a10.log",
  ]);
  assert.deepEqual(rows(at(pages, "logs/rccl/index.html")), [
    "report/index.html -> report/index.html",
  ]);
});

Deno.test("runPages(): every page below the run's has a way up that leads there", () => {
  const pages = pagesOf(EVERYTHING);
  const places = new Set(pages.map(({ location }) => location.key));
  for (const page of pages) {
    if (page.kind !== "list") continue;
    assert.equal(page.above.length === 0, page.location.equals(ROOT.runIndex()));
    for (const { target } of page.above) assert(places.has(target.key), page.location.key);
    for (const { target, files } of page.sections.flatMap(({ entries }) => entries)) {
      if (files !== undefined) assert(places.has(target.key), target.key);
    }
  }
});

Deno.test("runPages(): pip finds what is for every GPU beside a family's own", () => {
  const pages = pagesOf(EVERYTHING);
  assert.deepEqual(rows(at(pages, "python/index.html")), [
    "gfx1151/ -> gfx1151/index.html 1",
    "rocm-7.0.tar.gz -> rocm-7.0.tar.gz",
  ]);
  assert.deepEqual(rows(at(pages, "python/gfx1151/index.html")), [
    "rocm_libs-7.0-py3-none-any.whl -> rocm_libs-7.0-py3-none-any.whl",
    "rocm-7.0.tar.gz -> ../rocm-7.0.tar.gz",
  ]);
  assert.deepEqual(rows(at(pages, "python/gfx1151/simple/index.html")), [
    "rocm -> rocm/index.html 1",
    "rocm-libs -> rocm-libs/index.html 1",
  ]);
  assert.deepEqual(rows(at(pages, "python/gfx1151/simple/rocm/index.html")), [
    "rocm-7.0.tar.gz -> ../../../rocm-7.0.tar.gz",
  ]);
});

Deno.test("runPages(): a single-arch run's packages are in their group alone", () => {
  const pages = pagesOf(["python/gfx110X-all/rocm-7.0.tar.gz"]);
  assert.deepEqual(names(pages), [
    "index.html",
    "python/gfx110X-all/index.html",
    "python/gfx110X-all/simple/index.html",
    "python/gfx110X-all/simple/rocm/index.html",
    "python/index.html",
  ]);
  const top = at(pages, "python/index.html");
  assert(top.kind === "list" && top.forPip === false);
});

Deno.test("reportPage(): lists a report without itself, under its own name", () => {
  const paths = ["logs/t/rccl/a.html", "logs/t/rccl/index_rccl.html", "logs/t/other.html"];
  const tree = runTree(ROOT, paths.map(fileOf(ROOT)));
  const page = reportPage(ROOT, "t/rccl", "index_rccl.html", tree);
  assert.equal(page.location.key, "123-linux/logs/t/rccl/index_rccl.html");
  assert.deepEqual(rows(page), ["a.html -> a.html"]);
});

Deno.test("directoryPages(): one page for all, and for pip where there are packages", () => {
  const dir = new OutputLocation("local", "");
  const files = (...paths: string[]) => paths.map((path) => ({ location: dir.join(path) }));
  const plain = directoryPages(dir, files("b/c.txt", "a.txt", "index.html", "b/index.html"));
  assert.deepEqual(plain.map(rows), [[
    "a.txt -> a.txt",
    "b/c.txt -> b/c.txt",
    "b/index.html -> b/index.html",
  ]]);
  const wheels = directoryPages(dir, files("a-1.0.tar.gz", "simple/a/index.html"));
  assert.deepEqual(wheels.map(({ location }) => location.key), [
    "index.html",
    "simple/index.html",
    "simple/a/index.html",
  ]);
  assert.deepEqual(rows(wheels[2]), ["a-1.0.tar.gz -> ../../a-1.0.tar.gz"]);
});

const GOLDEN: Readonly<Record<string, string>> = {
  "run": "index.html",
  "logs": "logs/index.html",
  "log-group": "logs/math-libs/index.html",
  "python": "python/index.html",
  "python-family": "python/gfx1151/index.html",
  "python-simple": "python/gfx1151/simple/index.html",
  "python-simple-project": "python/gfx1151/simple/rocm/index.html",
};
for (const [name, path] of Object.entries(GOLDEN)) {
  Deno.test(`renderPage(): ${path} is what a person last looked at`, async () => {
    const html = renderPage(at(pagesOf(EVERYTHING), path), HASHES);
    await assertGolden(`index_pages/${name}.html`, skeleton(html));
  });
}

Deno.test("renderPage(): a Windows run's page, and style and script, are what they were", async () => {
  const page = pagesOf(["blas_lib_generic.tar.zst", "logs/g/build.log"], WINDOWS)[0];
  await assertGolden("index_pages/whole.html", renderPage(page));
});

Deno.test("renderPage(): every page has our generator tag near its beginning", () => {
  for (const page of pagesOf(EVERYTHING)) {
    assert(isOurs(renderPage(page).slice(0, MARK_WITHIN)), page.location.key);
  }
  assert(!isOurs('<meta name="generator" content="other"><p>run-outputs'));
});

const NASTY = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .map((name) => name.replace(/[/\\\p{C}\p{Zl}\p{Zp}]/gu, "") || "x")
  .filter((name) => name !== "." && name !== ".." && name.isWellFormed());
const NASTIER = fc.oneof(
  NASTY,
  fc.constantFrom("</script><script>alert(1)</script>", '"onclick="x', "<!--", "&amp;", "'", "%2e"),
).filter((name) => !name.includes("/"));

Deno.test("renderPage(): no name gets out of its text or its attribute", () => {
  fc.assert(fc.property(fc.array(NASTIER, { minLength: 1, maxLength: 4 }), (parts) => {
    const [page] = directoryPages(new OutputLocation("local", "dir"), [{
      location: new OutputLocation("local", `dir/${parts.join("/")}`),
    }]);
    const html = skeleton(renderPage(page));
    const plain = skeleton(renderPage(
      directoryPages(new OutputLocation("local", "dir"), [{
        location: new OutputLocation("local", "dir/plain"),
      }])[0],
    ));
    const tags = (text: string) =>
      text.match(/<[^>]*>/g)!.map((tag) => tag.replace(/"[^"]*"/g, ""));
    assert.deepEqual(tags(html), tags(plain));
  }));
});

Deno.test("relativeLink(): leads to its target, from anywhere, as a browser resolves it", () => {
  const path = fc.array(NASTY, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  fc.assert(fc.property(path, path, (from, to) => {
    const page = new OutputLocation("local", from);
    const link = relativeLink(page, new OutputLocation("local", to));
    assert.match(link, /^[A-Za-z0-9._~/%-]+$/);
    assert.equal(keyOfLink(page, link), to);
    const base = new URL("http://host/" + from.split("/").map(encodeURIComponent).join("/"));
    const resolved = new URL(link, base);
    assert.equal(resolved.origin, base.origin);
    assert.equal(resolved.pathname.slice(1).split("/").map(decodeURIComponent).join("/"), to);
  }));
});

Deno.test("Hashes: hashes on a page are read back, for unchanged files", () => {
  for (const path of Object.values(GOLDEN)) {
    const page = at(pagesOf(EVERYTHING), path);
    if (page.kind !== "list") continue;
    const hashes = new Hashes([]);
    hashes.learn(page.location, renderPage(page, HASHES), new Date(10_000));
    for (const entry of page.sections.flatMap(({ entries }) => entries)) {
      if (entry.sidecar !== undefined) {
        assert.equal(hashes.of(entry), undefined, entry.name);
        hashes.listed({ location: entry.sidecar, etag: "1", modified: new Date(9000) });
      }
      const expected = entry.files === undefined ? HASHES(entry) : undefined;
      assert.equal(hashes.of(entry), expected, entry.name);
      assert.equal(hashes.of({ ...entry, size: 1 }), undefined);
      assert.equal(hashes.of({ ...entry, modified: new Date(0) }), undefined);
      if (entry.sidecar === undefined) continue;
      hashes.listed({ location: entry.sidecar, etag: "2", modified: new Date(10_000) });
      assert.equal(hashes.of(entry), undefined, entry.name);
    }
  }
});

Deno.test("FileTree: what is below and in a directory, whatever is called like it", () => {
  const names = fc.constantFrom<string[]>("a", "a-b", "a.b", "a0", "b", "\u{1F600}", "\uFF5E");
  const path = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const dir = fc.array(names, { maxLength: 2 });
  fc.assert(fc.property(fc.uniqueArray(path), dir, fc.array(names), (paths, at, left) => {
    const top = at.reduce((above, name) => above.join(name), ROOT.root());
    const files = paths.map(fileOf(ROOT));
    const tree = new FileTree(files, ({ name }) => name === "b");
    const inside = (location: OutputLocation) => location.relativeTo(top) || undefined;
    const keys = (some: readonly { readonly location: OutputLocation }[]) =>
      some.map(({ location }) => location.key).sort();
    const rows = files.filter(({ location }) => location.name !== "b" && inside(location));
    assert.deepEqual(keys(tree.below(top)), keys(rows));
    assert.deepEqual(
      keys(tree.below(top, { except: left })),
      keys(rows.filter(({ location }) => {
        const [first, ...rest] = inside(location)!.split("/");
        return rest.length === 0 || !left.includes(first);
      })),
    );
    const dirs = files.map(({ location }) => /^(.*?)\//.exec(inside(location) ?? "")?.[1]);
    assert.deepEqual(
      tree.directories(top),
      [...new Set(dirs.filter((name) => name !== undefined))].sort(),
    );
  }));
});

Deno.test("runPages(): many directories don't make it look at each file once for each", () => {
  let looks = 0;
  const paths = Array.from({ length: 400 }, (_, i) => [`logs/g${i}/x.log`, `python/g${i}/x.whl`]);
  const files = paths.flat().map((path, i) => {
    const { location, ...file } = fileOf(ROOT)(path, i);
    return {
      ...file,
      get location() {
        looks++;
        return location;
      },
    };
  });
  assert(runPages(ROOT, runTree(ROOT, files)).length > 800);
  assert(looks < 200 * files.length, `${looks} looks at ${files.length} files`);
});
