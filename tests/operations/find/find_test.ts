import assert from "node:assert/strict";
import { deletingMark } from "../../../src/runs/deleting.ts";
import { openGithub } from "../../../src/github/open.ts";
import type { RunOutputsError } from "../../../src/errors/error.ts";
import {
  findArtifacts,
  type FindOptions,
  type FindSelector,
  nothingFits,
  withNearest,
} from "../../../src/operations/find/find.ts";
import { planFoundFetch, sourceRuns } from "../../../src/operations/fetch/found.ts";
import { waitForArtifacts, type WaitOptions } from "../../../src/operations/fetch/wait.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { rejectsWith } from "../../support/errors.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";
import type { TestRun } from "../../support/github_answers.ts";
import {
  type GithubServer,
  type GithubState,
  sha,
  startGithub,
} from "../../support/github_server.ts";
import { contentOf, putRun } from "../../support/run_storage.ts";
import { sha256 } from "../../support/bytes.ts";

const DAY = "2026-06-01T00:00:00Z";
const at = (hour: number) => `2026-06-01T${String(hour).padStart(2, "0")}:00:00Z`;

/** A GitHub, and a storage with the archives of some of its runs. */
async function world(
  state: GithubState,
  runs: Readonly<Record<number, readonly string[]>> = {},
): Promise<World> {
  const server = startGithub(state);
  const backend = new MemoryBackend();
  for (const [id, names] of Object.entries(runs)) {
    await putRun(backend, `therock-ci-artifacts/${id}-linux`, names);
  }
  return new World(server, backend);
}

class World {
  constructor(readonly server: GithubServer, readonly backend: MemoryBackend) {}

  options(selector: FindSelector, options: Partial<FindOptions> = {}): FindOptions {
    return {
      selector,
      github: openGithub({ apiUrl: this.server.url, second: 1 }),
      backend: this.backend,
      repository: "ROCm/TheRock",
      platform: "linux",
      ...options,
    };
  }

  find(selector: FindSelector, options?: Partial<FindOptions>) {
    return findArtifacts(this.options(selector, options));
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
  }
}

const run = (id: number, hour: number, more: Partial<TestRun> = {}): TestRun => ({
  id,
  sha: sha(1),
  createdAt: at(hour),
  ...more,
});

const BLAS = ["blas_lib_gfx942.tar.zst", "core_lib_generic.tar.zst"];
const FFT = ["fft_lib_gfx1151.tar.zst", "core_lib_generic.tar.zst"];

Deno.test("findArtifacts(): of a commit with one run, with one request, two for a short SHA", async () => {
  await using w = await world({ commits: [{ sha: sha(1) }], runs: [run(5, 1)] }, { 5: BLAS });
  const { groups, missing, commit } = await w.find({ commit: sha(1) });
  assert.deepEqual(missing, []);
  assert.equal(commit, sha(1));
  assert.equal(groups[0].group, undefined);
  assert.equal(groups[0].root.root().s3Uri, "s3://therock-ci-artifacts/5-linux");
  assert.deepEqual(groups[0].archives.map(({ location }) => location.name), BLAS);
  assert.equal(w.server.requests.length, 1);

  await w.find({ commit: sha(1).slice(0, 9).toUpperCase() });
  assert.equal(w.server.requests.length, 3);
});

Deno.test("findArtifacts(): groups of several runs, each from the newest that has it", async () => {
  await using w = await world({ runs: [run(1, 1), run(3, 3), run(2, 2)] }, {
    1: [...BLAS, ...FFT],
    2: FFT,
    3: BLAS,
  });
  const asked = { amdgpuTargets: ["gfx1151", "GFX942:xnack+"] };
  const { groups, rejected } = await w.find({ commit: sha(1) }, asked);
  assert.deepEqual(groups.map(({ group, run }) => [group, run.id]), [
    ["gfx1151", "2"],
    ["GFX942:xnack+", "3"],
  ]);
  assert.deepEqual(groups[0].archives.map(({ location }) => location.name).sort(), [...FFT].sort());
  assert.deepEqual(rejected.map(({ run, group }) => [run.id, group]), [["3", "gfx1151"]]);
  assert.match(rejected[0].reason, /gfx1151.*artifacts for generic, gfx942/);

  const single = await w.find({ commit: sha(1) }, { ...asked, requireSingleRun: true });
  assert.deepEqual(single.groups.map(({ run }) => run.id), ["1", "1"]);

  // The generic ones of both runs are the same artifacts: the newest run's are taken.
  const sources = sourceRuns(groups);
  assert.deepEqual(sources.map(({ run }) => run.id), ["3", "2"]);
  const plan = await planFoundFetch(w.backend, sources, { ...asked, outputDir: "out" });
  assert.deepEqual(plan.items.map(({ location }) => location.key), [
    "3-linux/blas_lib_gfx942.tar.zst",
    "3-linux/core_lib_generic.tar.zst",
    "2-linux/fft_lib_gfx1151.tar.zst",
  ]);
  const place = "therock-ci-artifacts/3-linux";
  assert.equal(plan.items[1].sha256, sha256(contentOf(place, "core_lib_generic.tar.zst")));
});

/**
 * What is asked for, what the newest and an older run have, and which of them has it. The rules are
 * those of "Contracts of the live tools, Selection": expansion of families "always in `find`"; "a
 * target given beside a group stands for it: one of them has to be there"; "Generic archives alone
 * don't prove a group"; "A group can be a family with a variant".
 */
const SEARCHES: readonly {
  readonly rule: string;
  readonly asked: Partial<FindOptions>;
  readonly newest: readonly string[];
  readonly found: string | undefined;
}[] = [
  {
    rule: "a family is its GPUs",
    asked: { artifactGroups: ["gfx94X-dcgpu"] },
    newest: BLAS,
    found: "2",
  },
  {
    rule: "a target that is a family is its GPUs",
    asked: { amdgpuTargets: ["gfx94x-DCGPU"] },
    newest: BLAS,
    found: "2",
  },
  {
    rule: "a target stands for its group",
    asked: { artifactGroups: ["some-group"], amdgpuTargets: ["gfx942"] },
    newest: BLAS,
    found: "2",
  },
  {
    rule: "a group counts without the target beside it",
    asked: { artifactGroups: ["gfx94X-dcgpu"], amdgpuTargets: ["gfx942"] },
    newest: ["blas_lib_gfx94X-dcgpu.tar.zst"],
    found: "2",
  },
  {
    rule: "a GPU that the table does not know belongs to the family of its name",
    asked: { artifactGroups: ["gfx94X-dcgpu", "gfx1151"], amdgpuTargets: ["gfx949"] },
    newest: ["blas_lib_gfx949.tar.zst", ...FFT],
    found: "2",
  },
  {
    rule: "a variant of a family is the family",
    asked: { artifactGroups: ["gfx94X-dcgpu-asan"] },
    newest: BLAS,
    found: "2",
  },
  {
    rule: "generic archives prove nothing",
    asked: { artifactGroups: ["gfx94X-dcgpu"] },
    newest: ["core_lib_generic.tar.zst"],
    found: "1",
  },
  {
    rule: "two groups, of which the newest has one",
    asked: { artifactGroups: ["gfx94X-dcgpu", "gfx110X-all"], requireSingleRun: true },
    newest: BLAS,
    found: undefined,
  },
  {
    rule: "another family's GPU is not the group's",
    asked: { artifactGroups: ["gfx110X-all"] },
    newest: BLAS,
    found: undefined,
  },
];

for (const { rule, asked, newest, found } of SEARCHES) {
  Deno.test(`findArtifacts(): ${rule}`, async () => {
    const runs = [run(1, 1), run(2, 2)];
    await using w = await world({ runs }, { 1: BLAS, 2: newest });
    const { groups, missing } = await w.find({ commit: sha(1) }, asked);
    assert.equal(groups[0]?.run.id, found);
    assert.equal(missing.length === 0, found !== undefined);
    if (found === undefined) return;
    // A fetch takes what the search has found.
    const options = { ...asked, outputDir: "out" };
    const { items } = await planFoundFetch(w.backend, sourceRuns(groups), options);
    const names = groups.flatMap(({ archives }) => archives.map(({ location }) => location.name));
    assert.deepEqual(
      items.map(({ location }) => location.name).sort(),
      [...new Set(names)].sort(),
    );
  });
}

Deno.test("findArtifacts(): the latest commit is the newest whose archives are named after GPUs", async () => {
  const commits = [{ sha: sha(2) }, { sha: sha(1) }];
  const runs = [run(2, 2, { sha: sha(2) }), run(1, 1)];
  await using w = await world({ commits, runs }, {
    1: ["blas_lib_gfx94X-dcgpu.tar.zst"],
    2: BLAS,
  });
  const { commit } = await w.find({ latestOf: null }, { artifactGroups: ["gfx94X-dcgpu"] });
  assert.equal(commit, sha(2));
  const waiting = w.options({ commit: sha(2) }, { artifactGroups: ["gfx94X-dcgpu"] });
  const waited = await waitForArtifacts({ ...waiting, timeout: 0 });
  assert.equal(waited.groups[0].run.id, "2");
});

Deno.test("findArtifacts(): an index page proves nothing", async () => {
  await using w = await world({ runs: [run(1, 1), run(2, 2)] }, {
    1: BLAS,
    2: ["index.html", "index-gfx942.html", "logs/gfx942/build.log"],
  });
  const { groups, rejected } = await w.find({ commit: sha(1) }, { artifactGroups: ["gfx942"] });
  assert.equal(groups[0].run.id, "1");
  assert.match(rejected[0].reason, /no artifacts/);
});

Deno.test("findArtifacts(): required archives, and runs that must have succeeded", async () => {
  await using w = await world({
    runs: [run(1, 1), run(2, 2, { conclusion: "failure" }), run(3, 3, { status: "in_progress" })],
  }, { 1: [...BLAS, "blas_test_gfx942.tar.zst"], 2: BLAS, 3: BLAS });
  const take = async (options: Partial<FindOptions>) => {
    const { groups, rejected } = await w.find({ commit: sha(1) }, options);
    return { run: groups[0]?.run.id, reasons: rejected.map(({ reason }) => reason) };
  };
  assert.equal((await take({})).run, "3");
  const successful = await take({ requireSuccessfulRun: true });
  assert.equal(successful.run, "1");
  assert.match(successful.reasons[0], /nothing yet/);
  assert.match(successful.reasons[1], /failure/);
  const required = await take({ requireArtifacts: [/^blas_lib/, /^blas_test_/g, /ZST$/i] });
  assert.equal(required.run, "1");
  assert.match(required.reasons[0], /none of its 2 archives matches \/\^blas_test_\//);
});

Deno.test("findArtifacts(): a ref, a pull request of a fork, and a run", async () => {
  const fork = { headRepository: null, sha: sha(9) };
  await using w = await world({
    refs: { "topic/x": sha(1) },
    commits: [{ sha: sha(1) }],
    pulls: { 12: sha(9) },
    runs: [run(1, 1), run(2, 2, fork)],
  }, { 1: BLAS });
  await putRun(w.backend, "therock-ci-artifacts-external/ROCm-TheRock/2-linux", FFT);
  assert.equal((await w.find({ ref: "topic/x" })).groups[0].run.id, "1");
  w.server.state.commits = [{ sha: sha(9) }, { sha: sha(1) }];
  const pull = await w.find({ ref: "pull/12" });
  assert.equal(pull.groups[0].root.externalRepo, "ROCm-TheRock/");
  const byId = await w.find({ runId: 2 });
  assert.equal(byId.commit, sha(9));
  assert.equal(byId.groups[0].run.headRepository, null);
  await rejectsWith(w.find({ runId: 404 }), "not_found", "404", "--repo");
});

Deno.test("findArtifacts(): what names no commit is an error, never the newest", async () => {
  await using w = await world({
    commits: [{ sha: sha(1) }],
    refs: { deadbeef: sha(1) },
    runs: [run(1, 1)],
  }, { 1: BLAS });
  await rejectsWith(w.find({ commit: "" }), "invalid", '""');
  await rejectsWith(w.find({ commit: "main" }), "invalid", "--ref");
  await rejectsWith(w.find({ commit: "deadbeef" }), "invalid", "deadbeef", "--ref");
  await rejectsWith(w.find({ ref: "" }), "invalid");
  await rejectsWith(w.find({ latestOf: "" }), "invalid");
});

Deno.test("findArtifacts(): the latest of a branch, beyond the first page of commits", async () => {
  const commits = Array.from({ length: 130 }, (_, i) => ({ sha: sha(i) }));
  await using w = await world({ commits, runs: [run(7, 1, { sha: sha(120) })] }, { 7: BLAS });
  const found = await w.find({ latestOf: "main" }, { maxCommits: 125 });
  assert.deepEqual([found.commit, found.distance, found.looked], [sha(120), 120, 121]);
  assert.equal(found.asked, sha(0));
  const asked = w.server.requests.filter((request) => request.includes("/runs"));
  assert.equal(new Set(asked).size, 121, "no commit is asked twice");
  assert.equal(w.server.requests.length, 123);

  const few = await w.find({ latestOf: null }, { maxCommits: 5 });
  assert.deepEqual([few.missing, few.looked], [[undefined], 5]);
});

Deno.test("findArtifacts(): the latest has ended or is complete, unless an incomplete one will do", async () => {
  const commits = [{ sha: sha(3) }, { sha: sha(2) }, { sha: sha(1) }];
  const runs = [
    run(3, 3, { sha: sha(3), status: "in_progress" }),
    run(2, 2, { sha: sha(2), conclusion: "failure" }),
    run(1, 1),
  ];
  await using w = await world({ commits, runs }, { 1: BLAS, 2: BLAS, 3: BLAS });
  const latest = async (options?: Partial<FindOptions>) => {
    const { groups, rejected } = await w.find({ latestOf: null }, options);
    return [groups[0].run.id, ...rejected.map(({ reason }) => reason)];
  };
  const rejected = "it is in progress, and not known to be complete";
  const skipped: string[] = [];
  const onCommit: FindOptions["onCommit"] = (_, search) => {
    skipped.push(...search.rejected.map(({ run, reason }) => `${run.id}: ${reason}`));
  };
  assert.deepEqual(await latest({ onCommit }), ["2"]);
  assert.deepEqual(skipped, [`3: ${rejected}`]);
  assert.deepEqual(await latest({ allowIncomplete: true }), ["3"]);
  // It was asked for by name.
  assert.equal((await w.find({ commit: sha(3) })).groups[0].run.id, "3");

  const root = new RunOutputRoot({ bucket: "therock-ci-artifacts", runId: 3, platform: "linux" });
  const files = BLAS.map((name) => outputFile(name));
  await putExpected(w.backend, root, ["p", "q"]);
  await putPart(w.backend, root, manifestPart("p", files));
  assert.deepEqual(await latest(), ["2"]);
  await putPart(w.backend, root, manifestPart("q", []));
  assert.deepEqual(await latest(), ["3"]);
  // A part that can't be read proves nothing.
  await w.backend.write(root.outputsManifest("q"), bytesSource("{"));
  assert.deepEqual(await latest(), ["2"]);

  const only = await w.find({ latestOf: null }, { maxCommits: 1 });
  const { message } = nothingFits(only, w.options({ latestOf: null }, { maxCommits: 1 }));
  assert.match(message, /run 3: it is in progress.*--allow-incomplete takes a run in progress/);
});

Deno.test("findArtifacts(): an ancestor is reported, and used only if requested", async () => {
  const commits = Array.from({ length: 9 }, (_, i) => ({ sha: sha(i) }));
  const state = { commits, runs: [run(4, 1, { sha: sha(4) }), run(3, 1, { sha: sha(2) })] };
  await using w = await world(state, { 4: BLAS, 3: FFT });
  const options = w.options({ commit: sha(1) }, { artifactGroups: ["gfx942"] });
  const result = await findArtifacts(options);
  assert.deepEqual(result.missing, ["gfx942"]);
  const hinted = await withNearest(result, options);
  assert.equal(hinted.nearest?.commit.sha, sha(4));
  assert.equal(hinted.nearest?.distance, 3);
  const { message, code } = nothingFits(hinted, options);
  assert.equal(code, "not_found");
  assert.match(
    message,
    new RegExp(`${sha(4).slice(0, 10)}, 3 commits before, .*--nearest-ancestor`),
  );
  assert.match(message, /--workflow/);

  const taken = await findArtifacts({ ...options, nearestAncestor: true });
  assert.deepEqual([taken.asked, taken.commit, taken.distance], [sha(1), sha(4), 3]);
  assert.equal(taken.groups[0].run.id, "4");

  // The first commit of all has none before it.
  const root = { ...options, selector: { commit: sha(8) } };
  const first = await findArtifacts({ ...root, nearestAncestor: true });
  assert.deepEqual([first.missing, first.looked], [["gfx942"], 1]);
  assert.equal((await withNearest(first, root)).nearest, undefined);
});

Deno.test("findArtifacts(): many re-runs of one commit, the oldest of which has it", async () => {
  const runs = Array.from({ length: 250 }, (_, i) => ({
    id: 1000 + i,
    sha: sha(1),
    createdAt: new Date(Date.parse(DAY) + i * 1000).toISOString(),
  }));
  await using w = await world({ runs }, { 1000: BLAS });
  const { groups, rejected } = await w.find({ commit: sha(1) });
  assert.equal(groups[0].run.id, "1000");
  assert.equal(rejected.length, 249);
  assert.equal(w.server.requests.length, 3);
});

Deno.test("waitForArtifacts(): until the run has it, looking again each time", async () => {
  await using w = await world({ runs: [run(1, 1, { status: "in_progress" })] });
  let pauses = 0;
  let now = 0;
  const result = await waitForArtifacts({
    ...w.options({ commit: sha(1) }, { artifactGroups: ["gfx942"] }),
    now: () => now,
    pause: async (ms) => {
      now += ms;
      if (++pauses === 2) await putRun(w.backend, "therock-ci-artifacts/1-linux", FFT);
      if (pauses === 3) await putRun(w.backend, "therock-ci-artifacts/1-linux", BLAS);
    },
  });
  assert.equal(result.groups[0].run.id, "1");
  assert.equal(pauses, 3);
  assert.equal(w.server.requests.length, 4);
});

Deno.test("waitForArtifacts(): ends when no run is in progress, or the time is over", async () => {
  await using w = await world({ runs: [run(1, 1, { status: "queued" })] });
  const github = openGithub({ apiUrl: w.server.url, second: 1, token: "a-token-of-a-test" });
  const asked = w.options({ commit: sha(1) }, { github });
  let now = 0;
  const waits: number[] = [];
  const clock = {
    now: () => now,
    pause: (ms: number) => {
      now += ms;
      waits.push(ms);
      return Promise.resolve();
    },
  };
  const late = await waitForArtifacts({ ...asked, ...clock, timeout: 150_000 });
  assert.deepEqual(waits, [60_000, 60_000, 30_000]);
  assert.match(nothingFits(late, asked).message, /run 1 has not finished: --timeout/);
  assert.match(late.rejected[0].reason, /linux in therock-ci-artifacts, .*--release-type/);

  waits.length = 0;
  const ending = { ...clock, onWait: () => w.server.state.runs = [run(1, 1)] };
  const ended = await waitForArtifacts({ ...asked, ...ending });
  assert.deepEqual([waits.length, ended.missing, ended.pending], [1, [undefined], []]);
});

Deno.test("waitForArtifacts(): an outage does not end it, but is reported at the end of the time", async () => {
  await using w = await world({ runs: [run(1, 1, { status: "queued" })] });
  const github = openGithub({ apiUrl: w.server.url, second: 1, token: "a-token-of-a-test" });
  const outage = () => new Response("", { status: 502 });
  let now = 0;
  const told: string[] = [];
  const waiting = {
    ...w.options({ ref: sha(1).slice(0, 8) }, { github }),
    now: () => now,
    pause: async (ms: number) => {
      now += ms;
      // Each look asks four times.
      if (now <= 120_000) w.server.troubles.push(outage, outage, outage, outage);
      else if (now === 180_000) await putRun(w.backend, "therock-ci-artifacts/1-linux", BLAS);
    },
    onWait: () => told.push("waiting"),
    onError: ({ code }: RunOutputsError) => told.push(code),
  };
  w.server.state.commits = [{ sha: sha(1) }];
  const result = await waitForArtifacts(waiting);
  assert.deepEqual(told, ["waiting", "transient", "transient"]);
  assert.equal(result.groups[0].run.id, "1");

  await w.backend.delete(result.groups[0].archives[0].location);
  now = 0;
  const late = waitForArtifacts({ ...waiting, requireArtifacts: [/blas/], timeout: 120_000 });
  await rejectsWith(late, "transient", "502");
  w.server.troubles.push(outage, outage, outage, outage);
  await rejectsWith(waitForArtifacts(waiting), "transient", "502");
  const pause = () => Promise.resolve(void (w.server.state.tokens = []));
  const denied = waitForArtifacts({ ...waiting, requireArtifacts: [/blas/], pause });
  await rejectsWith(denied, "unauthenticated");
  assert.deepEqual(told.slice(3), ["waiting", "transient", "waiting"]);
});

Deno.test("waitForArtifacts(): without a token it looks so seldom that the limit suffices", async () => {
  const commits = [{ sha: sha(1) }, { sha: sha(2) }];
  await using w = await world({ commits, runs: [run(1, 1, { status: "queued" })] });
  const waits: number[] = [];
  const wait = async (selector: FindSelector, more: Partial<WaitOptions> = {}) => {
    waits.length = 0;
    let now = 0;
    await waitForArtifacts({
      ...w.options(selector),
      timeout: 600_000,
      now: () => now,
      pause: (ms) => {
        now += ms;
        waits.push(ms);
        return Promise.resolve();
      },
      ...more,
    });
    return waits.slice(0, 2);
  };
  assert.deepEqual(await wait({ commit: sha(1) }), [90_000, 90_000]);
  // The list of commits, and the runs of each.
  assert.deepEqual(await wait({ latestOf: "main" }), [270_000, 270_000]);
  assert.deepEqual(await wait({ commit: sha(1) }, { interval: 20_000 }), [20_000, 20_000]);
});

Deno.test("waitForArtifacts(): an abort ends it", async () => {
  await using w = await world({ runs: [run(1, 1, { status: "queued" })] });
  const controller = new AbortController();
  const waiting = waitForArtifacts({
    ...w.options({ commit: sha(1) }),
    signal: controller.signal,
    onWait: () => controller.abort(new Error("enough")),
  });
  await assert.rejects(waiting, /enough/);
});

Deno.test("findArtifacts(): a run that is being deleted is not chosen, and the reason says so", async () => {
  await using w = await world({ runs: [run(1, 1), run(2, 2)] }, { 1: BLAS, 2: BLAS });
  const root = new RunOutputRoot({
    bucket: "therock-ci-artifacts",
    runId: 2,
    platform: "linux",
  });
  await w.backend.write(deletingMark(root), bytesSource("{}"));
  const { groups, rejected } = await w.find({ commit: sha(1) }, { amdgpuTargets: ["gfx942"] });
  assert.deepEqual(groups.map(({ run }) => run.id), ["1"]);
  assert.deepEqual(rejected.map(({ run }) => run.id), ["2"]);
  assert.match(rejected[0].reason, /^'runs prune' has been deleting it since 20/);
});
