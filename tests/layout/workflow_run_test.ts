import { strict as assert } from "node:assert";
import { type BucketRules, selectBucket } from "../../src/layout/buckets.ts";
import { type FromWorkflowRunOptions, RunOutputRoot } from "../../src/layout/run_output_root.ts";
import {
  describeRun,
  headBranch,
  type WorkflowEnvironment,
  type WorkflowRun,
} from "../../src/layout/workflow_run.ts";
import { assertInvalid, assertInvalidError, conformance } from "./support.ts";

interface RootRow {
  era: BucketRules;
  via: "env" | "api";
  repo: string | null;
  release_type: string | null;
  event?: "none" | "push" | "pr_fork" | "pr_same" | "prt_fork";
  head_repository?: string;
  run_date?: string;
  out: { error: true } | { bucket: string; external_repo: string; prefix: string };
}

const pullRequest = (fork: boolean) => ({ pull_request: { head: { repo: { fork } } } });

const EVENTS: Record<string, { name?: string; event?: unknown }> = {
  none: {},
  push: { name: "push", event: { ref: "refs/heads/main" } },
  pr_fork: { name: "pull_request", event: pullRequest(true) },
  pr_same: { name: "pull_request", event: pullRequest(false) },
  prt_fork: { name: "pull_request_target", event: pullRequest(true) },
};

function eventOptions(event: unknown, name?: string): {
  env: Record<string, string>;
  readTextFile: (path: string) => string;
} {
  const env: Record<string, string> = {};
  if (name !== undefined) env.GITHUB_EVENT_NAME = name;
  if (event !== undefined) env.GITHUB_EVENT_PATH = "/event.json";
  return {
    env,
    readTextFile: (path) => {
      assert.equal(path, "/event.json");
      return JSON.stringify(event);
    },
  };
}

function fromRow(row: RootRow): RunOutputRoot {
  if (row.via === "api") {
    return RunOutputRoot.fromWorkflowRun({
      runId: 1,
      platform: "windows",
      rules: row.era,
      repository: row.repo ?? undefined,
      releaseType: row.release_type ?? undefined,
      workflowRun: { headRepository: row.head_repository!, createdAt: row.run_date },
    });
  }
  const { name, event } = EVENTS[row.event!];
  const { env, readTextFile } = eventOptions(event, name);
  if (row.repo !== null) env.GITHUB_REPOSITORY = row.repo;
  if (row.release_type !== null) env.RELEASE_TYPE = row.release_type;
  env.GITHUB_RUN_ID = "1";
  return RunOutputRoot.fromWorkflowRun({
    runId: 1,
    platform: "linux",
    rules: row.era,
    env,
    readTextFile,
  });
}

Deno.test("RunOutputRoot.fromWorkflowRun(): all conformance rows of roots", () => {
  const rows = conformance<RootRow[]>("roots");
  assert.equal(rows.length, 910);
  let refused = 0;
  for (const row of rows) {
    if ("error" in row.out) {
      assertInvalid(() => fromRow(row), row.via === "env" ? "RELEASE_TYPE" : "release type");
      refused++;
      continue;
    }
    const { bucket, externalRepo, prefix } = fromRow(row);
    assert.deepEqual(
      { bucket, external_repo: externalRepo, prefix },
      row.out,
      JSON.stringify(row),
    );
  }
  assert.equal(refused, 374);
});

const JOB: WorkflowEnvironment = {
  GITHUB_RUN_ID: "1",
  GITHUB_REPOSITORY: "ROCm/TheRock",
  RELEASE_TYPE: "nightly",
};

const bucketOf = (options: Omit<FromWorkflowRunOptions, "platform">): string =>
  RunOutputRoot.fromWorkflowRun({ platform: "linux", ...options }).bucket;

Deno.test("RunOutputRoot.fromWorkflowRun(): RELEASE_TYPE of this job does not leak into another run", () => {
  assert.equal(bucketOf({ runId: 1, env: JOB }), "therock-nightly-artifacts");
  assert.equal(bucketOf({ runId: 2, env: JOB }), "therock-ci-artifacts");
  assert.equal(
    bucketOf({ runId: 2, env: JOB, workflowRun: { headRepository: "ROCm/TheRock" } }),
    "therock-ci-artifacts",
  );
  assert.equal(
    bucketOf({ runId: 1, env: JOB, workflowRun: { headRepository: "ROCm/TheRock" } }),
    "therock-ci-artifacts",
  );
});

Deno.test("describeRun(): RELEASE_TYPE counts for an upload to another run", () => {
  const env = { GITHUB_RUN_ID: "1", RELEASE_TYPE: "nightly" };
  const bucketOf = (more: object) => selectBucket(describeRun({ runId: 2, env, ...more })).bucket;
  assert.equal(bucketOf({ uploading: true }), "therock-nightly-artifacts");
  assert.equal(bucketOf({ uploading: true, releaseType: "dev" }), "therock-dev-artifacts");
  assert.equal(bucketOf({ uploading: false }), "therock-ci-artifacts");
  assert.equal(bucketOf({}), "therock-ci-artifacts");
  const bad = { uploading: true, env: { ...env, RELEASE_TYPE: "nope" } };
  assert.throws(() => bucketOf(bad), /Invalid RELEASE_TYPE "nope"/);
});

Deno.test("RunOutputRoot.fromWorkflowRun(): a bad RELEASE_TYPE does not harm the look-up of another run", () => {
  const env = { ...JOB, RELEASE_TYPE: "bogus" };
  assertInvalid(() => bucketOf({ runId: 1, env }), `Invalid RELEASE_TYPE "bogus"`);
  assert.equal(bucketOf({ runId: 2, env }), "therock-ci-artifacts");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): RELEASE_TYPE counts where GITHUB_RUN_ID is unset", () => {
  assert.equal(bucketOf({ runId: 2, env: { RELEASE_TYPE: "dev" } }), "therock-dev-artifacts");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): the releaseType option goes before RELEASE_TYPE, for any run", () => {
  assert.equal(bucketOf({ runId: 1, env: JOB, releaseType: "ci" }), "therock-ci-artifacts");
  assert.equal(bucketOf({ runId: 2, env: JOB, releaseType: "dev" }), "therock-dev-artifacts");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): this job's fork does not leak into another run", () => {
  const { env, readTextFile } = eventOptions(pullRequest(true), "pull_request");
  env.GITHUB_RUN_ID = "1";
  assert.equal(bucketOf({ runId: 1, env, readTextFile }), "therock-ci-artifacts-external");
  const unread = () => assert.fail("the event was read");
  assert.equal(bucketOf({ runId: 2, env, readTextFile: unread }), "therock-ci-artifacts");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): a fork that has been deleted is a fork", () => {
  const { env, readTextFile } = eventOptions(
    { pull_request: { head: { repo: null } } },
    "pull_request",
  );
  assert.equal(bucketOf({ runId: 1, env, readTextFile }), "therock-ci-artifacts-external");
  assert.equal(
    bucketOf({ runId: 1, workflowRun: { headRepository: null } }),
    "therock-ci-artifacts-external",
  );
});

Deno.test("RunOutputRoot.fromWorkflowRun(): the prefix has the base repository, never the fork", () => {
  const root = RunOutputRoot.fromWorkflowRun({
    runId: 1,
    platform: "linux",
    repository: "ROCm/rocm-libraries",
    workflowRun: { headRepository: "someone/fork" },
  });
  assert.equal(root.prefix, "ROCm-rocm-libraries/1-linux");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): the event is read only where the rules ask for it", () => {
  const env = { GITHUB_EVENT_NAME: "push", GITHUB_EVENT_PATH: "/event.json" };
  const readTextFile = () => assert.fail("the event was read");
  assert.equal(bucketOf({ runId: 1, env, readTextFile }), "therock-ci-artifacts");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): an event file that can't be used names the variable and the path", () => {
  const env = { GITHUB_EVENT_NAME: "pull_request", GITHUB_EVENT_PATH: "/no/event.json" };
  const bucket = (readTextFile?: (path: string) => string) => () =>
    bucketOf({ runId: 1, env, readTextFile });
  const names = ["GITHUB_EVENT_PATH", "/no/event.json"];
  assertInvalid(
    bucket(() => {
      throw new Deno.errors.NotFound("No such file\nor directory");
    }),
    ...names,
    "No such file",
  );
  for (const text of ["", "{", "[]", "null", '"text"', "1"]) {
    assertInvalid(bucket(() => text), ...names);
  }
  assertInvalid(bucket(undefined), "readTextFile", ...names);
});

Deno.test("RunOutputRoot.fromWorkflowRun(): an event with a byte order mark is read", () => {
  const { env } = eventOptions({}, "pull_request");
  const readTextFile = () => `\ufeff${JSON.stringify(pullRequest(true))}`;
  assert.equal(bucketOf({ runId: 1, env, readTextFile }), "therock-ci-artifacts-external");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): unusual events are not forks", () => {
  for (
    const event of [
      {},
      { pull_request: null },
      { pull_request: 1 },
      { pull_request: { head: {} } },
      { pull_request: { head: { repo: { fork: "yes" } } } },
    ]
  ) {
    const { env, readTextFile } = eventOptions(event, "pull_request");
    assert.equal(bucketOf({ runId: 1, env, readTextFile }), "therock-ci-artifacts");
  }
});

Deno.test("RunOutputRoot.fromWorkflowRun(): a bad repository names where it came from", () => {
  assertInvalid(
    () => bucketOf({ runId: 1, env: { GITHUB_REPOSITORY: "TheRock" } }),
    `Invalid GITHUB_REPOSITORY "TheRock"`,
  );
  assertInvalid(
    () => bucketOf({ runId: 1, repository: "a/b/c", env: { GITHUB_REPOSITORY: "a/b" } }),
    `Invalid repository "a/b/c"`,
  );
  assertInvalid(() => bucketOf({ runId: 1, repository: "" }), `Invalid repository ""`);
});

Deno.test("RunOutputRoot.fromWorkflowRun(): repository option, then the run's, then GITHUB_REPOSITORY", () => {
  const prefix = (options: Partial<FromWorkflowRunOptions>) =>
    RunOutputRoot.fromWorkflowRun({
      runId: 1,
      platform: "linux",
      env: { GITHUB_REPOSITORY: "env/env" },
      ...options,
    }).prefix;
  const workflowRun: WorkflowRun = { repository: "run/run", headRepository: "run/run" };
  assert.equal(prefix({ repository: "option/option", workflowRun }), "option-option/1-linux");
  assert.equal(prefix({ workflowRun }), "run-run/1-linux");
  assert.equal(prefix({}), "env-env/1-linux");
  assert.equal(prefix({ env: { GITHUB_REPOSITORY: "" } }), "1-linux");
  assert.equal(prefix({ env: undefined }), "1-linux");
});

Deno.test({
  name:
    "RunOutputRoot.fromWorkflowRun(): needs no permission, so it reaches neither network nor disk",
  permissions: "none",
  fn() {
    const root = RunOutputRoot.fromWorkflowRun({
      runId: "12345",
      platform: "linux",
      env: {
        ...JOB,
        GITHUB_RUN_ID: "12345",
        GITHUB_EVENT_NAME: "pull_request",
        GITHUB_EVENT_PATH: "/e",
      },
      readTextFile: () => JSON.stringify(pullRequest(true)),
      lookupWorkflowRun: false,
    });
    assert(root instanceof RunOutputRoot);
    assert.equal(
      root.manifestRoot().s3Uri,
      "s3://therock-nightly-artifacts/12345-linux/manifests/therock_manifest.json",
    );
    assert.equal(root.root().localPath("/staging", { windows: false }), "/staging/12345-linux");
  },
});

Deno.test("RunOutputRoot.fromWorkflowRun(): looks up the run once, by repository and id", async () => {
  const asked: string[] = [];
  const root = await RunOutputRoot.fromWorkflowRun({
    runId: 7,
    platform: "windows",
    rules: "2026-03",
    env: { ...JOB, GITHUB_RUN_ID: "7" },
    lookupWorkflowRun: (repository, runId) => {
      asked.push(`${repository} ${runId}`);
      return Promise.resolve({ headRepository: "x/y", createdAt: "2025-01-01T00:00:00Z" });
    },
  });
  assert.deepEqual(asked, ["ROCm/TheRock 7"]);
  assert.equal(root.root().s3Uri, "s3://therock-artifacts-external/ROCm-TheRock/7-windows");
});

Deno.test("RunOutputRoot.fromWorkflowRun(): invalid input is rejected before any look-up", async () => {
  const lookupWorkflowRun = () => assert.fail("looked up");
  for (
    const [options, field] of [
      [{ runId: "a/b", platform: "linux" }, "run id"],
      [{ runId: 1, platform: "beos" as "linux" }, "platform"],
      [{ runId: 1, platform: "linux", repository: "x" }, "repository"],
    ] as const
  ) {
    const error = await RunOutputRoot.fromWorkflowRun({ ...options, lookupWorkflowRun })
      .catch((error: unknown) => error);
    assertInvalidError(error, field);
  }
});

Deno.test("RunOutputRoot.fromWorkflowRun(): a failed look-up is passed on", async () => {
  const failure = new Error("offline");
  const lookupWorkflowRun = () => Promise.reject(failure);
  await assert.rejects(
    RunOutputRoot.fromWorkflowRun({ runId: 1, platform: "linux", lookupWorkflowRun }),
    (error) => error === failure,
  );
});

Deno.test("RunOutputRoot.fromWorkflowRun(): reading knows 'release', and keeps the layout", () => {
  const options = { runId: 1, platform: "linux", releaseType: "release", layout: "typed" } as const;
  const root = RunOutputRoot.fromWorkflowRun({ ...options, reading: true });
  assert.equal(root.artifactsDir().s3Uri, "s3://therock-release-artifacts/1-linux/artifacts");
  assertInvalid(() => RunOutputRoot.fromWorkflowRun(options), "release type");
});

Deno.test("headBranch(): that of the run, or of its pull request; a tag is none", () => {
  const main = { GITHUB_REF_NAME: "release/7.1", GITHUB_REF_TYPE: "branch" };
  assert.equal(headBranch(main), "release/7.1");
  assert.equal(headBranch({ ...main, GITHUB_HEAD_REF: "" }), "release/7.1");
  assert.equal(headBranch({ GITHUB_REF_NAME: "12/merge", GITHUB_HEAD_REF: "topic" }), "topic");
  assert.equal(headBranch({ GITHUB_REF_NAME: "v1", GITHUB_REF_TYPE: "tag" }), undefined);
  assert.equal(headBranch({}), undefined);
});
