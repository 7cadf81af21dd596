/** `run-outputs doctor`: what it prints, its JSON, its exit codes. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import schema from "../../../docs/doctor.schema.json" with { type: "json" };
import { type Json, refused, runJson, runs } from "../../support/command_line.ts";
import { startGithub } from "../../support/github_server.ts";
import { refusal, startOddServer } from "../../support/odd_server.ts";
import { KEYS, s3Env } from "../../support/s3_subject.ts";
import { startS3Server } from "../../support/s3_server.ts";
import { tempDir } from "../../support/temp_dir.ts";

const TOKEN = "ghp-a-token-of-a-test";

/** Servers and directories that are in order. */
async function world() {
  const stack = new AsyncDisposableStack();
  const s3 = stack.use(await startS3Server());
  const github = stack.use(startGithub());
  const dir = stack.use(await tempDir());
  return {
    s3,
    dir: dir.path,
    env: {
      ...s3Env(s3.url),
      HOME: dir.path,
      GITHUB_API_URL: github.url,
      GH_TOKEN: TOKEN,
    } as Record<string, string>,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const SUITE = ["--bucket", "suite"];

/** Runs `doctor --json`; the document fits the schema and has no secrets. */
async function doctor(code: number, args: readonly string[], env: Record<string, string>) {
  const document = await runJson(code, ["doctor", ...args], env);
  z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(document);
  const text = JSON.stringify(document);
  for (const secret of [TOKEN, KEYS.secretAccessKey, KEYS.accessKeyId]) {
    assert(!text.includes(secret), text);
  }
  const checks = (document.checks as Json[]).map((one) => [one.check, one]);
  return { ...document, by: Object.fromEntries(checks) };
}

Deno.test("doctor: one line for each check, with what to do; warnings exit with 0", async () => {
  await using w = await world();
  const { out, err } = await runs(0, ["doctor", ...SUITE], w.env);
  assert.equal(err, "");
  const lines = out.trimEnd().split("\n");
  const names = lines.map((line) => /^(?:ok|warning) +([a-z-]+) +\S/.exec(line)![1]);
  assert.deepEqual(names, [
    ...["program", "permissions", "endpoint", "proxy", "certificates", "credentials", "clock"],
    ...["region", "bucket", "ranges", "conditional-writes", "checksums", "multipart-copy"],
    ...["github", "cache", "state", "disk"],
  ]);
  assert.match(
    out,
    /^warning {2}checksums {11}not known for 127\.0\.0\.1:\d+; --write-test finds /m,
  );
  assert.match(out, /^ok {7}credentials {9}key \*\*\*\*SKEY of the environment/m);
  assert.doesNotMatch(out, new RegExp(`${TOKEN}|${KEYS.secretAccessKey}|${KEYS.accessKeyId}`));
  assert.deepEqual(w.s3.requests.filter((line) => !line.startsWith("GET ")), []);
});

Deno.test("doctor --json: fits its schema; --write-test answers what reading does not", async () => {
  await using w = await world();
  const { status, exit_code, by } = await doctor(0, [...SUITE, "--write-test"], w.env);
  assert.equal(exit_code, 0);
  const { disk: _, ...rest } = by;
  const found = Object.values(rest as Record<string, Json>).filter((one) => one.status !== "ok");
  assert.deepEqual(found, [], status);
  assert.equal(by.write.details.deleted, true);
  assert.deepEqual(by["conditional-writes"].details, {
    if_none_match: "enforced",
    if_match: "enforced",
  });
});

Deno.test("doctor: the exit code is that of the error to solve first", async () => {
  await using w = await world();
  await using expired = startOddServer(w.s3.url, {
    before: () => refusal(400, "ExpiredToken", "expired"),
  });
  const { by: denied } = await doctor(4, SUITE, { ...w.env, AWS_ENDPOINT_URL_S3: expired.url });
  assert.match(denied.bucket.advice, /^renew the credentials/);
  const { by: none } = await doctor(3, ["--bucket", "nothing"], w.env);
  assert.equal(none.bucket.code, "not_found");
  const nowhere = { ...w.env, GITHUB_API_URL: "http://127.0.0.1:1" };
  const { by: offline } = await doctor(5, ["--bucket", "nothing"], nowhere);
  assert.deepEqual([offline.github.code, offline.bucket.code], ["transient", "not_found"]);
  const { by: wrong } = await doctor(2, SUITE, { ...nowhere, AWS_REGION: "not a region" });
  assert.match(wrong.endpoint.message, /^Invalid AWS_REGION "not a region"/);
});

Deno.test("doctor: a staging directory is checked instead of S3", async () => {
  await using w = await world();
  const { by } = await doctor(0, ["--staging-dir", w.dir], w.env);
  assert.deepEqual(
    Object.keys(by),
    ["program", "permissions", "staging-directory", "github", "cache", "state", "disk"],
  );
  assert.deepEqual(w.s3.requests, []);
  const variable = { ...w.env, THEROCK_LOCAL_STAGING_DIR: join(w.dir, "none") };
  const { by: missing } = await doctor(3, [], variable);
  assert.equal(missing["staging-directory"].code, "not_found");
});

Deno.test("doctor: without S3, a token and --repo, no answer of GitHub is a warning", async () => {
  await using w = await world();
  const { GH_TOKEN: _, ...rest } = w.env;
  const none = { ...rest, GITHUB_API_URL: "http://127.0.0.1:1" };
  const here = ["--staging-dir", w.dir];
  const { by } = await doctor(0, here, none);
  assert.equal(by.github.status, "warning");
  assert.match(by.github.message, /^Cannot read the rate limit of this machine \(no token\) on /);
  assert.match(by.github.advice, /'find' and 'bisect' need it/);
  await doctor(5, here, { ...none, GH_TOKEN: TOKEN });
  await doctor(5, [...here, "--repo", "lab/fork"], none);
  await doctor(5, SUITE, none);
});

Deno.test("doctor: a cache in the wrong place, and no home", async () => {
  await using w = await world();
  const file = join(w.dir, "file");
  await Deno.writeTextFile(file, "");
  const { by: wrong } = await doctor(0, [...SUITE, "--cache-dir", join(file, "cache")], w.env);
  assert.equal(wrong.cache.status, "warning");
  const { by: homeless } = await doctor(0, SUITE, { ...w.env, HOME: "", LOCALAPPDATA: "" });
  assert.equal(homeless.state.message, "no directory: HOME is not set");
});

Deno.test("doctor: bad input is refused before anything is checked", async () => {
  await refused(["doctor", "--bucket", "Not A Bucket"], ["Not A Bucket"]);
  await refused(["doctor", "--repo", "nonsense"], ["nonsense"]);
  await refused(["doctor", "--staging-dir", ".", "--bucket", "suite"], [
    "Cannot use --bucket with --staging-dir: choose one",
  ]);
});
