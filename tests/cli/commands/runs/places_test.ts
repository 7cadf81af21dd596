/** `run-outputs runs` in places that are shared, read-only, or closed to the user. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { refused, runJson, runs } from "../../../support/command_line.ts";
import { refusal, startOddServer } from "../../../support/odd_server.ts";
import { putRun } from "../../../support/retained.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { canMount, smallDisk } from "../../../support/small_disk.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const JOBS = ["build", "docs", "math", "tests"];

/** Uploads of several jobs of one run, at once. */
async function finishAtOnce(dir: string, to: string[], env: Record<string, string> = {}) {
  await Promise.all(JOBS.map(async (job) => {
    await writeTree(join(dir, job), { [`${job}.log`]: job });
    await runs(0, [
      ...["upload", "files", join(dir, job), "--to", `logs/${job}`, "-q", ...to],
      ...["--run-id", "123", "--platform", "linux", "--part", job],
      ...["--expect-parts", JOBS.join(",")],
    ], env);
  }));
}

async function assertAllThere(place: string[], env: Record<string, string> = {}) {
  const run = await runJson(0, ["runs", "show", "123", ...place], env);
  assert.deepEqual(run.summary, { status: "current" });
  assert.deepEqual([run.completeness, run.groups], ["complete", JOBS]);
  assert.equal(run.kinds.log.files, JOBS.length);
}

Deno.test("runs: jobs that end at once leave a summary of all of them, in a directory", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "s");
  await finishAtOnce(temp.path, ["--output-dir", staging]);
  await assertAllThere(["--staging-dir", staging]);
});

Deno.test("runs: jobs that end at once leave a summary of all of them, in a bucket", async () => {
  await using temp = await tempDir();
  await using server = await startS3Server();
  const env = s3Env(server.url);
  await finishAtOnce(temp.path, ["--bucket", "suite"], env);
  await assertAllThere(["--bucket", "suite"], env);
});

Deno.test({
  name: "runs: a read-only directory is read; a pin there is refused in one line",
  ignore: !canMount,
  fn: async () => {
    await using disk = await smallDisk();
    await putRun(new LocalBackend(disk.path), "1-linux", {
      parts: { a: ["logs/g/r.html"] },
      expected: ["a"],
    });
    await runs(0, ["runs", "pin", "1", "--staging-dir", disk.path, "--reason", "why"]);
    await disk.makeReadOnly();
    const place = ["--staging-dir", disk.path];
    assert.equal((await runJson(0, ["runs", "list", ...place])).runs[0].completeness, "complete");
    assert.equal((await runJson(0, ["runs", "latest", ...place])).key, "1-linux");
    assert.equal((await runJson(0, ["runs", "reports", "1", ...place])).reports.length, 1);
    assert.equal((await runJson(0, ["runs", "manifest", "1", ...place])).files.length, 1);
    const reason = ["read-only"];
    await refused(["runs", "pin", "1", ...place, "--name", "b", "--reason", "why"], reason, {
      code: 4,
    });
    await refused(["runs", "unpin", "1", ...place], reason, { code: 4 });
    const prune = ["runs", "prune", ...place, "--older-than", "1d"];
    assert.equal((await runJson(0, prune)).drop.length, 0);
    await refused([...prune, "--yes"], reason, { code: 4 });
  },
});

Deno.test("runs: a bucket that may not be listed, read or written is one line each", async () => {
  await using server = await startS3Server();
  await using temp = await tempDir();
  const upload = ["upload", "files", temp.path, "--to", "logs/g", "-q", "--bucket", "suite"];
  await writeTree(temp.path, { "a.log": "a" });
  await runs(0, [...upload, "--run-id", "1", "--platform", "linux"], s3Env(server.url));
  const denied = () => refusal(403, "AccessDenied", "Access Denied");
  const place = ["--bucket", "suite"];
  const commands = [
    ["list"],
    ["latest"],
    ["show", "1"],
    ["show", "1-linux"],
    ["reports", "1"],
    ["manifest", "1"],
    ["pin", "1", "--reason", "why"],
    ["unpin", "1"],
    ["prune", "--keep-last", "1"],
    ["list", "--write-summaries"],
  ];
  await using unlisted = startOddServer(server.url, {
    before: ({ method, key }) => method === "GET" && key === "" ? denied() : undefined,
  });
  for (const [name, ...more] of commands) {
    const env = s3Env(unlisted.url);
    await refused(["runs", name, ...more, ...place], ["suite", "s3:ListBucket"], { env, code: 4 });
  }
  await using unread = startOddServer(server.url, {
    before: ({ method, key }) => method === "GET" && key !== "" ? denied() : undefined,
  });
  for (const [name, ...more] of commands) {
    const env = s3Env(unread.url);
    await refused(["runs", name, ...more, ...place], ["suite", "s3:GetObject"], { env, code: 4 });
  }
  await using unwritten = startOddServer(server.url, {
    before: ({ method }) => method === "PUT" || method === "DELETE" ? denied() : undefined,
  });
  const env = s3Env(unwritten.url);
  const pin = ["runs", "pin", "1", "--reason", "why", ...place];
  // A server that is not AWS gets a warning first.
  const { err } = await runs(4, pin, env);
  assert.match(err, /^warning: [^\n]+ conditional writes[^\n]+\nerror: [^\n]+s3:PutObject\n$/);
  await runs(0, pin, s3Env(server.url));
  await refused(["runs", "unpin", "1", ...place], ["1-linux", "s3:DeleteObject"], { env, code: 4 });
});
