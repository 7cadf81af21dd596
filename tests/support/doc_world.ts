/**
 * What the commands in the README and the docs need: a build, staging directories, a bucket, a
 * GitHub, a service. The runs 12344 and 12345 are the same in all of them.
 *
 * @module
 */

import { join } from "node:path";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { fileSource } from "../../src/storage/byte_source.ts";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import { likeArchive, noise } from "./bytes.ts";
import { runs } from "./command_line.ts";
import { sha, startGithub } from "./github_server.ts";
import { deb } from "./package_builder.ts";
import { s3Env, testOptions } from "./s3_subject.ts";
import { startS3Server } from "./s3_server.ts";
import { startService } from "./service.ts";
import { fileNames } from "./snapshot.ts";
import { writeTree } from "./temp_dir.ts";
import { makeWheel } from "./wheel.ts";

/** The bucket of CI and others that the docs name. */
const CI_BUCKET = "therock-ci-artifacts";
const LAB_BUCKET = "lab-artifacts";
const BUCKETS = [CI_BUCKET, LAB_BUCKET, `${CI_BUCKET}-external`, "archive-of-runs"];

/** The commit that the docs name, and two earlier ones. */
const COMMIT = `1a2b3c4d${sha(0).slice(8)}`;
const PARENT = sha(1);
const GOOD = sha(2);

const TOPOLOGY = `
[build_stages.foundation]
artifact_groups = ["base"]
[build_stages.math-libs]
type = "per-arch"
artifact_groups = ["math"]
[build_stages.comm-libs]
type = "per-arch"
artifact_groups = ["comm"]
[artifact_groups.base]
[artifact_groups.math]
artifact_group_deps = ["base"]
[artifact_groups.comm]
artifact_group_deps = ["math"]
[artifacts.base]
artifact_group = "base"
[artifacts.blas]
artifact_group = "math"
artifact_deps = ["base"]
[artifacts.rccl]
artifact_group = "comm"
artifact_deps = ["blas"]
`;

/** Options of {@linkcode docWorld}. */
interface DocWorldOptions {
  readonly runs?: string;
  readonly hasLab?: boolean;
}

/** A world: it ends with its servers. */
export interface DocWorld extends AsyncDisposable {
  /** The variables of the commands. */
  readonly env: Readonly<Record<string, string>>;
  /** The URL of the service, without a final `/`. */
  readonly service: string;
}

/**
 * Makes the files that are the same in all worlds.
 *
 * @param dir An empty directory.
 */
export async function makeDocFiles(dir: string): Promise<void> {
  const build = join(dir, "build");
  await writeTree(dir, {
    ...artifact("base_lib_generic", "base/stage", "lib/libbase.so"),
    ...artifact("blas_lib_gfx94X-dcgpu", "math-libs/stage", "lib/libblas.so"),
    ...artifact("blas_dev_gfx94X-dcgpu", "math-libs/stage", "include/blas.h"),
    ...artifact("rccl_test_gfx942", "comm-libs/stage", "bin/rccl-UnitTests"),
    "build/logs/therock-build.log": "[1/2] Building blas.o\nblas.cpp:1:2: error: no member\n",
    "build/.ninja_log": "# ninja log v5\n",
    "build/base/aux-overlay/build/therock_manifest.json": '{"the_rock_commit":"abc"}\n',
    "BUILD_TOPOLOGY.toml": TOPOLOGY,
    "TheRock/BUILD_TOPOLOGY.toml": TOPOLOGY,
    "build/BUILD_TOPOLOGY.toml": TOPOLOGY,
    "report.html": "<!doctype html><title>Report</title>\n",
    "report/index.html": "<!doctype html><title>Report</title>\n",
    "manifest.json": '{"torch":{"commit":"abc"}}\n',
    "packages/dist/one-1.0-py3-none-any.whl": makeWheel("one", "1.0", "A = 1\n"),
    "tarballs/therock-dist-linux-multiarch-7.0.tar.gz": likeArchive("gz", noise(1000, 1)),
    "debs/one.deb": deb("one"),
    "logs/build.log": "built\n",
    "token": `${"0123456789abcdef".repeat(4)}\n`,
    "test.sh": "#!/bin/sh\nexit 0\n",
  });
  await Deno.mkdir(join(dir, "usb"));
  await Deno.chmod(join(dir, "test.sh"), 0o755);
  await Deno.chmod(join(dir, "token"), 0o600);
  const staging = join(dir, "staging");
  for (const [id, platform] of [["12344", "linux"], ["12345", "linux"], ["12345", "windows"]]) {
    await runs(0, [
      ...["upload", "build", "--artifact-group", "gfx94X-dcgpu", "--build-dir", build],
      ...["--output-dir", staging, "--run-id", id, "--platform", platform],
    ]);
  }
  const mirror = ["--to-staging", join(dir, "mirror")];
  await runs(0, [
    "copy",
    "--from-staging",
    staging,
    "--run-id",
    "12345",
    "--platform",
    "linux",
    ...mirror,
  ]);
}

/** The directory of an artifact in the build, with one file. */
function artifact(name: string, stage: string, file: string): Record<string, string> {
  const dir = `build/artifacts/${name}`;
  return { [`${dir}/artifact_manifest.txt`]: `${stage}\n`, [`${dir}/${stage}/${file}`]: file };
}

/**
 * Makes a world of the files in a directory.
 *
 * @param dir The directory, with what {@linkcode makeDocFiles} makes or what the demo leaves.
 * @param options The staging directory whose runs are in the bucket of CI, and whether the lab's
 * bucket has them too.
 */
export async function docWorld(
  dir: string,
  { runs = join(dir, "staging"), hasLab = false }: DocWorldOptions = {},
): Promise<DocWorld> {
  const server = await startS3Server();
  await fillBuckets(server.url, runs, hasLab ? [CI_BUCKET, LAB_BUCKET] : [CI_BUCKET]);
  const run = { createdAt: "2026-06-01T00:00:00Z", branch: "main" };
  const github = startGithub({
    refs: { "main": COMMIT, "v1.0": GOOD },
    pulls: { 1234: COMMIT },
    commits: [
      { sha: COMMIT, message: "third", parents: [PARENT] },
      { sha: PARENT, message: "second", parents: [GOOD] },
      { sha: GOOD, message: "first" },
    ],
    runs: [{ ...run, id: 12345, sha: COMMIT }, { ...run, id: 12344, sha: PARENT }],
  });
  const service = await startService({ backend: new LocalBackend(join(dir, "staging")) });
  return {
    service: service.url.replace(/\/$/, ""),
    env: {
      ...s3Env(server.url),
      GITHUB_API_URL: github.url,
      GITHUB_TOKEN: "a-token-of-a-test",
      GITHUB_REPOSITORY: "ROCm/TheRock",
      GITHUB_RUN_ID: "12345",
      GITHUB_SHA: COMMIT,
      THEROCK_PLATFORM: "linux",
      RUNNER_TEMP: dir,
      GITHUB_STEP_SUMMARY: join(dir, "summary.md"),
      XDG_STATE_HOME: join(dir, "state"),
      HOME: dir,
    },
    async [Symbol.asyncDispose]() {
      for (const one of [service, github, server]) await one[Symbol.asyncDispose]();
    },
  };
}

/** Makes the buckets, and copies the runs of a staging directory to some. */
async function fillBuckets(url: string, staging: string, full: readonly string[]): Promise<void> {
  for (const bucket of BUCKETS) {
    const answer = await fetch(`${url}/${bucket}`, { method: "PUT" });
    await answer.body?.cancel();
  }
  using s3 = await createS3Backend(testOptions(url));
  for (const name of await fileNames(staging)) {
    for (const bucket of full) {
      await s3.write(new OutputLocation(bucket, name), await fileSource(join(staging, name)));
    }
  }
}
