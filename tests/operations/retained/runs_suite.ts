/**
 * The operations on retained runs, for any storage whose bucket is `suite`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { deletingMark } from "../../../src/runs/deleting.ts";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { rejectsWith } from "../../support/errors.ts";
import { ask, putRun, rootOf } from "../../support/retained.ts";
import type { Subject } from "../../storage/backend_suite.ts";

const REPORT = "logs/g/report.html";

/** A place with runs of every kind. */
export async function putWorld(backend: StorageBackend): Promise<void> {
  const run = {
    repository: "ROCm/TheRock",
    commit: "abcdef12",
    branch: "main",
    workflow: "ci.yml",
    run_attempt: 1,
  };
  await putRun(backend, "100-linux", {
    parts: {
      a: ["x_lib_generic.tar.zst", REPORT],
      b: ["manifests/gfx94X-dcgpu/therock_manifest.json"],
    },
    expected: ["a", "b"],
    run,
  });
  await putRun(backend, "99-linux", {
    parts: { a: ["logs/g/a.log"] },
    run: { ...run, run_attempt: 2 },
  });
  await putRun(backend, "101-linux", {
    parts: { a: ["x"] },
    expected: ["a", "b"],
    marked: ["b"],
    run,
  });
  await putRun(backend, "100-windows", { files: ["logs/h/a.log", "a_lib_generic.tar.xz"] });
  await putRun(backend, "ROCm-rocm-libraries~100-linux", {
    parts: { a: ["x"] },
    run: { repository: "ROCm/rocm-libraries" },
  });
  await putRun(backend, "local-linux", { files: ["x"] });
  // What is not a run is never shown.
  for (
    const key of [
      "100-linux-old/x",
      "readme.txt",
      "ROCm-rocm-libraries/notes.txt",
      ".hidden/1-linux/x",
      "a/b/1-linux/x",
    ]
  ) {
    await backend.write(rootOf("1-linux").root().parent.join(key), bytesSource(key));
  }
}

/** The keys in a list. */
export const keys = (answer: { readonly runs: readonly { readonly key: string }[] }) =>
  answer.runs.map(({ key }) => key);

/** The keys of all runs. */
export const ALL = [
  "101-linux",
  "100-linux",
  "100-windows",
  "ROCm-rocm-libraries~100-linux",
  "99-linux",
  "local-linux",
];

/** Registers the tests for a kind of storage. */
export function runsSuite(kind: string, open: () => Promise<Subject>): void {
  function test(name: string, fn: (backend: StorageBackend) => Promise<void>): void {
    Deno.test(`runs, ${kind}: ${name}`, async () => {
      await using subject = await open();
      await putWorld(subject.backend);
      await fn(subject.backend);
    });
  }

  test("list: all runs, the newest first, with their state", async (backend) => {
    const { runs, next, scanned } = await ask(backend, "list");
    assert.deepEqual(keys({ runs }), ALL);
    assert.deepEqual([next, scanned], [undefined, 6]);
    const [newest, complete, legacy] = runs;
    assert.equal(newest.completeness, "incomplete");
    assert.deepEqual(newest.uploading.parts, ["b"]);
    assert.deepEqual(newest.missing_parts, ["b"]);
    assert.equal(newest.artifact_manifest.status, "partial");
    assert.equal(complete.completeness, "complete");
    assert.deepEqual(complete.groups, ["g", "gfx94X-dcgpu"]);
    assert.equal(complete.reports, 1);
    assert.equal(complete.files, 6);
    assert.deepEqual(complete.kinds.artifact, { files: 1, bytes: 21 });
    assert.equal(complete.branch, "main");
    assert.deepEqual([complete.created_at, complete.commit], [
      "2026-11-20T12:00:00.000Z",
      "abcdef12",
    ]);
    assert.equal(legacy.completeness, "unproven");
    assert.equal(legacy.artifact_manifest.status, "unavailable");
    assert.match(legacy.artifact_manifest.reason, /no outputs manifest/);
    assert.equal(
      runs.every((run: { summary: { status: string } }) => run.summary.status === "absent"),
      true,
    );
  });

  test("list: filters, and pages that neither repeat nor skip while runs come and go", async (backend) => {
    const filtered = async (params: Record<string, unknown>) =>
      keys(await ask(backend, "list", params));
    assert.deepEqual(await filtered({ platform: "windows" }), ["100-windows"]);
    assert.deepEqual(await filtered({ repo: "ROCm/rocm-libraries" }), [
      "ROCm-rocm-libraries~100-linux",
    ]);
    assert.deepEqual(await filtered({ repo: "ROCm-rocm/libraries" }), []);
    assert.deepEqual(await filtered({ group: "h" }), ["100-windows"]);
    assert.deepEqual(await filtered({ commit: "ABCD" }), ["101-linux", "100-linux", "99-linux"]);
    assert.deepEqual(await filtered({ completeness: "complete" }), ["100-linux"]);
    assert.deepEqual(await filtered({ q: "LIBRARIES" }), ["ROCm-rocm-libraries~100-linux"]);
    assert.deepEqual(await filtered({ workflow: "ci.yml", until: "2026-11-20" }), []);
    assert.equal((await filtered({ workflow: "ci.yml", since: "2026-11-20" })).length, 3);
    assert.deepEqual(await filtered({ pinned: "true" }), []);
    const first = await ask(backend, "list", { limit: "2" });
    assert.deepEqual(keys(first), ALL.slice(0, 2));
    await putRun(backend, "102-linux", { files: ["x"] });
    await backend.deleteAll(
      (await Array.fromAsync(backend.list(rootOf("100-linux").root()))).map(({ location }) =>
        location
      ),
    );
    const second = await ask(backend, "list", { limit: 3, cursor: first.next });
    assert.deepEqual(keys(second), ALL.slice(2, 5));
    const third = await ask(backend, "list", { limit: 3, cursor: second.next });
    assert.deepEqual([keys(third), third.next], [ALL.slice(5), undefined]);
  });

  test("latest: skips incomplete runs and says why, and never goes backwards", async (backend) => {
    const latest = async (params: Record<string, unknown> = {}) =>
      await ask(backend, "latest", params);
    const { key, passed_over } = await latest();
    assert.equal(key, "100-linux");
    assert.deepEqual(passed_over.map((one: { key: string }) => one.key), ["101-linux"]);
    assert.match(passed_over[0].reason, /incomplete: .*part b/);
    assert.equal((await latest({ allow_incomplete: true })).key, "101-linux");
    assert.equal((await latest({ platform: "windows" })).key, "100-windows");
    assert.equal((await latest({ has: "report" })).key, "100-linux");
    assert.equal((await latest({ after: "99" })).key, "100-linux");
    await rejectsWith(
      latest({ after: "100" }),
      "not_found",
      "newer than 100",
      "101-linux is incomplete",
    );
    await rejectsWith(
      latest({ platform: "windows", completeness: "complete" }),
      "not_found",
      "unproven",
    );
    await rejectsWith(latest({ group: "no" }), "not_found", "none matches");
  });

  test("show: by key and by id, which can be ambiguous", async (backend) => {
    assert.equal((await ask(backend, "show", { run: "99" })).key, "99-linux");
    assert.deepEqual((await ask(backend, "show", { run: "99-linux" })).attempts, [2]);
    assert.equal((await ask(backend, "show", { run: "local" })).key, "local-linux");
    const external = "ROCm-rocm-libraries~100-linux";
    assert.equal(
      (await ask(backend, "show", { run: external })).external_repo,
      "ROCm-rocm-libraries/",
    );
    await rejectsWith(ask(backend, "show", { run: "100" }), "conflict", "100-windows", external);
    assert.equal(
      (await ask(backend, "show", { run: "100", platform: "windows" })).key,
      "100-windows",
    );
    const named = { run: "100", repo: "ROCm/rocm-libraries" };
    assert.equal((await ask(backend, "show", named)).key, external);
    for (const run of ["1", "1-linux", "../x", "a~1-linux", "100-linux-old"]) {
      await rejectsWith(ask(backend, "show", { run }), "not_found", run);
    }
  });

  test("reports and manifest", async (backend) => {
    const { reports } = await ask(backend, "reports", { run: "100-linux" });
    assert.deepEqual(reports, [{
      path: REPORT,
      title: "g: report.html",
      size: 18,
      href: `reports/${REPORT}`,
    }]);
    const manifest = await ask(backend, "manifest", { run: "100-linux", kind: "artifact" });
    assert.deepEqual(
      manifest.files.map(({ path, parts }: { path: string; parts: string[] }) => [path, parts]),
      [["x_lib_generic.tar.zst", ["a"]]],
    );
    assert.deepEqual(manifest.parts.map(({ part }: { part: string }) => part), ["a", "b"]);
    const legacy = await ask(backend, "manifest", { run: "100-windows" });
    assert.deepEqual([legacy.artifact_manifest.status, legacy.files], ["unavailable", []]);
  });

  test("lines: of a file, by offset, by number and from the end", async (backend) => {
    const text = Array.from({ length: 500 }, (_, i) => `line ${i + 1}\n`).join("");
    const info = await backend.write(rootOf("99-linux").file("logs/g/a.log"), bytesSource(text));
    const file = { run: "99", path: "logs/g/a.log" };
    const texts = ({ rows }: { rows: { text: string }[] }) => rows.map(({ text }) => text);
    const first = await ask(backend, "lines", { ...file, count: "2" });
    assert.deepEqual({ ...first, etag: typeof first.etag }, {
      schema: "run-outputs.lines/1",
      key: "99-linux",
      path: "logs/g/a.log",
      size: text.length,
      etag: "string",
      start: 0,
      end: 14,
      rows: [{ at: 0, line: 1, text: "line 1" }, { at: 7, line: 2, text: "line 2" }],
    });
    const more = await ask(backend, "lines", { ...file, at: first.end, etag: first.etag });
    assert.deepEqual([more.rows.length, more.rows[0].text, more.rows[0].line], [
      300,
      "line 3",
      undefined,
    ]);
    const last = await ask(backend, "lines", { ...file, back: "true", count: 1 });
    assert.deepEqual([texts(last), last.end], [["line 500"], info.size]);
    const named = await ask(backend, "lines", { ...file, line: "250", count: 2 });
    assert.deepEqual(texts(named), ["line 250", "line 251"]);
    assert.deepEqual(named.rows.map(({ line }: { line: number }) => line), [250, 251]);
    const wrong = [
      [{ path: "logs/g/b.log" }, "not_found", "logs/g/b.log", "99-linux"],
      [{ path: "logs/g" }, "not_found", "logs/g"],
      [{ run: "7" }, "not_found", "No run '7'"],
      [{ run: "7-linux" }, "not_found", "No run '7-linux'"],
      [{ run: "100" }, "conflict", "ambiguous"],
      [{ path: "../99-linux/x" }, "invalid", "path"],
      [{ path: "" }, "invalid", "path"],
      [{ at: -1 }, "invalid", "at"],
      [{ at: info.size + 1 }, "invalid", "at", `${info.size}`],
      [{ at: 1, line: 1 }, "invalid", "line", "at"],
      [{ count: 2001 }, "invalid", "count", "2000"],
      [{ line: 501 }, "not_found", "line 501", "500 lines"],
      [{ etag: "other" }, "conflict", "read it again"],
    ] as const;
    for (const [params, code, ...texts] of wrong) {
      await rejectsWith(ask(backend, "lines", { ...file, ...params }), code, ...texts);
    }
    await backend.write(rootOf("99-linux").file("logs/a.log.gz"), bytesSource("x"));
    const compressed = { run: "99", path: "logs/a.log.gz" };
    await rejectsWith(ask(backend, "lines", compressed), "invalid", "gzip", "download");
    await backend.write(deletingMark(rootOf("99-linux")), bytesSource("{}"));
    await rejectsWith(ask(backend, "lines", file), "not_found", "prune", "99-linux");
  });

  test("search: in every log of a run, or in one file", async (backend) => {
    const root = rootOf("99-linux");
    const put = async (path: string, text: string) =>
      await backend.write(root.file(path), bytesSource(text));
    await put("logs/g/a.log", "one\nError: two\nthree error\n");
    await put("logs/g/b.log", "\x1b[31merror\x1b[0m\n");
    await put("logs/g/c.log.gz", "error\n");
    await put("logs/g/report.html", "error\n");
    await put("manifests/g/therock_manifest.json", "error\n");
    const search = (params: Record<string, unknown>) =>
      ask(backend, "search", { run: "99", ...params });
    const found = await search({ q: "error" });
    assert.deepEqual(found, {
      schema: "run-outputs.search/1",
      key: "99-linux",
      matches: [
        { path: "logs/g/a.log", at: 4, line: 2, text: "Error: two", ranges: [[0, 5]] },
        { path: "logs/g/a.log", at: 15, line: 3, text: "three error", ranges: [[6, 11]] },
        { path: "logs/g/b.log", at: 0, line: 1, text: "error", ranges: [[0, 5]] },
      ],
      files: 2,
      bytes: 42,
      skipped: [{ path: "logs/g/c.log.gz", reason: "it is compressed (gzip)" }],
    });
    const places = ({ matches }: { matches: { path: string; at: number }[] }) =>
      matches.map(({ path, at }) => `${path}@${at}`);
    assert.deepEqual(places(await search({ q: "error", case: "true" })), [
      "logs/g/a.log@15",
      "logs/g/b.log@0",
    ]);
    assert.deepEqual(places(await search({ q: "^e.*o", regex: true })), [
      "logs/g/a.log@4",
      "logs/g/b.log@0",
    ]);
    assert.deepEqual(places(await search({ problems: true })), []);
    assert.deepEqual(places(await search({ q: "error", kind: "report" })), [
      "logs/g/report.html@0",
    ]);
    assert.deepEqual(places(await search({ q: "error", kind: "manifest" })), [
      "manifests/g/therock_manifest.json@0",
    ]);
    const path = "logs/g/a.log";
    const one = await search({ q: "e", path, back: true, limit: 2 });
    assert.deepEqual([places(one), typeof one.etag], [[`${path}@15`, `${path}@4`], "string"]);
    const rest = await search({ q: "e", path, back: "true", limit: 2, cursor: one.next });
    assert.deepEqual([places(rest), rest.next], [[`${path}@0`], undefined]);
    assert.deepEqual(places(await search({ q: "e", path, at: 5 })), [`${path}@15`]);
    assert.deepEqual(places(await search({ q: "e", path, at: 5, back: true })), [
      `${path}@4`,
      `${path}@0`,
    ]);
    const pages: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await ask(backend, "search", { run: "99", q: "e", limit: 1, cursor }, {
        budget: 0,
      });
      pages.push(...places(page));
      cursor = page.next;
    } while (cursor !== undefined);
    assert.deepEqual(pages, places(await search({ q: "e" })));

    const { next } = await search({ q: "e", limit: 1 });
    const wrong = [
      [{}, "q"],
      [{ q: "" }, "q"],
      [{ q: "a\nb" }, "q", "one line"],
      [{ q: "x".repeat(1001) }, "q", "1000"],
      [{ q: "(", regex: true }, "q", "missing closing )"],
      [{ q: "x", problems: true }, "q", "problems"],
      [{ problems: true, regex: true }, "regex", "problems"],
      [{ q: "x", at: 0 }, "at", "path"],
      [{ q: "x", back: true }, "back", "path"],
      [{ q: "x", path, kind: "log" }, "kind", "path"],
      [{ q: "x", path, at: 28 }, "at", "at most 27"],
      [{ q: "x", limit: 10_001 }, "limit", "10000"],
      [{ q: "x", cursor: "x" }, "cursor"],
      [{ q: "x", cursor: next }, "cursor", "same filters"],
      [{ q: "x", path: "logs/g/c.log.gz" }, "logs/g/c.log.gz", "gzip", "download"],
    ] as const;
    for (const [params, ...texts] of wrong) await rejectsWith(search(params), "invalid", ...texts);
    await rejectsWith(search({ q: "x", path: "logs/no" }), "not_found", "logs/no", "99-linux");
    await rejectsWith(search({ q: "x", run: "7-linux" }), "not_found", "No run '7-linux'");
    await put("logs/g/a.log", "other\n");
    await rejectsWith(search({ q: "e", limit: 1, cursor: next }), "conflict", path, "replaced");
    await backend.write(deletingMark(root), bytesSource("{}"));
    await rejectsWith(search({ q: "e" }), "not_found", "prune", "99-linux");
  });

  test("pin and unpin", async (backend) => {
    const pin = { run: "99", name: "release", reason: "shipped", until: "30d" };
    const { pins } = await ask(backend, "pin", pin, { by: "me" });
    assert.deepEqual(pins, [{
      name: "release",
      reason: "shipped",
      by: "me",
      created_at: "2026-11-30T00:00:00.000Z",
      until: "2026-12-30T00:00:00.000Z",
      in_force: true,
    }]);
    await rejectsWith(ask(backend, "pin", pin), "conflict", "99-linux", "shipped");
    assert.deepEqual(keys(await ask(backend, "list", { pinned: true })), ["99-linux"]);
    const later = () => new Date("2027-01-01T00:00:00Z");
    assert.deepEqual(keys(await ask(backend, "list", { pinned: "true" }, {}, later)), []);
    await rejectsWith(ask(backend, "unpin", { run: "99" }), "not_found", "'manual'", "'release'");
    assert.deepEqual((await ask(backend, "unpin", { run: "99", name: "release" })).pins, []);
    await rejectsWith(ask(backend, "pin", { ...pin, name: "a/b" }), "invalid", "a/b");
    const broken = rootOf("99-linux").retentionPin("broken");
    await backend.write(broken, bytesSource("{"));
    const [unreadable] = (await ask(backend, "show", { run: "99" })).pins;
    assert.equal(unreadable.in_force, true);
    assert.match(unreadable.unreadable, /manifests\/retention\/broken\.pin\.json.*not JSON/);
  });

  test("summaries: without a manifest, a file of another tool is noticed", async (backend) => {
    const root = rootOf("100-windows");
    const show = async () => await ask(backend, "show", { run: "100-windows" });
    await writeSummary(backend, root, { tool: "test" });
    assert.equal((await show()).summary.status, "current");
    await putRun(backend, "100-windows", { files: ["logs/late/b.log"] });
    const { files, groups, summary } = await show();
    assert.deepEqual([files, groups], [3, ["h", "late"]]);
    assert.equal(summary.status, "stale");
    assert.match(summary.reason, /^files have changed/);
    await backend.delete(root.file("logs/h/a.log"));
    assert.deepEqual((await show()).groups, ["late"]);
    assert.deepEqual(keys(await ask(backend, "list", { group: "late" })), ["100-windows"]);
    assert.equal((await writeSummary(backend, root, { tool: "test" }))?.outcome, "written");
    assert.equal((await show()).summary.status, "current");
  });

  test("summaries: all answers are equal without them, but for the member summary", async (backend) => {
    const answers = async () => ({
      list: await ask(backend, "list"),
      latest: await ask(backend, "latest"),
      shown: await Promise.all(ALL.map((run) => ask(backend, "show", { run }))),
      manifests: await Promise.all(ALL.map((run) => ask(backend, "manifest", { run }))),
    });
    const without = await answers();
    for (const key of ALL) {
      const result = await writeSummary(backend, rootOf(key), { tool: "test" });
      assert.equal(result?.outcome, "written", `${result?.error}`);
    }
    const text = JSON.stringify(await answers());
    assert.equal(text.match(/"status":"current"/g)!.length, 13);
    assert.deepEqual(
      JSON.parse(text.replaceAll('"status":"current"', '"status":"absent"')),
      JSON.parse(JSON.stringify(without)),
    );
    for (const key of ALL) {
      assert.equal(
        (await writeSummary(backend, rootOf(key), { tool: "test" }))?.outcome,
        "unchanged",
      );
    }
  });
}
