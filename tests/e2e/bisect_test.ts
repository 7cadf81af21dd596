/** `run-outputs bisect` as processes: killed, without permissions, replayed, several at once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { bisectWorld, NUMBER, numberIn, numberOf } from "../support/bisect_world.ts";
import { killAt } from "../support/kill.ts";
import { installProgram } from "../support/program.ts";
import { memoryS3 } from "../support/s3_subject.ts";
import { tempDir } from "../support/temp_dir.ts";
import { bisectSuite, onS3 } from "./bisect_suite.ts";
import {
  command as runCommand,
  finish,
  finishMayRun,
  NOBODY,
  start,
  startMayRun,
  STATE_ENV,
} from "./processes.ts";

bisectSuite("on a disk", async (dir) => {
  const staging = join(dir, "staging");
  await Deno.mkdir(staging);
  return {
    backend: new LocalBackend(staging),
    args: ["--staging-dir", staging],
    env: {},
    async [Symbol.asyncDispose]() {},
  };
});

bisectSuite("on S3", async () => onS3(await memoryS3()));

/** A bisect that has begun, of commits 1 to 12; from 5 on they are bad. */
async function begun() {
  const temp = await tempDir();
  const staging = join(temp.path, "staging");
  const world = await bisectWorld({
    count: 12,
    lacking: [6],
    backend: new LocalBackend(staging),
  });
  const env = { ...NOBODY, ...world.env };
  const at = ["--state-dir", join(temp.path, "it's a bisect")];
  const start = [
    ...["bisect", "start", "--good", "v1", "--bad", "main", "--platform", "linux", ...at],
    ...["--staging-dir", staging, "--cache-dir", join(temp.path, "cache")],
  ];
  return {
    dir: temp.path,
    world,
    env,
    at,
    start,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

const isBad = `test "$(cat "$RUN_OUTPUTS_DIR/${NUMBER}")" -lt 5`;

/** Runs a shell's script in which `run-outputs` is the program, without permission to run others. */
async function shell(dir: string, script: string, env: Readonly<Record<string, string>>) {
  const bin = join(dir, "bin");
  await Deno.mkdir(bin, { recursive: true });
  await installProgram(bin);
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script],
    cwd: dir,
    env: { ...STATE_ENV, ...env, NO_COLOR: "1", PATH: `${bin}:${Deno.env.get("PATH")}` },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const onWindows = Deno.build.os === "windows";

Deno.test({
  name: "bisect run: without the permission it prints a loop, which does the same",
  ignore: onWindows,
  fn: async () => {
    await using b = await begun();
    const begin = await runCommand(b.start, b.env);
    assert.equal(begin.code, 0, begin.stderr);
    const command = ["--", "sh", "-c", `${isBad} || exit 3 # it's quoted`];
    const told = await finish(["bisect", "run", ...b.at, ...command], b.env);
    assert.equal(told.code, 4);
    assert.match(told.stderr, /^error: Cannot run 'sh': no permission to run programs[^\n]*\n$/);
    const asJson = await finish(["bisect", "run", "--json", ...b.at, ...command], b.env);
    const { schema, loop, error } = JSON.parse(asJson.stdout);
    assert.deepEqual([schema, error.code], ["run-outputs.bisect-loop/1", "denied"]);
    assert.equal(loop, told.stdout);

    const { code, stdout, stderr } = await shell(b.dir, told.stdout, b.env);
    assert.match(stdout, /^\w{40} is the first bad commit\n {2}change 5\n/, stderr);
    assert.equal(code, 0);
    for (const [number, times] of Object.entries(b.world.asked())) assert.equal(times, 1, number);
  },
});

Deno.test({
  name: "bisect run: the loop stops where the command comes to harm",
  ignore: onWindows,
  fn: async () => {
    await using b = await begun();
    await runCommand(b.start, b.env);
    const told = await finish(
      ["bisect", "run", ...b.at, "--", "sh", "-c", "kill -SEGV $$"],
      b.env,
    );
    const { code, stdout, stderr } = await shell(b.dir, told.stdout, b.env);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^stopped: the command ended with 139; the commit is not marked$/m);
    const log = await runCommand(["bisect", "log", "--json", ...b.at], b.env);
    assert.deepEqual(JSON.parse(log.stdout).log, []);
  },
});

Deno.test({
  name: "bisect log: a shell that runs it repeats the bisect",
  ignore: onWindows,
  fn: async () => {
    await using b = await begun();
    await runCommand(b.start, b.env);
    await runCommand(["bisect", "bad", ...b.at], b.env);
    await runCommand(["bisect", "good", ...b.at], b.env);
    const before = await runCommand(["bisect", "next", "--json", ...b.at], b.env);
    const { stdout: script } = await runCommand(["bisect", "log", ...b.at], b.env);
    assert.match(
      script,
      /^#!\/bin\/sh\n# started [^\n]*: good v1, bad main\nrun-outputs bisect st/,
    );
    assert.match(script, /\n# \w{10} change 6: multi_arch_ci.yml has no run|\n# \w{10} change 6: /);
    await runCommand(["bisect", "reset", ...b.at], b.env);
    const { code, stderr } = await shell(b.dir, script, b.env);
    assert.equal(code, 0, stderr);
    const after = await runCommand(["bisect", "next", "--json", ...b.at], b.env);
    const [one, other] = [before, after].map(({ stdout }) => JSON.parse(stdout));
    assert.equal(one.status, "test");
    assert.deepEqual({ ...other, good: one.good, bad: one.bad }, one);
    assert.deepEqual([other.good.sha, other.bad.sha], [one.good.sha, one.bad.sha]);
  },
});

Deno.test({
  name: "bisect run: 125 skips, 128 and more and signals stop, an unknown command says nothing",
  ignore: onWindows,
  fn: async () => {
    await using b = await begun();
    await runCommand(b.start, b.env);
    const run = (...command: string[]) =>
      finishMayRun(["bisect", "run", "-q", ...b.at, "--", ...command], b.env);
    const log = async () =>
      JSON.parse((await runCommand(["bisect", "log", "--json", ...b.at], b.env)).stdout).log;
    for (
      const [command, code, text] of [
        [["sh", "-c", "exit 128"], 1, "ended with exit code 128"],
        [["sh", "-c", "kill -SEGV $$"], 1, "ended with SIGSEGV"],
        [["no-such-program"], 2, "program not found"],
      ] as const
    ) {
      const ran = await run(...command);
      assert.equal(ran.code, code, ran.stderr);
      assert.match(ran.stderr, new RegExp(`^error: Cannot [^\n]*${text}[^\n]*\n$`));
      assert.deepEqual(await log(), []);
    }
    const { code, stdout, stderr } = await run(
      "sh",
      "-c",
      `echo out; n=$(cat "$RUN_OUTPUTS_DIR/${NUMBER}"); test $n -eq 5 && exit 125; exit $((n / 5))`,
    );
    assert.equal(code, 7);
    assert.match(stdout, /^The first bad commit is one of these 3;/);
    assert.match(stderr, /^(?:out\n)+$/);
    assert.deepEqual(
      (await log()).filter(({ verdict }: { verdict: string }) => verdict === "skip")
        .map((entry: { sha: string; exit_code: number }) => [numberOf(entry.sha), entry.exit_code]),
      [[5, 125]],
    );
  },
});

Deno.test({
  name: "bisect run: after an interruption, which is no verdict, it can continue",
  ignore: onWindows,
  fn: async () => {
    await using b = await begun();
    await runCommand(b.start, b.env);
    const begins = join(b.dir, "begins");
    const command = ["sh", "-c", `echo $$ > '${begins}'; exec sleep 600`];
    const program = startMayRun(["bisect", "run", ...b.at, "--", ...command], "piped", b.env);
    let pid = 0;
    while (pid === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      pid = Number(await Deno.readTextFile(begins).catch(() => ""));
    }
    const busy = await runCommand(["bisect", "good", ...b.at], b.env);
    assert.equal(busy.code, 1);
    assert.match(
      busy.stderr,
      /^error: Cannot use the bisect [^\n]*another process is using it[^\n]*\n$/,
    );
    program.kill("SIGINT");
    const { code } = await program.output();
    assert.equal(code, 130);
    assert.throws(() => Deno.kill(pid, "SIGTERM"), Deno.errors.NotFound);
    const { stdout } = await finishMayRun(
      ["bisect", "run", "-q", ...b.at, "--", "sh", "-c", isBad],
      b.env,
    );
    assert.match(stdout, /is the first bad commit\n {2}change 5\n/);
  },
});

Deno.test("bisect: a read-only cache is noted, and it continues", async () => {
  await using b = await begun();
  assert.equal((await runCommand(b.start, b.env)).code, 0);
  const state = b.at[1];
  const isAllowed = ["--allow-read", "--allow-env", "--allow-net", "--allow-sys"];
  const { code, stdout, stderr } = await finish(["bisect", "bad", ...b.at], b.env, [
    ...isAllowed,
    `--allow-write=${state}`,
  ]);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^note: Cannot use the cache [^\n]*cache': [^\n]*; existing files are used, nothing is added$/m,
  );
  assert(await numberIn(stdout.trimEnd()) < 12);
});

Deno.test("bisect: killed at any change, it continues to the right result", async () => {
  await using b = await begun();
  const begin = await runCommand(b.start, b.env);
  assert.equal(begin.code, 0, begin.stderr);
  /** Kills a step before one of its changes, another one in each step; it may have fewer. */
  const isKilled = (words: string[], at: number) =>
    killAt({ at }, (options, env) => {
      const args = ["bisect", ...words, ...b.at];
      return start(args, "null", { ...b.env, ...env }, ["-P", ...options]);
    });
  const log = async () =>
    JSON.parse((await runCommand(["bisect", "log", "--json", ...b.at], b.env)).stdout).log;
  for (let step = 0;; step++) {
    assert(await isKilled(["next"], 1 + step) || step > 0);
    const { code, stdout, stderr } = await runCommand(["bisect", "next", ...b.at], b.env);
    if (code === 3) {
      assert.match(stdout, /is the first bad commit\n {2}change 5\n/);
      break;
    }
    assert.equal(code, 0, stderr);
    const verdict = await numberIn(stdout.trimEnd()) >= 5 ? "bad" : "good";
    const before = await log();
    assert(await isKilled([verdict], 1 + 2 * step) || step > 0);
    // Whether it was said before the kill is in the log; it is never said of another commit.
    const after = await log();
    for (const { sha, verdict } of after) {
      assert.equal(verdict, numberOf(sha) >= 5 ? "bad" : "good");
    }
    if (after.length > before.length) continue;
    const again = await runCommand(["bisect", verdict, ...b.at], b.env);
    assert.equal(again.code, 0, again.stderr);
  }
  const reset = await runCommand(["bisect", "reset", ...b.at], b.env);
  assert.equal(reset.code, 0, reset.stderr);
  const left = await Array.fromAsync(Deno.readDir(b.dir), ({ name }) => name);
  assert.deepEqual(left.sort(), ["cache", "staging"]);
});
