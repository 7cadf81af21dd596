/** What a runner of GitHub Actions reads: commands in the output, files of the job. */

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { appendStepSummary, formatOutputs, setOutputs } from "../../src/github/job_files.ts";
import { renderStepSummary } from "../../src/github/step_summary.ts";
import { workflowCommand } from "../../src/github/workflow_command.ts";
import { rejectsWith, throwsWith } from "../support/errors.ts";
import { assertGolden } from "../support/golden.ts";
import { parseOutputs } from "../support/job.ts";
import { readTree, tempDir, writeTree } from "../support/temp_dir.ts";

Deno.test("workflowCommand(): whatever the message, it stays one command", () => {
  assert.equal(
    workflowCommand("error", "50% of\r\n::warning::b"),
    "::error::50%25 of%0D%0A::warning::b",
  );
  assert.equal(workflowCommand("group", "19 files"), "::group::19 files");
  assert.equal(workflowCommand("endgroup"), "::endgroup::");
});

Deno.test("formatOutputs(): the runner reads back what was set, lines and all", () => {
  const value = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\r", ""));
  fc.assert(fc.property(value, value, (first, second) => {
    const text = formatOutputs(
      { first, second: `${second}\n`, "third-one": "3" },
      "delimiter-7f3a",
    );
    assert.deepEqual(parseOutputs(text), { first, second: `${second}\n`, "third-one": "3" });
  }));
});

Deno.test("formatOutputs(): a value that contains the delimiter, or an invalid name, is rejected", () => {
  throwsWith(() => formatOutputs({ a: "x\nEND\nb=1" }, "END"), "invalid", "'a'");
  throwsWith(() => formatOutputs({ "a=b": "x" }, "END"), "invalid", "'a=b'");
  throwsWith(() => formatOutputs({ "": "x" }, "END"), "invalid");
});

Deno.test("setOutputs(): appends to the file, with a new delimiter each time", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "out": "before=1\n" });
  const env = { githubOutput: join(dir.path, "out") };
  await setOutputs({ a: "1\n2" }, env);
  await setOutputs({ b: "3\n4" }, env);
  const text = await Deno.readTextFile(env.githubOutput);
  assert.deepEqual(parseOutputs(text), { before: "1", a: "1\n2", b: "3\n4" });
  const delimiters = [...text.matchAll(/<<(.+)/g)].map(([, delimiter]) => delimiter);
  assert.equal(new Set(delimiters).size, 2);
  await setOutputs({ a: "1" }, {});
  await rejectsWith(
    setOutputs({ a: "1" }, { githubOutput: join(dir.path, "no/out") }),
    "not_found",
  );
});

Deno.test("appendStepSummary(): to the step's summary and to its mirror, in their order", async () => {
  await using dir = await tempDir();
  const env = { githubStepSummary: join(dir.path, "summary.md"), runnerTemp: dir.path };
  await appendStepSummary("one\n\n", env);
  await appendStepSummary("two\n\n", env);
  await appendStepSummary("three", { runnerTemp: dir.path });
  assert.deepEqual(await readTree(dir.path), {
    "job_summary.md": "one\n\ntwo\n\n",
    "summary.md": "one\n\ntwo\n\n",
  });
  await rejectsWith(appendStepSummary("x".repeat(1024 * 1024), env), "invalid", "limit");
});

const BASE = { title: "Outputs of run 123, linux", where: "s3://bucket/123-linux", failures: [] };

Deno.test("renderStepSummary(): existing and missing files", async () => {
  const markdown = renderStepSummary({
    ...BASE,
    rows: [
      { name: "Artifacts", url: "https://host/123-linux/index.html", files: 12, bytes: 3.4e9 },
      { name: "Logs", files: 1, bytes: 17 },
    ],
    commands: ["pip install --pre --no-index --find-links https://host/python/index.html PACKAGE"],
    failures: [
      { path: "a_lib_generic.tar.zst", reason: "Cannot read 'a|b':\nno | <b>such</b> `file`" },
      { path: "logs/__init__[1].log", reason: "denied" },
    ],
  });
  await assertGolden("github/step_summary.md", markdown);
});

Deno.test("renderStepSummary(): nothing there; more missing than anyone reads", () => {
  assert.equal(
    renderStepSummary({ ...BASE, rows: [] }),
    "### Outputs of run 123, linux\n\nIn s3://bucket/123-linux\n\n",
  );
  const failures = Array.from({ length: 60 }, (_, i) => ({ path: `f${i}`, reason: "no" }));
  const markdown = renderStepSummary({ ...BASE, rows: [], failures });
  assert(markdown.includes("**60 files are missing:**"));
  assert(markdown.includes("And 10 more files"));
  assert(!markdown.includes("f50"));
});
