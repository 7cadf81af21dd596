/** Buckets whose index pages the server writes: what an upload leaves to it, and what a job is told. */

import assert from "node:assert/strict";
import {
  type JobReport,
  stepOutputs,
  stepSummary,
} from "../../../../src/cli/commands/upload/job_report.ts";
import { isServerIndexed } from "../../../../src/cli/server_index.ts";
import type { OutputLocation } from "../../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../../src/layout/run_output_root.ts";

const rootIn = (bucket: string) =>
  new RunOutputRoot({ bucket, externalRepo: "", runId: "1", platform: "linux" });
const ROOT = rootIn("therock-ci-artifacts");
const amazon = (location: OutputLocation) => location.httpsUrl;
const other = (location: OutputLocation) => `http://127.0.0.1/${location.key}`;

for (
  const [what, expected, bucket, dir, url, index] of [
    ["a live bucket", true, "therock-ci-artifacts", undefined, amazon, undefined],
    ["a live bucket with --index", false, "therock-ci-artifacts", undefined, amazon, true],
    ["a live bucket with --no-index", true, "therock-nightly-artifacts", undefined, amazon, false],
    ["a live bucket's name on another server", false, "therock-ci-artifacts", undefined, other],
    ["a bucket of old runs", false, "therock-artifacts", undefined, amazon, undefined],
    ["an unknown bucket", false, "mine", undefined, amazon, undefined],
    ["a local directory", false, "therock-ci-artifacts", "staging", amazon, undefined],
  ] as const
) {
  Deno.test(`isServerIndexed(): ${what}: ${expected}`, () => {
    assert.equal(isServerIndexed(rootIn(bucket), { dir, url }, { index }), expected);
  });
}

const report = (...paths: readonly string[]): JobReport => ({
  root: ROOT,
  subject: { command: "files" },
  results: paths.map((path) => ({
    location: ROOT.file(path),
    path,
    outcome: "written",
    size: 1,
    warnings: [],
  })),
  linked: true,
  serverIndexed: true,
  url: amazon,
  s3Uri: "s3://there",
  where: "there",
  redact: (text) => text,
});
const BASE = "https://therock-ci-artifacts.s3.amazonaws.com/1-linux";

Deno.test("a server-indexed bucket: links are those pages that the server writes", () => {
  const logs = report("logs/g/build.log", "logs/g/deep/test.log");
  assert.equal(stepOutputs(logs)["index-url"], `${BASE}/logs/g/index.html`);
  assert(stepSummary(logs).includes(`[Logs](${BASE}/logs/g/index.html)`));
  const all = report("a_lib_generic.tar.zst", "logs/g/build.log");
  assert.equal(stepOutputs(all)["index-url"], `${BASE}/index.html`);
});

Deno.test("a server-indexed bucket: pip gets the page of each directory, and no simple index", () => {
  const python = report(
    "python/common-1.0-py3-none-any.whl",
    "python/gfx1151/device-1.0-py3-none-any.whl",
  );
  const summary = stepSummary(python);
  const pages = ["python/index.html", "python/gfx1151/index.html"];
  for (const page of pages) assert(summary.includes(`--find-links ${BASE}/${page}`), summary);
  assert(!summary.includes("simple"));
});

Deno.test("a server-indexed bucket: the packaging logs have the server's page", () => {
  const packages = report("packages/deb/dists/stable/Release", "logs/packaging/deb/a.log");
  const outputs = stepOutputs(packages);
  assert.equal(outputs.packaging_logs_url, `${BASE}/logs/packaging/deb/index.html`);
  assert.equal(outputs.package_repository_url, `${BASE}/packages/deb`);
});

for (
  const [what, group, page, split, ...paths] of [
    ["of one group", "gfx1151", "/gfx1151/index.html", "false", "gfx1151/a-1.0-py3-none-any.whl"],
    ["multi-arch", undefined, "/index.html", "true", "a-1.0-py3-none-any.whl"],
    ["by family", undefined, "", "false", "gfx1151/a-1.0.tar.gz", "gfx942/a-1.0.tar.gz"],
  ] as const
) {
  Deno.test(`a server-indexed bucket: package_find_links_url of packages ${what}`, () => {
    const python = report(...paths.map((path) => `python/${path}`));
    const outputs = stepOutputs({ ...python, subject: { command: "python", of: [group] } });
    assert.equal(outputs.package_find_links_url, `${BASE}/python${page}`);
    assert.equal(outputs.kpack_split, split);
  });
}
