import assert from "node:assert/strict";
import { runs } from "../support/command_line.ts";
import { run } from "../support/fake_io.ts";
import { readTree, tempDir, writeTree } from "../support/temp_dir.ts";

/** A bad command line, its exit code, and what its one line has to say. */
type Case = readonly [
  args: readonly string[],
  code: number,
  says: readonly string[],
  env?: Readonly<Record<string, string>>,
];

const S = ["--staging-dir", "stage", "--run-id", "1", "--platform", "linux"];
const O = ["--output-dir", "out", "--run-id", "1", "--platform", "linux"];
const G = ["--artifact-group", "g"];

/** Arguments that are paths in the test's own directory. */
const PATHS = new Set(["stage", "stage/text", "nope", "out"]);

const CASES: readonly Case[] = [
  [["uplaod"], 2, ["'uplaod'", "upload"]],
  [["help", "uplaod"], 2, ["'uplaod'", "Did you mean upload?"]],
  [["help", "nope"], 2, ["'nope'", "'run-outputs help' lists all commands"]],
  [["help", "build"], 2, ["'build'", "Did you mean upload build?"]],
  [["help", "upload", "biuld"], 2, ["'biuld'", "Did you mean build?"]],
  [["upload", "help", "nope"], 2, ["'nope'", "'run-outputs help upload' lists all commands"]],
  [["upload", "biuld"], 2, ["'biuld'", "build"]],
  [["upload", "build", "--artifact-gruop", "g"], 2, ["--artifact-gruop", "--artifact-group"]],
  [["upload", "build", "--staging-dir", "out"], 2, ["'--staging-dir'", "mean --output-dir?"]],
  [["copy", "--staging-dir", "out"], 2, ["mean --from-staging or --to-staging?"]],
  [["fetch", "--output=out"], 2, ["'--output=out'", "mean --output-dir?"]],
  [["bisect", "start", "--sha", "abc"], 2, ["'--sha'", "'run-outputs bisect start --help'"]],
  [["-x"], 2, ["'-x'", "'run-outputs --help'"]],
  [["nothing"], 2, ["'nothing'", "'run-outputs --help'"]],
  [["upload", "nothing"], 2, ["'nothing'", "'run-outputs upload --help'"]],
  [["upload", "build", ...O], 2, ["--artifact-group"]],
  [["upload", "build", ...G, "--artifact-group", "../x", ...O], 2, ["artifact group", '"../x"']],
  [["upload", "build", ...G], 2, ["--run-id"]],
  [["upload", "build", ...G, ...O, "--build-dir", "nope"], 2, ["build directory", "'nope'"]],
  [["upload", "build", ...G, ...O, "--job-status", "fine"], 2, ["--job-status", "'fine'"]],
  [["upload", "artifacts", "stage", ...O, "--level", "99"], 2, ["--level", "'99'", "1 to 19"]],
  [["upload", "artifacts", "nope", ...O], 2, ["'nope'"]],
  [["upload", "artifacts", "", ...O], 2, ["dir"]],
  [["upload", "logs", "stage", ...O], 2, ["--artifact-group"]],
  [["upload", "logs", "stage", ...O, "--artifact-group", ""], 2, ["--artifact-group"]],
  [["upload", "logs", "stage", ...O, ...G, "--exclude", "../x"], 2, ["exclude pattern", "../x"]],
  [["upload", "logs", "stage", ...O, ...G, "--include", "zz"], 3, ["Nothing to upload", "'zz'"]],
  [["upload", "files", "stage", ...O], 2, ["--to"]],
  [["upload", "files", "stage", ...O, "--to", "../x"], 2, ["path", '"../x"']],
  [["upload", "files", "stage", ...O, "--to", "/x"], 2, ["path", '"/x"']],
  [["upload", "files", "nope", ...O, "--to", "x"], 2, ["'nope'"]],
  [["upload", "stage", ...O], 2, ["--stage"]],
  [["upload", "stage", "--stage", "../x", ...O], 2, ["stage", '"../x"']],
  [["upload", "stage", "--stage", "s", "--build-dir", "nope", ...O], 2, ["'nope'"]],
  [["upload", "python", "stage", ...O], 2, ["--artifact-group", "--multiarch"]],
  [["upload", "python", "stage", ...G, "--multiarch", ...O], 2, [
    "--artifact-group",
    "--multiarch",
  ]],
  [["upload", "python", "stage", ...G, ...O], 3, ["Python packages", ".whl"]],
  [["upload", "python", "nope", ...G, ...O], 2, ["'nope'"]],
  [["upload", "pytorch-manifest", "stage/text", ...O], 2, ["--amdgpu-family"]],
  [["upload", "packages", "stage", ...O], 2, ["--pkg-type"]],
  [["upload", "packages", "stage", "--pkg-type", "msi", ...O], 2, ["--pkg-type", "'msi'"]],
  [["upload", "packages", "nope", "--pkg-type", "deb", ...O], 2, ["'nope'"]],
  [["upload", "tarballs", "stage", ...O], 3, [".tar.gz"]],
  [["upload", "tarballs", "nope", ...O], 2, ["'nope'"]],
  [["upload", "test-report", "stage", ...O], 2, ["--to"]],
  [["upload", "test-report", "nope", "--to", "x", ...O], 2, ["'nope'"]],
  [["upload", "test-report", "stage", "--to", "x", "--index-file-name", "a/b", ...O], 2, [
    "test report file name",
    '"a/b"',
  ]],
  [["index", "--staging-dir", "stage", "--run-id", "a/b", "--platform", "linux"], 2, [
    "run id",
    '"a/b"',
  ]],
  [["index", "nope"], 2, ["'nope'"]],
  [["index", ...S, "--run-id", "99"], 3, ["Nothing to list"]],
  [["upload", "manifest", "stage/text", ...O], 2, ["stage/text", "not JSON"]],
  [["upload", "manifest", "nope", ...O], 2, ["'nope'"]],
  [["upload", "manifest", "stage", ...O], 2, ["'stage'", "it is a directory"]],
  [["upload", "files", "stage", "--to", "x", "--run-id", "a/b", "--output-dir", "out"], 2, [
    "run id",
    '"a/b"',
  ]],
  [["upload", "files", "stage", "--to", "x", ...O, "--concurrency", "0"], 2, [
    "--concurrency",
    "'0'",
  ]],
  [["upload", "files", "stage", "--to", "x", ...O, "--if-exists", "no"], 2, [
    "--if-exists",
    "'no'",
  ]],
  [["upload", "files", "stage", "--to", "x", ...O, "--release-type", "x"], 2, [
    "release type",
    '"x"',
  ]],
  [["upload", "files", "stage", "--to", "x", ...O], 2, ["RELEASE_TYPE", '""'], {
    RELEASE_TYPE: "",
  }],
  [["upload", "files", "stage", "--to", "x", ...O], 2, ["GITHUB_REPOSITORY", '"a/b/c"'], {
    GITHUB_REPOSITORY: "a/b/c",
  }],
  [["upload", "files", "stage", "--to", "x", ...O, "--repo", "x"], 2, ["repository", '"x"']],
  [["upload", "files", "stage", "--to", "x", ...O, "--bucket", "B_"], 2, ["bucket", '"B_"']],
  [["list"], 2, ["--run-id"]],
  [["list", "--staging-dir", "nope", "--run-id", "1"], 3, ["staging directory", "'nope'"]],
  [["list", "--staging-dir", "stage/text", "--run-id", "1"], 2, ["stage/text"]],
  [["list", "--staging-dir", "", "--run-id", "1"], 2, ["--staging-dir"]],
  [["list", ...S, "--platform", "windows"], 3, ["run 1", "windows", "--platform"]],
  [["list", ...S, "--run-id", "2"], 3, ["run 2", "--run-id"]],
  [["list", ...S, "--kind", "artefact"], 2, ["--kind", '"artefact"', "did you mean 'artifact'?"]],
  [["list", ...S, "--kind", "artifacts"], 2, ["did you mean 'artifact'?"]],
  [["list", ...S, "--kind", "qqqq"], 2, ["one of artifact, checksum"]],
  [["list", ...S, "--kind", "tarball"], 3, ["tarball"]],
  [["list", ...S, "--platform", "amiga"], 2, ["--platform", "'amiga'", "linux"]],
  [["list", ...S, "extra"], 2, ["extra"]],
  [["fetch", ...S], 2, ["--output-dir"]],
  [["fetch", ...S, "-o", "out"], 3, ["No artifacts of run 1"]],
  [["path"], 2, ["KIND", "--list"]],
  [["path", "artifcat", "x"], 2, ['"artifcat"', "'artifact'"]],
  [["path", "artifact"], 2, ["file-name"]],
  [["path", "artifact", "a", "b", "--run-id", "1"], 2, ['"b"']],
  [["path", "artifact", "a/b", "--run-id", "1"], 2, ["artifact file name", '"a/b"']],
  [["path", "root", "--platform", "linux"], 2, ["--run-id"]],
  [["path", "root", "--run-id", ""], 2, ["Missing run id", "--run-id"]],
  [["path", "root", "--run-id", "1", "--format", "xml"], 2, ["--format", "'xml'", "https"]],
  [
    ["path", "root", "--run-id", "1", "--repo", "a/b", "--run-github-repo", "c/d"],
    2,
    ["--run-github-repo", "c/d", "a/b"],
  ],
];

for (const [args, code, says, env] of CASES) {
  const shown = args.map((arg) => arg === "" ? "''" : arg).join(" ");
  const variables = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value} `).join("");

  Deno.test(`${variables}run-outputs ${shown}: one line, exit ${code}, nothing changed`, async () => {
    await using dir = await tempDir();
    await writeTree(`${dir.path}/stage`, { "text": "no JSON", "1-linux/logs/g/a.log": "log" });
    const before = await readTree(dir.path);
    // The working directory is the whole process's, and other tests run beside this one.
    const inDir = args.map((arg, i) =>
      PATHS.has(arg) && args[i - 1] !== "upload" ? `${dir.path}/${arg}` : arg
    );

    const plain = await run(inDir, env);
    const said = plain.stderr.replaceAll(`${dir.path}/`, "");
    assert.equal(plain.code, code, plain.stderr);
    assert.match(plain.stderr, /^error: [^\n]+\n$/);
    for (const text of says) assert(said.includes(text), `${text}: ${said}`);
    assert.equal(plain.stdout, "");

    const json = await run([...inDir, "--json"], env);
    assert.equal(json.code, code, json.stderr);
    const { schema, error } = JSON.parse(json.stdout);
    assert.equal(schema, "run-outputs.error/1");
    assert.equal(error.exit_code, code);
    assert.equal(`error: ${error.message}\n`, json.stderr);

    assert.deepEqual(await readTree(dir.path), before);
  });
}

Deno.test("--debug: where an error was made; --verbose says it in words only", async () => {
  await using dir = await tempDir();
  const args = ["list", "--staging-dir", dir.path, "--run-id", "1", "--platform", "linux"];
  const { err } = await runs(3, args);
  assert.match(err, /^error: [^\n]*\n$/);
  const verbose = await runs(3, [...args, "-v"]);
  assert.doesNotMatch(verbose.err, /^\s+at /m);
  for (const debug of [[...args, "--debug"], ["--debug", ...args]]) {
    assert.match((await runs(3, debug)).err, /^error: [^\n]*\n(?:.*\n)*\s+at .*\.ts:\d+/);
  }
});
