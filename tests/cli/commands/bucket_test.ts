/** `bucket`: where a job uploads to, and the role that it assumes for that. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { bucketInfo } from "../../../src/layout/bucket_inventory.ts";
import { refused, run, runJson, runs } from "../../support/command_line.ts";
import { makeJob } from "../../support/job.ts";
import { tempDir } from "../../support/temp_dir.ts";

const ROLES = "arn:aws:iam::692859939525:role";
const LINUX = ["--platform", "linux"];
const JOB = { GITHUB_RUN_ID: "123", GITHUB_REPOSITORY: "ROCm/TheRock" };

type Env = Readonly<Record<string, string>>;

/** One row: environment, options, and bucket, role and prefix. */
type Row = readonly [string, Env, readonly string[], string, string, string];

const ROWS: readonly Row[] = [
  ["CI", {}, [], "therock-ci-artifacts", "therock-ci", "123-linux"],
  ["CI by name", { RELEASE_TYPE: "ci" }, [], "therock-ci-artifacts", "therock-ci", "123-linux"],
  ...["dev", "nightly", "prerelease"].map((type): Row => [
    type,
    { RELEASE_TYPE: type },
    [],
    `therock-${type}-artifacts`,
    `therock-${type}`,
    "123-linux",
  ]),
  ...["dev", "nightly"].map((type): Row => [
    `${type}-bkc by option`,
    {},
    ["--release-type", `${type}-bkc`],
    `therock-${type}-artifacts`,
    `therock-${type}`,
    "123-linux",
  ]),
  [
    "another repository",
    { GITHUB_REPOSITORY: "ROCm/rocm-libraries" },
    [],
    "therock-ci-artifacts-external",
    "therock-ci-external",
    "ROCm-rocm-libraries/123-linux",
  ],
  [
    "another repository's release",
    { GITHUB_REPOSITORY: "ROCm/rocm-libraries", RELEASE_TYPE: "dev" },
    [],
    "therock-dev-artifacts",
    "therock-dev",
    "123-linux",
  ],
  [
    "another run, as packaging jobs upload to it",
    { RELEASE_TYPE: "nightly" },
    ["--run-id", "7"],
    "therock-nightly-artifacts",
    "therock-nightly",
    "7-linux",
  ],
  [
    "a bucket by name",
    {},
    ["--bucket", "therock-dev-artifacts"],
    "therock-dev-artifacts",
    "therock-dev",
    "123-linux",
  ],
  [
    "a bucket of old runs",
    {},
    ["--bucket", "therock-artifacts"],
    "therock-artifacts",
    "",
    "123-linux",
  ],
];

for (const [name, env, args, bucket, role, prefix] of ROWS) {
  Deno.test(`bucket: ${name}`, async () => {
    const told = await runJson(0, ["bucket", ...LINUX, ...args], { ...JOB, ...env });
    assert.equal(told.schema, "run-outputs.bucket/1");
    assert.equal(told.bucket, bucket);
    assert.equal(told.iam_role, role === "" ? "" : `${ROLES}/${role}`);
    assert.equal(told.aws_region, "us-east-2");
    assert.equal(told.prefix, prefix);
    assert.equal(told.s3_uri, `s3://${bucket}/${prefix}`);
  });
}

for (const RELEASE_TYPE of ["ci", "nightly"]) {
  Deno.test(`bucket: a fork's pull request has no role, release type ${RELEASE_TYPE}`, async () => {
    await using temp = await tempDir();
    const GITHUB_EVENT_PATH = join(temp.path, "event.json");
    const event = (fork: boolean) =>
      Deno.writeTextFile(
        GITHUB_EVENT_PATH,
        JSON.stringify({ pull_request: { head: { repo: { fork } } } }),
      );
    const env = {
      ...JOB,
      GITHUB_EVENT_NAME: "pull_request",
      GITHUB_EVENT_PATH,
      RELEASE_TYPE,
    };
    const told = (args: readonly string[] = [], more: Env = {}) =>
      runJson(0, ["bucket", ...LINUX, ...args], { ...env, ...more });
    await event(true);
    const own = await told();
    assert.equal(own.iam_role, "");
    assert.equal(own.aws_region, "us-east-2");
    if (RELEASE_TYPE === "ci") {
      assert.equal(own.bucket, "therock-ci-artifacts-external");
      assert.equal(own.prefix, "ROCm-TheRock/123-linux");
    }
    // It is this job that has no role, whatever run it uploads to.
    assert.equal((await told(["--run-id", "7"])).iam_role, "");
    const { err } = await runs(0, ["bucket", ...LINUX, "-v"], env);
    assert.match(err, /^no role: this job runs for a fork's pull request[^\n]*role\/therock-/m);
    const push = await told([], { GITHUB_EVENT_NAME: "push" });
    assert.notEqual(push.iam_role, "");
    await event(false);
    assert.equal((await told()).iam_role, push.iam_role);
  });
}

Deno.test("bucket: an unknown one has no role, and the region of the environment", async () => {
  const args = ["bucket", ...LINUX, "--bucket", "lab-artifacts"];
  const { out, err } = await runs(0, args, JOB);
  assert.equal(
    out,
    "bucket=lab-artifacts\niam_role=\naws_region=us-east-2\nprefix=123-linux\n",
  );
  assert.match(err, /^note: bucket lab-artifacts is not a known bucket: [^\n]*\n$/);
  const regions = { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "eu-west-2" };
  assert.equal((await runJson(0, args, { ...JOB, ...regions })).aws_region, "eu-west-1");
  assert.equal(
    (await runJson(0, args, { ...JOB, ...regions, AWS_REGION: "" })).aws_region,
    "eu-west-2",
  );
  const known = await runJson(0, ["bucket", ...LINUX], { ...JOB, ...regions });
  assert.equal(known.aws_region, bucketInfo(known.bucket)!.region);
});

Deno.test("bucket: a step gets outputs, with the names that workflows read", async () => {
  await using temp = await tempDir();
  const job = await makeJob(temp.path);
  const { out, err } = await runs(0, ["bucket", ...LINUX], { ...JOB, ...job.env });
  assert.equal(err, "");
  const { outputs, summary } = await job.told();
  assert.deepEqual(outputs, {
    bucket: "therock-ci-artifacts",
    iam_role: `${ROLES}/therock-ci`,
    aws_region: "us-east-2",
    prefix: "123-linux",
  });
  assert.equal(summary, "");
  assert.equal(out, Object.entries(outputs).map(([name, value]) => `${name}=${value}\n`).join(""));
  // A step that can't get its outputs has failed.
  const gone = join(temp.path, "no", "output");
  const { code, err: told } = await run(["bucket", ...LINUX], { ...JOB, GITHUB_OUTPUT: gone });
  assert.notEqual(code, 0);
  assert(told.includes(gone), told);
});

Deno.test("bucket: a pipeline on a local directory needs no run id", async () => {
  const env = { THEROCK_LOCAL_STAGING_DIR: "staging" };
  assert.equal((await runJson(0, ["bucket", ...LINUX], env)).prefix, "local-linux");
});

Deno.test("bucket: an invalid run, release type, repository or bucket is rejected", async () => {
  const bucket = ["bucket", ...LINUX];
  await refused(bucket, ["--run-id"]);
  await refused([...bucket, "--release-type", "weekly"], ["weekly", "nightly"], { env: JOB });
  // Uploads do not write to it.
  await refused([...bucket, "--release-type", "release"], ['"release"'], { env: JOB });
  await refused(bucket, ["RELEASE_TYPE"], { env: { ...JOB, RELEASE_TYPE: "weekly" } });
  await refused([...bucket, "--repo", "TheRock"], ["TheRock", "OWNER/NAME"], { env: JOB });
  await refused([...bucket, "--bucket", "a/b"], ["a/b"], { env: JOB });
});
