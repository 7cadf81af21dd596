import assert from "node:assert/strict";
import type { Command, Option } from "commander";
import { createProgram } from "../../../src/cli/program.ts";
import { PATH_KINDS } from "../../../src/layout/path_kinds.ts";
import { FakeIo, run } from "../../support/fake_io.ts";
import { tempDir } from "../../support/temp_dir.ts";

const RUN = ["--run-id", "12345", "--platform", "linux"];
const XNACK = "rccl_test_gfx942:xnack+.tar.zst";

Deno.test("path: prints the S3 URI, and nothing else", async () => {
  assert.deepEqual(await run(["path", "artifact", XNACK, ...RUN]), {
    code: 0,
    stdout: `s3://therock-ci-artifacts/12345-linux/${XNACK}\n`,
    stderr: "",
  });
});

Deno.test("path --format: each format prints one line", async () => {
  const expected = {
    s3: `s3://therock-ci-artifacts/12345-linux/${XNACK}`,
    https:
      "https://therock-ci-artifacts.s3.amazonaws.com/12345-linux/rccl_test_gfx942%3Axnack%2B.tar.zst",
    key: `12345-linux/${XNACK}`,
  };
  for (const [format, line] of Object.entries(expected)) {
    const { stdout } = await run(["path", "artifact", XNACK, ...RUN, "--format", format]);
    assert.equal(stdout, `${line}\n`);
  }
});

Deno.test("path --format local: is below the staging directory, however that is named", async () => {
  const args = ["path", "manifest", "g", ...RUN, "--format", "local"];
  const path = Deno.build.os === "windows"
    ? "stage\\12345-linux\\manifests\\g\\therock_manifest.json\n"
    : "stage/12345-linux/manifests/g/therock_manifest.json\n";
  assert.equal((await run([...args, "--staging-dir", "stage"])).stdout, path);
  assert.equal((await run(args, { THEROCK_LOCAL_STAGING_DIR: "stage" })).stdout, path);
  const without = await run(args);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /^error: Missing directory for --format local.*\n$/);
});

for (const args of [["--json"], ["--format", "json"]]) {
  Deno.test(`path ${args.join(" ")}: prints one document`, async () => {
    const { stdout } = await run(["path", "log-dir", "g", ...RUN, ...args]);
    assert.deepEqual(JSON.parse(stdout), {
      schema: "run-outputs.path/1",
      kind: "log-dir",
      args: ["g"],
      run_id: "12345",
      platform: "linux",
      layout: "flat",
      bucket: "therock-ci-artifacts",
      prefix: "12345-linux",
      key: "12345-linux/logs/g",
      s3_uri: "s3://therock-ci-artifacts/12345-linux/logs/g",
      https_url: "https://therock-ci-artifacts.s3.amazonaws.com/12345-linux/logs/g",
    });
  });
}

for (const args of [["--json"], ["--format", "json"], ["--format=json"]]) {
  Deno.test(`path ${args.join(" ")}: an error is a document too`, async () => {
    const { code, stdout, stderr } = await run(["path", "nope", ...RUN, ...args]);
    assert.equal(code, 2);
    const { schema, error } = JSON.parse(stdout);
    assert.equal(schema, "run-outputs.error/1");
    assert.equal(stderr, `error: ${error.message}\n`);
  });
}

Deno.test("path: knows the release type that others write, as every look-up does", async () => {
  const { stdout } = await run(["path", "root", ...RUN, "--release-type", "release"]);
  assert.equal(stdout, "s3://therock-release-artifacts/12345-linux\n");
});

Deno.test("path --list: shows every kind; its example works", async () => {
  const { code, stdout } = await run(["path", "--list"]);
  assert.equal(code, 0);
  for (const { name, example } of PATH_KINDS) {
    assert.match(stdout, new RegExp(`^${name}\\b`, "m"));
    assert.equal((await run(["path", name, ...example, ...RUN])).code, 0, name);
  }
});

Deno.test("path: needs no permissions at all, so neither network nor disk", {
  permissions: "none",
}, async () => {
  assert.equal((await run(["path", "root", ...RUN])).code, 0);
});

Deno.test("path -v: says why it is this bucket", async () => {
  const { stdout, stderr } = await run(["path", "root", ...RUN, "--repo", "ROCm/x", "-v"]);
  assert.equal(stdout, "s3://therock-ci-artifacts-external/ROCm-x/12345-linux\n");
  assert.match(stderr, /bucket therock-ci-artifacts-external.*ROCm\/x/);
});

Deno.test("path: the run, the repository and the release type come from the job", async () => {
  const env = {
    GITHUB_RUN_ID: "7",
    GITHUB_REPOSITORY: "ROCm/rockrel",
    RELEASE_TYPE: "nightly",
  };
  const path = async (...args: string[]) =>
    (await run(["path", "root", "--platform", "linux", ...args], env)).stdout.trim();
  assert.equal(await path(), "s3://therock-nightly-artifacts/7-linux");
  assert.equal(
    await path("--run-id", "8"),
    "s3://therock-ci-artifacts-external/ROCm-rockrel/8-linux",
    "the release type of this job says nothing of another run",
  );
  assert.equal(
    await path("--run-id", "8", "--release-type", "dev"),
    "s3://therock-dev-artifacts/8-linux",
  );
  assert.equal(await path("--bucket", "my-bucket"), "s3://my-bucket/7-linux");
  assert.equal(
    await path("--run-id", "8", "--run-github-repo", "ROCm/TheRock"),
    "s3://therock-ci-artifacts/8-linux",
  );
});

Deno.test("path: a fork's pull request goes to the external bucket of its base", async () => {
  await using dir = await tempDir();
  const event = `${dir.path}/event.json`;
  const env = {
    GITHUB_RUN_ID: "7",
    GITHUB_REPOSITORY: "ROCm/TheRock",
    GITHUB_EVENT_NAME: "pull_request",
    GITHUB_EVENT_PATH: event,
  };
  await Deno.writeTextFile(event, '{"pull_request":{"head":{"repo":{"fork":true}}}}');
  const { stdout } = await run(["path", "root", "--platform", "linux"], env);
  assert.equal(stdout, "s3://therock-ci-artifacts-external/ROCm-TheRock/7-linux\n");

  await Deno.writeTextFile(event, "not JSON");
  const broken = await run(["path", "root", "--platform", "linux"], env);
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /^error: .*GITHUB_EVENT_PATH.*event\.json.*\n$/);
});

Deno.test("--platform: in any case, as ${{ runner.os }} is; also from the environment", async () => {
  const path = ["path", "root", "--run-id", "12345"];
  const windows = "s3://therock-ci-artifacts/12345-windows\n";
  assert.equal((await run([...path, "--platform", "Windows"])).stdout, windows);
  assert.equal((await run(path, { THEROCK_PLATFORM: "WINDOWS" })).stdout, windows);
  const { code, stderr } = await run([...path, "--platform", "macOS"]);
  assert.equal(code, 2);
  assert.match(stderr, /^error: .*'macOS'.*linux, windows\.\n$/);
});

Deno.test("--platform, --platform-b, --source-platform: all take any case", async () => {
  const program = await createProgram({
    io: new FakeIo(),
    setExitCode: () => {},
    interruption: () => new AbortController().signal,
  });
  const below = (command: Command): readonly Option[] => [
    ...command.options,
    ...command.commands.flatMap((child) => below(child as Command)),
  ];
  const options = below(program).filter(({ long }) => /platform/.test(long!));
  const names = [...new Set(options.map(({ long }) => long!))].sort();
  assert.deepEqual(names, ["--platform", "--platform-b", "--source-platform"]);
  for (const { parseArg } of options) assert.equal(parseArg!("Linux", undefined), "linux");
});
