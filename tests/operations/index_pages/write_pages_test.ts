/** Index pages in storage: complete whoever else writes, nobody else's page lost. */

import assert from "node:assert/strict";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { reportSubject, runSubject } from "../../../src/operations/index_pages/subjects.ts";
import { writeIndexPages } from "../../../src/operations/index_pages/write_pages.ts";
import type {
  ByteSource,
  ObjectInfo,
  StorageBackend,
  WriteOptions,
} from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import type { TransferResult } from "../../../src/storage/transfer/transfer.ts";
import { upload } from "../../../src/storage/transfer/upload.ts";
import { textItem } from "../../../src/storage/transfer/upload.ts";
import { collect, sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { readTree, tempDir } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "1", platform: "linux" });
const SUBJECT = runSubject(ROOT);

async function text(backend: StorageBackend, path: string): Promise<string> {
  await using body = await backend.read(ROOT.file(path));
  return new TextDecoder().decode(await collect(body));
}

/** Uploads files, whose content is their path. */
async function put(backend: StorageBackend, ...paths: string[]): Promise<TransferResult[]> {
  return await upload(backend, paths.map((path) => textItem(ROOT.file(path), path, path)));
}

const outcomes = (results: readonly TransferResult[]) =>
  Object.fromEntries(
    results.map(({ location, outcome }) => [location.relativeTo(ROOT.root()), outcome]),
  );

/** The names that a page lists. */
const listed = (html: string) =>
  [...html.matchAll(/<tr class="[fd]"[^>]*><td><a [^>]*>([^<]*)</g)].map(([, name]) => name);

/** A storage on which others can be at work in between, or which checks no conditions. */
class Meddled implements StorageBackend {
  readonly name = "meddled";
  readonly writes = true;
  readonly inner = new MemoryBackend();
  /** Called before each write of a page. */
  beforeWrite: (path: string) => Promise<void> = () => Promise.resolve();
  /** Conditions are ignored, as by servers that don't know them. */
  lenient = false;
  pageWrites = 0;

  stat: StorageBackend["stat"] = (...args) => this.inner.stat(...args);
  list: StorageBackend["list"] = (...args) => this.inner.list(...args);
  read: StorageBackend["read"] = (...args) => this.inner.read(...args);
  copy: StorageBackend["copy"] = (...args) => this.inner.copy(...args);
  delete: StorageBackend["delete"] = (...args) => this.inner.delete(...args);
  children: StorageBackend["children"] = (...args) => this.inner.children(...args);
  deleteAll: StorageBackend["deleteAll"] = (...args) => this.inner.deleteAll(...args);
  async write(
    location: ObjectInfo["location"],
    source: ByteSource,
    options: WriteOptions = {},
  ): Promise<ObjectInfo> {
    if (location.name.endsWith("index.html")) {
      this.pageWrites++;
      await this.beforeWrite(location.relativeTo(ROOT.root())!);
    }
    const conditions = this.lenient ? { ifMatch: undefined, ifAbsent: undefined } : {};
    return await this.inner.write(location, source, { ...options, ...conditions });
  }
}

Deno.test("writeIndexPages(): writes all pages of a run, each once", async () => {
  const backend = new MemoryBackend();
  await put(backend, "a_lib_generic.tar.zst", "logs/g/a.log", "manifests/g/therock_manifest.json");
  const first = await writeIndexPages(backend, SUBJECT);
  assert.deepEqual(outcomes(first.results), {
    "index.html": "written",
    "logs/index.html": "written",
    "logs/g/index.html": "written",
    "manifests/index.html": "written",
  });
  assert.equal((await backend.stat(ROOT.runIndex())).contentType, "text/html; charset=utf-8");
  const before = await text(backend, "index.html");
  const second = await writeIndexPages(backend, SUBJECT);
  assert.deepEqual(new Set(Object.values(outcomes(second.results))), new Set(["unchanged"]));
  assert.equal(await text(backend, "index.html"), before);
});

Deno.test("writeIndexPages(): for an upload, writes only pages that can list it", async () => {
  const backend = new MemoryBackend();
  await put(backend, "logs/g/a.log", "manifests/g/therock_manifest.json");
  const uploaded = await put(backend, "logs/s/gfx1151/b.log");
  const failed = { ...uploaded[0], outcome: "failed", location: ROOT.tarball("x") } as const;
  const { results } = await writeIndexPages(backend, SUBJECT, { uploaded: [...uploaded, failed] });
  assert.deepEqual(Object.keys(outcomes(results)), [
    "index.html",
    "logs/index.html",
    "logs/s/gfx1151/index.html",
    "logs/s/index.html",
  ]);
  assert.deepEqual(listed(await text(backend, "logs/index.html")), ["g/", "s/"]);
});

Deno.test("writeIndexPages(): nothing there, no pages", async () => {
  const backend = new MemoryBackend();
  assert.deepEqual(await writeIndexPages(backend, SUBJECT), { results: [], kept: [] });
});

for (const lenient of [false, true]) {
  const kind = lenient ? "a storage that checks nothing" : "a storage that checks";
  Deno.test(`writeIndexPages(): on ${kind}, rows of a job that came in between are kept`, async () => {
    const backend = new Meddled();
    backend.lenient = lenient;
    await put(backend, "logs/g/a.log");
    backend.beforeWrite = async (path) => {
      if (path !== "logs/g/index.html") return;
      backend.beforeWrite = () => Promise.resolve();
      // Another job, whole: its files, its pages. What we write now is older than what is there.
      await put(backend, "logs/g/b.log");
      await writeIndexPages(backend, SUBJECT);
    };
    const { results } = await writeIndexPages(backend, SUBJECT);
    assert(results.every(({ outcome }) => outcome !== "failed"));
    assert.deepEqual(listed(await text(backend, "logs/g/index.html")), ["a.log", "b.log"]);
  });

  Deno.test(`writeIndexPages(): on ${kind}, concurrent jobs keep all rows`, async () => {
    for (let run = 0; run < 20; run++) {
      const backend = new Meddled();
      backend.lenient = lenient;
      const jobs = Array.from({ length: 6 }, (_, i) => `logs/g/job${i}.log`);
      const reports = await Promise.all(jobs.map(async (path, i) => {
        for (let turn = 0; turn < (i * run) % 17; turn++) await Promise.resolve();
        return await writeIndexPages(backend, SUBJECT, { uploaded: await put(backend, path) });
      }));
      for (const { results } of reports) {
        assert(results.every(({ outcome }) => outcome !== "failed"), JSON.stringify(results));
      }
      assert.deepEqual(
        listed(await text(backend, "logs/g/index.html")),
        jobs.map((path) => path.slice("logs/g/".length)),
      );
    }
  });
}

Deno.test("writeIndexPages(): concurrent jobs on a disk keep all rows", async () => {
  await using dir = await tempDir();
  const jobs = Array.from({ length: 6 }, (_, i) => `job${i}.log`);
  await Promise.all(jobs.map(async (name) => {
    const backend = new LocalBackend(dir.path);
    const uploaded = await put(backend, `logs/g/${name}`);
    const { results } = await writeIndexPages(backend, SUBJECT, { uploaded });
    assert(results.every(({ outcome }) => outcome !== "failed"), JSON.stringify(results));
  }));
  assert.deepEqual(listed((await readTree(dir.path))["1-linux/logs/g/index.html"]), jobs);
});

Deno.test("writeIndexPages(): gives up if files never stop changing, and reports it", async () => {
  const backend = new Meddled();
  await put(backend, "logs/g/a.log");
  let count = 0;
  backend.beforeWrite = async (path) => {
    if (path === "logs/g/index.html") await put(backend, `logs/g/more${count++}.log`);
  };
  const { results } = await writeIndexPages(backend, SUBJECT);
  const page = results.find(({ location }) => location.equals(ROOT.logIndex("g")))!;
  assert.equal(page.outcome, "failed");
  assert.match(page.error!.message, /changed \d+ times/);
  assert(count < 100);
});

Deno.test("writeIndexPages(): a page of another tool is kept and reported, unless forced", async () => {
  const backend = new MemoryBackend();
  await put(backend, "logs/g/a.log", "logs/index.html", "logs/g/index.html");
  const first = await writeIndexPages(backend, SUBJECT);
  assert.deepEqual(outcomes(first.results), {
    "index.html": "written",
    "logs/index.html": "skipped",
    "logs/g/index.html": "skipped",
  });
  assert.deepEqual(
    first.kept.map(({ key }) => key).sort(),
    ["1-linux/logs/g/index.html", "1-linux/logs/index.html"],
  );
  assert.equal(await text(backend, "logs/index.html"), "logs/index.html");
  const forced = await writeIndexPages(backend, SUBJECT, { force: true });
  assert.deepEqual(forced.kept, []);
  assert.deepEqual(listed(await text(backend, "logs/index.html")), ["g/"]);
  const after = await writeIndexPages(backend, SUBJECT);
  assert.deepEqual(after.kept, []);
});

Deno.test("writeIndexPages(): an empty page is nobody's of ours", async () => {
  const backend = new MemoryBackend();
  await put(backend, "logs/g/a.log");
  await backend.write(ROOT.runIndex(), bytesSource(""));
  assert.equal((await writeIndexPages(backend, SUBJECT)).kept.length, 1);
});

Deno.test("writeIndexPages(): a dry run names the pages that the run then writes", async () => {
  const backend = new MemoryBackend();
  await put(backend, "logs/old/a.log", "tarballs/index.html");
  const dry = new DryRunBackend(backend);
  const paths = ["logs/g/a.log", "python/g/a-1.0.tar.gz", "tarballs/t.tar.gz"];
  const planned = await put(dry, ...paths);
  const before = await writeIndexPages(dry, SUBJECT, { uploaded: planned });
  const keys = [...await Array.fromAsync(backend.list(ROOT.root()))];
  assert.equal(keys.length, 2);
  const uploaded = await put(backend, ...paths);
  const after = await writeIndexPages(backend, SUBJECT, { uploaded });
  assert.deepEqual(
    before.results.map(({ location, outcome }) => `${location} ${outcome}`),
    after.results.map(({ location, outcome }) =>
      `${location} ${outcome === "written" ? "planned" : outcome}`
    ),
  );
  assert.deepEqual(before.kept, after.kept);
});

Deno.test("writeIndexPages(): hashes come from the upload, the page that is there, the checksum file", async () => {
  let time = new Date("2026-11-20T12:00:00.500Z");
  const backend = new MemoryBackend({ now: () => time });
  const mine = await put(backend, "a_lib_generic.tar.zst");
  await writeIndexPages(backend, SUBJECT, { uploaded: mine });
  await put(backend, "b_lib_generic.tar.zst");
  await backend.write(
    ROOT.artifactSidecar("b_lib_generic.tar.zst"),
    bytesSource(`${sha256("b")}  b_lib_generic.tar.zst\n`),
  );
  await put(backend, "c_lib_generic.tar.zst", "c_lib_generic.tar.zst.sha256sum");
  await writeIndexPages(backend, SUBJECT);
  const html = await text(backend, "index.html");
  const hashes = [...html.matchAll(/data-sha256="(\w+)"><td><a href="(\w)_/g)];
  assert.deepEqual(hashes.map(([, hash, name]) => [name, hash]), [
    ["a", sha256("a_lib_generic.tar.zst")],
    ["b", sha256("b")],
  ]);
  // One that was replaced since has another hash, and nobody may tell the old one.
  time = new Date("2026-11-20T12:01:00.500Z");
  await upload(backend, [
    textItem(ROOT.file("a_lib_generic.tar.zst"), "A_lib_generic.tar.zst", ""),
  ]);
  await writeIndexPages(backend, SUBJECT);
  assert(!(await text(backend, "index.html")).includes(sha256("a_lib_generic.tar.zst")));
});

for (const when of ["before the pages are made", "while they are written"]) {
  Deno.test(`writeIndexPages(): a file that another job replaced ${when} has that job's hash`, async () => {
    const backend = new Meddled();
    const path = "python/g/rocm-7.0-py3-none-any.whl";
    const kept = "python/g/rocm-7.0.tar.gz";
    const uploaded = await put(backend, path, kept);
    const theirs = path.toUpperCase();
    const replace = async () => {
      backend.beforeWrite = () => Promise.resolve();
      await upload(backend.inner, [textItem(ROOT.file(path), theirs, "theirs")]);
    };
    if (when.startsWith("before")) await replace();
    else backend.beforeWrite = replace;
    await writeIndexPages(backend, SUBJECT, { uploaded });
    for (const page of ["python/g/index.html", "python/g/simple/rocm/index.html"]) {
      const html = await text(backend, page);
      assert(html.includes(`#sha256=${sha256(theirs)}"`), page);
      assert(html.includes(`#sha256=${sha256(kept)}"`), page);
      assert(!html.includes(sha256(path)), page);
    }
  });
}

for (const kind of ["memory", "local"]) {
  Deno.test(`writeIndexPages(): what pip reads has every hash, in ${kind} storage`, async () => {
    await using dir = await tempDir();
    const backend = kind === "memory" ? new MemoryBackend() : new LocalBackend(dir.path);
    const path = "python/g/rocm-7.0+a-py3-none-any.whl";
    await put(backend, path);
    await writeIndexPages(backend, SUBJECT);
    const link = `rocm-7.0%2Ba-py3-none-any.whl#sha256=${sha256(path)}"`;
    assert((await text(backend, "python/g/index.html")).includes(`href="${link}`));
    const project = await text(backend, "python/g/simple/rocm/index.html");
    assert(project.includes(`href="../../${link}`), project);
    const list = await text(backend, "python/g/simple/index.html");
    assert(list.includes('<a href="rocm/index.html">rocm</a>'), list);
  });
}

Deno.test("writeIndexPages(): a directory at a page's path is reported, other pages are written", async () => {
  await using dir = await tempDir();
  const backend = new LocalBackend(dir.path);
  await put(backend, "logs/g/a.log", "logs/index.html/x");
  const { results } = await writeIndexPages(backend, SUBJECT);
  assert.deepEqual(outcomes(results), {
    "index.html": "written",
    "logs/index.html": "failed",
    "logs/g/index.html": "written",
    "logs/index.html/index.html": "written",
  });
});

Deno.test("writeIndexPages(): a page that can't be read fails alone", async () => {
  const backend = new Meddled();
  await put(backend, "logs/g/a.log");
  const { stat } = backend;
  backend.stat = (location, options) =>
    location.equals(ROOT.logRootIndex())
      ? Promise.reject(new RunOutputsError("denied", "Cannot read: no"))
      : stat(location, options);
  const { results } = await writeIndexPages(backend, SUBJECT);
  assert.deepEqual(outcomes(results), {
    "index.html": "written",
    "logs/index.html": "failed",
    "logs/g/index.html": "written",
  });
});

Deno.test("writeIndexPages(): a page that can't be written fails alone", async () => {
  const backend = new Meddled();
  await put(backend, "logs/g/a.log");
  backend.beforeWrite = (path) =>
    path === "logs/index.html"
      ? Promise.reject(new RunOutputsError("denied", "Cannot write: no"))
      : Promise.resolve();
  const { results } = await writeIndexPages(backend, SUBJECT);
  assert.deepEqual(outcomes(results), {
    "index.html": "written",
    "logs/index.html": "failed",
    "logs/g/index.html": "written",
  });
});

Deno.test("writeIndexPages(): an abort ends it", async () => {
  const backend = new Meddled();
  await put(backend, "logs/g/a.log");
  const controller = new AbortController();
  backend.beforeWrite = () => {
    controller.abort(new RunOutputsError("failed", "stopped"));
    return Promise.resolve();
  };
  const { signal } = controller;
  await rejectsWith(writeIndexPages(backend, SUBJECT, { signal }), "failed", "stopped");
});

Deno.test("reportSubject(): the run's pages and the report's own, even of one name", async () => {
  const backend = new MemoryBackend();
  await put(backend, "logs/t/rccl/a.html", "logs/t/b.html");
  const named = reportSubject(ROOT, "t/rccl", "index_rccl.html");
  await writeIndexPages(backend, named);
  assert.deepEqual(listed(await text(backend, "logs/t/rccl/index_rccl.html")), ["a.html"]);
  const { results } = await writeIndexPages(backend, reportSubject(ROOT, "t", "index.html"));
  assert.equal(new Set(results.map(({ location }) => location.key)).size, results.length);
  assert.deepEqual(listed(await text(backend, "logs/t/index.html")), [
    "b.html",
    "rccl/a.html",
    "rccl/index_rccl.html",
  ]);
});

const A = "a_lib_generic.tar.zst";
/** The hash that a page shows for a file. */
const hashIn = (html: string, name: string) =>
  new RegExp(`data-sha256="([0-9a-f]+)"><td><a href="[^"]*${name}(?:#[^"]*)?"`).exec(html)?.[1];

/** A wrong checksum, with the pages that tell it. */
async function wrongSum(): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  await put(backend, A);
  await backend.write(ROOT.file(`${A}.sha256sum`), bytesSource(sha256("wrong")));
  await writeIndexPages(backend, SUBJECT);
  assert.equal(hashIn(await text(backend, "index.html"), A), sha256("wrong"));
  return backend;
}

Deno.test("writeIndexPages(): all pages show the current checksum", async () => {
  const backend = await wrongSum();
  await backend.write(ROOT.file(`${A}.sha256sum`), bytesSource(sha256(A)));
  const dry = await writeIndexPages(new DryRunBackend(backend), SUBJECT);
  assert.equal(outcomes(dry.results)["index.html"], "planned");
  const { results } = await writeIndexPages(backend, SUBJECT);
  assert.equal(outcomes(results)["index.html"], "written");
  assert.equal(hashIn(await text(backend, "index.html"), A), sha256(A));
  const again = await writeIndexPages(new DryRunBackend(backend), SUBJECT);
  assert.equal(outcomes(again.results)["index.html"], "unchanged");
  // It is no checksum any more: no page tells what it was.
  await backend.write(ROOT.file(`${A}.sha256sum`), bytesSource("?"));
  await writeIndexPages(backend, SUBJECT);
  assert.equal(hashIn(await text(backend, "index.html"), A), undefined);
});

Deno.test("writeIndexPages(): for an upload, a checksum file newer than the page is read", async () => {
  const backend = await wrongSum();
  let uploaded = await put(backend, "b_lib_generic.tar.zst");
  await writeIndexPages(backend, SUBJECT, { uploaded });
  assert.equal(hashIn(await text(backend, "index.html"), A), sha256("wrong"));
  await backend.write(ROOT.file(`${A}.sha256sum`), bytesSource(sha256(A)));
  uploaded = await put(backend, "c_lib_generic.tar.zst");
  await writeIndexPages(backend, SUBJECT, { uploaded });
  assert.equal(hashIn(await text(backend, "index.html"), A), sha256(A));
});

Deno.test("writeIndexPages(): files for pip are hashed again, even with equal size and time", async () => {
  await using dir = await tempDir();
  const backend = new LocalBackend(dir.path);
  const wheel = "python/x-1.0-py3-none-any.whl";
  const file = `${dir.path}/1-linux/${wheel}`;
  const time = new Date("2026-01-01T00:00:00Z");
  await put(backend, wheel);
  const hash = async () =>
    /whl#sha256=([0-9a-f]+)/.exec(await text(backend, "python/simple/x/index.html"))?.[1];
  for (const content of ["old", "new"]) {
    await Deno.writeTextFile(file, content);
    await Deno.utime(file, time, time);
    await writeIndexPages(backend, SUBJECT);
    assert.equal(await hash(), sha256(content));
  }
});
