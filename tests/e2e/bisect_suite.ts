/**
 * A bisect of 19 commits, some of them without artifacts, by `bisect run` in processes of its own;
 * one of them is killed. For each storage the same.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { StorageBackend } from "../../src/storage/backend.ts";
import { bisectWorld, NUMBER, numberIn, numberOf } from "../support/bisect_world.ts";
import { sha } from "../support/github_server.ts";
import { type memoryS3, s3Env } from "../support/s3_subject.ts";
import { tempDir } from "../support/temp_dir.ts";
import { command as runCommand, finishMayRun, NOBODY } from "./processes.ts";

/** A storage, and how command lines name it. */
export interface BisectStorage extends AsyncDisposable {
  readonly backend: StorageBackend;
  readonly bucket?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A bucket on a test server as such a storage; it disposes of its server with itself. */
export function onS3(subject: Awaited<ReturnType<typeof memoryS3>>): BisectStorage {
  return {
    backend: subject.backend,
    bucket: subject.bucket,
    args: ["--bucket", subject.bucket],
    env: s3Env(subject.url),
    [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
  };
}

const COUNT = 19;
/** Without artifacts: neighbours of the first bad commit among them, and the middle. */
const LACKING = [1, 5, 9, 10, 14];
const FIRST_BAD = 12;

/** Declares the tests. */
export function bisectSuite(name: string, open: (dir: string) => Promise<BisectStorage>): void {
  Deno.test(`bisect run, ${name}: of 19 commits the first bad one, though it was killed`, async () => {
    await using temp = await tempDir();
    await using storage = await open(temp.path);
    await using world = await bisectWorld({ count: COUNT, lacking: LACKING, ...storage });
    const env = { ...NOBODY, ...storage.env, ...world.env };
    const at = ["--state-dir", join(temp.path, "bisect")];
    const bisect = (...args: string[]) => runCommand(["bisect", ...args], env);
    const run = (...args: string[]) => finishMayRun(["bisect", "run", ...args], env);

    const started = await bisect(
      ...["start", "--good", "v1", "--bad", "main", "--artifact-group", "gfx942", ...at],
      ...["--cache-dir", join(temp.path, "cache"), "--platform", "linux", ...storage.args],
    );
    assert.equal(started.code, 0, started.stderr);
    assert.equal(await numberIn(started.stdout.trimEnd()), 8);

    const test = join(temp.path, "test.ts");
    await Deno.writeTextFile(test, killingTest(temp.path));
    const command = ["--", Deno.execPath(), "run", "-q", "--no-config", "-A", test];
    const killed = await run(...at, ...command);
    assert.notEqual(killed.code, 0, "it was not killed");
    const midway = await bisect("log", "--json", ...at);
    const { log, artifacts } = JSON.parse(midway.stdout);
    assert.equal(log.length, 1, "it was killed at its second test");

    const { code, stdout, stderr } = await run("--json", ...at, ...command);
    assert.equal(code, 0, stderr);
    const { status, suspects } = JSON.parse(stdout);
    assert.deepEqual([status, suspects.map((one: { sha: string }) => numberOf(one.sha))], [
      "found",
      [FIRST_BAD],
    ]);
    const tested = (await Deno.readTextFile(join(temp.path, "tested"))).trim().split("\n");
    assert(new Set(tested).size <= 5, `${tested}`);
    for (const number of tested) assert(!LACKING.includes(Number(number)), `${tested}`);

    // What was known when it was killed is not asked again; two were perhaps being asked.
    const asked = Object.entries(world.asked());
    for (const sha of Object.keys(artifacts)) assert.equal(world.asked()[numberOf(sha)], 1);
    assert(asked.filter(([, times]) => times > 1).length <= 2, JSON.stringify(asked));

    const reset = await bisect("reset", ...at);
    assert.equal(reset.code, 0, reset.stderr);
    await assert.rejects(Deno.stat(at[1]), Deno.errors.NotFound);
  });

  Deno.test(`bisect run, ${name}: the result is the commits that the artifacts do not distinguish`, async () => {
    await using temp = await tempDir();
    await using storage = await open(temp.path);
    const lacking = [...LACKING, 11];
    await using world = await bisectWorld({ count: COUNT, lacking, ...storage });
    const env = { ...NOBODY, ...storage.env, ...world.env };
    const at = ["--state-dir", join(temp.path, "bisect"), "--json"];
    const bisect = (...args: string[]) => runCommand(["bisect", ...args], env);
    const run = (...args: string[]) => finishMayRun(["bisect", "run", ...args], env);
    const started = await bisect(
      ...["start", "--good", sha(0), "--bad", sha(COUNT), ...at],
      ...["--cache-dir", join(temp.path, "cache"), "--platform", "linux", ...storage.args],
    );
    assert.equal(started.code, 0, started.stderr);
    const code = `Deno.exit(${isBad} ? 3 : 0)`;
    const { code: ended, stdout, stderr } = await run(
      ...[...at, "--", Deno.execPath(), "eval", "--no-config", "-q", code],
    );
    assert.equal(ended, 7, stderr);
    const { status, suspects } = JSON.parse(stdout);
    assert.equal(status, "suspects");
    assert.deepEqual(
      suspects.map((one: { sha: string }) => numberOf(one.sha)),
      [9, 10, 11, FIRST_BAD],
    );
    const asked = Object.entries(world.asked());
    for (const [number, times] of asked) assert.equal(times, 1, `commit ${number}`);
    // The comparison, and each commit that was of interest, once.
    assert.equal(world.server.requests.length, 1 + asked.length);
    assert.equal(world.server.counted, 1 + asked.length);
  });
}

const isBad =
  `Number(Deno.readTextFileSync(Deno.env.get("RUN_OUTPUTS_DIR") + "/${NUMBER}")) >= ${FIRST_BAD}`;

/** A test that notes what it tests, and at its second call kills who has started it. */
function killingTest(dir: string): string {
  return `
    const tested = ${JSON.stringify(join(dir, "tested"))};
    const directory = Deno.env.get("RUN_OUTPUTS_DIR");
    const number = Deno.readTextFileSync(directory + "/${NUMBER}");
    Deno.writeTextFileSync(tested, number + "\\n", { append: true });
    const calls = Deno.readTextFileSync(tested).trim().split("\\n").length;
    if (calls === 2) Deno.kill(Deno.ppid, "SIGKILL");
    console.log("tested", number);
    Deno.exit(${isBad} ? 3 : 0);
  `;
}
