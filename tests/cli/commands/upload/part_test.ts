/** The outputs manifest by the command line: what uploads write of it, what readers make of it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Json, refused, runJson, runs } from "../../../support/command_line.ts";
import { makeJob } from "../../../support/job.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { fileNames, snapshot } from "../../../support/snapshot.ts";
import {
  BUILD_KEYS,
  BUILD_PAGES,
  BUILD_PART,
  makeBuild,
  putArchives,
  RUN,
} from "../../../support/staging.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

interface Dirs {
  readonly dir: string;
  readonly build: string;
  readonly staging: string;
  readonly root: string;
}

function test(name: string, fn: (dirs: Dirs) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const dir = temp.path;
    const staging = join(dir, "staging");
    await fn({ dir, build: join(dir, "build"), staging, root: join(staging, "123-linux") });
  });
}

const upload = (kind: string, ...args: string[]) => ["upload", kind, ...args, ...RUN];
const buildOf = ({ build, staging }: Dirs, ...more: string[]) =>
  upload("build", "--artifact-group", "g", "--build-dir", build, "--output-dir", staging, ...more);
const artifactsOf = ({ dir, staging }: Dirs, name: string, ...more: string[]) =>
  upload("artifacts", join(dir, name), "--output-dir", staging, "--no-index", ...more);

async function readPart(root: string, path = BUILD_PART): Promise<Json> {
  return JSON.parse(await Deno.readTextFile(join(root, path)));
}

async function partNames(root: string): Promise<string[]> {
  const names = await fileNames(join(root, "manifests/outputs"));
  return names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
}

/** The environment of a job of the run. */
function jobEnv(job: string, runner: string, attempt = 1): Record<string, string> {
  return {
    GITHUB_RUN_ID: "123",
    GITHUB_RUN_ATTEMPT: `${attempt}`,
    GITHUB_REPOSITORY: "ROCm/TheRock",
    GITHUB_SHA: "c0ffee",
    GITHUB_WORKFLOW: "A name",
    GITHUB_WORKFLOW_REF: "ROCm/TheRock/.github/workflows/ci.yml@refs/heads/main",
    GITHUB_JOB: job,
    RUNNER_NAME: runner,
  };
}

test("upload build: its part lists every file, and the pages", async (d) => {
  await makeBuild(d.build);
  await runs(0, buildOf(d));
  const part = await readPart(d.root);
  assert.deepEqual(part.files.map((file: Json) => file.path), BUILD_KEYS);
  assert.deepEqual(part.pages, BUILD_PAGES);
  assert.deepEqual(part.run, { run_id: "123", platform: "linux" });
  assert.equal(part.writer, undefined);
  for (const { path, size } of part.files) {
    assert.equal((await Deno.stat(join(d.root, path))).size, size);
  }
});

test("upload in a job: the part names the run and the job; its URL is an output", async (d) => {
  await makeBuild(d.build);
  const job = await makeJob(join(d.dir, "job"));
  const event = join(d.dir, "event.json");
  const pull = { pull_request: { head: { sha: "head", repo: { fork: false } } } };
  await Deno.writeTextFile(event, JSON.stringify(pull));
  const env = {
    ...job.env,
    ...jobEnv("linux", "runner 7", 2),
    GITHUB_EVENT_NAME: "pull_request",
    GITHUB_EVENT_PATH: event,
    GITHUB_REF_NAME: "12/merge",
    GITHUB_HEAD_REF: "a-topic",
  };
  const document = await runJson(0, buildOf(d), env);
  assert.deepEqual(document.part, { name: "linux.build.g" });
  const part = await readPart(d.root, "manifests/outputs/linux.build.g.json");
  assert.deepEqual(part.run, {
    repository: "ROCm/TheRock",
    run_attempt: 2,
    commit: "head",
    branch: "a-topic",
    workflow: "ci.yml",
    run_id: "123",
    platform: "linux",
  });
  assert.deepEqual(part.writer, { job: "linux", runner: "runner 7" });
  const { outputs, summary } = await job.told();
  assert.match(outputs["outputs-manifest"], /^file:.*\/linux\.build\.g\.json$/);
  assert.match(outputs.manifest, /therock_manifest\.json$/);
  assert.equal(outputs.count, `${BUILD_KEYS.length}`);
  assert(!summary.includes("linux.build.g"), summary);
});

test("upload to another run than the job's own: the part does not name the job", async (d) => {
  await makeBuild(d.build);
  await runs(0, buildOf(d), { ...jobEnv("linux", "r"), GITHUB_RUN_ID: "9" });
  const part = await readPart(d.root, "manifests/outputs/linux.build.g.json");
  assert.deepEqual(part.run, { repository: "ROCm/TheRock", run_id: "123", platform: "linux" });
  assert.equal(part.writer, undefined);
});

test("several uploads of one job have a part each, and a matrix has one for each job", async (d) => {
  await makeBuild(d.build);
  await putArchives(join(d.dir, "one"), ["x_lib_gfx942.tar.zst"]);
  await putArchives(join(d.dir, "two"), ["x_lib_gfx950.tar.zst"]);
  await runs(0, buildOf(d), jobEnv("build", "a"));
  await runs(0, artifactsOf(d, "one"), jobEnv("build", "a"));
  await runs(0, artifactsOf(d, "two"), jobEnv("build", "b"));
  const names = await partNames(d.root);
  assert.equal(names.length, 3);
  assert(names.every((name) => name.startsWith("build.")), names.join());
  // The re-run of a job takes the name that its first run took.
  await runs(0, artifactsOf(d, "two"), jobEnv("build", "c", 2));
  assert.deepEqual(await partNames(d.root), names);
});

test("upload --part: of two jobs of one attempt with one name, the second fails, exit 7", async (d) => {
  await putArchives(join(d.dir, "one"), ["x_lib_gfx942.tar.zst"]);
  await putArchives(join(d.dir, "two"), ["x_lib_gfx950.tar.zst"]);
  await runs(0, artifactsOf(d, "one", "--part", "p"), jobEnv("build", "a"));
  const before = await readPart(d.root, "manifests/outputs/p.json");
  const { err } = await runs(7, artifactsOf(d, "two", "--part", "p"), jobEnv("build", "b"));
  assert.match(err, /^error: [^\n]*part "p"[^\n]*runner "a"[^\n]*--part[^\n]*\n$/);
  assert.deepEqual(await readPart(d.root, "manifests/outputs/p.json"), before);
  await Deno.stat(join(d.root, "x_lib_gfx950.tar.zst"));
});

test("upload: what is not complete has no part: a failure, a pattern, a job that failed", async (d) => {
  await makeBuild(d.build);
  await writeTree(d.root, { "logs/g/build.log/in-the-way": "x" });
  const failed = await runs(7, buildOf(d, "-v"));
  assert.match(
    failed.err,
    /^part build\.g of the outputs manifest is not written \(1 file failed\): the run is incomplete/m,
  );
  await runs(7, artifactsOf({ ...d, dir: d.build }, "artifacts", "--include", "fft*,nothing*"));
  const document = await runJson(
    0,
    upload(
      ...["stage", "--stage", "s", "--build-dir", d.build, "--job-status", "failure"] as const,
      ...["--output-dir", d.staging] as const,
    ),
  );
  assert.deepEqual(document.part, { name: "stage.s", withheld: "the job's status is failure" });
  assert.deepEqual(await partNames(d.root).catch(() => []), []);
});

test("upload --dry-run: names the part and the list of expected parts, and writes neither", async (d) => {
  await makeBuild(d.build);
  const before = await snapshot(d.dir);
  const args = buildOf(d, "--expect-parts", "build.g,other");
  const planned = await runJson(0, [...args, "-n"]);
  assert.deepEqual(await snapshot(d.dir), before);
  const done = await runJson(0, args);
  const paths = (document: Json) => document.files.map((file: Json) => file.path);
  assert.deepEqual(paths(planned), paths(done));
  assert(paths(done).includes("manifests/outputs/expected.json"));
  assert(paths(done).includes(BUILD_PART));
});

test("upload --expect-parts: lists add up; a failing upload leaves what it expects", async (d) => {
  await makeBuild(d.build);
  await runs(0, buildOf(d, "--expect-parts", "b,a"));
  await writeTree(d.dir, { "logs/x.log": "x" });
  await writeTree(d.root, { "logs/h/x.log/in-the-way": "x" });
  const logs = upload("logs", join(d.dir, "logs"), "--artifact-group", "h");
  // The code is that of the one file which failed: the list is none of the files.
  await runs(1, [...logs, "--output-dir", d.staging, "--expect-parts", "c"]);
  const expected = await readPart(d.root, "manifests/outputs/expected.json");
  assert.deepEqual(expected, { schema: "run-outputs.expected-parts/1", parts: ["a", "b", "c"] });
});

test("upload --part, --expect-parts: invalid names are rejected, nothing is written", async (d) => {
  await makeBuild(d.build);
  await refused(buildOf(d, "--part", "a/b"), ["--part", '"a/b"']);
  await refused(buildOf(d, "--part", "expected"), ["--part", '"expected"']);
  await refused(buildOf(d, "--expect-parts", "a,../b"), ["--expect-parts", '"../b"']);
  await assert.rejects(Deno.stat(d.staging), Deno.errors.NotFound);
});

/** A run with two parts of archives. */
async function twoParts(d: Dirs, ...more: string[]): Promise<void> {
  await putArchives(join(d.dir, "one"), ["x_lib_gfx942.tar.zst"]);
  await putArchives(join(d.dir, "two"), ["x_lib_gfx950.tar.zst"]);
  await runs(0, artifactsOf(d, "one", "--part", "one", ...more));
  await runs(0, artifactsOf(d, "two", "--part", "two"));
}

const read = (command: string, d: Dirs, ...more: string[]) => [
  ...[command, "--staging-dir", d.staging, ...RUN],
  ...(command === "fetch" ? ["--no-extract", "-o", join(d.dir, "out")] : []),
  ...more,
];

test("list: a complete run is listed from the manifest, with hashes and parts", async (d) => {
  await twoParts(d, "--expect-parts", "one,two");
  // What no part tells of is seen at the top level, and not below; -v tells of all of it.
  await writeTree(d.root, { "stray.txt": "x", "logs/stray.log": "x" });
  const document = await runJson(0, read("list", d));
  assert.equal(document.manifest.complete, true);
  assert.deepEqual(document.manifest.expected, ["one", "two"]);
  assert.deepEqual(document.manifest.parts.map((part: Json) => [part.part, part.files]), [
    ["one", 2],
    ["two", 2],
  ]);
  const file = document.files.find((file: Json) => file.path === "x_lib_gfx950.tar.zst");
  assert.match(file.sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(file.parts, ["two"]);
  const { out, err } = await runs(0, read("list", d, "-v"));
  assert(out.includes("stray.txt") && !out.includes("stray.log"), out);
  assert.match(err, /^outputs manifest: 2 parts, 4 files; complete, used instead of a listing$/m);
  assert.match(
    err,
    /^outputs manifest: the listing differs: 2 extra: logs\/stray\.log \(extra\), stray\.txt \(extra\)$/m,
  );
  const listed = await runs(0, read("list", d, "--no-manifest", "-v"));
  assert(listed.out.includes("stray.txt"));
  assert(!listed.err.includes("outputs manifest"));
});

test("list: without the list of expected parts the storage is listed", async (d) => {
  await twoParts(d);
  await writeTree(d.root, { "stray.txt": "x" });
  const { out, err } = await runs(0, read("list", d, "-v"));
  assert(out.includes("stray.txt"));
  assert.match(err, /expected parts unknown; listing the storage$/m);
  await Deno.remove(join(d.root, "manifests"), { recursive: true });
  assert.match((await runs(0, read("list", d, "-v"))).err, /manifest: none; listing/);
});

test("fetch --require-complete: exits with 7 and names what is missing, fetches nothing", async (d) => {
  await putArchives(join(d.dir, "one"), ["x_lib_gfx942.tar.zst"]);
  await runs(0, artifactsOf(d, "one", "--part", "one", "--expect-parts", "one,two,three"));
  const complete = read("fetch", d, "--require-complete");
  const { err } = await runs(7, complete);
  assert.match(err, /^error: Run 123 [^\n]*2 of its 3 parts are missing: three, two\n$/);
  await assert.rejects(Deno.stat(join(d.dir, "out")), Deno.errors.NotFound);
  assert.equal((await runJson(7, complete)).error.code, "incomplete");
  await runs(7, [...complete, "--part", "one,two"]);
  await runs(0, [...complete, "--part", "one"]);
  await putArchives(join(d.dir, "two"), ["x_lib_gfx950.tar.zst"]);
  await runs(0, artifactsOf(d, "two", "--part", "two"));
  await runs(0, artifactsOf(d, "two", "--part", "three"));
  assert.match((await runs(0, complete)).out, /2 verified/);
});

test("fetch --require-complete: contradicting options are rejected", async (d) => {
  await twoParts(d);
  await refused(read("fetch", d, "--part", "one"), ["--part", "--require-complete"]);
  await refused(read("fetch", d, "--require-complete", "--no-manifest"), ["--no-manifest"]);
  await refused(read("fetch", d, "--require-complete", "--part", "a/b"), ["--part", '"a/b"']);
  await refused(read("fetch", d, "--require-complete"), ["--part", "--expect-parts"], { code: 7 });
});

test("fetch: what a failed upload has put there is not hidden by the next one of its part", async (d) => {
  const env = jobEnv("build", "a");
  const run = (code: number, args: string[]) => runs(code, [...args, "--part", "build"], env);
  const name = (artifact: string) => `${artifact}_lib_generic.tar.zst`;
  await putArchives(join(d.dir, "art"), ["a", "b"].map(name));
  const checksum = join(d.dir, "art", `${name("b")}.sha256sum`);
  const right = await Deno.readTextFile(checksum);
  await Deno.writeTextFile(checksum, `${"0".repeat(64)}\n`);
  await putArchives(join(d.dir, "art2"), [name("c")]);
  await writeTree(d.dir, { f2: "2" });
  const fetched = join(d.dir, "fetched");
  const fetch = (code: number) => {
    const args = ["--require-complete", "--no-extract", "--output-dir", fetched];
    return runs(code, ["fetch", "--staging-dir", d.staging, ...args, ...RUN]);
  };

  await run(6, artifactsOf(d, "art", "--expect-parts", "build"));
  const files = upload("files", join(d.dir, "f2"), "--to", "y", "--output-dir", d.staging);
  await run(0, files);
  await run(0, artifactsOf(d, "art2"));
  assert.match(
    (await fetch(7)).err,
    /the upload of part build is incomplete \(.*\): .*; pending: b_lib_generic\.tar\.zst; if nothing is missing, 'run-outputs verify --drop-incomplete build .*' deletes the marker$/m,
  );

  await Deno.writeTextFile(checksum, right);
  await run(0, artifactsOf(d, "art"));
  await fetch(0);
  const archives = (await fileNames(fetched)).filter((file) => file.endsWith(".tar.zst"));
  assert.deepEqual(archives.sort(), ["a", "b", "c"].map(name));
});

test("upload: rejected files count for the part's name, so that its marker is deleted later", async (d) => {
  const artifact = "foo_lib_generic.tar.zst";
  const outputs = () => fileNames(join(d.root, "manifests/outputs"));
  await writeTree(join(d.dir, "art"), { [artifact]: "no archive" });
  await runs(6, artifactsOf(d, "art"));
  const [marker] = await outputs();
  await putArchives(join(d.dir, "art"), [artifact]);
  await runs(0, artifactsOf(d, "art"));
  assert.deepEqual(await outputs(), [marker.replace(/incomplete$/, "json")]);

  // A file that can't be found, and is there the next time.
  const files = (...names: string[]) =>
    upload("files", ...names.map((name) => join(d.dir, name)), "--to", "x", ...[
      "--output-dir",
      d.staging,
    ]);
  await writeTree(d.dir, { "a.txt": "a" });
  await runs(7, files("a.txt", "b.txt"));
  await writeTree(d.dir, { "b.txt": "b" });
  await runs(0, files("a.txt", "b.txt"));
  assert(!(await outputs()).some((name) => name.endsWith(".incomplete")));
});

test("a broken part: list and fetch name it, exit 6; --no-manifest works without it", async (d) => {
  await twoParts(d);
  const path = join(d.root, "manifests/outputs/two.json");
  const text = await Deno.readTextFile(path);
  for (const command of ["list", "fetch"]) {
    await Deno.writeTextFile(path, text.slice(0, -20));
    await refused(read(command, d), [path, "--no-manifest"], { code: 6 });
    await Deno.writeTextFile(path, text.replace("manifest/1", "manifest/2"));
    await refused(read(command, d), [path, "newer run-outputs"], { code: 1 });
    await runs(0, read(command, d, "--no-manifest"));
  }
});

test("on S3: a job that runs again, and one that replaces its files", async (d) => {
  await using server = await startS3Server();
  const env = { ...s3Env(server.url), ...jobEnv("build", "a") };
  const part = async (files: Readonly<Record<string, string>>) => {
    const source = join(d.dir, "files");
    await Deno.remove(source, { recursive: true }).catch(() => {});
    await writeTree(source, files);
    const args = upload("files", source, "--to", "x", "--part", "p", "--bucket", "suite");
    await runs(0, [...args, "--no-index", "-q"], env);
    const { files: listed } = await runJson(0, ["list", "--bucket", "suite", ...RUN], env);
    return listed.filter((file: Json) => file.parts !== undefined).map((file: Json) => file.path);
  };
  assert.deepEqual(await part({ a: "1", b: "1" }), ["x/a", "x/b"]);
  assert.deepEqual(await part({ c: "1" }), ["x/a", "x/b", "x/c"]);
  assert.deepEqual(await part({ b: "2" }), ["x/a", "x/b", "x/c"]);
  assert(server.requests.some((request) => /^DELETE .*\/outputs\/p\.json/.test(request)));
});

test("on S3: of a complete run only the top level is listed, and no checksum file is read", async (d) => {
  await using server = await startS3Server();
  const env = s3Env(server.url);
  const names = Array.from({ length: 12 }, (_, i) => `x_lib_gfx9${10 + i}.tar.zst`);
  await putArchives(join(d.dir, "a"), names);
  const s3 = ["--bucket", "suite"];
  const part = ["--part", "a", "--expect-parts", "a"];
  await runs(0, upload("artifacts", join(d.dir, "a"), ...s3, ...part), env);
  const requests = async (...more: string[]) => {
    const before = server.requests.length;
    const out = ["--no-extract", "--require-checksums", "-o", join(d.dir, `out${before}`)];
    const { out: text } = await runs(0, ["fetch", ...out, ...s3, ...RUN, ...more], env);
    assert.match(text, /12 verified/);
    return server.requests.slice(before).map((request) => request.replace(/\?.*list-type.*/, "?"));
  };
  const lean = await requests();
  assert.deepEqual(lean.filter((request) => request.endsWith("?")), Array(3).fill("GET /suite?"));
  assert(!lean.some((request) => request.includes(".sha256sum")), lean.join("\n"));
  const full = await requests("--no-manifest");
  assert.equal(full.filter((request) => request.includes(".sha256sum")).length, 12);
  assert(full.length === lean.length + 9, `${full.length} and ${lean.length} requests`);
});

test("upload: files that could not be read are added by the same upload later", async (d) => {
  await makeBuild(d.build);
  const artifacts = join(d.build, "artifacts");
  await Deno.rename(artifacts, join(d.dir, "away"));
  const args = buildOf(d, "--part", "p", "--expect-parts", "p");
  const env = jobEnv("build", "runner 1");
  await runs(7, args, env);
  const marker = await readPart(d.root, "manifests/outputs/p.incomplete");
  assert.deepEqual([marker.pending, marker.unlisted], [[], [artifacts]]);
  await Deno.rename(join(d.dir, "away"), artifacts);
  await runs(0, args, env);
  assert.deepEqual(await fileNames(join(d.root, "manifests/outputs")), ["expected.json", "p.json"]);

  const files = (...names: string[]) =>
    upload("files", ...names.map((name) => join(d.dir, name)), "--part", "q", "--to", "notes", ...[
      "--output-dir",
      d.staging,
    ]);
  await writeTree(d.dir, { "a.txt": "a", "b.txt": "b" });
  await runs(7, files("a.txt", "mistyped.txt"), env);
  await runs(0, files("a.txt", "b.txt"), env);
  assert.deepEqual(await partNames(d.root), ["expected", "p", "q"]);
  const names = await fileNames(join(d.root, "manifests/outputs"));
  assert(!names.includes("q.incomplete"));
});

test("a failed upload without a part is reported: verify, list, copy and export", async (d) => {
  await writeTree(d.dir, { "in/a.txt": "a", "in/b.txt": "b" });
  await Deno.mkdir(join(d.root, "x/b.txt"), { recursive: true });
  await writeTree(join(d.root, "x/b.txt"), { "in-the-way.txt": "" });
  const args = upload(
    "files",
    join(d.dir, "in"),
    "--to",
    "x",
    "--part",
    "p",
    "--no-index",
    "--output-dir",
    d.staging,
  );
  await runs(7, args);
  const failed =
    /the upload of part p is incomplete \(in progress, killed or failed\): .*; pending: x\/b\.txt(?:; if nothing is missing, .*)?$/m;
  const at = ["--staging-dir", d.staging, ...RUN];
  const unfinished = [{ part: "p", pending: ["x/b.txt"], unlisted: [] }];

  const verified = await runs(7, ["verify", ...at, "--json"]);
  assert.match(verified.err, failed);
  assert.deepEqual(JSON.parse(verified.out).manifest.unfinished, unfinished);
  const listed = await runs(0, ["list", ...at, "--json"]);
  assert.match(listed.err, failed);
  assert.deepEqual(JSON.parse(listed.out).manifest.unfinished, unfinished);

  const mirror = join(d.dir, "mirror");
  const copied = await runs(0, [
    "copy",
    "--from-staging",
    d.staging,
    "--to-staging",
    mirror,
    ...RUN,
  ]);
  assert.match(copied.err, failed);
  const tar = join(d.dir, "run.tar");
  assert.match((await runs(0, ["export", tar, ...at])).err, failed);
  const imported = join(d.dir, "imported");
  assert.match(
    (await runs(0, ["import", tar, "--output-dir", imported])).err,
    /part p .*incomplete/,
  );
  for (const dir of [mirror, imported]) {
    const { err } = await runs(7, ["verify", "--staging-dir", dir, ...RUN]);
    assert.match(err, failed);
  }
});
