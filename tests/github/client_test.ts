import assert from "node:assert/strict";
import type { GithubOptions } from "../../src/github/client.ts";
import { openGithub } from "../../src/github/open.ts";
import type { CachedResponse, ResponseCache } from "../../src/github/response_cache.ts";
import { rejectsWith } from "../support/errors.ts";
import { type GithubServer, refusal, sha, startGithub } from "../support/github_server.ts";

const REPO = "ROCm/TheRock";
const WORKFLOW = { workflow: "multi_arch_ci.yml" };

/** A client whose pauses between attempts are short. */
function open(server: GithubServer, options: GithubOptions = {}) {
  return openGithub({ apiUrl: server.url, second: 1, ...options });
}

/** Keeps answers in memory. */
function memoryCache(): ResponseCache & { readonly entries: Map<string, CachedResponse> } {
  const entries = new Map<string, CachedResponse>();
  return {
    entries,
    read: (key) => Promise.resolve(entries.get(key)),
    write: (key, response) => Promise.resolve(void entries.set(key, response)),
  };
}

const date = (minute: number) => new Date(Date.UTC(2026, 4, 1, 0, minute)).toISOString();

Deno.test("github: all runs of a commit, over three pages, the newest first by creation", async () => {
  const runs = Array.from({ length: 250 }, (_, i) => ({
    id: 1000 + i,
    sha: sha(1),
    // GitHub's order is another one, and the last update says nothing.
    createdAt: date((i * 37) % 250),
    updatedAt: date(1000 - i),
  }));
  await using server = startGithub({ runs: [...runs, { id: 1, sha: sha(2), createdAt: date(0) }] });
  const github = open(server);
  const found = await github.runsOfCommit(REPO, sha(1), WORKFLOW);
  assert.equal(found.length, 250);
  const dates = found.map(({ createdAt }) => createdAt);
  assert.deepEqual(dates, dates.toSorted().reverse());
  assert.deepEqual(github.requests, { sent: 3, counted: 3 });
  assert.equal(server.requests.length, 3);
});

Deno.test("github: a client sends each request once", async () => {
  await using server = startGithub({ runs: [{ id: 5, sha: sha(1), createdAt: date(0) }] });
  const github = open(server);
  await Promise.all([1, 2, 3].map(() => github.runsOfCommit(REPO, sha(1), WORKFLOW)));
  // It came with the list.
  assert.equal((await github.workflowRun(REPO, 5)).headSha, sha(1));
  assert.equal(server.requests.length, 1);
  await github.workflowRun(REPO, "5", { fresh: true });
  assert.equal(server.requests.length, 2);
});

Deno.test("github: a run of a fork, of a deleted fork, and one that was started again", async () => {
  await using server = startGithub({
    runs: [
      { id: 1, sha: sha(1), createdAt: date(0), headRepository: "someone/TheRock" },
      { id: 2, sha: sha(1), createdAt: date(0), headRepository: null, branch: null },
      { id: 3, sha: sha(1), createdAt: date(0), updatedAt: date(99), attempt: 3, status: "queued" },
    ],
  });
  const github = open(server);
  const [fork, deleted, again] = await Promise.all(
    [1, 2, 3].map((id) => github.workflowRun(REPO, id)),
  );
  assert.equal(fork.headRepository, "someone/TheRock");
  assert.equal(deleted.headRepository, null);
  assert.equal(deleted.headBranch, null);
  assert.deepEqual([again.attempt, again.createdAt, again.status, again.conclusion], [
    3,
    date(0),
    "queued",
    null,
  ]);
});

Deno.test("github: commits come page by page, and no more than are wanted", async () => {
  const commits = Array.from({ length: 250 }, (_, i) => ({ sha: sha(i) }));
  await using server = startGithub({ commits });
  const all = await Array.fromAsync(open(server).commits(REPO, "main"));
  assert.deepEqual(all.map(({ sha }) => sha), commits.map(({ sha }) => sha));
  assert.equal(all[0].title, `change ${sha(0).slice(0, 7)}`);
  assert.equal(server.requests.length, 3);

  server.requests.length = 0;
  const some = await Array.fromAsync(open(server).commits(REPO, sha(3), { limit: 101 }));
  assert.equal(some.length, 101);
  assert.equal(some[0].sha, sha(3));
  assert.equal(server.requests.length, 2);
  const [first] = await Array.fromAsync(open(server).commits(REPO, undefined, { limit: 1 }));
  assert.equal(first.sha, sha(0));
  assert.match(server.requests[2], /per_page=1&/);
});

Deno.test("github: a comparison has all commits between, the oldest first", async () => {
  const commits = Array.from({ length: 300 }, (_, i) => ({ sha: sha(i) }));
  await using server = startGithub({ commits, refs: { "v1.0": sha(280) } });
  const github = open(server);
  const { status, mergeBase, commits: between } = await github.compare(REPO, "v1.0", sha(10));
  assert.equal(status, "ahead");
  assert.equal(mergeBase, sha(280));
  assert.deepEqual(
    between.map(({ sha }) => sha),
    commits.slice(10, 280).reverse().map(({ sha }) => sha),
  );
  assert.equal(server.requests.length, 3);
  assert.equal((await github.compare(REPO, sha(1), sha(1))).status, "identical");
  assert.equal((await github.compare(REPO, sha(1), sha(5))).status, "behind");
});

Deno.test("github: a comparison with missing commits is rejected", async () => {
  const commits = Array.from({ length: 151 }, (_, i) => ({ sha: sha(150 - i) }));
  await using server = startGithub({ commits });
  const github = open(server, {
    async fetch(input, init) {
      const { status, headers, body } = await fetch(input, init);
      const kept = [...headers].filter(([name]) => name !== "link");
      return new Response(body, { status, headers: kept });
    },
  });
  const comparison = github.compare(REPO, sha(0), sha(150));
  await rejectsWith(comparison, "failed", "only 100 of 150 commits");
  assert.equal((await github.compare(REPO, sha(0), sha(100))).commits.length, 100);
});

Deno.test("github: unexpected responses are reported in one line", async () => {
  let body: unknown;
  const github = open({ url: "http://127.0.0.1:9" } as GithubServer, {
    fetch: () => Promise.resolve(Response.json(body)),
  });
  const run = {
    id: 1,
    repository: { full_name: REPO },
    created_at: date(0),
    head_sha: sha(1),
  };
  const commit = { sha: sha(1), commit: { message: "x" }, parents: [] };
  const comparison = {
    status: "ahead",
    merge_base_commit: commit,
    total_commits: 1,
    commits: [commit],
  };
  const ask = {
    "a workflow run": () => github.workflowRun(REPO, 1, { fresh: true }),
    "a list of workflow runs": () => github.runsOfCommit(REPO, sha(1), WORKFLOW),
    "a commit": () => github.commit(REPO, "main"),
    "a list of commits": () => Array.fromAsync(github.commits(REPO)),
    "a comparison": () => github.compare(REPO, "a", "b"),
    "a pull request": () => github.commit(REPO, "pull/1"),
  };
  const refuse = async (what: keyof typeof ask, answer: unknown, told: string = what) => {
    body = answer;
    await rejectsWith(ask[what](), "failed", `GitHub's response: it is not ${told}`);
  };
  for (const what of Object.keys(ask) as (keyof typeof ask)[]) await refuse(what, {});
  for (const what of ["a list of workflow runs", "a comparison"] as const) await refuse(what, []);
  await refuse("a list of workflow runs", { workflow_runs: null });
  await refuse("a list of workflow runs", { workflow_runs: [null] }, "a workflow run");
  for (
    const wrong of [{ head_sha: undefined }, { created_at: "yesterday" }, { repository: null }]
  ) await refuse("a workflow run", { ...run, ...wrong });
  for (const parents of [null, [null], [{}], ["x"]]) {
    await refuse("a commit", { ...commit, parents });
    await refuse("a list of commits", [{ ...commit, parents }], "a commit");
  }
  await refuse("a commit", { ...commit, commit: null });
  for (
    const wrong of [
      { status: "unheard of" },
      { merge_base_commit: null },
      { total_commits: "1" },
      { commits: null },
    ]
  ) await refuse("a comparison", { ...comparison, ...wrong });
  await refuse("a comparison", { ...comparison, commits: [null] }, "a commit");
  await refuse("a pull request", { head: { sha: "main" } });
  body = comparison;
  assert.equal((await github.compare(REPO, "a", "b")).commits.length, 1);
});

Deno.test("github: a limit that ends at no time that there is", async () => {
  for (
    const [status, headers] of [
      [429, { "retry-after": "9".repeat(99) }],
      [403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999999999" }],
    ] as const
  ) {
    const fetch = () => Promise.resolve(refusal(status, "API rate limit exceeded", headers));
    const asked = openGithub({ second: 1, fetch }).workflowRun(REPO, 1);
    await rejectsWith(asked, "transient", "exceeded for more than a day: ");
  }
});

Deno.test("github: a commit by short SHA, branch with a slash, tag, and pull request", async () => {
  const commits = [{ sha: sha(1) }, { sha: sha(2) }, { sha: sha(3) }];
  await using server = startGithub({
    commits,
    refs: { "users/ada/topic": sha(2), "v1": sha(3) },
    pulls: { 7: sha(3) },
  });
  const github = open(server);
  const resolve = (ref: string) => github.resolveCommit(REPO, ref);
  assert.equal(await resolve(sha(1).slice(0, 8)), sha(1));
  assert.equal(await resolve("users/ada/topic"), sha(2));
  assert.equal(await resolve("refs/heads/users/ada/topic"), sha(2));
  assert.equal(await resolve("refs/tags/v1"), sha(3));
  assert.equal(await resolve("pull/7"), sha(3));
  const before = server.requests.length;
  assert.equal(await resolve(sha(9).toUpperCase()), sha(9));
  assert.equal(server.requests.length, before, "a full SHA asks nobody");
});

Deno.test("github: an unknown or ambiguous short SHA, and unknown refs, are errors", async () => {
  const commits = [{ sha: `abcd${"1".repeat(36)}` }, { sha: `abcd${"2".repeat(36)}` }];
  await using server = startGithub({ commits });
  const github = open(server);
  await rejectsWith(github.resolveCommit(REPO, "abcd"), "not_found", "more than one", "--repo");
  await rejectsWith(github.resolveCommit(REPO, "nope"), "not_found", "no such commit", "--repo");
  for (const bad of ["", " ", "a..b", "-x", "a b", "a\n"]) {
    await rejectsWith(Promise.resolve().then(() => github.resolveCommit(REPO, bad)), "invalid");
  }
  await rejectsWith(Promise.resolve().then(() => github.workflowRun(REPO, "1x")), "invalid", "1x");
  await rejectsWith(
    Promise.resolve().then(() => github.workflowRun("nonsense", 1)),
    "invalid",
    "OWNER/NAME",
  );
});

Deno.test("github: what is not there suggests another repository", async () => {
  await using server = startGithub();
  const github = open(server);
  await rejectsWith(github.workflowRun(REPO, 404), "not_found", "run 404", REPO, "--repo");
  await rejectsWith(github.workflowRun("a/b", 1), "not_found", "a/b", "--repo");
  await rejectsWith(
    github.runsOfCommit(REPO, sha(1), { workflow: "no.yml" }),
    "not_found",
    "--repo",
    "--workflow",
  );
});

Deno.test("github: a renamed repository is followed, and has its present name", async () => {
  await using server = startGithub({ runs: [{ id: 1, sha: sha(1), createdAt: date(0) }] });
  const moved = `${server.url}/repos/${REPO}/actions/runs/1`;
  server.troubles.push(() => Response.redirect(moved, 301));
  assert.equal((await open(server).workflowRun("ROCm/OldName", 1)).repository, REPO);
  // GitHub does not look at the case of a name; the rules of buckets do.
  assert.equal((await open(server).workflowRun("rocm/therock", 1)).repository, REPO);
});

Deno.test("github: a token is sent, and a rejected one is reported without showing it", async () => {
  await using server = startGithub({
    tokens: ["good-token"],
    runs: [{ id: 1, sha: sha(1), createdAt: date(0) }],
  });
  await open(server, { token: "good-token" }).workflowRun(REPO, 1);
  assert.match(server.authorizations[0] ?? "", /good-token$/);
  const error = await open(server, { token: "bad-token" }).workflowRun(REPO, 1)
    .catch((error) => error);
  await rejectsWith(Promise.reject(error), "unauthenticated", "Bad credentials", "GH_TOKEN");
  assert(!String(error).includes("bad-token"));
  assert.equal(server.requests.length, 2, "it is not tried again");
});

Deno.test("github: a token is looked for when it is needed, once", async () => {
  await using server = startGithub({ runs: [{ id: 1, sha: sha(1), createdAt: date(0) }] });
  let asked = 0;
  const github = open(server, { token: () => Promise.resolve(`found-${++asked}`) });
  assert.equal(asked, 0);
  await Promise.all([github.workflowRun(REPO, 1), github.runsOfCommit(REPO, sha(1), WORKFLOW)]);
  assert.equal(asked, 1);
  await rejectsWith(open(server, { token: "a\nb" }).workflowRun(REPO, 1), "invalid", "token");
});

Deno.test("github: denied access is reported", async () => {
  await using server = startGithub();
  server.troubles.push(() => refusal(403, "Resource not accessible by integration"));
  await rejectsWith(open(server).workflowRun(REPO, 1), "denied", "not accessible", "GH_TOKEN");
});

Deno.test("github: an exceeded rate limit is reported with its reset and advice", async () => {
  await using server = startGithub({ remaining: 0, reset: Math.floor(Date.now() / 1000) + 2000 });
  const end = new Date(server.state.reset! * 1000).toISOString().replace(".000Z", "Z");
  await rejectsWith(
    open(server).workflowRun(REPO, 1),
    "transient",
    "limit of 60 requests",
    end,
    "$GH_TOKEN",
  );
  assert.equal(server.requests.length, 1, "nobody waits for half an hour");
  const clock = { now: () => server.state.reset! * 1000 - 125_000 };
  await rejectsWith(
    open(server, { token: "t", ...clock }).workflowRun(REPO, 1),
    "transient",
    "in 3 min",
  );
});

Deno.test("github: a limit that ends soon is waited for", async () => {
  const notes: string[] = [];
  await using server = startGithub({ runs: [{ id: 1, sha: sha(1), createdAt: date(0) }] });
  const secondary = () =>
    refusal(403, "You have exceeded a secondary rate limit.", { "retry-after": "2" });
  const primary = () =>
    refusal(403, "API rate limit exceeded", {
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Math.floor(Date.now() / 1000)),
    });
  server.troubles.push(secondary, primary);
  const github = open(server, { onNote: (note) => notes.push(note) });
  assert.equal((await github.workflowRun(REPO, 1)).id, "1");
  assert.equal(server.requests.length, 3);
  assert.match(notes[0], /secondary rate limit exceeded: waiting 2 s/);
  assert.match(notes[1], /hourly rate limit/);

  server.troubles.push(secondary, secondary, secondary, secondary);
  await rejectsWith(
    open(server).workflowRun(REPO, 1),
    "transient",
    "rate limit exceeded until",
  );
  server.troubles.length = 0;
  server.troubles.push(() => refusal(429, "Too many", { "retry-after": "900" }));
  await rejectsWith(open(server).workflowRun(REPO, 1), "transient", "in 15 min");
});

Deno.test("github: server errors are retried, and reported if they persist", async () => {
  await using server = startGithub({ runs: [{ id: 1, sha: sha(1), createdAt: date(0) }] });
  const down = () => refusal(502, "Server Error");
  server.troubles.push(down, down, () => new Response("<html>", { status: 503 }));
  assert.equal((await open(server).workflowRun(REPO, 1)).id, "1");
  server.troubles.push(down, down, down, down);
  await rejectsWith(open(server).workflowRun(REPO, 1), "transient", "502", "Server Error");
});

Deno.test("github: no network, no response, a truncated response", async () => {
  await using server = startGithub({ runs: [{ id: 1, sha: sha(1), createdAt: date(0) }] });
  const gone = startGithub();
  await gone[Symbol.asyncDispose]();
  const { host } = new URL(gone.url);
  await rejectsWith(
    open(gone).workflowRun(REPO, 1),
    "transient",
    `cannot connect to ${host} (connection refused): check the network`,
  );

  const { promise, resolve } = Promise.withResolvers<void>();
  const late = async () => {
    await promise;
    return refusal(500, "late");
  };
  {
    // A server of its own: requests that are given up may reach it at any time, or never.
    await using silent = startGithub();
    silent.troubles.push(late, late, late, late);
    const slow = open(silent, { timeout: 20 });
    await rejectsWith(slow.workflowRun(REPO, 1), "transient", "no response within 0.02 s");
    resolve();
  }

  const cut = () => new Response('{"id": 1', { headers: { "content-type": "application/json" } });
  server.troubles.push(cut);
  await rejectsWith(open(server).workflowRun(REPO, 1), "failed", "is not JSON");
  server.troubles.push(() => Response.json({ hello: "world" }));
  await rejectsWith(open(server).workflowRun(REPO, 1), "failed", "not a workflow run");
});

Deno.test("github: a request without an answer for two seconds is reported, once, with the reason", async () => {
  const { host } = new URL("https://api.github.com");
  const lines: string[] = [];
  const due = new Set<() => void>();
  /** What the next requests are answered with, after two seconds. */
  const answers: (() => Response | Error)[] = [];
  const github = openGithub({
    second: 1,
    onSlow: (text) => lines.push(text),
    schedule(milliseconds, callback) {
      assert.equal(milliseconds, 2000);
      due.add(callback);
      return () => due.delete(callback);
    },
    fetch() {
      const answer = answers.shift()!();
      // All tries before the last one have failed by then.
      if (answers.length === 0) { for (const callback of due) callback(); }
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  const refused = () => new TypeError("tcp connect error: Connection refused (os error 111)");
  const down = () => refusal(502, "Server Error");
  const missing = () => refusal(404, "Not Found");
  const reported = async (...given: typeof answers) => {
    answers.push(...given);
    await assert.rejects(github.workflowRun(REPO, 1));
    assert.equal(due.size, 0, "nothing is reported after an answer");
    return lines.splice(0);
  };
  assert.deepEqual(await reported(missing), [`no answer from ${host} for 2 s: still waiting`]);
  assert.deepEqual(await reported(refused, missing), [], "reported once");
  answers.push(() => Response.json([]));
  assert.deepEqual(await Array.fromAsync(github.commits(REPO)), []);
  const why = `cannot connect to ${host} (connection refused): trying again`;
  assert.deepEqual(await reported(refused, refused, missing), [why]);
  answers.push(() => Response.json([]));
  assert.deepEqual(await Array.fromAsync(github.commits(REPO)), []);
  assert.deepEqual(await reported(down, missing), [`${host} answers 502: trying again`]);
});

Deno.test("github: an abort ends the wait for a response, with its reason", async () => {
  await using server = startGithub();
  const { promise, resolve } = Promise.withResolvers<void>();
  const controller = new AbortController();
  server.troubles.push(async () => {
    controller.abort(new Error("enough"));
    await promise;
    return refusal(500, "late");
  });
  const call = open(server).workflowRun(REPO, 1, { signal: controller.signal });
  await assert.rejects(call, /enough/);
  resolve();
  const stopped = open(server, { signal: AbortSignal.abort(new Error("before")) });
  await assert.rejects(stopped.workflowRun(REPO, 1), /before/);
});

Deno.test({
  name: "github: an abort ends a pause between two attempts, and nothing is sent after it",
  // The pause itself is Octokit's; it ends by itself soon after.
  sanitizeOps: false,
  fn: async () => {
    await using server = startGithub();
    server.troubles.push(() =>
      refusal(403, "You have exceeded a secondary rate limit.", { "retry-after": "60" })
    );
    const controller = new AbortController();
    const stop = () => controller.abort(new Error("enough"));
    const github = open(server, { onNote: stop, second: 15 });
    await assert.rejects(github.workflowRun(REPO, 1, { signal: controller.signal }), /enough/);
    await new Promise((resolve) => setTimeout(resolve, 900));
    assert.equal(server.requests.length, 1);
  },
});

Deno.test("github: with a token, what has not changed costs nothing", async () => {
  const cache = memoryCache();
  await using server = startGithub({
    runs: Array.from({ length: 150 }, (_, i) => ({ id: i + 1, sha: sha(1), createdAt: date(i) })),
  });
  const ask = async (options: GithubOptions = {}) => {
    const github = open(server, { token: "t", cache, ...options });
    const runs = await github.runsOfCommit(REPO, sha(1), WORKFLOW);
    return { ...github.requests, newest: runs[0].id, runs: runs.length };
  };
  assert.deepEqual(await ask(), { sent: 2, counted: 2, newest: "150", runs: 150 });
  assert.deepEqual(await ask(), { sent: 2, counted: 0, newest: "150", runs: 150 });
  assert.equal(server.counted, 2);

  server.state.runs = [{ id: 999, sha: sha(1), createdAt: date(999) }, ...server.state.runs!];
  assert.deepEqual(await ask(), { sent: 2, counted: 2, newest: "999", runs: 151 });
  // What one token may see is not another's.
  assert.equal((await ask({ token: "other" })).counted, 2);
});

Deno.test("github: without a token a response is used until it expires", async () => {
  const cache = memoryCache();
  let now = 1_000_000;
  await using server = startGithub({ runs: [{ id: 1, sha: sha(1), createdAt: date(0) }] });
  const ask = async (fresh = false) => {
    const github = open(server, { cache, now: () => now });
    await github.workflowRun(REPO, 1, { fresh });
    return github.requests;
  };
  assert.deepEqual(await ask(), { sent: 1, counted: 1 });
  now += 59_000;
  assert.deepEqual(await ask(), { sent: 0, counted: 0 });
  assert.equal((await ask(true)).sent, 1);
  now += 59_000;
  assert.equal((await ask()).sent, 0, "that it was asked about counts as a check");
  now += 61_000;
  assert.equal((await ask()).sent, 1);
  now -= 1_000_000;
  assert.equal((await ask()).sent, 1, "an answer of the future is asked about");
});

Deno.test("github: errors and responses without an ETag are not cached", async () => {
  const cache = memoryCache();
  await using server = startGithub({ noEtags: true });
  await rejectsWith(open(server, { cache }).workflowRun(REPO, 1), "not_found");
  server.state.runs = [{ id: 1, sha: sha(1), createdAt: date(0) }];
  assert.equal((await open(server, { cache }).workflowRun(REPO, 1)).id, "1");
  assert.equal(cache.entries.size, 0);
});

Deno.test("github: the API's address comes from the environment, and is checked", async () => {
  await using server = startGithub({ runs: [{ id: 1, sha: sha(1), createdAt: date(0) }] });
  const env = (url: string) => ({
    env: (name: string) => name === "GITHUB_API_URL" ? url : undefined,
  });
  const github = openGithub({ ...env(`${server.url}/`), second: 1 });
  assert.equal((await github.workflowRun(REPO, 1)).id, "1");
  for (const bad of ["nonsense", "ftp://x", "https://a:secret@b"]) {
    const error = (() => {
      try {
        openGithub(env(bad));
      } catch (error) {
        return error as Error;
      }
    })();
    assert.match(error!.message, /^Invalid GITHUB_API_URL/);
    assert(!error!.message.includes("secret"));
  }
});
