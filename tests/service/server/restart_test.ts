/** What a restart changes: nothing that is about runs. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { runs } from "../../support/command_line.ts";
import { putRun } from "../../support/retained.ts";
import { startServiceProcess } from "../../support/service_process.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const TARGETS = [
  "retained-runs",
  "retained-runs/latest",
  "retained-runs/123",
  "retained-runs/123/reports",
  "retained-runs/123/files",
  "retained-runs/123/artifact-manifest",
  "retained-runs/125/artifact-manifest",
  "retained-runs/126/artifact-manifest",
  "retained-runs/127/artifact-manifest",
  "retained-runs/126/lines/logs/g/a.log",
  "retained-runs/126/files/logs/g/a.log",
];

const TOKEN = "0123456789abcdef0123456789abcdef";

interface Answer {
  readonly etag: string | null;
  readonly text: string;
}

async function answersOf(url: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const target of TARGETS) {
    const response = await fetch(url + target);
    const text = await response.text();
    assert.equal(response.status, 200, `${target}: ${text}`);
    answers.push({ etag: response.headers.get("etag"), text });
  }
  const { jobs, note } = await (await fetch(`${url}runs`)).json();
  assert.deepEqual(jobs, []);
  assert.match(note, /empty after a restart/);
  return answers;
}

/** A document without what it says about summaries, and without the summaries in lists of files. */
function withoutSummary({ text }: Answer): unknown {
  if (!text.startsWith("{")) return text;
  return JSON.parse(text, (name, value) => {
    if (name === "summary") return undefined;
    return Array.isArray(value)
      ? value.filter((item) => item?.path !== "retention-summary.json")
      : value;
  });
}

Deno.test("serve: after 'kill -9' every answer about runs is the same; without summaries, but for 'summary'", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "staging");
  await writeTree(join(temp.path, "logs"), { "a.log": "built\n", "r.html": "<p>\n" });
  const run = (id: string) => ["--run-id", id, "--platform", "linux", "-q"];
  for (const id of ["123", "124"]) {
    const to = ["--to", "logs/g", "--output-dir", staging, ...run(id)];
    await runs(0, ["upload", "files", join(temp.path, "logs"), ...to]);
  }
  const source = ["--source-run-id", "123", "--source-platform", "linux"];
  const copy = ["copy", "--from-staging", staging, "--to-staging", staging];
  await runs(0, [...copy, ...source, ...run("126")]);
  await putRun(new LocalBackend(staging), "125-windows", { parts: { a: ["x"] }, marked: ["b"] });

  const token = join(temp.path, "token");
  await Deno.writeTextFile(token, TOKEN, { mode: 0o600 });
  const lab = join(temp.path, "lab");
  await putRun(new LocalBackend(lab), "127-linux", { parts: { a: ["logs/g/a.log"] } });
  const mirrors = ["--token-file", token, "--allow-mirror", "--mirror-source", `lab=${lab}`];
  {
    await using service = await startServiceProcess(staging, [], mirrors);
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const body = JSON.stringify({ source: "lab", run_id: "127", platform: "linux" });
    const posted = await fetch(`${service.url}runs`, { method: "POST", headers, body });
    const { job } = await posted.json();
    let state = "queued";
    while (/queued|running/.test(state)) {
      const answer = await fetch(`${service.url}runs/${job}`, {
        headers: { ...headers, prefer: "wait=30" },
      });
      ({ state } = await answer.json());
    }
    assert.equal(state, "succeeded");
    service.process.kill("SIGKILL");
    await service.process.status;
  }

  await using killed = await startServiceProcess(staging);
  const before = await answersOf(killed.url);
  assert.match(before[0].text, /"status": "current"/);
  killed.process.kill("SIGKILL");
  await killed.process.status;

  await using restarted = await startServiceProcess(staging);
  assert.deepEqual(await answersOf(restarted.url), before);
  for (const key of ["123-linux", "124-linux", "126-linux", "127-linux"]) {
    await Deno.remove(join(staging, key, "retention-summary.json"));
  }
  const after = await answersOf(restarted.url);
  assert.match(after[0].text, /"status": "absent"/);
  assert.doesNotMatch(after[0].text, /"status": "current"/);
  assert.deepEqual(after.map(withoutSummary), before.map(withoutSummary));
});
