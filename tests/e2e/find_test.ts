import assert from "node:assert/strict";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import { sha, startGithub } from "../support/github_server.ts";
import { putRun } from "../support/run_storage.ts";
import { KEYS, testOptions } from "../support/s3_subject.ts";
import { startS3Server } from "../support/s3_server.ts";
import { outputTree, readTree, tempDir } from "../support/temp_dir.ts";
import { command, NOBODY, start } from "./processes.ts";

const OLD = "2025-10-01T00:00:00Z";
const NAMES = ["blas_lib_gfx942.tar.zst", "core_lib_generic.tar.zst"];

Deno.test("find, fetch, list on S3: a run of the first buckets, its fork's, and one that moved", async () => {
  await using s3 = await startS3Server();
  await using dir = await tempDir();
  // Not all buckets that the rules name need be there.
  for (
    const bucket of ["therock-artifacts", "therock-artifacts-external", "therock-ci-artifacts"]
  ) {
    await (await fetch(`${s3.url}/${bucket}`, { method: "PUT" })).body?.cancel();
  }
  using backend = await createS3Backend(testOptions(s3.url));
  await putRun(backend, "therock-artifacts/1-linux", NAMES);
  await putRun(backend, "therock-artifacts-external/ROCm-TheRock/2-linux", NAMES);
  await putRun(backend, "therock-ci-artifacts/3-linux", NAMES);
  await using github = startGithub({
    runs: [
      { id: 1, sha: sha(1), createdAt: OLD, updatedAt: "2026-09-01T00:00:00Z", attempt: 2 },
      { id: 2, sha: sha(2), createdAt: OLD, headRepository: null },
      { id: 3, sha: sha(3), createdAt: OLD },
    ],
  });
  const env = {
    ...NOBODY,
    GITHUB_API_URL: github.url,
    GITHUB_TOKEN: "a-token-of-a-test",
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
  };
  // Not by the environment: Deno's own cache is in that directory.
  const cache = ["--cache-dir", `${dir.path}/cache`];
  const find = (
    number: number,
  ) => ["find", "--commit", sha(number), ...cache, "--platform", "linux"];
  for (
    const [number, place, tried] of [
      [1, "therock-artifacts/1-linux", "holds,not_asked"],
      [2, "therock-artifacts-external/ROCm-TheRock/2-linux", "holds,not_asked"],
      [3, "therock-ci-artifacts/3-linux", "empty,holds"],
    ] as const
  ) {
    const { code, stdout, stderr } = await command([...find(number), "--json"], env);
    assert.equal(code, 0, stderr);
    const [group] = JSON.parse(stdout).groups;
    assert.equal(`${group.bucket}/${group.prefix}`, place);
    const outcomes = group.places.map((one: { outcome: string }) => one.outcome).join();
    assert.equal(outcomes, tried);
  }
  assert.equal(github.counted, 3);
  assert.match(github.authorizations[0] ?? "", /a-token-of-a-test/);

  const out = `${dir.path}/out`;
  const args = ["fetch", "--commit", sha(2), ...cache, "--no-extract", "-o", out];
  const fetched = await command([...args, "--platform", "linux"], env);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.deepEqual(Object.keys(await readTree(out)), NAMES);
  assert.equal(github.counted, 3, "the answer had not changed");

  // A run's id is enough, and GitHub is not asked.
  const before = github.requests.length;
  const listed = await command(["list", "--run-id", "2", "--platform", "linux", "--json"], env);
  assert.equal(JSON.parse(listed.stdout).bucket, "therock-artifacts-external");
  const file = `${dir.path}/run.tar`;
  const exported = await command(["export", file, "2-linux", "--json"], env);
  assert.equal(exported.code, 0, exported.stderr);
  assert.equal(JSON.parse(exported.stdout).runs[0].count, 2 * NAMES.length, "with checksums");
  const mirror = `${dir.path}/mirror`;
  const copying = ["copy", "--source-run-id", "1", "--platform", "linux", "--to-staging", mirror];
  const copied = await command([...copying, "--no-index"], env);
  assert.equal(copied.code, 0, copied.stderr);
  const mirrored = Object.keys(await outputTree(`${mirror}/1-linux`));
  assert.deepEqual(mirrored.filter((name) => !name.endsWith("sum")), NAMES);
  const none = await command(["list", "--run-id", "9", "--platform", "linux"], env);
  assert.equal(none.code, 3, none.stderr);
  assert.equal(github.requests.length, before);
});

Deno.test({
  name: "find: an interruption ends the waiting with 130",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using github = startGithub({
      runs: [{ id: 1, sha: sha(1), createdAt: OLD, status: "in_progress" }],
    });
    await using dir = await tempDir();
    const args = ["find", "--commit", sha(1), "--platform", "linux", "--staging-dir", dir.path];
    const env = { ...NOBODY, GITHUB_API_URL: github.url };
    const waiting = start([...args, "--wait", "--cache-dir", dir.path], "piped", env);
    let told = "";
    let isInterrupted = false;
    for await (const text of waiting.stderr.pipeThrough(new TextDecoderStream())) {
      told += text;
      // A line may come in pieces, and a second interruption would end it at once.
      if (isInterrupted || !/waiting for artifacts/.test(told)) continue;
      isInterrupted = true;
      waiting.kill("SIGINT");
    }
    assert.equal((await waiting.status).code, 130, told);
    assert.match(told, /^note: waiting [^\n]*\nerror: interrupted[^\n]*\n$/);
    await waiting.stdout.cancel();
  },
});
