/** `run-outputs runs search`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { refused, run, runJson, runs } from "../../../support/command_line.ts";
import { refusal, startOddServer } from "../../../support/odd_server.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

function test(name: string, fn: (place: string[]) => Promise<void>): void {
  Deno.test(`runs search: ${name}`, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await writeTree(join(staging, "123-linux", "logs", "g"), {
      "a.log": "one\n\tError: \x1b[1mtwo\x1b[0m error\x07\nthree\n",
      "b.log": "ninja: build stopped: subcommand failed.\r\n",
      "c.log.gz": "error\n",
      "d.bin": "error\0\n",
    });
    await fn(["--staging-dir", staging]);
  });
}

test("prints each matching line with its path and number", async (place) => {
  const { out, err } = await runs(0, ["runs", "search", "123", "error", ...place]);
  assert.equal(out, "logs/g/a.log:2:  Error: two error\\u0007\n");
  assert.deepEqual(err.split("\n"), [
    "note: skipped logs/g/c.log.gz: it is compressed (gzip)",
    "note: skipped logs/g/d.bin: it is not text",
    "",
  ]);
  const problems = await runs(0, ["runs", "search", "123", "--problems", ...place, "-q"]);
  assert.equal(
    problems.out,
    "logs/g/b.log:1: ninja: build stopped: subcommand failed.\n",
  );
  assert.equal(problems.err, "");
});

test("colours the matches on a terminal", async (place) => {
  const args = ["runs", "search", "123", "error", ...place, "--color", "always", "-q"];
  const { out } = await runs(0, args);
  const red = (text: string) => `\x1b[31m${text}\x1b[0m`;
  assert.equal(
    out,
    `\x1b[1mlogs/g/a.log\x1b[0m:\x1b[32m2\x1b[0m:  ${red("Error")}: two ${red("error")}\\u0007\n`,
  );
});

test("exits with 3 if no line matches", async (place) => {
  const args = ["runs", "search", "123", "Error", "--case-sensitive", ...place];
  const none = await runs(3, [...args, "--path", "logs/g/b.log"]);
  assert.deepEqual([none.out, none.err], ["", "note: no match in 1 file of 123-linux\n"]);
  assert.deepEqual((await runJson(3, [...args, "--kind", "report"])).matches, []);
});

Deno.test("runs search: exits with 7 and names the file, if one can't be read", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a.log": "error a\n", "b.log": "error b\n" });
  await using server = await startS3Server();
  const place = ["--bucket", "suite", "--platform", "linux"];
  const upload = ["upload", "files", temp.path, "--to", "logs/g", "--run-id", "123", "-q"];
  await runs(0, [...upload, ...place], s3Env(server.url));
  await using odd = startOddServer(server.url, {
    before: ({ method, key }) =>
      method === "GET" && key.endsWith("/a.log")
        ? refusal(403, "AccessDenied", "Access Denied")
        : undefined,
  });
  const { out, err } = await runs(7, ["runs", "search", "123", "error", ...place], s3Env(odd.url));
  assert.equal(out, "logs/g/b.log:1: error b\n");
  assert.match(err, /^error: skipped logs\/g\/a\.log: Cannot read [^\n]*a\.log[^\n]*\n$/);
});

test("continues with a cursor", async (place) => {
  const args = ["runs", "search", "123", "o", "--regex", "--limit", "1", ...place];
  const first = await runs(0, [...args, "-v"]);
  const [, cursor] = /continue with '--cursor ([\w-]+)'/.exec(first.err)!;
  const second = await runJson(0, [...args, "--cursor", cursor]);
  assert.deepEqual(second.matches.map(({ line }: { line: number }) => line), [2]);
});

test("names options and arguments as they are on the command line", async (place) => {
  const search = ["runs", "search", "123"];
  await refused([...search, ...place], ["Missing parameter <query>"]);
  await refused([...search, "(", "--regex", ...place], ["<query>", "missing closing )"]);
  await refused([...search, "x", "--problems", ...place], ["<query>", "--problems"]);
  await refused([...search, "--problems", "--case-sensitive", ...place], ["--case-sensitive"]);
  await refused([...search, "x", "--path", "../x", ...place], ["--path", "../x"]);
  await refused([...search, "x", "--cursor", "no", ...place], ["--cursor", "no"]);
  const { code, err } = await run([...search, "x", "--path", "logs/x", ...place]);
  assert.deepEqual([code, err], [3, "error: No file 'logs/x' in run 123-linux\n"]);
});
