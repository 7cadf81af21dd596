/** What a restart changes: nothing that is about runs. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { runs } from "../../support/command_line.ts";
import { putRun } from "../../support/retained.ts";
import { startService } from "../../support/service.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const DOCUMENTS = [
  "/retained-runs",
  "/retained-runs/latest",
  "/retained-runs/123",
  "/retained-runs/123/reports",
  "/retained-runs/123/files",
  "/retained-runs/123/artifact-manifest",
  "/retained-runs/125/artifact-manifest",
];

/** What a service that has just started answers. */
async function answersOf(backend: LocalBackend): Promise<string[]> {
  const dir = backend.stagingDir;
  await using service = await startService({ backend, dir, bucket: "local", now: undefined });
  const answers = [];
  for (const target of DOCUMENTS) {
    const { status, text } = await service.ask(target);
    assert.equal(status, 200, `${target}: ${text}`);
    answers.push(text);
  }
  assert.deepEqual(JSON.parse((await service.ask("/runs")).text).jobs, []);
  return answers;
}

/** A document without what it says about summaries, and without the summaries in lists of files. */
function withoutSummary(text: string): unknown {
  return JSON.parse(text, (name, value) => {
    if (name === "summary") return undefined;
    return Array.isArray(value)
      ? value.filter((item) => item?.path !== "retention-summary.json")
      : value;
  });
}

Deno.test("after a restart every answer about runs is the same; without summaries, but for 'summary'", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "staging");
  await writeTree(join(temp.path, "logs"), { "a.log": "built\n", "r.html": "<p>\n" });
  const upload = ["upload", "files", join(temp.path, "logs"), "--to", "logs/g", "-q"];
  for (const id of ["123", "124"]) {
    const args = ["--output-dir", staging, "--run-id", id, "--platform", "linux"];
    await runs(0, [...upload, ...args]);
  }
  const backend = new LocalBackend(staging);
  await putRun(backend, "125-windows", { parts: { a: ["x"] }, marked: ["b"] });
  const before = await answersOf(backend);
  assert.match(before[0], /"status": "current"/);
  assert.deepEqual(await answersOf(backend), before);
  for (const key of ["123-linux", "124-linux"]) {
    await Deno.remove(join(staging, key, "retention-summary.json"));
  }
  const after = await answersOf(backend);
  assert.match(after[0], /"status": "absent"/);
  assert.deepEqual(after.map(withoutSummary), before.map(withoutSummary));
});
