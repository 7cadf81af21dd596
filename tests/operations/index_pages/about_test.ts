/** What the page of a run says about the run: from its summary, and kept by who writes the lists. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { keptAbout, withAbout, withUploading } from "../../../src/operations/index_pages/about.ts";
import { isOurs, MARK_WITHIN } from "../../../src/operations/index_pages/page.ts";
import { renderPage } from "../../../src/operations/index_pages/render.ts";
import { writeRunAbout } from "../../../src/operations/index_pages/run_about.ts";
import { SCRIPT } from "../../../src/operations/index_pages/script.ts";
import { directorySubject, runSubject } from "../../../src/operations/index_pages/subjects.ts";
import { writeIndexPages } from "../../../src/operations/index_pages/write_pages.ts";
import type { RunFacts } from "../../../src/runs/retention/summary.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "123", platform: "linux" });
const COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const UPLOADING = "An upload is in progress, was killed or failed";

const FACTS: RunFacts = {
  repository: "ROCm/TheRock",
  commit: COMMIT,
  branch: "users/me/<topic>",
  workflow: "ci.yml",
  attempts: [1],
  created_at: "2026-11-01T02:03:04Z",
  updated_at: "2026-11-01T05:06:07Z",
  completeness: "complete",
  artifact_manifest: { status: "available" },
  kinds: { artifact: { files: 2, bytes: 2000 }, "outputs-manifest": { files: 1, bytes: 5 } },
  groups: [],
  reports: [],
  files: 3,
  bytes: 2005,
};

async function storage(...paths: string[]): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  for (const path of paths) await backend.write(ROOT.file(path), bytesSource(path));
  return backend;
}

async function page(backend: MemoryBackend): Promise<string> {
  await using body = await backend.read(ROOT.runIndex());
  return await new Response(ReadableStream.from(body)).text();
}

const put = (backend: MemoryBackend, facts: RunFacts) =>
  writeRunAbout(backend, ROOT, { facts: () => Promise.resolve(facts) });

Deno.test("about: repository, commit and workflow run are links; the command fetches the run", async () => {
  const backend = await storage("a.txt");
  await writeIndexPages(backend, runSubject(ROOT));
  assert.equal((await put(backend, FACTS))?.outcome, "written");
  const text = await page(backend);
  assert(text.includes(`href="https://github.com/ROCm/TheRock/commit/${COMMIT}"`));
  assert(text.includes("<dt>Branch</dt><dd><bdi>users/me/&lt;topic&gt;</bdi></dd>"));
  assert(text.includes('href="https://github.com/ROCm/TheRock/actions/runs/123">123</a>'));
  assert(text.includes("run-outputs fetch --run-id 123 --platform linux --output-dir artifacts<"));
  assert(text.includes("<dd>artifact: 2 files, 2.0 kB<br></dd>"), text);
  assert(isOurs(text.slice(0, MARK_WITHIN)));
  assert.equal((await put(backend, FACTS))?.outcome, "unchanged");
});

Deno.test("about: what it says stays when another job writes the lists", async () => {
  const backend = await storage("a.txt");
  await writeIndexPages(backend, runSubject(ROOT));
  await put(backend, FACTS);
  await backend.write(ROOT.file("b.txt"), bytesSource("b"));
  await writeIndexPages(backend, runSubject(ROOT));
  const text = await page(backend);
  assert(text.includes(COMMIT) && text.includes(">b.txt</a>"));
  assert(!text.includes(UPLOADING));
});

Deno.test("about: a marker of an upload is a banner, until the summary says otherwise", async () => {
  const backend = await storage("a.txt", "manifests/outputs/p.incomplete");
  await writeIndexPages(backend, runSubject(ROOT));
  assert((await page(backend)).includes(UPLOADING));
  await put(backend, FACTS);
  assert(!(await page(backend)).includes(UPLOADING));
  // The next upload begins: what is known stays.
  await writeRunAbout(backend, ROOT, { facts: "uploading" });
  const begun = await page(backend);
  assert(begun.includes(UPLOADING) && begun.includes(COMMIT));
  assert.equal((await writeRunAbout(backend, ROOT, { facts: "uploading" }))?.outcome, "unchanged");
  // It writes its lists, and is killed.
  await writeIndexPages(backend, runSubject(ROOT));
  assert.equal((await page(backend)).split(UPLOADING).length, 2);
  await backend.delete(ROOT.file("manifests/outputs/p.incomplete"));
  await writeIndexPages(backend, runSubject(ROOT));
  assert(!(await page(backend)).includes(UPLOADING));
});

Deno.test("about: an incomplete run says why, whoever named its parts", async () => {
  const backend = await storage("a.txt");
  await writeIndexPages(backend, runSubject(ROOT));
  const because = "part <script>alert(1)</script>\u202e is missing <!--/about-->";
  await put(backend, {
    ...FACTS,
    commit: "not a commit",
    repository: '"><b>',
    completeness: "incomplete",
    incomplete_because: [because],
  });
  const text = await page(backend);
  assert(text.includes("This run is incomplete"));
  assert(text.includes("part &lt;script&gt;alert(1)&lt;/script&gt;[U+202E] is missing"));
  assert(!text.includes("github.com") && !text.includes("<b>"));
  // The block still ends where it ends.
  await put(backend, FACTS);
  assert(!(await page(backend)).includes("is missing"));
});

Deno.test("about: what is not OWNER/NAME is no link", async () => {
  for (const repository of ["../..", "me/..", "./x", "a/b/c", "me.x/y", "me/"]) {
    const backend = await storage("a.txt");
    await writeIndexPages(backend, runSubject(ROOT));
    await put(backend, { ...FACTS, repository });
    const text = await page(backend);
    assert(text.includes(COMMIT) && !text.includes("github.com"), repository);
  }
});

Deno.test("script: an address with an invalid % ends neither filter nor sorting", () => {
  const element = (more = {}) => ({
    hidden: true,
    value: "",
    textContent: "",
    cells: [{ textContent: "a.txt" }],
    dataset: { key: "123-linux/index.html" },
    tabIndex: -1,
    append: () => {},
    addEventListener: () => {},
    setAttribute: () => {},
    querySelector: () => undefined,
    querySelectorAll: () => [],
    ...more,
  });
  const [row, tools, input, pre] = [element(), element(), element(), element()];
  const found: Record<string, unknown[]> = {
    "tbody tr": [row],
    ".tools": [tools],
    input: [input],
    "pre[data-key]": [pre],
  };
  const document = {
    documentElement: element(),
    querySelectorAll: (selector: string) => found[selector] ?? [],
  };
  const location = { pathname: "/100%/123-linux/index.html", protocol: "file:", hostname: "" };
  new Function("document", "location", "addEventListener", SCRIPT)(document, location, () => {});
  assert.equal(tools.hidden, false);
});

Deno.test("about: a page that changes in between is read again, with the newer facts", async () => {
  const backend = await storage("a.txt");
  await writeIndexPages(backend, runSubject(ROOT));
  let asked = 0;
  const result = await writeRunAbout(backend, ROOT, {
    facts: async () => {
      if (asked++ > 0) return { ...FACTS, commit: COMMIT };
      await backend.write(ROOT.file("b.txt"), bytesSource("b"));
      await writeIndexPages(backend, runSubject(ROOT));
      return { ...FACTS, commit: "0".repeat(40) };
    },
  });
  assert.equal(result?.outcome, "written");
  const text = await page(backend);
  assert(text.includes(COMMIT) && text.includes(">b.txt</a>"));
});

Deno.test("about: no page, another tool's page and an older page stay as they are", async () => {
  const backend = await storage("a.txt");
  assert.equal(await put(backend, FACTS), undefined);
  await backend.write(ROOT.runIndex(), bytesSource("<html>theirs</html>"));
  assert.equal((await put(backend, FACTS))?.outcome, "unchanged");
  assert.equal(await page(backend), "<html>theirs</html>");
  const older = "<html>without a block</html>";
  assert.equal(withAbout(older, ROOT, FACTS), older);
  assert.equal(withUploading(older), older);
  assert(keptAbout(ROOT, false, older).includes("--run-id 123"));
});

Deno.test("about: another repository's run is named by its repository, or by its prefix", () => {
  const root = new RunOutputRoot({
    bucket: "therock-ci-artifacts-external",
    externalRepo: "me-mine/",
    runId: "123",
    platform: "windows",
  });
  const before = keptAbout(root, false);
  assert(before.includes("--run-id me-mine/123-windows --platform windows"), before);
  const after = withAbout(before, root, { ...FACTS, repository: "me/mine" });
  assert(after.includes("--run-id 123 --repo me/mine --platform windows"), after);
});

Deno.test("directorySubject(): the page of a staging directory lists its runs", () => {
  const dir = new OutputLocation("local", "");
  const file = (path: string, i: number) => ({
    location: dir.join(path),
    size: 10,
    modified: new Date(Date.UTC(2026, 10, 1, 2, 3, i)),
  });
  const files = [
    "123-linux/a_lib_generic.tar.zst",
    "123-linux/index.html",
    "123-linux/retention-summary.json",
    "me-mine/9-windows/logs/g/a.log",
    "index.html",
    "notes/123.txt",
  ].map(file);
  const [page, ...more] = directorySubject(dir, new Map([["123-linux", "incomplete <b>"]]))
    .pages(files);
  assert.deepEqual(more, []);
  const html = renderPage(page);
  assert.match(
    html,
    /<a href="123-linux\/index\.html">123-linux<\/a> <small>1 file<\/small> <small>· incomplete &lt;b&gt;/,
  );
  assert.match(html, /<a href="me-mine\/9-windows">me-mine\/9-windows<\/a> <small>1 file<\/small>/);
  assert.match(html, /<h2>Other files<\/h2>[^]*<a href="notes\/123\.txt">/);
});
