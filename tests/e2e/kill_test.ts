import assert from "node:assert/strict";
import { zstdDecompressSync } from "node:zlib";
import { noise, sha256 } from "../support/bytes.ts";
import { killAt, standing } from "../support/kill.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { command, finish, start } from "./processes.ts";

/** The place of an archive in the run. */
const ARCHIVE = "/7-linux/[^/]*\\.tar\\.zst$";
const ARTIFACTS = 12;
const RUN = ["--run-id", "7", "--platform", "linux"];

/** A build whose artifacts do not compress: the larger, the longer it takes to pack them. */
async function makeBuild(buildDir: string, seed: number, size = 100_000): Promise<void> {
  const files: Record<string, string | Uint8Array> = {
    "logs/build.log": `build ${seed}\n`,
    "base/aux-overlay/build/therock_manifest.json": `{"seed": ${seed}}`,
  };
  for (let i = 0; i < ARTIFACTS; i++) {
    const dir = `artifacts/part${i}_lib_generic`;
    files[`${dir}/artifact_manifest.txt`] = "stage\n";
    files[`${dir}/stage/lib/lib${i}.so`] = noise(size, seed * 100 + i);
  }
  await writeTree(buildDir, files);
}

/** The names of a run's files. */
async function names(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir))).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Holds every file that is there under its own name to being whole. */
async function assertWhole(runDir: string): Promise<number> {
  let archives = 0;
  const found = await names(runDir);
  for (const name of found) {
    if (name.startsWith(".run-outputs-tmp-")) continue;
    const bytes = name.endsWith(".tar.zst") || name.endsWith(".sha256sum")
      ? await Deno.readFile(`${runDir}/${name}`)
      : undefined;
    if (name.endsWith(".tar.zst")) {
      archives++;
      // It decodes to its end: a tar ends with two blocks of zeros.
      const tar = zstdDecompressSync(bytes!);
      assert.equal(tar.length % 512, 0, name);
      assert(tar.subarray(-1024).every((byte) => byte === 0), `${name} has no end`);
    } else if (name.endsWith(".sha256sum")) {
      const archive = await Deno.readFile(`${runDir}/${name.slice(0, -".sha256sum".length)}`);
      assert.equal(new TextDecoder().decode(bytes), `${sha256(archive)}\n`, name);
    }
  }
  return archives;
}

async function leftovers(...dirs: string[]): Promise<string[]> {
  const found = (await Promise.all(dirs.map(names))).flat();
  return found.filter((name) => name.startsWith(".run-outputs-tmp-"));
}

// How many archives are there, or are being put there, when the kill comes.
for (const moment of [0, 1, 3, 8]) {
  Deno.test({
    name:
      `kill -9 with ${moment} archives there: all that is there is whole, a second run completes`,
    // Windows has no signals; a terminated process there is much the same, but not this test.
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using dir = await tempDir();
      const buildDir = `${dir.path}/build`;
      await makeBuild(buildDir, 1);
      const staging = `${dir.path}/staging`;
      const runDir = `${staging}/7-linux`;
      const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", buildDir, ...RUN];
      const args = [...upload, "--output-dir", staging, "--concurrency", "2"];

      const where = { at: moment + 1, path: ARCHIVE };
      const killed = await killAt(where, (options, env) => {
        return start(args, "null", env, ["-P", ...options]);
      });
      assert(killed, "it had fewer archives");

      const whole = await assertWhole(runDir);
      assert(whole <= moment, `${whole} archives`);
      const second = await command([...args, "--json"]);
      assert.equal(second.code, 0, second.stderr);
      assert.equal(await assertWhole(runDir), ARTIFACTS);
      const { counts } = JSON.parse(second.stdout);
      assert(counts.unchanged >= whole, `${counts.unchanged} files were not sent again`);
      assert.deepEqual(await leftovers(buildDir, `${buildDir}/artifacts`, runDir), []);
    },
  });
}

Deno.test({
  name: "kill -9 of a first upload: fetch, list and verify report it until the next one has ended",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await tempDir();
    const buildDir = `${dir.path}/build`;
    await makeBuild(buildDir, 1);
    const staging = `${dir.path}/staging`;
    const upload = ["upload", "artifacts", `${buildDir}/artifacts`, ...RUN];
    const args = [...upload, "--output-dir", staging, "--concurrency", "1"];
    const killed = await killAt({ at: 2, path: ARCHIVE }, (options, env) => {
      return start(args, "null", env, ["-P", ...options]);
    });
    assert(killed, "it had one archive");

    const at = ["--staging-dir", staging, ...RUN];
    const fetch = ["fetch", ...at, "--no-extract", "--output-dir", `${dir.path}/out`];
    const verify = ["verify", ...at];
    const reads: [number, string[]][] = [[0, fetch], [0, ["list", ...at]], [7, verify]];
    for (const [code, read] of reads) {
      const result = await command(read);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, /upload of (?:part )?artifacts\.[0-9a-f]{8} /);
    }
    const again = await command(args);
    assert.equal(again.code, 0, again.stderr);
    for (const [, read] of reads) {
      const result = await command(read);
      assert.deepEqual([result.code, result.stderr.includes("upload of")], [0, false]);
    }
  },
});

Deno.test({
  name: "SIGINT: exit code 130, one line, nothing half done, a second run completes",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await tempDir();
    const buildDir = `${dir.path}/build`;
    await makeBuild(buildDir, 1);
    const runDir = `${dir.path}/staging/7-linux`;
    const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", buildDir, ...RUN];
    const args = [...upload, "--output-dir", `${dir.path}/staging`, "--concurrency", "2"];
    const where = { at: 2, path: ARCHIVE, interrupted: true };
    const { process, stands } = await standing(where, (options, env) => {
      return start(args, "piped", env, ["-P", ...options]);
    });
    assert(stands, "it had one archive");
    process.kill("SIGINT");
    const { code, stderr, stdout } = await process.output();
    assert.equal(code, 130);
    assert.match(new TextDecoder().decode(stderr), /^error: interrupted[^\n]*\n$/);
    assert.equal(stdout.length, 0);
    assert(await assertWhole(runDir) < ARTIFACTS);
    assert.deepEqual(await leftovers(buildDir, runDir), []);
    const outputs = `${runDir}/manifests/outputs`;
    assert.deepEqual(await names(outputs), ["build.g.incomplete"]);
    assert.equal((await command(args)).code, 0);
    assert.equal(await assertWhole(runDir), ARTIFACTS);
    assert.deepEqual(await names(outputs), ["build.g.json"]);
  },
});

/** So large that two uploads overlap. */
const LONG = 1_500_000;

Deno.test("two concurrent uploads of one build: both succeed, every file is complete", async () => {
  await using dir = await tempDir();
  const buildDir = `${dir.path}/build`;
  await makeBuild(buildDir, 1, LONG);
  const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", buildDir, ...RUN];
  const args = [...upload, "--output-dir", `${dir.path}/staging`];
  const runs = await Promise.all([finish(args), finish(args)]);
  for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
  assert.equal(await assertWhole(`${dir.path}/staging/7-linux`), ARTIFACTS);
  assert.deepEqual(await leftovers(buildDir, `${dir.path}/staging/7-linux`), []);
  const outputs = `${dir.path}/staging/7-linux/manifests/outputs`;
  assert.deepEqual(await names(outputs), ["build.g.json"]);
});

Deno.test("two concurrent uploads of different builds: an archive with the wrong checksum is reported", async () => {
  await using dir = await tempDir();
  const args = (build: string) => [
    ...["upload", "build", "--artifact-group", "g", "--build-dir", `${dir.path}/${build}`, ...RUN],
    ...["--output-dir", `${dir.path}/staging`],
  ];
  await makeBuild(`${dir.path}/one`, 1, LONG);
  await makeBuild(`${dir.path}/two`, 2, LONG);
  const runs = await Promise.all([finish(args("one")), finish(args("two"))]);
  const runDir = `${dir.path}/staging/7-linux`;
  const mixed = await assertWhole(runDir).then(() => false, () => true);
  if (mixed) {
    assert(
      runs.some(({ code, stderr }) => code !== 0 && stderr.includes("Another upload has replaced")),
      JSON.stringify(runs),
    );
  }
  // Whoever comes last, alone, makes it right.
  const last = await command(args("two"));
  assert.equal(last.code, 0, last.stderr);
  assert.equal(await assertWhole(runDir), ARTIFACTS);
});
