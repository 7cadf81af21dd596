/** A run as a plain argument: the same as `--run-id`, also in hints. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { refused, run, runJson, runs } from "../support/command_line.ts";
import { putArchives } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

const [CLI, CONFIG] = ["../../cli.ts", "../../deno.json"]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)));
const BLAS = ["blas_dev_generic.tar.zst", "blas_lib_generic.tar.zst"];

Deno.test("a run as an argument: list, fetch, verify and index take its id, with the platform or not", async () => {
  await using temp = await tempDir();
  const archives = join(temp.path, "art");
  await putArchives(archives, BLAS);
  const staging = join(temp.path, "staging");
  const upload = ["upload", "artifacts", archives, "--output-dir", staging];
  await runs(0, [...upload, "--run-id", "12345", "--platform", "windows"]);
  const from = ["--staging-dir", staging];
  const windows = ["--platform", "windows"];
  for (const command of ["list", "verify", "index"]) {
    const { seconds: _, ...expected } = await runJson(
      0,
      [command, "--run-id", "12345", ...windows, ...from],
    );
    const lines = [["12345-windows"], ["12345", ...windows], [
      "12345",
      "--run-id",
      "12345",
      ...windows,
    ]];
    for (const line of lines) {
      const { seconds: _, ...found } = await runJson(0, [command, ...line, ...from]);
      assert.deepEqual(found, expected, `${command} ${line.join(" ")}`);
    }
  }
  const fetched = await runJson(0, ["fetch", "12345-windows", "*_lib_*", "--list", ...from]);
  assert.equal(fetched.run_id, "12345");
  assert.deepEqual(fetched.files.map((file: { path: string }) => file.path), [BLAS[1]]);
  const searched = [
    "fetch",
    "--regex",
    "12345",
    "--run-id",
    "12345",
    ...windows,
    "--list",
    ...from,
  ];
  assert.match((await run(searched)).err, /None of the 2 artifacts matches '12345'/);
  // A directory of that name is what it was.
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "-q", "--config", CONFIG, CLI, "verify", "12345-windows", "--json"],
    cwd: staging,
  }).output();
  assert.equal(code, 0);
  const { directory } = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(directory, join(await Deno.realPath(staging), "12345-windows"));
  await refused(["verify", "12344", "--platform", "linux", ...from], ["run 12344"], { code: 3 });
});

Deno.test("a run as an argument: the key of an external repository, and commands in messages", async () => {
  const bucket = await runJson(0, ["bucket", "ROCm-rocm-libraries~12345-linux"]);
  assert.equal(bucket.prefix, "ROCm-rocm-libraries/12345-linux");
  await using temp = await tempDir();
  await putArchives(join(temp.path, "12345-linux"), BLAS);
  const args = ["fetch", "12345-linux", "nope_*", "--staging-dir", temp.path, "--list"];
  const { err } = await runs(3, args);
  assert(
    err.includes(
      `'run-outputs list --kind artifact --staging-dir ${temp.path} --run-id 12345 --platform linux'`,
    ),
    err,
  );
});

Deno.test("a run as an argument: the platform in any case, as $RUNNER_OS has it", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "6-linux"), [...BLAS, "bar_mycomp_generic.tar.zst"]);
  const from = ["--staging-dir", temp.path];
  const list = await runJson(0, ["list", "6-Linux", ...from]);
  assert.deepEqual([list.run_id, list.platform], ["6", "linux"]);
  const more = ["*_mycomp_*", "--components", "mycomp", "--list"];
  const fetched = await runJson(0, ["fetch", "6-LINUX", ...more, ...from]);
  assert.equal(fetched.run_id, "6");
  assert.deepEqual(
    fetched.files.map((file: { path: string }) => file.path),
    ["bar_mycomp_generic.tar.zst"],
  );
  for (const key of [["ROCm-rocm-libraries~12345-Linux"], ["--run-id", "ROCm-x~5-Windows"]]) {
    const { prefix } = await runJson(0, ["bucket", ...key]);
    assert.match(prefix, /^ROCm-(?:rocm-libraries\/12345-linux|x\/5-windows)$/);
  }
  const tar = join(temp.path, "runs.tar");
  const { runs: exported } = await runJson(0, ["export", tar, "6-Linux", ...from]);
  assert.equal(exported[0].prefix, "6-linux");
  for (const command of ["show", "reports", "manifest"]) {
    assert.equal((await runJson(0, ["runs", command, "6-Linux", ...from])).key, "6-linux");
  }
  assert.equal((await runJson(0, ["verify", "6-LINUX", ...from])).prefix, "6-linux");
  const diff = await runJson(0, ["diff", "6-Linux", "6-linux", ...from]);
  assert.deepEqual([diff.a.prefix, diff.b.prefix, diff.differs], ["6-linux", "6-linux", false]);
  const id = ["list", "--run-id", "6-Linux", "--platform", "linux", ...from];
  await refused(id, ["the id is 6, the platform linux"], { code: 3 });
});

Deno.test("--run-id: the name of a run is read as it is as an argument, and refused where files are written", async () => {
  await using temp = await tempDir();
  const [archives, staging] = [join(temp.path, "art"), join(temp.path, "staging")];
  await putArchives(archives, BLAS);
  const to = ["upload", "artifacts", archives, "--output-dir", staging];
  for (const id of ["7-linux", "7-Linux", "my-7-WINDOWS"]) {
    const [, alone, platform] = /^(.*)-(.*)$/.exec(id)!;
    const remedy = `--run-id ${alone} --platform ${platform.toLowerCase()}`;
    await refused([...to, "--run-id", id], [id, remedy]);
    await refused([...to, "--run-id", id, "--platform", "linux"], [remedy]);
    await refused(to, [remedy], { env: { THEROCK_RUN_ID: id } });
  }
  await assert.rejects(Deno.lstat(staging), Deno.errors.NotFound);
  await runs(0, [...to, "--run-id", "7", "--platform", "windows"]);
  const from = ["--staging-dir", staging];
  for (const command of [["list"], ["verify"], ["fetch", "--list"]]) {
    const { run_id, platform } = await runJson(0, [...command, "--run-id", "7-Windows", ...from]);
    assert.deepEqual([run_id, platform], ["7", "windows"], command[0]);
  }
  await runs(0, ["index", "--run-id", "7-Windows", ...from]);
  const mirror = join(temp.path, "mirror");
  const copy = ["copy", "--from-staging", staging, "--to-staging", mirror];
  await runs(0, [...copy, "--source-run-id", "7-windows"]);
  assert.deepEqual([...Deno.readDirSync(mirror)].map(({ name }) => name), ["7-windows"]);
  // A run that has such an id can be read.
  await putArchives(join(staging, "8-linux-windows"), BLAS);
  for (const run of [["8-linux-windows"], ["--run-id", "8-linux", "--platform", "windows"]]) {
    assert.equal((await runJson(0, ["list", ...run, ...from])).prefix, "8-linux-windows");
  }
});

Deno.test("a run as an argument: the path of its directory is refused with the options to give", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "s2");
  await putArchives(join(staging, "7-linux"), BLAS);
  const remedy = `--staging-dir ${staging} and the run 7-linux`;
  for (const path of [join(staging, "7-linux"), `${join(staging, "7-linux")}/`]) {
    await refused(["list", path], ["directory", path, remedy]);
    await refused(["fetch", path, "-o", join(temp.path, "x")], ["directory", path, remedy]);
    await runs(0, ["verify", path]);
  }
  assert.match((await runs(0, ["list", "--staging-dir", staging, "7-linux"])).out, /blas_lib/);
  // One that does not exist, beside runs.
  await refused(["list", join(staging, "8-linux")], [
    `--staging-dir ${staging} and the run 8-linux`,
  ]);
  // A path that leads nowhere, and a message without a command that lacks its place.
  const { err } = await runs(2, ["list", "s2/7-linux"]);
  assert.match(err, /^error: Invalid run id "s2\/7-linux": [^']*\n$/);
  // A valid key of an external repository stays one.
  const key = ["ROCm-libraries/5-linux", "--staging-dir", staging];
  await refused(["list", ...key], ["run 5"], { code: 3 });
});

Deno.test("a run as an argument: all commands refuse the path of its directory alike", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "s2");
  await putArchives(join(staging, "7-linux"), BLAS);
  const path = join(staging, "7-linux");
  const wanted = [
    `Cannot use the directory "${path}" as a run: give --staging-dir ${staging} and the run 7-linux`,
  ];
  for (
    const command of [
      ["diff", path, "7-linux"],
      ["diff", "7-linux", path],
      ["runs", "show", path],
      ["runs", "reports", path],
      ["runs", "manifest", path],
      ["runs", "search", path, "text"],
      ["runs", "pin", path, "--reason", "x"],
      ["runs", "unpin", path],
      ["export", join(temp.path, "runs.tar"), path],
      ["list", "--run-id", path],
      ["fetch", "--run-id", path],
      ["verify", "--run-id", path],
    ]
  ) {
    await refused(command, wanted);
    // Also with a place: there it is no run either.
    await refused([...command, "--staging-dir", staging], wanted);
  }
});

Deno.test("a run as an argument: 'local' and its name, unless --run-id names another", async () => {
  await using temp = await tempDir();
  const archives = ["blas_dev_generic.tar.zst", "local_lib_generic.tar.zst"];
  for (const name of ["local-linux", "5-linux"]) await putArchives(join(temp.path, name), archives);
  const from = ["--staging-dir", temp.path];
  for (const run of [["local-linux"], ["local", "--platform", "linux"]]) {
    const fetched = await runJson(0, ["fetch", ...run, "*_dev_*", "--list", ...from]);
    assert.deepEqual([fetched.run_id, fetched.files.length], ["local", 1]);
    assert.equal((await runJson(0, ["verify", ...run, ...from])).prefix, "local-linux");
  }
  const searched = ["fetch", "local", "--regex", "--run-id", "5", "--platform", "linux", "--list"];
  const found = await runJson(0, [...searched, ...from]);
  assert.deepEqual(found.files.map(({ path }: { path: string }) => path), [archives[1]]);
});

Deno.test("an empty argument has the same words in all commands", async () => {
  for (const [command, name] of [["list", "run"], ["upload logs", "dir"]]) {
    await refused([...command.split(" "), ""], [`Invalid ${name} "": it is empty.`]);
  }
});

Deno.test("a missing run id: the option for a local directory is named where the command has one", async () => {
  for (const [command, flag] of [["list", "--staging-dir"], ["upload logs .", "--output-dir"]]) {
    const args = [...command.split(" "), ...command === "list" ? [] : ["--artifact-group", "g"]];
    await refused(args, [`give --run-id ID, or ${flag} DIR for`]);
    const { err } = await runs(2, [...args, "--bucket", "lab"]);
    assert(!err.includes(flag), err);
  }
  assert.match((await runs(2, ["stale-uploads"])).err, /give --run-id ID \(neither/);
});

Deno.test("a run as an argument: --platform may not name another one", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "6-linux"), BLAS);
  const from = ["--staging-dir", temp.path, "--platform", "windows"];
  for (const args of [["export", join(temp.path, "x.tar"), "6-Linux"], ["diff", "6-Linux", "6"]]) {
    await refused([...args, ...from], ["--platform", "'6-Linux'"]);
  }
});

Deno.test("a run as an argument: after -- it is a pattern or a directory", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "6-linux"), BLAS);
  const from = ["--platform", "linux", "--staging-dir", temp.path];
  const fetch = ["fetch", "--list", ...from];
  const none = /None of the 2 artifacts matches '12345'/;
  assert.match((await runs(3, [...fetch, "--run-id", "6", "--", "12345"])).err, none);
  assert.match((await runs(3, [...fetch, "6", "--", "12345"])).err, none);
  await refused([...fetch, "--run-id", "6", "12345"], ["'12345'", "after --"]);
  await refused(["verify", ...from, "--", "6-linux"], ["'6-linux'", "no such file or directory"]);
  // This one can be nothing but a run.
  assert.match((await runs(0, ["list", ...from, "--", "6"])).out, /blas_lib/);
});

Deno.test("lists with blanks: the hint names the option and the list with commas", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "1-linux"), BLAS);
  const fetch = ["fetch", "1-linux", "--staging-dir", temp.path, "--list"];
  const { err } = await runs(3, [...fetch, "--components", "lib", "dev"]);
  assert.match(err, /; a list has commas: --components lib,dev\n$/);
  const groups = await runs(3, [...fetch, "--artifact-group", "generic", "gfx942", "-q"]);
  assert.match(groups.err, /'gfx942'.*; a list has commas: --artifact-group generic,gfx942\n$/);
  // A pattern that has nothing to do with the list before it.
  const other = await runs(3, [...fetch, "--components", "lib", "--json", "nope_*"]);
  assert(!other.err.includes("commas"), other.err);
});
