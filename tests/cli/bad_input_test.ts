/** Bad input: one line, exit 2, and nothing on disk is other than before. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseDocument, refused, run } from "../support/command_line.ts";
import { snapshot } from "../support/snapshot.ts";
import { makeBuild, RUN } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

const UPLOAD = ["upload", "files", "BUILD/logs", "--to", "x", "--output-dir", "OUT"];
const BUILD = ["upload", "build", "--build-dir", "BUILD", "--output-dir", "OUT", ...RUN];
const XZ = ["upload", "artifacts", "BUILD/artifacts", "--output-dir", "OUT", ...RUN].concat(
  ["--compression", "xz"],
);
const FETCH = ["fetch", "--staging-dir", "BUILD", "--output-dir", "OUT", ...RUN];
const LIST = ["list", "--staging-dir", "BUILD", ...RUN];
/** Without credentials, a command that opens the bucket ends with another error. */
const S3 = ["--bucket", "suite", ...RUN];

/** What is typed, and what the line has to name. */
const CASES: readonly (readonly [readonly string[], ...string[]])[] = [
  [["pth"], "pth", "path"],
  [["uplaod", "build"], "uplaod", "upload"],
  [["upload", "biuld"], "biuld", "build"],
  [["upload", "artefacts"], "artefacts", "artifacts"],
  [["upload", "build", "--artifact-gruop", "g"], "--artifact-gruop", "--artifact-group"],
  [["fetch", "--ouput-dir", "x"], "--ouput-dir", "--output-dir"],
  [["list", "--staging", "x"], "--staging"],
  [["path", "manifst", "g"], "manifst", "manifest"],
  [["path", "root", "--formt", "s3"], "--formt", "--format"],
  [["path", "root", "--format", "s4", ...RUN], "--format", "s4", "https"],
  [["path", ...RUN], "KIND"],
  [["path", "manifest", ...RUN], "artifact-group"],
  [["path", "root", "more", ...RUN], "more"],
  [["path", "artifact", "a/b.tar.zst", ...RUN], "a/b.tar.zst"],
  [["path", "manifest", "..", ...RUN], "artifact group", '".."'],
  [["path", "log-file", "g", "../../secret", ...RUN], "../../secret"],
  [["path", "root", "--platform", "linux"], "--run-id"],
  [["path", "root", "--run-id", "1", "--format", "local"], "--staging-dir"],
  [[...UPLOAD, "--run-id", "../1"], "run id", "../1"],
  [[...UPLOAD, "--run-id"], "--run-id"],
  [[...UPLOAD, "--platform", "macos"], "--platform", "macos", "linux"],
  [[...UPLOAD, ...RUN, "--repo", "TheRock"], "repository", "TheRock", "OWNER/NAME"],
  [[...UPLOAD, ...RUN, "--repo", "a/b/c"], "repository", "a/b/c"],
  [[...UPLOAD, ...RUN, "--run-github-repo", "a"], "repository", '"a"'],
  [
    [...UPLOAD, ...RUN, "--repo", "a/b", "--run-github-repo", "c/d"],
    "--run-github-repo",
    "c/d",
    "a/b",
  ],
  [[...UPLOAD, ...RUN, "--release-type", "nightli"], "release type", "nightli", "nightly"],
  [[...UPLOAD, ...RUN, "--release-type", "release"], "release type", '"release"'],
  [[...UPLOAD, ...RUN, "--bucket", "Not_A_Bucket"], "bucket", "Not_A_Bucket"],
  [[...UPLOAD, ...RUN, "--layout", "deep"], "--layout", "deep", "typed"],
  [[...UPLOAD, ...RUN, "--if-exists", "maybe"], "--if-exists", "maybe", "replace"],
  [[...UPLOAD, ...RUN, "--concurrency", "0"], "--concurrency", "'0'"],
  [[...UPLOAD, ...RUN, "--concurrency", "1e3"], "--concurrency", "1e3"],
  [[...UPLOAD, ...RUN, "--concurrency", "-1"], "--concurrency", "-1"],
  [[...UPLOAD, ...RUN, "--color", "sometimes"], "--color", "sometimes"],
  [[...UPLOAD, ...RUN, "--exclude", "../x"], "exclude pattern", "../x"],
  [[...UPLOAD, ...RUN, "--include", "/abs"], "include pattern", "/abs"],
  [["upload", "files", "BUILD", "--to", "../x", "--output-dir", "OUT", ...RUN], "../x"],
  [["upload", "files", "BUILD", "--to", "/x", "--output-dir", "OUT", ...RUN], "/x"],
  [["upload", "files", "BUILD", "--to", "a//b", "--output-dir", "OUT", ...RUN], "a//b"],
  [["upload", "files", "BUILD", "--output-dir", "OUT", ...RUN], "--to"],
  [["upload", "files", "--to", "x", "--output-dir", "OUT", ...RUN], "paths"],
  [["upload", "files", "BUILD", "--to", "x", "--output-dir", "", ...RUN], "--output-dir"],
  [BUILD, "--artifact-group"],
  [[...BUILD, "--artifact-group", ""], "Missing option --artifact-group"],
  [[...BUILD, "--artifact-group", "a/b"], "artifact group", "a/b"],
  [[...BUILD, "--artifact-group", "g", "--job-status", "ok"], "--job-status", "ok", "success"],
  [[...BUILD, "--artifact-group", "g", "--level", "20"], "--level", "20", "19"],
  [[...BUILD, "--artifact-group", "g", "--level", "0"], "--level", "'0'", "zst", "from 1 to 19"],
  [[...XZ, "--level", "99"], "--level", "'99'", "--compression xz", "from 0 to 7"],
  [[...XZ, "--level", "8"], "--level", "'8'", "--compression xz", "from 0 to 7"],
  [[...XZ, "--level", "best"], "--level", "'best'", "whole number: zst 1 to 19"],
  [[...UPLOAD, ...RUN, "--part-size", "1"], "--part-size", "'1'", "MiB from 5 to 5120"],
  [[...FETCH, "--max-ratio", "x"], "--max-ratio", "'x'", "whole number of at least 1"],
  [[...BUILD, "--artifact-group", "g", "--compression", "gz"], "--compression", "'gz'", "zst, xz"],
  [[...XZ, "--mtime", "yesterday"], "--mtime", "'yesterday'", "whole number"],
  [[...XZ, "--mtime", "-1"], "--mtime", "'-1'"],
  [[...XZ, "--mtime", "8640000000001"], "--mtime", "8640000000001"],
  [[...BUILD, "--artifact-group", "g", "surplus"], "argument"],
  [["upload", "logs", "BUILD/logs", "--output-dir", "OUT", ...RUN], "--artifact-group"],
  [["upload", "artifacts", "--output-dir", "OUT", ...RUN], "dir"],
  [["upload", "artifacts", "", "--output-dir", "OUT", ...RUN], "dir"],
  [["upload", "manifest", "--output-dir", "OUT", ...RUN], "file"],
  [["fetch", "--staging-dir", "BUILD", ...RUN], "--output-dir"],
  [[...FETCH, ".."], "include pattern", '".."'],
  [[...FETCH, ""], "pattern", '""'],
  [[...FETCH, "a", " , "], "pattern", '" , "'],
  [[...FETCH, "--concurrency", "many"], "--concurrency", "many"],
  [["fetch", "--staging-dir", "", "--output-dir", "OUT", ...RUN], "--staging-dir"],
  [[...LIST, "--kind", "logs"], "--kind", '"logs"', "log"],
  [[...FETCH, "--components", "lib,my_comp"], "component", '"my_comp"', "lib, run, dev"],
  [[...FETCH, "--patterns-from", "BUILD/nope"], "--patterns-from", "nope", "no such file"],
  [[...FETCH, "--stage", "s", "--topology", "BUILD/nope"], "--topology", "nope"],
  [[...FETCH, "--expand-families", "--families-file", "BUILD/nope"], "--families-file", "nope"],
  [[...FETCH, "--cache-dir", "BUILD/.ninja_log"], ".ninja_log", "not a directory"],
  [["list", "--server", "http://lab", "--server-token-file", "BUILD/nope", ...RUN], "token-file"],
  [["import", "BUILD/nope", "--output-dir", "OUT"], "nope", "no such file"],
  ...["build --artifact-group g --build-dir", "stage --stage s --build-dir", "artifacts"].map((
    words,
  ): readonly [readonly string[], ...string[]] => [
    ["upload", ...words.split(" "), "BUILD/nope", ...S3],
    "nope",
    "no such file",
  ]),
  [["upload", "logs", "BUILD/nope", "--artifact-group", "g", ...S3], "log directory", "nope"],
  [["upload", "logs", "BUILD/.ninja_log", "--artifact-group", "g", ...S3], "not a directory"],
  [["upload", "tarballs", "BUILD/.ninja_log", ...S3], ".ninja_log", "not a directory"],
  [
    ["upload", "artifacts", "BUILD/artifacts", "--stage", "s", "--topology", "BUILD/nope", ...S3],
    "--topology",
    "nope",
  ],
  [["verify", "BUILD/nope"], "nope", "no such file"],
  [["verify", "--repair", "--from", "BUILD/nope", ...S3], "copy", "nope"],
  [["index", "BUILD/nope"], "nope", "no such file"],
  [["runs", "prune", "--keep-listed", "BUILD/nope", "--bucket", "suite"], "nope", "no such file"],
  [["runs", "prune", "--execute", "BUILD/nope", "--bucket", "suite"], "--execute", "nope"],
  [["serve", "--staging-dir", "BUILD", "--token-file", "BUILD/nope"], "token", "nope"],
  [["upload", "files", "BUILD/nope", "BUILD/no", "--to", "x", "--bucket", "b-b", ...RUN], "nope"],
  [[...LIST, "surplus"], "run", '"surplus"', "--run-id"],
  [[...LIST, "124"], "--run-id", '"123"', "'124'"],
  [[...LIST, "123-windows"], "--platform", '"linux"', "'123-windows'"],
  [[...LIST, "123", "124"], "argument"],
  [[...FETCH, "124", "blas_*"], "--run-id", '"123"', "'124'"],
  [["find", "--commit", "1234567", "5"], "--commit", "--run-id"],
  [[...LIST, "--kind", "log", "artifact"], "--kind log,artifact"],
  [["upload", "artifacts", "BUILD", "--include", "a", "b"], "argument", "--include a,b"],
  [["list", "--staging-dir", "BUILD/.ninja_log", ...RUN], ".ninja_log", "directory"],
  [["list", "--staging-dir", "BUILD", "--run-id", "a b"], "run id", "a b"],
];

for (const [args, ...texts] of CASES) {
  Deno.test(`bad input: ${args.join(" ") || "nothing"}: one line, exit 2, nothing changes`, async () => {
    await using temp = await tempDir();
    const build = join(temp.path, "build");
    await makeBuild(build);
    const filled = args.map((arg) =>
      arg.replace(/^BUILD/, build).replace(/^OUT$/, join(temp.path, "out"))
    );
    const before = await snapshot(temp.path);
    await refused(filled, texts);

    // The same with --json: the line stays, and one document says the same.
    const { code, out, err } = await run(
      ["--", "-"].includes(args.at(-1)!) ? filled : [
        ...filled.slice(0, 1),
        "--json",
        ...filled.slice(1),
      ],
    );
    if (err.includes("'--json'")) return; // a group, or no command: it has no such option
    assert.match(err, /^error: [^\n]+\n$/);
    assert.equal(code, 2);
    const document = parseDocument(out);
    assert.equal(document.schema, "run-outputs.error/1");
    assert.deepEqual(document.error, {
      code: "invalid",
      message: err.slice("error: ".length, -1),
      exit_code: 2,
    });
    assert.deepEqual(await snapshot(temp.path), before);
  });
}

const ENVIRONMENTS: readonly (readonly [Record<string, string>, ...string[]])[] = [
  [{ GITHUB_REPOSITORY: "TheRock" }, "GITHUB_REPOSITORY", "TheRock"],
  [{ RELEASE_TYPE: "nope" }, "RELEASE_TYPE", "nope"],
  [{ RELEASE_TYPE: "" }, "RELEASE_TYPE", '""'],
  [{ GITHUB_RUN_ID: "1/2" }, "run id", "1/2"],
  [
    { GITHUB_EVENT_NAME: "pull_request", GITHUB_EVENT_PATH: "BUILD/.ninja_log" },
    "GITHUB_EVENT_PATH",
    ".ninja_log",
  ],
];

for (const [env, ...texts] of ENVIRONMENTS) {
  Deno.test(`bad environment: ${JSON.stringify(env)}: one line, exit 2, nothing changes`, async () => {
    await using temp = await tempDir();
    const build = join(temp.path, "build");
    await makeBuild(build);
    const before = await snapshot(temp.path);
    const filled = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, value.replace("BUILD", build)]),
    );
    await refused(
      [
        ...["upload", "files", build, "--to", "x", "--platform", "linux"],
        ...["--output-dir", join(temp.path, "out")],
      ],
      texts,
      { env: filled },
    );
    assert.deepEqual(await snapshot(temp.path), before);
  });
}

Deno.test("S3: an invalid setting is one line from each command", async () => {
  await using temp = await tempDir();
  const build = join(temp.path, "build");
  await makeBuild(build);
  const before = await snapshot(temp.path);
  const commands = [
    ["upload", "build", "--artifact-group", "g", "--build-dir", build],
    ["upload", "artifacts", join(build, "artifacts")],
    ["upload", "logs", join(build, "logs"), "--artifact-group", "g"],
    ["upload", "manifest", join(build, "base/aux-overlay/build/therock_manifest.json")],
    ["upload", "files", build, "--to", "x"],
    ["list"],
    ["fetch", "--output-dir", build],
  ];
  for (const args of commands) {
    await refused([...args, ...RUN, "--endpoint-url", "nowhere"], ["endpoint URL", "nowhere"]);
  }
  assert.deepEqual(await snapshot(temp.path), before);
});

Deno.test("missing input: a place of runs that does not exist has no runs: exits with 3", async () => {
  await using temp = await tempDir();
  const nothing = join(temp.path, "nothing");
  const out = ["--output-dir", join(temp.path, "out"), ...RUN];
  const cases = [
    ["list", "--staging-dir", nothing, ...RUN],
    ["fetch", "--staging-dir", nothing, ...out],
  ];
  for (const args of cases) await refused(args, [nothing], { code: 3 });
  assert.deepEqual(await Array.fromAsync(Deno.readDir(temp.path)), []);
});

Deno.test("missing input: a directory without files exits with 3", async () => {
  await using temp = await tempDir();
  const empty = join(temp.path, "empty");
  await Deno.mkdir(empty);
  const out = ["--output-dir", join(temp.path, "out"), ...RUN];
  await refused(["upload", "files", empty, "--to", "x", ...out], ["Nothing to upload"], {
    code: 3,
  });
  await refused(["upload", "artifacts", empty, ...out], ["Nothing to upload"], { code: 3 });
  await Deno.mkdir(join(empty, "artifacts"));
  await refused(
    ["upload", "artifacts", empty, ...out],
    [`Nothing to upload: skipped '${join(empty, "artifacts")}': not named like an artifact`],
    { code: 3 },
  );
});
