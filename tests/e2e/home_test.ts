/** Without a home, as services and containers start programs: there is no profile, and no error. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import { sha, startGithub } from "../support/github_server.ts";
import { putRun } from "../support/run_storage.ts";
import { KEYS, testOptions } from "../support/s3_subject.ts";
import { startS3Server } from "../support/s3_server.ts";
import { makeBuild } from "../support/staging.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { finishBare } from "./processes.ts";

const HOMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  unset: {},
  empty: { HOME: "" },
};

const BUCKET = ["--bucket", "suite", "--platform", "linux"];

for (const [how, home] of Object.entries(HOMES)) {
  Deno.test(`home ${how}: S3 commands and find work with what the environment gives`, async () => {
    await using s3 = await startS3Server();
    await using dir = await tempDir();
    await writeTree(dir.path, { "a.log": "log\n" });
    await (await fetch(`${s3.url}/therock-ci-artifacts`, { method: "PUT" })).body?.cancel();
    using backend = await createS3Backend(testOptions(s3.url));
    await putRun(backend, "therock-ci-artifacts/3-linux", ["core_lib_generic.tar.zst"]);
    await using github = startGithub({
      runs: [{ id: 3, sha: sha(3), createdAt: "2026-10-01T00:00:00Z" }],
    });
    const server = { ...home, AWS_ENDPOINT_URL_S3: s3.url, AWS_EC2_METADATA_DISABLED: "true" };
    const keys = {
      ...server,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    };
    const finish = async (
      env: Readonly<Record<string, string>>,
      ...commands: readonly (readonly string[])[]
    ) => {
      const all = await finishBare(commands, env);
      for (const [i, { code, stderr }] of all.entries()) {
        assert.equal(code, 0, `${commands[i].join(" ")}: ${stderr}`);
      }
      return all.map(({ stdout }) => stdout);
    };
    const upload = ["upload", "files", join(dir.path, "a.log"), "--to", "logs"];
    const list = ["list", "--run-id", "7", ...BUCKET];
    const copy = ["copy", "--source-run-id", "7", "--run-id", "8", "--source-bucket", "suite"];
    const [, unsigned] = await finish(
      keys,
      [...upload, "--run-id", "7", ...BUCKET],
      [...list, "--no-sign-request"],
      [...copy, ...BUCKET],
      ["stale-uploads", "--run-id", "7", ...BUCKET],
    );
    // Without keys nothing is signed; with the option, nobody looks for any.
    const [listed, found] = await finish(
      { ...server, GITHUB_API_URL: github.url },
      list,
      ["find", "--commit", sha(3), "--platform", "linux"],
    );
    for (const text of [unsigned, listed]) assert.match(text, /logs\/a\.log/);
    assert.match(found, /therock-ci-artifacts\/3-linux/);
  });
}

Deno.test("home unset: all other commands work, on S3 and in directories", async () => {
  await using s3 = await startS3Server();
  await using dir = await tempDir();
  const place = (name: string) => join(dir.path, name);
  await makeBuild(place("build"));
  const env = {
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
  };
  const run = ["--run-id", "7", "--platform", "linux"];
  const bucket = ["--bucket", "suite"];
  const mirror = ["--staging-dir", place("mirror")];
  const build = ["upload", "build", "--build-dir", place("build"), "--artifact-group", "g"];
  const commands = [
    ["path", "root", ...run],
    ["bucket", ...run],
    [...build, ...run, ...bucket],
    [...build, ...run, "--output-dir", place("staging")],
    ["fetch", "blas_*", ...run, ...bucket, "--output-dir", place("fetched")],
    [
      "fetch",
      "blas_*",
      ...run,
      ...bucket,
      "--output-dir",
      place("cached"),
      "--cache-dir",
      place("c"),
    ],
    ["verify", ...run, ...bucket],
    ["diff", "7", "7", "--platform", "linux", ...bucket],
    ["copy", "--source-run-id", "7", "--source-bucket", "suite", "--platform", "linux"]
      .concat("--to-staging", place("mirror")),
    ["export", place("run.tar"), "7-linux", ...mirror],
    ["import", place("run.tar"), "--output-dir", place("imported")],
    ["verify", ...run, "--repair", "--from", place("mirror/7-linux"), ...bucket],
    ["index", ...run, ...bucket],
    ["fetch", "blas_*", ...run, ...mirror, "--output-dir", place("from-mirror"), "--flatten"],
  ];
  for (const [i, { code, stderr }] of (await finishBare(commands, env)).entries()) {
    const shown = commands[i].join(" ");
    assert.equal(code, 0, `${shown}: ${stderr}`);
    assert.doesNotMatch(stderr, /HOME|permission/, shown);
  }
});

Deno.test("home unset: $AWS_CONFIG_FILE still has the profiles, and a missing one is named", async () => {
  await using s3 = await startS3Server();
  await using dir = await tempDir();
  await writeTree(dir.path, {
    "config": `[profile p]\naws_access_key_id = PROFILE\naws_secret_access_key = secret\n` +
      `endpoint_url = ${s3.url}\n`,
    "a.log": "log\n",
  });
  const upload = ["upload", "files", join(dir.path, "a.log"), "--to", "logs", "--run-id", "7"];
  const env = { AWS_CONFIG_FILE: join(dir.path, "config") };
  const [ran] = await finishBare([[...upload, ...BUCKET, "--profile", "p"]], env);
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual([...new Set(s3.signers)], ["PROFILE"]);
  const [missing] = await finishBare([[...upload, ...BUCKET, "--profile", "q"]], {});
  assert.match(missing.stderr, /^error: Invalid profile "q"[^\n]*HOME[^\n]*\n$/);
  assert.equal(missing.code, 2);
});
