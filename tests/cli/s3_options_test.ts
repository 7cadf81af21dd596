/** `--request-payer`, `--sse`, `--sse-kms-key-id` and `--acl`, from the command line to the requests. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Command } from "commander";
import { withS3WriteOptions } from "../../src/cli/s3_options.ts";
import { ACLS, ENCRYPTIONS } from "../../src/storage/s3/requested_headers.ts";
import { refused, runs } from "../support/command_line.ts";
import { type OddRequest, startOddServer } from "../support/odd_server.ts";
import { s3Env } from "../support/s3_subject.ts";
import { startS3Server } from "../support/s3_server.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const RUN = ["--run-id", "7", "--platform", "linux", "--bucket", "suite"];
const SOURCE = ["--source-run-id", "7", "--source-bucket", "suite", "--platform", "linux"];
const PAYER = ["--request-payer", "requester"];
const WRITE = ["--sse", "aws:kms", "--sse-kms-key-id", "k", "--acl", "bucket-owner-read"];
const CREATES = ["x-amz-acl", "x-amz-server-side-encryption"];

/** A bucket with a run, and what stands before it. */
async function world() {
  const stack = new AsyncDisposableStack();
  const s3 = stack.use(await startS3Server());
  const dir = stack.use(await tempDir());
  const front = stack.use(startOddServer(s3.url, {}));
  const logs = join(dir.path, "logs");
  await writeTree(logs, { "a.log": "built\n", "b.log": "tested\n" });
  await runs(
    0,
    ["upload", "logs", logs, "--artifact-group", "g", "--no-index", ...RUN],
    s3Env(s3.url),
  );
  return {
    dir: dir.path,
    logs,
    env: s3Env(front.url),
    requests: front.requests,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Which requests have a header. */
function having(requests: readonly OddRequest[], name: string): readonly OddRequest[] {
  return requests.filter(({ headers }) => headers.has(name));
}

const isWrite = ({ method }: OddRequest) => method === "PUT";

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  upload: ["upload", "logs", "LOGS", "--artifact-group", "h", ...RUN],
  copy: ["copy", ...SOURCE, ...RUN, "--run-id", "8"],
  import: ["import", "EXPORT", "--bucket", "suite"],
  index: ["index", ...RUN, "--force"],
  "verify --repair": ["verify", "--repair", "--from", "COPY", ...RUN],
};

for (const [name, args] of Object.entries(COMMANDS)) {
  Deno.test(`${name}: each new object is encrypted and has the ACL, each request is paid`, async () => {
    await using w = await world();
    const copy = join(w.dir, "7-linux");
    const file = join(w.dir, "run.tar");
    await runs(0, ["copy", ...SOURCE, "--to-staging", w.dir], w.env);
    await writeTree(copy, { "logs/g/more.log": "more\n" });
    await runs(0, ["export", file, "7-linux", "--staging-dir", w.dir, "--no-manifest"]);
    await put(w.env.AWS_ENDPOINT_URL_S3, "7-linux/logs/g/a.log", "damaged\n");
    const since = w.requests.length;
    const words = args.map((arg) =>
      arg === "LOGS" ? w.logs : arg === "EXPORT" ? file : arg === "COPY" ? copy : arg
    );
    await runs(0, [...words, ...PAYER, ...WRITE], w.env);
    const sent = w.requests.slice(since);
    assert(sent.some(isWrite));
    for (const header of CREATES) assert.deepEqual(having(sent, header), sent.filter(isWrite));
    assert.deepEqual(having(sent, "x-amz-request-payer"), sent);
  });
}

/** Writes an object past the program. */
async function put(url: string, key: string, body: string): Promise<void> {
  const response = await fetch(`${url}/suite/${key}`, { method: "PUT", body });
  await response.body?.cancel();
}

for (const args of [["list", ...RUN], ["verify", ...RUN], ["stale-uploads", ...RUN]]) {
  Deno.test(`${args[0]}: each request is paid, with --request-payer only`, async () => {
    await using w = await world();
    await runs(0, args, w.env);
    assert.deepEqual(having(w.requests, "x-amz-request-payer"), []);
    const before = w.requests.length;
    await runs(0, [...args, ...PAYER], w.env);
    const sent = w.requests.slice(before);
    assert(sent.length > 0);
    assert.deepEqual(having(sent, "x-amz-request-payer"), sent);
  });
}

Deno.test("copy: --sse and --acl are for the destination; in a directory they have no effect, which a note says", async () => {
  await using w = await world();
  const mirror = join(w.dir, "mirror");
  const before = w.requests.length;
  const { err } = await runs(
    0,
    ["copy", ...SOURCE, "--to-staging", mirror, ...PAYER, ...WRITE],
    w.env,
  );
  assert.match(err, /note: --sse and --sse-kms-key-id and --acl have no effect: '.*mirror', where/);
  const sent = w.requests.slice(before);
  for (const header of CREATES) assert.deepEqual(having(sent, header), []);
  assert.deepEqual(having(sent, "x-amz-request-payer"), sent);
  const up = ["copy", "--from-staging", mirror, "--source-run-id", "7", ...RUN, "--run-id", "9"];
  const since = w.requests.length;
  await runs(0, [...up, ...WRITE], w.env);
  const written = w.requests.slice(since);
  for (const header of CREATES) assert.deepEqual(having(written, header), written.filter(isWrite));
});

Deno.test("upload: with $THEROCK_LOCAL_STAGING_DIR a note says that the options have no effect", async () => {
  await using dir = await tempDir();
  const logs = join(dir.path, "logs");
  await writeTree(logs, { "a.log": "built\n" });
  const args = ["upload", "logs", logs, "--artifact-group", "g", "--run-id", "7"];
  const env = { THEROCK_LOCAL_STAGING_DIR: join(dir.path, "staging") };
  const { err } = await runs(0, [...args, ...PAYER, "--acl", "private"], env);
  assert.match(err, /--request-payer has no effect: '.*staging' \(\$THEROCK_LOCAL_STAGING_DIR\)/);
  assert.match(err, /--acl has no effect: '.*staging', where the files go, is not on S3/);
});

Deno.test("s3 options: the choices are those of the driver", () => {
  const { options } = withS3WriteOptions(new Command());
  const choices = (flag: string) => options.find(({ long }) => long === flag)!.argChoices;
  assert.deepEqual(choices("--sse"), ENCRYPTIONS);
  assert.deepEqual(choices("--acl"), ACLS);
});

const UPLOAD = ["upload", "logs", ".", "--artifact-group", "g", ...RUN];
const BAD: readonly (readonly [args: readonly string[], texts: readonly string[]])[] = [
  [[...UPLOAD, "--request-payer", "owner"], ["--request-payer", "'owner'", "requester"]],
  [[...UPLOAD, "--sse", "aes"], ["--sse", "'aes'", "AES256, aws:kms, aws:kms:dsse"]],
  [[...UPLOAD, "--acl", "all"], ["--acl", "'all'", "bucket-owner-full-control"]],
  [[...UPLOAD, "--sse-kms-key-id", "k"], ["--sse-kms-key-id without --sse aws:kms"]],
  [[...UPLOAD, "--sse", "AES256", "--sse-kms-key-id", "k"], ["without --sse aws:kms"]],
  [["list", ...RUN, ...PAYER, "--no-sign-request"], ["--request-payer with --no-sign-request"]],
  [["list", ...RUN, "--acl", "private"], ["--acl"]],
  [["verify", ...RUN, "--sse", "AES256"], ["Cannot use --sse without --repair"]],
  [["verify", ".", "--repair", ...RUN, "--acl", "private"], ["--acl with a directory"]],
];

for (const [args, texts] of BAD) {
  Deno.test(`s3 options: ${args.join(" ")} is rejected, and nothing is sent`, async () => {
    await using s3 = await startS3Server();
    await refused(args, texts, { env: s3Env(s3.url) });
    assert.deepEqual(s3.requests, []);
  });
}
