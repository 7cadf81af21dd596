/** `run-outputs runs`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import { type Ran, refused, run, runJson, runs } from "../../../support/command_line.ts";
import { putRun } from "../../../support/retained.ts";
import { refusal, startOddServer } from "../../../support/odd_server.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { snapshot } from "../../../support/snapshot.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const PART = ["--part", "p", "--expect-parts", "p", "--platform", "linux"];

function test(name: string, fn: (staging: string, dir: string) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await writeTree(join(temp.path, "logs"), { "a.log": "built\n", "r.html": "<p>\n" });
    const upload = ["upload", "files", join(temp.path, "logs"), "--to", "logs/g", "-q"];
    const env = { GITHUB_REPOSITORY: "a/b", GITHUB_RUN_ID: "124", GITHUB_RUN_ATTEMPT: "2" };
    await runs(0, [...upload, "--output-dir", staging, "--run-id", "123", ...PART]);
    await runs(0, [...upload, "--output-dir", staging, "--run-id", "124", ...PART], env);
    await putRun(new LocalBackend(staging), "125-windows", { parts: { a: ["x"] }, marked: ["b"] });
    await putRun(new LocalBackend(staging), "99-linux", { files: ["old.txt"] });
    await fn(staging, temp.path);
  });
}

test("runs list: a table, the newest run first", async (staging) => {
  const { out, err } = await runs(0, ["runs", "list", "--staging-dir", staging]);
  assert.equal(err, "");
  const lines = out.split("\n");
  assert.match(lines[0], /^RUN +PLATFORM +REPOSITORY +STATE +GROUPS +AGE +SIZE +REPORTS$/);
  assert.match(lines[1], /^125 +windows .*incomplete, unfinished /);
  assert.match(lines[2], /^124 +linux +a\/b +complete +g +\d+ s +[\d.]+ k?B +1$/);
  assert.match(lines[3], /^123 +linux +complete +g /);
  assert.match(lines[4], /^99 +linux +unproven /);
  assert.equal(lines[5], `4 runs in ${staging}`);
});

test("runs list: pages, filters, and a summary that each upload has written", async (staging) => {
  const place = ["--staging-dir", staging];
  const first = await runJson(0, ["runs", "list", ...place, "--limit", "2"]);
  assert.deepEqual(first.runs.map((run: { key: string }) => run.key), [
    "125-windows",
    "a-b~124-linux",
  ]);
  assert.equal(first.runs[1].summary.status, "current");
  assert.deepEqual(first.runs[1].attempts, [2]);
  const second = await runJson(0, ["runs", "list", ...place, "--cursor", first.next]);
  assert.deepEqual(second.runs.map((run: { key: string }) => run.key), ["123-linux", "99-linux"]);
  const { err } = await runs(0, ["runs", "list", ...place, "--limit", "2"]);
  const next = `'run-outputs runs list --cursor ${first.next} --staging-dir ${staging}`;
  assert(err.startsWith(`note: there are more runs: ${next}`), err);
  const filtered = await runJson(0, ["runs", "list", ...place, "--repo", "a/b", "--since", "1h"]);
  assert.deepEqual(filtered.runs.map((run: { run_id: string }) => run.run_id), ["124"]);
  const none = await runs(0, ["runs", "list", ...place, "--search", "nothing like it"]);
  assert.equal(none.out, `0 runs in ${staging}\n`);
});

test("runs latest: skips what is incomplete, and exits with 3 if nothing is eligible", async (staging) => {
  const place = ["--staging-dir", staging];
  const { out, err } = await runs(0, ["runs", "latest", ...place]);
  assert.match(out, /^a-b~124-linux: complete\n/);
  assert.match(err, /^note: skipped 125-windows: incomplete: the upload of part b [^\n]+\n$/);
  const { key, passed_over } = await runJson(0, ["runs", "latest", ...place, "--has", "report"]);
  assert.deepEqual([key, passed_over], ["a-b~124-linux", []]);
  await refused(["runs", "latest", ...place, "--after", "124"], ["newer than 124", "125-windows"], {
    code: 3,
  });
  const { key: newer } = await runJson(0, ["runs", "latest", ...place, "--after", "123-linux"]);
  assert.equal(newer, "a-b~124-linux");
  await refused(["runs", "latest", ...place, "--after", "a-b~124-linux"], ["a-b~124-linux"], {
    code: 3,
  });
  for (const text of ["abc", "foo/bar"]) {
    await refused(["runs", "latest", ...place, "--after", text], [text, "a run id or a key"]);
  }
  const any = await runJson(0, ["runs", "latest", ...place, "--allow-incomplete"]);
  assert.equal(any.key, "125-windows");
});

test("runs show, reports and manifest", async (staging) => {
  const place = ["--staging-dir", staging];
  const { out } = await runs(0, ["runs", "show", "124", ...place]);
  assert.match(out, /^ {2}attempts +2$/m);
  assert.match(out, /^ {4}report +1 file, 4 B$/m);
  assert(out.includes(`'run-outputs runs reports a-b~124-linux --staging-dir ${staging}'`), out);
  const legacy = await runJson(0, ["runs", "show", "99-linux", ...place]);
  assert.equal(legacy.artifact_manifest.status, "unavailable");
  assert.match(
    (await runs(0, ["runs", "reports", "123", ...place])).out,
    /^4 B {2}logs\/g\/r\.html\n1 report/,
  );
  const sums = await runs(0, ["runs", "manifest", "123", ...place, "--format", "sha256sum"]);
  assert.match(sums.out, /^([0-9a-f]{64} {2}logs\/g\/\S+\n){2}$/);
  const none = await runs(0, ["runs", "manifest", "99", ...place]);
  assert.match(none.err, /^warning: manifest unavailable: /);
});

test(
  "runs pin and unpin: a dry run changes nothing, a second pin of one name is refused",
  async (staging, dir) => {
    const place = ["--staging-dir", staging];
    const pin = ["runs", "pin", "123", ...place, "--reason", "shipped", "--until", "2999-01-01"];
    const before = await snapshot(dir);
    assert.equal((await runs(0, [...pin, "-n"], { USER: "me" })).out, "would pin 123-linux\n");
    assert.deepEqual(await snapshot(dir), before);
    const { out } = await runs(0, pin, { USER: "me" });
    assert.match(
      out,
      /^pinned 123-linux\n {2}manual: shipped \(by me, since \S+, until 2999-\S+\)\n$/,
    );
    await refused(pin, ["123-linux", "'manual'", "shipped"], { code: 1 });
    const pinned = await runJson(0, ["runs", "list", ...place, "--pinned"]);
    assert.deepEqual(pinned.runs.map((run: { key: string }) => run.key), ["123-linux"]);
    const unpin = ["runs", "unpin", "123", ...place];
    assert.match((await runs(0, [...unpin, "-n"])).out, /^would unpin 123-linux\n {2}manual/);
    assert.equal((await runs(0, unpin)).out, "unpinned 123-linux\n");
    await refused(unpin, ["no pin 'manual'"], { code: 3 });
  },
);

test("runs: bad input is one line that names it", async (staging) => {
  const place = ["--staging-dir", staging];
  await refused(["runs", "list"], ["--staging-dir", "--bucket"]);
  await refused(["runs", "list", ...place, "--bucket", "suite"], ["--bucket", "--staging-dir"]);
  await refused(["runs", "list", ...place, "--limit", "0"], ["--limit", "from 1 to 1000"]);
  await refused(["runs", "list", ...place, "--since", "soon"], ["--since", "soon", "7d"]);
  await refused(["runs", "list", ...place, "--cursor", "x"], ["--cursor", "x"]);
  await refused(["runs", "list", ...place, "--repo", "ab"], ["--repo", "ab", "OWNER/NAME"]);
  await refused(["runs", "list", ...place, "--commit", "xyz"], ["--commit", "xyz"]);
  await refused(["runs", "latest", ...place, "--has", "x"], ["--has", "x"]);
  await refused(["runs", "show", "", ...place], ["run"]);
  await refused(["runs", "show", "1", ...place], ["No run '1'"], { code: 3 });
  await refused(["runs", "pin", "123", ...place], ["--reason"]);
  await refused(["runs", "pin", "123", ...place, "--reason", "x", "--name", "a/b"], ["a/b"]);
  const pin = ["runs", "pin", "123", ...place, "--reason", "x", "--until"];
  await refused([...pin, "2020-01-01"], ["--until", "2020-01-01", "not over yet"]);
  await refused([...pin, "soon"], ["--until", "soon", "a time from now"]);
  // A day ends at its end, which may come while the test runs.
  const today = () => new Date().toISOString().slice(0, 10);
  let day: string;
  let ran: Ran;
  do {
    day = today();
    ran = await run([...pin, day, "-n"]);
  } while (day !== today());
  assert.equal(ran.code, 0, ran.err);
  await refused(["runs", "list", "--staging-dir", join(staging, "no")], ["no"], { code: 3 });
  const document = await runJson(3, ["runs", "show", "1", ...place]);
  assert.equal(document.error.code, "not_found");
});

Deno.test("runs: an id on both platforms is ambiguous, and the key or --platform decides", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  for (const key of ["1-linux", "1-windows"]) await putRun(backend, key, { files: ["x"] });
  const show = ["runs", "show", "1", "--staging-dir", temp.path];
  await refused(show, ["ambiguous", "1-linux or 1-windows"], { code: 1 });
  assert.equal((await runJson(0, [...show, "--platform", "windows"])).key, "1-windows");
});

Deno.test("runs: in a bucket, as in a directory; a copy and an import write a summary too", async () => {
  await using temp = await tempDir();
  await using server = await startS3Server();
  const env = s3Env(server.url);
  await writeTree(join(temp.path, "logs"), { "a.log": "built\n" });
  const run = ["--run-id", "123", "--platform", "linux"];
  await runs(0, [
    ...["upload", "files", join(temp.path, "logs"), "--to", "logs/g", "-q", "--bucket", "suite"],
    ...run,
  ], env);
  const staging = join(temp.path, "s");
  const copy = [
    "copy",
    "--source-run-id",
    "123",
    "--source-platform",
    "linux",
    "--source-bucket",
    "suite",
  ];
  await runs(0, [...copy, "--to-staging", staging, "-q"], env);
  const inBucket = await runJson(0, ["runs", "list", "--bucket", "suite"], env);
  const onDisk = await runJson(0, ["runs", "list", "--staging-dir", staging]);
  assert.equal(inBucket.runs[0].summary.status, "current");
  assert.deepEqual(onDisk, inBucket);
  const tar = join(temp.path, "runs.tar");
  await runs(0, ["export", tar, "123", "--staging-dir", staging, "--platform", "linux", "-q"]);
  await runs(0, ["import", tar, "--output-dir", join(temp.path, "t"), "-q"]);
  assert.deepEqual(
    await runJson(0, ["runs", "list", "--staging-dir", join(temp.path, "t")]),
    inBucket,
  );
});

Deno.test("uploads: a summary that can't be written is a note, not an error", async () => {
  await using temp = await tempDir();
  await writeTree(join(temp.path, "logs"), { "a.log": "built\n" });
  const staging = join(temp.path, "s");
  // A directory of that name: nothing can be written there.
  await Deno.mkdir(join(staging, "123-linux/retention-summary.json/x"), { recursive: true });
  const { err } = await runs(0, [
    ...["upload", "files", join(temp.path, "logs"), "--to", "logs/g", "--output-dir", staging],
    ...["--run-id", "123", "--platform", "linux"],
  ]);
  assert.match(err, /^note: the summary of the run was not written: [^\n]+\n$/);
});

Deno.test("uploads: by a role that may not read, no summary is written, as it would be wrong", async () => {
  await using temp = await tempDir();
  await using server = await startS3Server();
  await writeTree(join(temp.path, "logs"), { "a.log": "built\n" });
  const upload = (to: string, ...more: string[]) => [
    ...["upload", "files", join(temp.path, "logs"), "--to", to, "--bucket", "suite", "--no-index"],
    ...["--run-id", "123", "--platform", "linux", ...more],
  ];
  const summary = async () => {
    const { runs: [run] } = await runJson(
      0,
      ["runs", "list", "--bucket", "suite"],
      s3Env(server.url),
    );
    return run.summary.status;
  };
  await runs(0, upload("logs/g"), s3Env(server.url));
  assert.equal(await summary(), "current");
  await using odd = startOddServer(server.url, {
    before: ({ method, key }) =>
      (method === "GET" || method === "HEAD") && key !== ""
        ? refusal(403, "AccessDenied", "Access Denied")
        : undefined,
  });
  const { err } = await runs(0, upload("logs/h", "-v"), s3Env(odd.url));
  assert.match(err, /^the summary of the run was not written: [^\n]*s3:GetObject/m);
  assert.equal(await summary(), "stale");
});
