/** What the command line takes from the environment of a job, and what it must not take. */

import assert from "node:assert/strict";
import { likeArchive } from "../support/bytes.ts";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { refused, runJson, runs } from "../support/command_line.ts";
import { FakeIo } from "../support/fake_io.ts";
import { makeBuild, putArchives } from "../support/staging.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const JOB = {
  GITHUB_RUN_ID: "123",
  GITHUB_REPOSITORY: "ROCm/TheRock",
  RELEASE_TYPE: "nightly",
};

async function bucketOf(args: string[], env: Record<string, string>): Promise<string> {
  return (await runJson(0, args, env)).bucket;
}

Deno.test("environment: an upload gets run, repository and release type from its job", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "in/a.txt": "a" });
  const upload = ["upload", "files", join(temp.path, "in"), "--to", "x", "--platform", "linux"];
  upload.push("--output-dir", join(temp.path, "staging"));
  const own = await runJson(0, upload, JOB);
  assert.equal(own.run_id, "123");
  assert.equal(own.bucket, "therock-nightly-artifacts");
  const other = await runJson(0, upload, {
    ...JOB,
    GITHUB_REPOSITORY: "me/mine",
    RELEASE_TYPE: "ci",
  });
  assert.equal(other.bucket, "therock-ci-artifacts-external");
  assert.equal(other.prefix, "me-mine/123-linux");
  assert.equal(await bucketOf([...upload, "--release-type", "dev"], JOB), "therock-dev-artifacts");
  assert.equal(
    (await runJson(0, [...upload, "--repo", "you/yours", "--release-type", "ci"], JOB)).prefix,
    "you-yours/123-linux",
  );
  const alias = [...upload, "--run-github-repo", "you/yours", "--release-type", "ci"];
  assert.equal((await runJson(0, alias, JOB)).prefix, "you-yours/123-linux");
});

Deno.test("environment: without a run id an upload to a disk is called 'local'", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "in/a.txt": "a" });
  const upload = ["upload", "files", join(temp.path, "in"), "--to", "x", "--platform", "linux"];
  upload.push("--output-dir", join(temp.path, "staging"));
  assert.equal((await runJson(0, upload)).run_id, "local");
  assert.equal((await runJson(0, upload, { GITHUB_RUN_ID: "" })).run_id, "local");
});

Deno.test("environment: RELEASE_TYPE of this job says nothing of another run", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "7-linux"), ["a_lib_generic.tar.xz"]);
  await putArchives(join(temp.path, "123-linux"), ["a_lib_generic.tar.xz"]);
  const list = (
    id: string,
  ) => ["list", "--staging-dir", temp.path, "--platform", "linux", "--run-id", id];
  const fetch = (
    id: string,
  ) => ["fetch", "--no-extract", ...list(id).slice(1), "--output-dir", join(temp.path, "o")];
  const path = (id: string) => ["path", "root", "--platform", "linux", "--run-id", id];
  for (const command of [list, fetch, path]) {
    assert.equal(await bucketOf(command("7"), JOB), "therock-ci-artifacts");
    assert.equal(await bucketOf(command("123"), JOB), "therock-nightly-artifacts");
    assert.equal(
      await bucketOf([...command("7"), "--release-type", "dev"], JOB),
      "therock-dev-artifacts",
    );
  }
  // A machine of a person, with RELEASE_TYPE left over: whose run that is nobody knows.
  for (const command of [list, fetch, path]) {
    assert.equal(await bucketOf(command("7"), { RELEASE_TYPE: "nightly" }), "therock-ci-artifacts");
  }
});

Deno.test("environment: an upload to another run goes to the bucket of RELEASE_TYPE", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "in/a.txt": "a" });
  const upload = ["upload", "files", join(temp.path, "in"), "--to", "x", "--run-id", "7"];
  upload.push("--platform", "linux", "--output-dir", join(temp.path, "staging"));
  assert.equal(await bucketOf(upload, JOB), "therock-nightly-artifacts");
  assert.equal(await bucketOf([...upload, "--release-type", "ci"], JOB), "therock-ci-artifacts");
  assert.equal(await bucketOf(upload, { RELEASE_TYPE: "dev" }), "therock-dev-artifacts");
  const copy = ["copy", "--source-run-id", "7", "--run-id", "8", "--platform", "linux"];
  copy.push("--from-staging", join(temp.path, "staging"), "--to-staging", join(temp.path, "t"));
  const copied = await runJson(0, copy, JOB);
  assert.equal(copied.bucket, "therock-nightly-artifacts");
  assert.equal(copied.source.bucket, "therock-ci-artifacts");
});

Deno.test("environment: what changes another run goes to the bucket of RELEASE_TYPE", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "staging");
  const run = join(staging, "7-linux");
  await putArchives(run, ["a_lib_generic.tar.xz"]);
  const from = ["--staging-dir", staging, "--platform", "linux", "--run-id", "7"];
  const bucket = async (args: readonly string[], env: Record<string, string> = JOB) => {
    const { err } = await runs(0, [...args, ...from, "--verbose"], env);
    return /^bucket (\S+),/m.exec(err.replaceAll(/^\S+: /gm, ""))?.[1];
  };
  const repair = ["verify", "--repair", "--from", run];
  for (const args of [["index"], repair, ["verify", "--remove-left"]]) {
    assert.equal(await bucket(args), "therock-nightly-artifacts", args.join(" "));
    assert.equal(await bucket([...args, "--release-type", "ci"]), "therock-ci-artifacts");
  }
  // Just reading it, or repairing a copy of it.
  for (const args of [["verify"], ["list"], ["verify", run, "--repair"]]) {
    assert.equal(await bucket(args), "therock-ci-artifacts", args.join(" "));
  }
  const index = ["index", "--staging-dir", staging, "--platform", "linux", "--run-id", "8"];
  assert(!(await runs(3, index, JOB)).err.includes("RELEASE_TYPE"));
});

Deno.test("environment: where another run is not found, RELEASE_TYPE is named as not used", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "123-linux"), ["a_lib_generic.tar.xz"]);
  const from = ["--staging-dir", temp.path, "--platform", "linux"];
  const hint =
    "; $RELEASE_TYPE (nightly) was not used, because it is that of this job's own run: " +
    "try --release-type nightly";
  const verify = ["verify", ...from, "--run-id", "7"];
  const cases: readonly (readonly string[])[] = [
    ["list", ...from, "--run-id", "7"],
    ["fetch", "-o", join(temp.path, "o"), ...from, "--run-id", "7"],
    verify,
    ["export", join(temp.path, "x.tar"), "7", ...from],
    ["diff", "7", "8", ...from],
  ];
  for (const args of cases) await refused(args, [`${hint}\n`], { code: 3, env: JOB });
  const copy = ["copy", "--source-run-id", "7", "--run-id", "9", "--platform", "linux"];
  copy.push("--from-staging", temp.path, "--to-staging", temp.path);
  await refused(copy, ["try --source-release-type nightly"], { code: 3, env: JOB });
  const nothing = async (args: readonly string[], env: Record<string, string>) =>
    assert(!(await runs(3, args, env)).err.includes("RELEASE_TYPE"));
  await nothing([...verify, "--release-type", "dev"], JOB);
  await nothing(verify, { ...JOB, RELEASE_TYPE: "ci" });
  await nothing(verify, { ...JOB, GITHUB_RUN_ID: "7" });
  await nothing(["verify", "--staging-dir", join(temp.path, "no"), "--run-id", "7"], JOB);
});

Deno.test("environment: THEROCK_LOCAL_STAGING_DIR is where an upload writes", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "in/a.txt": "a" });
  const staging = join(temp.path, "staging");
  const env = { THEROCK_LOCAL_STAGING_DIR: staging };
  const upload = ["upload", "files", join(temp.path, "in"), "--to", "x", "--platform", "linux"];
  const { out, err } = await runs(0, upload, env);
  assert(out.includes(join(staging, "local-linux")), out);
  assert.equal(err, "");
  // Whoever names a bucket would not expect that nothing goes there.
  const told = await runs(0, [...upload, "--bucket", "lab", "--region", "here"], env);
  assert.equal(
    told.err,
    `note: --bucket and --region have no effect: '${staging}' ($THEROCK_LOCAL_STAGING_DIR) is ` +
      "used; unset the variable to use S3, or give --output-dir\n",
  );
  const named = join(temp.path, "named");
  assert.equal((await runJson(0, [...upload, "--output-dir", named], env)).output_dir, named);
});

Deno.test("environment: THEROCK_LOCAL_STAGING_DIR is each end of a copy that no option names", async () => {
  await using temp = await tempDir();
  const [staging, other] = [join(temp.path, "staging"), join(temp.path, "other")];
  await putArchives(join(staging, "1-linux"), ["a_lib_generic.tar.xz"]);
  await putArchives(join(other, "1-linux"), ["b_lib_generic.tar.xz"]);
  const env = { THEROCK_LOCAL_STAGING_DIR: staging };
  const copy = ["copy", "--platform", "linux", "--source-run-id", "1"];
  const inside = await runJson(0, [...copy, "--run-id", "2", "--endpoint-url", "nowhere"], env);
  assert.deepEqual([inside.source.staging_dir, inside.output_dir], [staging, staging]);
  const into = await runJson(0, [...copy, "--run-id", "2", "--from-staging", other], env);
  assert.deepEqual([into.source.staging_dir, into.output_dir], [other, staging]);
  const out = await runJson(0, [...copy, "--run-id", "2", "--to-staging", other], env);
  assert.deepEqual([out.source.staging_dir, out.output_dir], [staging, other]);
  for (
    const [args, text] of [
      [["--bucket", "lab"], "--bucket has no"],
      [["--from-staging", other, "--bucket", "lab"], "--bucket has no"],
      [["--to-staging", other, "--source-bucket", "lab"], "--source-bucket has no"],
    ] as const
  ) {
    const { err } = await runs(0, [...copy, "--run-id", "2", ...args], env);
    assert(err.includes(text), err);
  }
});

Deno.test("environment: THEROCK_LOCAL_STAGING_DIR is where an import writes", async () => {
  await using temp = await tempDir();
  const [from, staging] = [join(temp.path, "from"), join(temp.path, "staging")];
  await putArchives(join(from, "1-linux"), ["a_lib_generic.tar.xz"]);
  const tar = join(temp.path, "x.tar");
  await runs(0, ["export", tar, "1-linux", "--staging-dir", from]);
  const env = { THEROCK_LOCAL_STAGING_DIR: staging };
  assert.equal((await runJson(0, ["import", tar], env)).output_dir, staging);
  const { err } = await runs(0, ["import", tar, "--bucket", "lab"], env);
  assert(err.includes("--bucket has no effect"), err);
});

Deno.test("environment: THEROCK_RUN_ID and THEROCK_PLATFORM come before the job's own", async () => {
  const env = { ...JOB, THEROCK_RUN_ID: "77", THEROCK_PLATFORM: "windows" };
  const prefix = async (args: string[], env: Record<string, string>) =>
    (await runJson(0, ["path", "root", ...args], env)).prefix;
  assert.equal(await prefix([], env), "77-windows");
  assert.equal(await prefix(["--run-id", "8", "--platform", "linux"], env), "8-linux");
  assert.equal(
    await prefix(["--platform", "linux"], { ...JOB, THEROCK_RUN_ID: "", THEROCK_PLATFORM: "" }),
    "123-linux",
  );
  await refused(["path", "root"], ["$THEROCK_PLATFORM", '"mac"', "linux or windows"], {
    env: { ...JOB, THEROCK_PLATFORM: "mac" },
  });
});

Deno.test("environment: ARTIFACT_GROUP and BUILD_DIR replace missing options", async () => {
  await using temp = await tempDir();
  const build = join(temp.path, "out");
  await makeBuild(build);
  const env = { ARTIFACT_GROUP: "gfx1-all", BUILD_DIR: build };
  const to = ["--output-dir", join(temp.path, "s"), "--platform", "linux"];
  const paths = async (args: string[], given = env) =>
    (await runJson(0, [...args, ...to], given)).files.map((file: { path: string }) => file.path);
  const inGroup = (path: string) => path.startsWith("logs/gfx1-all/");
  assert((await paths(["upload", "build"])).some(inGroup));
  assert((await paths(["upload", "logs", join(build, "logs")])).some(inGroup));
  assert(!(await paths(["upload", "build", "--artifact-group", "g"])).some(inGroup));
  const stage = await paths(["upload", "stage", "--stage", "s"]);
  assert(stage.includes("logs/s/build.log"), `${stage}`);
  await refused(["upload", "build", ...to], ["Missing option --artifact-group"], {
    env: { ...env, ARTIFACT_GROUP: "" },
  });
  await refused(["upload", "stage", "--stage", "s", ...to], ["'build'"]);
  await writeTree(temp.path, { "dist/a-1.0-py3-none-any.whl": likeArchive("zip", "x") });
  const python = ["upload", "python", join(temp.path, "dist"), "--no-index"];
  assert((await paths(python)).includes("python/gfx1-all/a-1.0-py3-none-any.whl"));
  assert((await paths([...python, "--multiarch"])).includes("python/a-1.0-py3-none-any.whl"));
});

Deno.test("environment: what may not be looked at is one line, without Deno's own advice", async () => {
  class Blind extends FakeIo {
    override env(name: string): string | undefined {
      const advice = "run again with the --allow-env flag";
      throw new Deno.errors.NotCapable(`Requires env access to "${name}", ${advice}`);
    }
  }
  const io = new Blind();
  assert.equal(await main(["path", "root", "--run-id", "1", "--platform", "linux"], io), 4);
  assert.match(
    io.err,
    /^error: Cannot run the command: the permission to read [^\n]+ is missing[^\n]*\n$/,
  );
  assert(!io.err.includes("--allow"), io.err);
});

for (
  const [args, text] of [
    [["list", "--bucket", "lab"], "--bucket has no effect"],
    [["list", "--bucket", "lab", "--no-sign-request"], "--bucket and --no-sign-request have no"],
    [["fetch", "--list", "--endpoint-url", "http://lab"], "--endpoint-url has no effect"],
    [["export", "x.tar", "1-linux", "-n", "--profile", "me"], "--profile has no effect"],
    [["verify", "--region", "here"], "--region has no effect"],
    [["diff", "1", "1", "--bucket-b", "lab"], "--bucket-b has no effect"],
    [["index", "-n", "--bucket", "lab"], "--bucket has no effect"],
  ] as const
) {
  Deno.test(`environment: THEROCK_LOCAL_STAGING_DIR takes precedence, which is reported: ${args.join(" ")}`, async () => {
    await using temp = await tempDir();
    await putArchives(join(temp.path, "1-linux"), ["a_lib_generic.tar.xz"]);
    const run = args[0] === "diff" || args[0] === "export" ? [] : ["--run-id", "1"];
    if (args[0] !== "export") run.push("--platform", "linux");
    const env = { THEROCK_LOCAL_STAGING_DIR: temp.path };
    const { err } = await runs(0, [...args, ...run], env);
    const [line] = err.split("\n");
    assert.match(line, /^note: --\S/);
    assert(line.includes(`: '${temp.path}' ($THEROCK_LOCAL_STAGING_DIR) is used; `), err);
    assert(line.includes(text), err);
    assert.match(line, /unset the variable to use S3, or give --staging-dir$/);
    const named = await runs(0, [...args, ...run, "--staging-dir", temp.path], env);
    assert(!named.err.includes("THEROCK"), named.err);
  });
}
