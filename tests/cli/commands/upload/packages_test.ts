/** `upload packages` of loose packages: what the job is told, the manifest, and what others read. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runJson, runs } from "../../../support/command_line.ts";
import { makeJob } from "../../../support/job.ts";
import { deb, rpm } from "../../../support/package_builder.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { fileNames } from "../../../support/snapshot.ts";
import { RUN } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const uploadArgs = (dir: string, type: string, ...more: string[]) => [
  ...["upload", "packages", dir, "--pkg-type", type, ...RUN],
  ...more,
];

Deno.test("upload packages in a job: apt's URL, the logs' page, instructions", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  await writeTree(dir.path, { "p/a.deb": deb("rocm-a"), "p/logs/a.log": "built" });
  const job = await makeJob(join(dir.path, "job"));
  const args = uploadArgs(join(dir.path, "p"), "deb", "--bucket", "suite");
  await runs(0, args, { ...job.env, ...s3Env(server.url) });
  const { outputs, summary } = await job.told();
  const base = `${server.url}/suite/123-linux`;
  assert.equal(outputs.package_repository_url, `${base}/packages/deb`);
  assert.equal(outputs.packaging_logs_url, `${base}/logs/packaging/deb/index.html`);
  assert(
    summary.includes(
      `echo 'deb [trusted=yes] ${base}/packages/deb stable main' | ` +
        "sudo tee /etc/apt/sources.list.d/rocm.list\n" +
        "sudo apt-get update && sudo apt-get install PACKAGE\n",
    ),
    summary,
  );
  for (const path of ["dists/stable/Release", "dists/stable/main/binary-amd64/Packages.gz"]) {
    const answer = await fetch(`${outputs.package_repository_url}/${path}`);
    await answer.body?.cancel();
    assert.equal(answer.status, 200, path);
  }
});

Deno.test("upload packages in a job: dnf's URL is the directory of repodata", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  await writeTree(dir.path, {
    "loose/a.rpm": rpm("rocm-a"),
    "ready/el9/repodata/repomd.xml": "<repomd/>",
    "ready/el9/a.rpm": rpm("rocm-a"),
  });
  for (const [name, sub] of [["loose", "x86_64"], ["ready", "el9"]]) {
    const job = await makeJob(join(dir.path, `job-${name}`));
    const args = uploadArgs(join(dir.path, name), "rpm", "--bucket", "suite");
    await runs(0, args, { ...job.env, ...s3Env(server.url) });
    const { outputs, summary } = await job.told();
    const url = `${server.url}/suite/123-linux/packages/rpm/${sub}`;
    assert.equal(outputs.package_repository_url, url);
    assert.equal(outputs.packaging_logs_url, "");
    assert(summary.includes(`--repofrompath=rocm,${url} PACKAGE`), summary);
  }
});

Deno.test("upload packages: files that several jobs update belong to none of them", async () => {
  await using dir = await tempDir();
  const staging = join(dir.path, "staging");
  await writeTree(dir.path, { "a/a.deb": deb("rocm-a"), "b/b.deb": deb("rocm-b") });
  for (const name of ["a", "b"]) {
    await runs(0, uploadArgs(join(dir.path, name), "deb", "--output-dir", staging), {
      GITHUB_JOB: name,
    });
  }
  const { files } = await runJson(0, ["verify", "--staging-dir", staging, ...RUN]);
  const wrong = files.filter(({ verdict }: { verdict: string }) => !/^(?:ok|made)$/.test(verdict));
  assert.deepEqual(wrong, []);
  const parts = (await fileNames(staging)).filter((name) => name.includes("manifests/outputs/"));
  assert.equal(parts.length, 2);
});

Deno.test("upload packages: a loose package added to a ready repository leaves a run that verifies", async () => {
  await using dir = await tempDir();
  const staging = join(dir.path, "staging");
  await writeTree(dir.path, { "a/a.deb": deb("rocm-a"), "b/b.deb": deb("rocm-b") });
  const made = join(dir.path, "made");
  await runs(0, uploadArgs(join(dir.path, "a"), "deb", "--output-dir", made));
  const ready = join(made, "123-linux/packages/deb");
  await runs(0, uploadArgs(ready, "deb", "--output-dir", staging), { GITHUB_JOB: "ready" });
  await runs(0, uploadArgs(join(dir.path, "b"), "deb", "--output-dir", staging), {
    GITHUB_JOB: "loose",
  });
  await runs(0, ["verify", "--staging-dir", staging, ...RUN]);
});

Deno.test("upload packages: a broken package: exit 1 alone, 7 among others, one line, no metadata", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, {
    "alone/a.deb": deb("rocm-a").subarray(0, 150),
    "among/a.deb": deb("rocm-a").subarray(0, 150),
    "among/b.deb": deb("rocm-b"),
  });
  const alone = join(dir.path, "s1");
  const { err } = await runs(1, uploadArgs(join(dir.path, "alone"), "deb", "--output-dir", alone));
  assert.match(err, /^error: Cannot upload '[^']*a\.deb': it is incomplete[^\n]*\n$/);
  assert.deepEqual(
    (await fileNames(alone).catch(() => [])).filter((n) => /packages\//.test(n)),
    [],
  );
  const among = join(dir.path, "s2");
  await runs(7, uploadArgs(join(dir.path, "among"), "deb", "--output-dir", among));
  const names = await fileNames(among);
  assert(names.includes("123-linux/packages/deb/pool/main/b.deb"));
  assert(!names.includes("123-linux/packages/deb/pool/main/a.deb"));
  assert(names.includes("123-linux/packages/deb/dists/stable/Release"));
});

Deno.test("upload packages: a directory with other files only is nothing to upload, exit 3", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "p/a.rpm": rpm("rocm-a") });
  const args = uploadArgs(join(dir.path, "p"), "deb", "--output-dir", join(dir.path, "s"));
  const { err } = await runs(3, args);
  assert.match(err, /it has no \.deb file/);
});
