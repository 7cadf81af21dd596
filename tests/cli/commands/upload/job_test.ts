/** Uploads in a job of GitHub Actions: what the job is told, and what nobody is. */

import assert from "node:assert/strict";
import { likeArchive } from "../../../support/bytes.ts";
import { join } from "node:path";
import { redactor } from "../../../../src/cli/terminal/redact.ts";
import { runs } from "../../../support/command_line.ts";
import { assertGolden } from "../../../support/golden.ts";
import { startFaultProxy } from "../../../support/fault_proxy.ts";
import { makeJob } from "../../../support/job.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { fileNames, snapshot } from "../../../support/snapshot.ts";
import { BUILD_KEYS, makeBuild, MANIFEST_PATH, RUN } from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const GROUP = ["--artifact-group", "g"];

Deno.test("upload build in a job: outputs, a summary with links, its mirror, a group of lines", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  const build = join(dir.path, "build");
  await makeBuild(build);
  await writeTree(build, { "logs/build_observability.html": "<p>", "logs/notes & more.txt": "" });
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "build", ...GROUP, "--build-dir", build, "--bucket", "suite", ...RUN];
  const { out } = await runs(0, [...args, "-v"], { ...job.env, ...s3Env(server.url) });
  const { outputs, summary, mirror } = await job.told();
  const base = `${server.url}/suite/123-linux`;
  const { bytes, ...rest } = outputs;
  assert(Number(bytes) > 5000, bytes);
  assert.deepEqual(rest, {
    "prefix": "123-linux",
    "bucket": "suite",
    "s3-uri": "s3://suite/123-linux",
    "index-url": `${base}/index.html`,
    "manifest": `${base}/manifests/g/therock_manifest.json`,
    "outputs-manifest": `${base}/manifests/outputs/build.g.json`,
    "count": `${BUILD_KEYS.length + 2}`,
  });
  assert.equal(mirror, summary);
  const stable = summary.replaceAll(server.url, "https://host").replace(/[\d.]+ k?B/g, "N B");
  await assertGolden("github/upload_build.md", stable);
  for (const [, link] of summary.matchAll(/\]\(([^)]+)\)/g)) {
    const answer = await fetch(link);
    await answer.body?.cancel();
    assert.equal(answer.status, 200, link);
  }
  const lines = out.trimEnd().split("\n");
  assert.equal(lines[0], "::group::22 files");
  assert.equal(lines.indexOf("::endgroup::"), 23);
  assert.equal(lines.length, 25);
  assert(lines[24].endsWith(`; see ${base}/index.html`), lines[24]);
});

Deno.test("upload build in a failed job: no link to artifacts, and no dead link", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  const build = join(dir.path, "build");
  await makeBuild(build);
  await Deno.remove(join(build, MANIFEST_PATH));
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "build", ...GROUP, "--build-dir", build, "--bucket", "suite", ...RUN];
  const failed = [...args, "--job-status", "failure"];
  const { err } = await runs(0, failed, { ...job.env, ...s3Env(server.url) });
  const notice =
    /part build\.g of the outputs manifest is not written \(the job's status is failure\): the run is incomplete until an upload of this part succeeds/;
  assert.match(err, new RegExp(`^note: ${notice.source}`, "m"));
  const { summary } = await job.told();
  assert.match(summary, new RegExp(`^\\*\\*${notice.source}\\*\\*$`, "m"));
  const links = [...summary.matchAll(/\[([^\]]+)\]\(/g)].map(([, name]) => name);
  assert.deepEqual(links, ["Logs", "Build profile"]);
  assert.match(summary, /^\| Artifacts \| 3 \|/m);
});

Deno.test("upload in a job: several manifests are several lines of one output", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "m/a.json": "{}", "m/b.json": "{}" });
  const job = await makeJob(join(dir.path, "job"));
  const staging = join(dir.path, "staging");
  const args = ["upload", "files", join(dir.path, "m"), "--to", "manifests/g", ...RUN];
  await runs(0, [...args, "--output-dir", staging], job.env);
  const { outputs, summary } = await job.told();
  assert.deepEqual(outputs.manifest.split("\n").map((url) => url.replace(/.*\//, "")), [
    "a.json",
    "b.json",
  ]);
  assert.match(outputs["index-url"], /^file:\/\/\/.*123-linux\/manifests\/index\.html$/);
  assert(!summary.includes("]("), "on a disk nothing is linked");
});

Deno.test("upload python in a job: how to install from there", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  await writeTree(dir.path, { "p/rocm-7.0.tar.gz": likeArchive("gz", "x") });
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "python", join(dir.path, "p"), ...GROUP, "--bucket", "suite", ...RUN];
  await runs(0, args, { ...job.env, ...s3Env(server.url) });
  const { outputs, summary } = await job.told();
  const page = `${server.url}/suite/123-linux/python/g/index.html`;
  assert.equal(outputs["index-url"], page);
  assert(
    summary.includes(`\npip install --pre --no-index --find-links ${page} PACKAGE\n`),
    summary,
  );
});

for (
  const { what, group, files, page, split } of [
    {
      what: "of one group",
      group: GROUP,
      files: ["rocm-7.0.tar.gz"],
      page: "/g/index.html",
      split: "false",
    },
    {
      what: "multi-arch",
      group: ["--multiarch"],
      files: ["rocm-7.0.tar.gz", "device_gfx942-1.0-py3-none-any.whl"],
      page: "/index.html",
      split: "true",
    },
    {
      what: "multi-arch, by family",
      group: ["--multiarch"],
      files: ["gfx942/rocm-7.0.tar.gz", "gfx1151/rocm-7.0.tar.gz"],
      page: "",
      split: "false",
    },
    {
      what: "multi-arch, by family beside common ones",
      group: ["--multiarch"],
      files: ["rocm-7.0.tar.gz", "gfx1151/device-7.0.tar.gz"],
      page: "",
      split: "false",
    },
  ]
) {
  Deno.test(`upload python in a job: package_find_links_url and kpack_split, ${what}`, async () => {
    await using dir = await tempDir();
    await using server = await startS3Server();
    await writeTree(
      dir.path,
      Object.fromEntries(
        files.map((file) => [`p/${file}`, likeArchive(file.endsWith(".whl") ? "zip" : "gz")]),
      ),
    );
    const args = ["upload", "python", join(dir.path, "p"), ...group, ...RUN];
    const job = await makeJob(join(dir.path, "job"));
    await runs(0, [...args, "--bucket", "suite"], { ...job.env, ...s3Env(server.url) });
    const { outputs } = await job.told();
    const base = `${server.url}/suite/123-linux/python`;
    assert.equal(outputs.package_find_links_url, `${base}${page}`);
    assert.equal(outputs.kpack_split, split);
    const families = files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]);
    const pages = families.length === 0 || page !== ""
      ? [outputs.package_find_links_url]
      : families.map((family) => `${outputs.package_find_links_url}/${family}/index.html`);
    for (const page of pages) {
      const answer = await fetch(page);
      assert((await answer.text()).includes("-7.0.tar.gz"), page);
    }

    const local = await makeJob(join(dir.path, "local"));
    await runs(0, [...args, "--output-dir", join(dir.path, "s")], local.env);
    const onDisk = (await local.told()).outputs.package_find_links_url;
    assert(onDisk.startsWith("file:///") && onDisk.endsWith(`/s/123-linux/python${page}`), onDisk);
    const bare = await makeJob(join(dir.path, "bare"));
    await runs(0, [...args, "--output-dir", join(dir.path, "t"), "--no-index"], bare.env);
    assert.equal(
      (await bare.told()).outputs.package_find_links_url,
      "",
      "a page that is not there",
    );
  });
}

Deno.test("upload tarballs in a job: tarball_urls has the first multi-arch distribution", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  const multiarch = "therock-dist-linux-multiarch-";
  await writeTree(dir.path, {
    [`t/${multiarch}7.1.tar.gz`]: likeArchive("gz", "x"),
    [`t/${multiarch}7.0+a.tar.gz`]: likeArchive("gz", "x"),
    [`t/${multiarch}7.0+a.zip`]: "x",
    [`t/${multiarch}tests-6.0.tar.gz`]: likeArchive("gz", "x"),
    [`t/${multiarch}hpc-6.0.tar.gz`]: likeArchive("gz", "x"),
    "t/therock-dist-linux-gfx942-7.0.tar.gz": likeArchive("gz", "x"),
    "t/a.tar.gz": likeArchive("gz", "x"),
    "u/therock-dist-linux-gfx942-7.0.tar.gz": likeArchive("gz", "x"),
    [`u/${multiarch}tests-6.0.tar.gz`]: likeArchive("gz", "x"),
  });
  const job = await makeJob(join(dir.path, "job"));
  const args = (from: string) => ["upload", "tarballs", join(dir.path, from), ...RUN];
  const s3 = ["--bucket", "suite"];
  const { err } = await runs(0, [...args("t"), ...s3], { ...job.env, ...s3Env(server.url) });
  assert(!err.includes("tarball_urls"), err);
  const { outputs } = await job.told();
  const url = `${server.url}/suite/123-linux/tarballs/${multiarch}7.0%2Ba.tar.gz`;
  assert.equal(outputs.tarball_urls, `{"multiarch":"${url}"}`);
  const answer = await fetch(url);
  assert((await answer.text()).endsWith("x"));

  const other = await makeJob(join(dir.path, "other"));
  const without = await runs(0, [...args("u"), "--output-dir", join(dir.path, "s")], other.env);
  assert.match(
    without.err,
    /^note: output tarball_urls not set: .*'therock-dist-linux-multiarch-…'/m,
  );
  assert.equal((await other.told()).outputs.tarball_urls, undefined);
});

Deno.test("upload in a job: outputs of single commands are not those of others", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "p/rocm-7.0.tar.gz": likeArchive("gz", "x") });
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "files", join(dir.path, "p"), "--to", "python/g", ...RUN];
  await runs(0, [...args, "--output-dir", join(dir.path, "s")], job.env);
  const { outputs } = await job.told();
  for (const name of ["package_find_links_url", "kpack_split", "tarball_urls"]) {
    assert.equal(outputs[name], undefined, name);
  }
});

Deno.test("upload in a job: what is missing is in the summary and marked in the log", async () => {
  await using dir = await tempDir();
  const build = join(dir.path, "build");
  await makeBuild(build);
  await Deno.remove(join(build, MANIFEST_PATH));
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "build", ...GROUP, "--build-dir", build, ...RUN];
  const { err } = await runs(7, [...args, "--output-dir", join(dir.path, "s")], job.env);
  assert.match(err, /^::error::Cannot read the manifest [^\n]*\n$/);
  const { outputs, summary } = await job.told();
  assert.equal(outputs.manifest, "");
  assert.match(summary, /^\*\*1 file is missing:\*\*$/m);
  assert.match(summary, /^\| manifests\/g\/therock\\_manifest\.json \| Cannot read the manifest/m);
});

Deno.test("upload in a job: one file unreadable: the rest is there, exit 7, the summary says so", async () => {
  await using dir = await tempDir();
  const build = join(dir.path, "build");
  await makeBuild(build);
  // Whoever runs this, a directory can't be read as a file.
  await Deno.remove(join(build, MANIFEST_PATH));
  await Deno.mkdir(join(build, MANIFEST_PATH));
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "build", ...GROUP, "--build-dir", build, ...RUN];
  const { out } = await runs(7, [...args, "--output-dir", join(dir.path, "s")], job.env);
  assert.match(out, /17 written, 1 failed/);
  const { summary } = await job.told();
  assert.match(summary, /^\| manifests\/g\/therock\\_manifest\.json \| .*is a directory/m);
});

Deno.test("upload in a job: one file rejected: the rest is there, exit 7, the summary says so", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  await using proxy = startFaultProxy(server.url);
  proxy.set({
    when: (method, path) => method === "PUT" && path.endsWith("/logs/g/build.log"),
    times: 1000,
    fault: { kind: "status", status: 403 },
  });
  const build = join(dir.path, "build");
  await makeBuild(build);
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "build", ...GROUP, "--build-dir", build, "--bucket", "suite", ...RUN];
  const { out, err } = await runs(7, args, { ...job.env, ...s3Env(proxy.url) });
  assert.match(err, /^::error::[^\n]*logs\/g\/build\.log[^\n]*\n$/);
  assert.match(out, /18 written, 1 failed/);
  const { summary, outputs } = await job.told();
  assert.match(summary, /^\| logs\/g\/build\.log \| Cannot write/m);
  assert.equal(outputs.count, `${BUILD_KEYS.length - 1}`);
  const page = await fetch(`${server.url}/suite/123-linux/logs/g/index.html`);
  assert(!(await page.text()).includes(">build.log<"), "what is not there is not listed");
});

Deno.test("upload in a job: pages that can't be listed are one more failure, exit 7", async () => {
  await using dir = await tempDir();
  await using server = await startS3Server();
  await using proxy = startFaultProxy(server.url);
  proxy.set({
    when: (method, path) => method === "GET" && path.includes("list-type=2"),
    times: 1000,
    fault: { kind: "status", status: 403 },
  });
  await writeTree(dir.path, { "a.txt": "a" });
  const job = await makeJob(join(dir.path, "job"));
  const args = ["upload", "files", join(dir.path, "a.txt"), "--to", "x", "--bucket", "suite"];
  const env = { ...job.env, ...s3Env(proxy.url) };
  const { out } = await runs(7, [...args, ...RUN], env);
  assert.match(out, /2 written, 1 failed/);
  assert.match((await job.told()).summary, /^\| index\.html \| /m);
  await runs(0, [...args, ...RUN, "--no-index"], env);
});

Deno.test("upload in a job: if nothing could be planned, the summary says so too", async () => {
  await using dir = await tempDir();
  const job = await makeJob(join(dir.path, "job"));
  const empty = join(dir.path, "empty");
  await Deno.mkdir(empty);
  const args = ["upload", "artifacts", empty, ...RUN];
  const { err } = await runs(3, [...args, "--output-dir", join(dir.path, "s")], job.env);
  assert.match(err, /^::error::[^\n]*\n$/);
  const { outputs, summary } = await job.told();
  assert.equal(outputs.count, "0");
  assert.match(summary, /^\*\*The upload failed: Nothing to upload: no files found/m);
  assert.doesNotMatch(summary, /missing|\| \. \|/);
  assert(summary.includes(`To repeat it:\n\n\`\`\`sh\nrun-outputs upload artifacts `), summary);
});

Deno.test("upload in a job: a failed one says how to repeat it, and what failed by its own name", async () => {
  await using dir = await tempDir();
  const build = join(dir.path, "it's a build");
  await makeBuild(build);
  await Deno.remove(join(build, "artifacts"), { recursive: true });
  const job = await makeJob(join(dir.path, "job"));
  const secret = "github-token-0123456789";
  const args = ["upload", "build", ...GROUP, "--build-dir", build, "--part", "b", ...RUN];
  args.push("--endpoint-url", `https://user:${secret}@host`, "--output-dir", join(dir.path, "s"));
  const { err } = await runs(7, args, { ...job.env, GITHUB_TOKEN: secret });
  const { summary } = await job.told();
  assert(!(err + summary).includes(secret), summary);
  const [, repeat] = summary.match(/To repeat it:\n\n```sh\n(.*)\n```\n/)!;
  const words = ["upload", "build", ...GROUP, "--build-dir"].join(" ");
  const quoted = `'${build.replace("'", "'\\''")}'`;
  assert(repeat.startsWith(`run-outputs ${words} ${quoted} --part b --run-id 123 `), repeat);
  // Nothing is known below the run, so the directory on the disk is named.
  assert.match(summary, /^\| \S*it's a build\/artifacts \| Cannot list the artifacts in /m);
  assert.doesNotMatch(summary, /\| \.? ?\||The upload failed/);
});

Deno.test("upload in a job: a dry run sets no outputs and no summary", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "a.txt": "a" });
  const job = await makeJob(join(dir.path, "job"));
  const before = await snapshot(dir.path);
  const args = ["upload", "files", join(dir.path, "a.txt"), "--to", "x", ...RUN, "--dry-run"];
  await runs(0, [...args, "--output-dir", join(dir.path, "s")], job.env);
  assert.deepEqual(await snapshot(dir.path), before);
});

Deno.test("upload in a job: a summary that can't be written is a warning, the upload is done", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "a.txt": "a" });
  const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: join(dir.path, "no", "s.md") };
  const args = ["upload", "files", join(dir.path, "a.txt"), "--to", "x", ...RUN];
  const { err } = await runs(0, [...args, "--output-dir", join(dir.path, "s")], env);
  assert.match(err, /^::warning::Cannot write [^\n]*s\.md[^\n]*\n$/);
  assert((await fileNames(join(dir.path, "s"))).includes("123-linux/x/a.txt"));
});

Deno.test("upload: no secret of the environment is printed, wherever it is", async () => {
  await using dir = await tempDir();
  const secret = "wJalrXUtnFEMIbPxRfiCYSECRET";
  const job = await makeJob(join(dir.path, "job"));
  const env = { ...job.env, AWS_SECRET_ACCESS_KEY: secret };
  await Deno.mkdir(join(dir.path, secret, "other"), { recursive: true });
  const args = ["upload", "artifacts", join(dir.path, secret), ...RUN];
  const { out, err } = await runs(3, [...args, "--output-dir", dir.path, "--json"], env);
  const { summary } = await job.told();
  for (const text of [out, err, summary]) {
    assert(!text.includes(secret), text);
    assert(text.includes("***"), text);
  }
});

for (
  const [text, clean] of [
    [
      "GET https://h/k?X-Amz-Signature=abc&x=1 failed",
      "GET https://h/k?X-Amz-Signature=***&x=1 failed",
    ],
    [
      "'https://h/k?a=1&X-Amz-Credential=AK%2Fx&X-Amz-Security-Token=t'",
      "'https://h/k?a=1&X-Amz-Credential=***&X-Amz-Security-Token=***'",
    ],
    ["https://h/k?AWSAccessKeyId=A&Signature=s%3D", "https://h/k?AWSAccessKeyId=***&Signature=***"],
    ["http://user:pass@proxy:3128 is stuck", "http://***@proxy:3128 is stuck"],
    ["GET https://ghp_whatever123@github.com/x", "GET https://***@github.com/x"],
    ["'https://user:p/ss@host/' and more", "'https://***@host/' and more"],
    ["https://user:p@ss@host/ https://u:a@b/c@h/", "https://***@host/ https://***@h/"],
    ["s3://bucket/a:b@c/d", "s3://bucket/a:b@c/d"],
    ['Invalid endpoint URL "user:pa/ss@host:90": x', 'Invalid endpoint URL "***@host:90": x'],
    ["Invalid proxy 'user:p@ss@host/x'", "Invalid proxy '***@host/x'"],
    ["proxy bob:hunter22@proxy:3128 is stuck", "proxy ***@proxy:3128 is stuck"],
    ["'blas_lib_gfx942:xnack+.tar.zst' 'a/b:c@d'", "'blas_lib_gfx942:xnack+.tar.zst' 'a/b:c@d'"],
    ["http://127.0.0.1:9000/b/a@c http://h:1/@s", "http://127.0.0.1:9000/b/a@c http://h:1/@s"],
    ["http://[::1]:9000/b/a@c file:///a:b@c", "http://[::1]:9000/b/a@c file:///a:b@c"],
    ["https://h:80, mail a@b", "https://h:80, mail a@b"],
    ["long ghs_0123456789_and_its_rest", "long ***"],
    ["x=FwoG%2Fabc%2Bdef%20%28g%3D%3D&y", "x=***&y"],
    ["x=FwoG%2fabc%2bdef%20(g%3d%3d&y", "x=***&y"],
    ["x=FwoG/abc+def%20(g==&y x=FwoG%2Fabc%2Bdef+%28g%3D%3D&y", "x=***&y x=***&y"],
    ["the token ghs_0123456789 is here", "the token *** is here"],
    ["short", "short"],
  ] as const
) {
  Deno.test(`redactor(): ${text}`, () => {
    const env: Record<string, string> = {
      GH_TOKEN: "short",
      GITHUB_TOKEN: "ghs_0123456789",
      ACTIONS_RUNTIME_TOKEN: "ghs_0123456789_and_its_rest",
      AWS_SESSION_TOKEN: "FwoG/abc+def (g==",
      HTTPS_PROXY: "bob:hunter22@proxy:3128",
    };
    assert.equal(redactor((name) => env[name])(text), clean);
  });
}
