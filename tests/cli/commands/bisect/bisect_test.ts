/** `run-outputs bisect` from command to command: what it prints, keeps, refuses and removes. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../../../src/storage/local/local.ts";
import {
  type BisectWorld,
  bisectWorld,
  numberIn,
  numberOf,
} from "../../../support/bisect_world.ts";
import { refused, run, runJson, runs } from "../../../support/command_line.ts";
import { sha } from "../../../support/github_server.ts";
import { readTree, tempDir, writeTree } from "../../../support/temp_dir.ts";

interface Setting {
  readonly world: BisectWorld;
  readonly env: Readonly<Record<string, string>>;
  readonly dir: string;
  readonly state: string;
  readonly at: readonly string[];
  /** Begins at commit 0, which is good, and the last one, which is bad. */
  readonly start: readonly string[];
}

function test(
  name: string,
  fn: (setting: Setting) => Promise<void>,
  { count = 8, lacking = [] }: { readonly count?: number; readonly lacking?: number[] } = {},
): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await using world = await bisectWorld({ count, lacking, backend: new LocalBackend(staging) });
    const state = join(temp.path, "bisect");
    const at = ["--state-dir", state];
    await fn({
      world,
      env: { ...world.env, XDG_CACHE_HOME: join(temp.path, "cache") },
      dir: temp.path,
      state,
      at,
      start: [
        ...["bisect", "start", "--good", "v1", "--bad", "main", "--artifact-group", "gfx942"],
        ...["--staging-dir", staging, "--platform", "linux", ...at],
      ],
    });
  });
}

test("bisect: start and good and bad print directories, then the first bad commit", async (s) => {
  const { out, err } = await runs(0, s.start, s.env);
  const directory = out.trimEnd();
  assert.equal(await numberIn(directory), 4);
  assert.match(err, /^note: 8 commits between v1 and main\n/);
  assert.match(
    err,
    /note: 8 suspects, 7 commits left to test, about 3 tests; now \w{10} change 4\n$/,
  );
  const { out: next } = await runs(0, ["bisect", "bad", ...s.at], s.env);
  assert.equal(await numberIn(next.trimEnd()), 2);
  await assert.rejects(Deno.stat(directory), Deno.errors.NotFound);
  const { out: third } = await runs(0, ["bisect", "good", ...s.at], s.env);
  assert.equal(await numberIn(third.trimEnd()), 3);
  const { out: end } = await runs(0, ["bisect", "bad", ...s.at], s.env);
  assert.match(end, new RegExp(`^${sha(3)} is the first bad commit\n  change 3\n`));
  assert.deepEqual(s.world.asked(), { 2: 1, 3: 1, 4: 1 });
});

test("bisect: --json is one document for each step, and for the end", async (s) => {
  const first = await runJson(0, s.start, s.env);
  assert.equal(first.schema, "run-outputs.bisect-step/1");
  assert.equal(first.status, "test");
  assert.equal(first.repository, "ROCm/TheRock");
  assert.deepEqual(first.good, { given: "v1", sha: sha(0) });
  assert.deepEqual(first.commit, {
    sha: sha(4),
    title: "change 4",
    date: "2026-05-01T00:00:00Z",
    url: `https://github.com/ROCm/TheRock/commit/${sha(4)}`,
  });
  assert.deepEqual([first.suspect_count, first.testable_count, first.steps], [8, 7, 3]);
  assert.equal(first.runs[0].run_id, "1004");
  assert.equal(await numberIn(first.directory), 4);
  assert.deepEqual(await runJson(0, ["bisect", "next", ...s.at], s.env), first);
  const pending = await runJson(0, ["bisect", "good", "--no-fetch", ...s.at], s.env);
  assert.deepEqual([pending.status, pending.testable_count], ["pending", 3]);
  await runs(0, ["bisect", "good", sha(7), "--no-fetch", ...s.at], s.env);
  const end = await runJson(3, ["bisect", "next", ...s.at], s.env);
  assert.equal(end.status, "found");
  assert.equal(end.suspects[0].sha, sha(8));
  const log = await runJson(0, ["bisect", "log", ...s.at], s.env);
  assert.deepEqual([log.schema, log.status], ["run-outputs.bisect-log/1", "found"]);
  assert.deepEqual(
    log.log.map((entry: { sha: string; verdict: string }) => [numberOf(entry.sha), entry.verdict]),
    [[4, "good"], [7, "good"]],
  );
  const reset = await runJson(0, ["bisect", "reset", ...s.at], s.env);
  assert.deepEqual([reset.schema, reset.removed], ["run-outputs.bisect-reset/1", []]);
});

test(
  "bisect: commits without artifacts are reported; several possible results exit with 7",
  async (s) => {
    const { out, err } = await runs(0, s.start, s.env);
    assert.equal(await numberIn(out.trimEnd()), 3);
    assert.match(
      err,
      /note: \w{10} can't be tested: .*run 1004: no outputs of it .*\(change 4\)\n/,
    );
    const { err: told } = await runs(0, ["bisect", "good", ...s.at], s.env);
    const { out: end } = await runs(7, ["bisect", "bad", sha(6), ...s.at], s.env);
    assert.match(told, /can't be tested: multi_arch_ci\.yml has no run for it \(change 5\)\n/);
    const [title, ...lines] = end.trimEnd().split("\n");
    assert.match(title, /^The first bad commit is one of these 3;/);
    assert.match(
      lines[0],
      new RegExp(`^  ${sha(4).slice(0, 10)}  change 4 \\(.*run 1004: no outputs of it`),
    );
    assert.match(lines[1], /change 5 \(multi_arch_ci\.yml has no run for it\)$/);
    assert.match(lines[2], /change 6 \(bad\)$/);
    const json = await runJson(7, ["bisect", "next", ...s.at], s.env);
    assert.equal(json.status, "suspects");
    assert.deepEqual(json.suspects.map((one: { reason: string }) => one.reason.slice(0, 9)), [
      "nothing f",
      "multi_arc",
      "bad",
    ]);
  },
  { lacking: [4, 5] },
);

test("bisect skip: the nearest one is next, and it is among the suspects in the end", async (s) => {
  await runs(0, s.start, s.env);
  const { out } = await runs(0, ["bisect", "skip", ...s.at], s.env);
  assert.equal(await numberIn(out.trimEnd()), 3);
  await runs(0, ["bisect", "good", ...s.at], s.env);
  const { out: end } = await runs(7, ["bisect", "bad", sha(5), ...s.at], s.env);
  assert.match(end, /change 4 \(skipped\)\n.*change 5 \(bad\)\n$/);
});

test("bisect: without one each command says how to begin, and leaves nothing", async (s) => {
  for (const words of [["good"], ["next"], ["log"], ["reset"], ["prefetch"], ["run", "--", "x"]]) {
    const [verb, ...rest] = words;
    await refused(["bisect", verb, ...s.at, ...rest], ["bisect start", s.state], {
      code: 3,
      env: s.env,
    });
  }
  await assert.rejects(Deno.stat(s.state), Deno.errors.NotFound);
});

test("bisect start: invalid ends are rejected before anything is written", async (s) => {
  const args = (good: string, bad: string) =>
    s.start.map((arg) => arg === "v1" ? good : arg === "main" ? bad : arg);
  const refuse = (args: readonly string[], texts: string[], code = 2) =>
    refused(args, texts, { code, env: s.env });
  await refuse(args("main", "main"), ["same commit"]);
  await refuse(args("main", "v1"), ["is an ancestor of the good one"]);
  await refuse(args("nope", "main"), ["The good commit", "nope"], 3);
  await refuse(args("", "main"), ["--good"]);
  await refuse(s.start.filter((arg) => !["--bad", "main"].includes(arg)), ["--bad <commit>"]);
  await refuse([...s.start, "--flatten", "--bootstrap"], ["--flatten", "--bootstrap"]);
  await refuse([...s.start, "--no-cache", "--cache-size", "1G"], ["--no-cache", "--cache-size"]);
  await refuse([...s.start, "--families-file", "x"], ["x", "no such file"], 2);
  await refuse([...s.start, "--artifact-group", "a_b"], ["a_b"]);
  await refuse([...s.start, "--repo", "nobody"], ["nobody"]);
  await refuse([...s.start, "--run-id", "5"], ["--run-id"]);
  const file = join(s.dir, "file");
  await Deno.writeTextFile(file, "");
  await refuse([...s.start, "--output-dir", file], [file, "not a directory"]);
  await assert.rejects(Deno.stat(s.state), Deno.errors.NotFound);

  await runs(0, s.start, s.env);
  const before = await Deno.readTextFile(join(s.state, "bisect.json"));
  await refuse(s.start, ["one is in progress", "bisect reset"], 1);
  assert.equal(await Deno.readTextFile(join(s.state, "bisect.json")), before);
});

test("bisect: contradicting verdicts are rejected, and nothing changes", async (s) => {
  await runs(0, s.start, s.env);
  await runs(0, ["bisect", "good", ...s.at], s.env);
  const before = await Deno.readTextFile(join(s.state, "bisect.json"));
  const refuse = (words: string[], code: number, ...texts: string[]) =>
    refused(["bisect", ...words, ...s.at], texts, { code, env: s.env });
  await refuse(["bad", sha(4)], 1, "is marked as good", "bisect log");
  await refuse(["bad", sha(2)], 1, "which contains it, is good");
  await refuse(["good", sha(8)], 1, "is marked as bad");
  await refuse(["good", "main"], 2, "main", "SHA");
  assert.equal(await Deno.readTextFile(join(s.state, "bisect.json")), before);
  await runs(0, ["bisect", "bad", "--no-fetch", ...s.at], s.env);
  await refuse(["bad"], 1, "'run-outputs bisect next --state-dir ");
});

test("bisect: a state that is broken is one line, and can be reset", async (s) => {
  const { out } = await runs(0, s.start, s.env);
  const path = join(s.state, "bisect.json");
  const state = JSON.parse(await Deno.readTextFile(path));
  for (
    const [text, reason] of [
      ["{", "not JSON"],
      [JSON.stringify({ ...state, settings: {} }), "settings.args"],
      [JSON.stringify({ ...state, settings: { args: ["--nope"] } }), "--nope"],
    ]
  ) {
    await Deno.writeTextFile(path, text);
    for (const verb of ["good", "next", "prefetch"]) {
      await refused(["bisect", verb, ...s.at], [reason, "bisect reset"], { code: 6, env: s.env });
    }
  }
  const { err } = await runs(0, ["bisect", "reset", ...s.at], s.env);
  assert.match(err, /^warning: Cannot read [^\n]*--output-dir are kept\n$/);
  await assert.rejects(Deno.stat(out.trimEnd()), Deno.errors.NotFound);
  await assert.rejects(Deno.stat(s.state), Deno.errors.NotFound);
});

test("bisect: a state that comes from elsewhere is not followed, and can be reset", async (s) => {
  const { env } = s;
  await runs(0, s.start, env);
  await runs(0, ["bisect", "good", ...s.at], env);
  // As a repository brings it: the same file in another directory, with options of somebody's own.
  const cloned = join(s.dir, "clone", "bisect");
  const precious = join(s.dir, "precious");
  const state = JSON.parse(await Deno.readTextFile(join(s.state, "bisect.json")));
  const args = [...state.settings.args, "--output-dir", precious];
  const directory = join(precious, state.fetched[0].slice(0, 12));
  await writeTree(directory, { "mine.txt": "mine" });
  await writeTree(cloned, {
    "bisect.json": JSON.stringify({ ...state, settings: { args }, current: null }),
  });
  const at = ["--state-dir", cloned];
  for (const verb of [["good"], ["next"], ["prefetch"], ["run", "--", "true"]]) {
    const [name, ...rest] = verb;
    await refused(["bisect", name, ...at, ...rest], ["did not start it", "bisect reset"], {
      code: 4,
      env,
    });
  }
  const { err } = await runs(0, ["bisect", "reset", ...at], env);
  assert.match(err, /^warning: Cannot use the bisect[^\n]*--output-dir are kept\n$/);
  assert.deepEqual(await readTree(precious), {
    [`${state.fetched[0].slice(0, 12)}/mine.txt`]: "mine",
  });
  await assert.rejects(Deno.stat(cloned), Deno.errors.NotFound);
  // One's own goes on.
  await runs(0, ["bisect", "next", ...s.at], env);
  await runs(0, ["bisect", "reset", ...s.at], env);
});

test("bisect reset: its directories go, the cache and what others put there stay", async (s) => {
  const outputDir = join(s.dir, "commits");
  const { out } = await runs(0, [...s.start, "--output-dir", outputDir], s.env);
  await Deno.writeTextFile(join(outputDir, "notes.txt"), "mine");
  await runs(0, ["bisect", "good", ...s.at], s.env);
  await runs(0, ["bisect", "reset", ...s.at], s.env);
  const left = await Array.fromAsync(Deno.readDir(outputDir), ({ name }) => name);
  assert.deepEqual(left, ["notes.txt"]);
  assert(out.startsWith(outputDir));
  await assert.rejects(Deno.stat(s.state), Deno.errors.NotFound);
  assert.equal((await Deno.stat(join(s.dir, "cache/run-outputs/v1"))).isDirectory, true);
});

test("bisect: it continues with the settings of its start, wherever those are", async (s) => {
  await runs(0, [...s.start, "--flatten", "*_lib_*"], s.env);
  const other = {
    ...s.env,
    GITHUB_REPOSITORY: "some/fork",
    THEROCK_LOCAL_STAGING_DIR: join(s.dir, "nowhere"),
    XDG_CACHE_HOME: join(s.dir, "other"),
  };
  const { out } = await runs(0, ["bisect", "good", ...s.at], other);
  // Flattened: without the archive's own directory.
  assert.equal(await Deno.readTextFile(join(out.trimEnd(), "number.txt")), "6");
  await assert.rejects(Deno.stat(join(s.dir, "other")), Deno.errors.NotFound);
  assert(s.world.server.requests.every((path) => path.startsWith("/repos/ROCm/TheRock/")));
});

test("bisect prefetch: then nothing is left to download for either verdict", async (s) => {
  await runs(0, s.start, s.env);
  const json = await runJson(0, ["bisect", "prefetch", ...s.at], s.env);
  assert.deepEqual(json.fetched.map(numberOf).sort(), [2, 6]);
  const { artifacts } = await runJson(0, ["bisect", "log", ...s.at], s.env);
  assert.deepEqual(Object.keys(artifacts).map(numberOf).sort(), [2, 4, 6]);
  // What is in the cache is needed from nowhere else.
  await Deno.remove(join(s.dir, "staging/therock-ci-artifacts"), { recursive: true })
    .catch(() => {});
  for (const number of [2, 6]) {
    const archive = join(s.dir, `staging/${1000 + number}-linux/blas_lib_gfx942.tar.zst`);
    const { size } = await Deno.stat(archive);
    await Deno.writeFile(archive, new Uint8Array(size));
  }
  const { out } = await runs(0, ["bisect", "bad", ...s.at], s.env);
  assert.equal(await numberIn(out.trimEnd()), 2);
  assert.deepEqual(s.world.asked(), { 2: 1, 4: 1, 6: 1 });
});

test("bisect: a broken archive is skipped, with the reason", async (s) => {
  const archive = join(s.dir, "staging/1004-linux/blas_lib_gfx942.tar.zst");
  const { size } = await Deno.stat(archive);
  await Deno.writeFile(archive, new Uint8Array(size));
  const { out, err } = await runs(0, s.start, s.env);
  assert.equal(await numberIn(out.trimEnd()), 3);
  assert.match(
    err,
    /can't be tested: Cannot fetch .*1004-linux.*upload it again, or repair it from a copy \(verify --repair\) \(change 4\)\n/,
  );
});

test("bisect: an error of GitHub is no verdict on a commit; 'next' continues", async (s) => {
  await runs(0, [...s.start, "--no-fetch"], s.env);
  const { troubles } = s.world.server;
  const denied = () => new Response("{}", { status: 401 });
  troubles.push(denied);
  await refused(["bisect", "next", ...s.at], ["401"], { code: 4, env: s.env });
  const { out } = await runs(0, ["bisect", "next", ...s.at], s.env);
  assert.equal(await numberIn(out.trimEnd()), 4);
});

Deno.test("bisect: a full history of what it says, with 19 commits and gaps", async () => {
  await using temp = await tempDir();
  const lacking = [3, 9, 10, 11, 14];
  const staging = join(temp.path, "staging");
  await using world = await bisectWorld({ count: 19, lacking, backend: new LocalBackend(staging) });
  const at = ["--state-dir", join(temp.path, "bisect"), "--quiet"];
  const { env } = world;
  let { out } = await runs(0, [
    ...["bisect", "start", "--good", sha(0).slice(0, 8), "--bad", "main", ...at],
    ...["--staging-dir", staging, "--platform", "linux"],
  ], env);
  const tested: number[] = [];
  for (let code = 0; code === 0 && out.startsWith("/");) {
    const number = await numberIn(out.trimEnd());
    tested.push(number);
    ({ out, code } = await run(["bisect", number >= 12 ? "bad" : "good", ...at], env));
  }
  assert.match(
    out,
    /^The first bad commit is one of these 4;[^]*change 9 [^]*change 12 \(bad\)\n$/,
  );
  assert(tested.length <= 5, `${tested}`);
  for (const [number, times] of Object.entries(world.asked())) assert.equal(times, 1, number);
});
