/**
 * The compiled executable, alone: no Deno, no cache, no environment, an empty home directory.
 *
 * `RUN_OUTPUTS_EXECUTABLE` names it; `.ci/run` makes one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { bisectWorld } from "../support/bisect_world.ts";
import { makeBuildTree } from "../support/build_tree.ts";
import { EXECUTABLE } from "../support/program.ts";
import { tempDir } from "../support/temp_dir.ts";

function test(name: string, fn: (run: Runner, dir: string) => Promise<void>): void {
  Deno.test({
    name: `executable: ${name}`,
    ignore: EXECUTABLE === undefined,
    fn: async () => {
      await using dir = await tempDir();
      const home = join(dir.path, "home");
      const cwd = join(dir.path, "cwd");
      await Deno.mkdir(home);
      await Deno.mkdir(cwd);
      await fn(async (...args) => {
        const command = new Deno.Command(EXECUTABLE!, {
          args,
          cwd,
          clearEnv: true,
          // What it caches is not of interest here.
          env: { HOME: home, RUN_OUTPUTS_NO_CACHE: "1" },
        });
        const { code, stdout, stderr } = await command.output();
        const decoder = new TextDecoder();
        return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
      }, dir.path);
      // It neither wants nor leaves anything outside of what it was told.
      assert.deepEqual(await Array.fromAsync(Deno.readDir(home)), []);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), []);
    },
  });
}

type Runner = (
  ...args: string[]
) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;

test("prints a path and its help", async (run) => {
  const path = await run("path", "root", "--run-id", "1", "--platform", "windows");
  assert.deepEqual(path, { code: 0, stdout: "s3://therock-ci-artifacts/1-windows\n", stderr: "" });
  const help = await run("--help");
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: run-outputs/);
  assert.equal((await run("upload", "biuld")).code, 2);
});

test("runs the demo's commands: upload build, list, fetch", async (run, dir) => {
  // Packed before: the base runtime that npm has makes no zstd.
  const buildDir = join(dir, "build");
  await makeBuildTree({ buildDir, packed: true });
  const staging = join(dir, "staging");
  const id = ["--run-id", "7", "--platform", "linux"];

  const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", buildDir];
  const uploaded = await run(...upload, "--output-dir", staging, ...id, "--json");
  assert.equal(uploaded.code, 0, uploaded.stderr);
  const { counts, files } = JSON.parse(uploaded.stdout);
  assert.equal(counts.written, files.length);

  const again = await run(...upload, "--output-dir", staging, ...id, "--json");
  assert.equal(JSON.parse(again.stdout).counts.unchanged, files.length);

  const listed = await run("list", "--staging-dir", staging, ...id, "--json");
  assert.deepEqual(
    JSON.parse(listed.stdout).files.map((file: { path: string }) => file.path),
    [...files.map((file: { path: string }) => file.path), "retention-summary.json"].toSorted(),
  );

  const out = join(dir, "artifacts");
  const fetch = ["fetch", "--no-extract", "--staging-dir", staging, "--output-dir", out, ...id];
  const fetched = await run(...fetch);
  assert.equal(fetched.code, 0, fetched.stderr);
  assert.match(fetched.stdout, /5 written; 5 verified/);

  await Deno.writeTextFile(
    join(staging, "7-linux", "base_lib_generic.tar.zst"),
    "damage",
    { append: true },
  );
  await Deno.remove(out, { recursive: true });
  assert.equal((await run(...fetch)).code, 6);
});

test("packs .tar.xz and unpacks them, in workers that read nothing else", async (run, dir) => {
  const artifacts = join(dir, "artifacts");
  const tree = join(artifacts, "base_lib_generic");
  await Deno.mkdir(join(tree, "math/stage/lib"), { recursive: true });
  await Deno.writeTextFile(join(tree, "artifact_manifest.txt"), "math/stage\n");
  await Deno.writeFile(join(tree, "math/stage/lib/libm.so.1"), new Uint8Array(5_000_000).fill(7));
  await Deno.symlink("libm.so.1", join(tree, "math/stage/lib/libm.so"));
  const staging = join(dir, "staging");
  const id = ["--run-id", "7", "--platform", "linux"];

  const uploaded = await run(
    ...["upload", "artifacts", artifacts, "--compression", "xz", "--output-dir", staging, ...id],
  );
  assert.equal(uploaded.code, 0, uploaded.stderr);
  const out = join(dir, "out");
  const fetched = await run("fetch", "--flatten", "--staging-dir", staging, "-o", out, ...id);
  assert.deepEqual([fetched.code, fetched.stderr], [0, ""]);
  const file = await Deno.readFile(join(out, "lib/libm.so"));
  assert(file.length === 5_000_000 && file.every((byte) => byte === 7));

  const archive = join(staging, "7-linux", "base_lib_generic.tar.xz");
  await Deno.remove(`${archive}.sha256sum`);
  const bytes = await Deno.readFile(archive);
  await Deno.writeFile(archive, bytes.subarray(0, bytes.length - 40));
  const refused = await run(
    ...["fetch", "--no-manifest", "--staging-dir", staging, "-o", join(dir, "no"), ...id],
  );
  assert.equal(refused.code, 6, refused.stderr);
  assert.match(refused.stderr, /is truncated/);
});

test("bisect run: the loop that it prints instead finds the commit, in bash", async (_, dir) => {
  const staging = join(dir, "staging");
  // The base runtime that npm has reads no zstd.
  const backend = new LocalBackend(staging);
  await using world = await bisectWorld({ count: 4, backend, compression: "xz" });
  const bisect = async (verb: string, ...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(EXECUTABLE!, {
      args: ["bisect", verb, "--state-dir", join(dir, "bisect"), ...args],
      cwd: dir,
      clearEnv: true,
      env: world.env,
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
  const ends = ["--no-fetch", "--good", "v1", "--bad", "main", "--platform", "linux"];
  const started = await bisect("start", ...ends, "--no-cache", "--staging-dir", staging);
  assert.equal(started.code, 0, started.stderr);
  const isBad = 'test "$(cat "$RUN_OUTPUTS_DIR"/*/stage/number.txt)" -ge 3 && exit 1 || exit 0';
  const { code, stdout, stderr } = await bisect("run", "--shell", "sh", "--", "sh", "-c", isBad);
  assert.equal(code, 4, stderr);
  assert.match(stderr, /^error: Cannot run 'sh': no permission to run programs/);
  assert(stdout.startsWith(`while dir=$(${EXECUTABLE} bisect next`), stdout);

  const { success, ...ran } = await new Deno.Command("bash", {
    args: ["-c", stdout],
    cwd: dir,
    clearEnv: true,
    env: { ...world.env, PATH: Deno.env.get("PATH") ?? "" },
  }).output();
  const text = new TextDecoder();
  assert(success, text.decode(ran.stderr));
  assert.match(text.decode(ran.stdout), /is the first bad commit\n {2}change 3\n/);
});
