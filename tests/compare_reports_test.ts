/** The comparison of the end-to-end tests' reports: see `.ci/compare_reports.ts`. */

import assert from "node:assert/strict";
import { compare, parseReport } from "../.ci/compare_reports.ts";

const report = (...cases: readonly (readonly [name: string, file: string, inner?: string])[]) =>
  parseReport(
    `<?xml version="1.0"?><testsuites><testsuite>${
      cases.map(([name, file, inner = ""]) =>
        `<testcase name="${name}" classname="${file}" time="0">${inner}</testcase>`
      ).join("")
    }</testsuite></testsuites>`,
  );

const E2E = "./tests/e2e/a_test.ts";

Deno.test("compare(): what passed, failed and was skipped, side by side, with reasons", () => {
  const sources = report(["a &amp; b", E2E], ["c", E2E], ["unit", "./tests/layout/a_test.ts"]);
  const preload = "./tests/support/executable_skips.ts";
  const executable = report(
    ["a &amp; b", preload, "<skipped/>"],
    ["c", preload, '<failure message="no">no</failure>'],
    ["alone", preload],
  );
  const { lines, errors } = compare(sources, executable, { "it can't": ["a & "] });
  assert.deepEqual(lines.map((line) => line.trim().replaceAll(/ +/g, " ")), [
    "deno run executable executable alone",
    "passed 2 0 1",
    "failed 0 1 0",
    "skipped 0 1 0",
    "1 skipped: it can't",
  ]);
  assert.deepEqual(errors, []);
});

Deno.test("compare(): a test that was not run, and a reason for no test, are errors", () => {
  const { errors } = compare(report(["a", E2E], ["b", E2E]), report(["a", E2E]), { old: ["gone"] });
  assert.deepEqual(errors, [
    "executable_skips.ts names 'gone', which is in no test's name",
    "'b' was not started with the executable",
  ]);
});
