/** Answers that no GitHub gives: of proxies, of other servers, of somebody who means harm. */

import assert from "node:assert/strict";
import type { GithubOptions } from "../../src/github/client.ts";
import { openGithub } from "../../src/github/open.ts";
import { diskResponseCache } from "../../src/github/response_cache.ts";
import { rejectsWith } from "../support/errors.ts";
import { isFull } from "../support/cases.ts";
import { hostileTexts, wrongReading } from "../support/hostile_json.ts";
import { commitAnswer, comparisonAnswer, runAnswer } from "../support/github_answers.ts";
import { refusal, sha, startGithub } from "../support/github_server.ts";
import { tempDir } from "../support/temp_dir.ts";

const REPO = "ROCm/TheRock";
const WORKFLOW = { workflow: "multi_arch_ci.yml" };
const NOW = "2026-05-01T00:00:00Z";

/** A client whose every request is answered by a function. */
function answeredBy(answer: (url: URL, init: RequestInit) => Response, options?: GithubOptions) {
  const asked: URL[] = [];
  const github = openGithub({
    second: 1,
    ...options,
    fetch: (input, init) => {
      const url = new URL(`${input}`);
      asked.push(url);
      return Promise.resolve(answer(url, init!));
    },
  });
  return { github, asked };
}

/** An answer with a link to a next page, whatever page it is. */
function page(url: URL, body: unknown): Response {
  return Response.json(body, { headers: { link: `<${url}>; rel="next"` } });
}

const pageOf = (url: URL) => Number(url.searchParams.get("page"));

Deno.test("github: runs of another commit than requested are ignored, with a note", async () => {
  const notes: string[] = [];
  const runs = [1, 2, 3].map((id) => runAnswer({ id, sha: sha(id % 2), createdAt: NOW }, REPO));
  const { github } = answeredBy(
    () => Response.json({ total_count: 3, workflow_runs: runs }),
    { onNote: (note) => notes.push(note) },
  );
  const found = await github.runsOfCommit(REPO, sha(1), WORKFLOW);
  assert.deepEqual(found.map(({ id }) => id), ["3", "1"]);
  assert.deepEqual(notes, [
    `1 of 3 runs of multi_arch_ci.yml are of other commits than ${sha(1).slice(0, 10)}; they are ` +
    "ignored",
  ]);
});

Deno.test("github: from a server that ignores head_sha, only ten pages are requested", async () => {
  const notes: string[] = [];
  const { github, asked } = answeredBy((url) =>
    page(url, {
      workflow_runs: Array.from({ length: 100 }, (_, i) =>
        runAnswer({ id: pageOf(url) * 100 + i, sha: sha(2), createdAt: NOW }, REPO)),
    }), { onNote: (note) => notes.push(note) });
  assert.deepEqual(await github.runsOfCommit(REPO, sha(1), WORKFLOW), []);
  assert.equal(asked.length, 10);
  assert.match(notes[0], /^1000 of 1000 runs/);
});

Deno.test("github: a page that repeats ends a list with an error", async () => {
  const commit = commitAnswer({ sha: sha(1) }, REPO);
  const { github, asked } = answeredBy((url) => {
    if (url.pathname.endsWith("/commits")) return page(url, [commit]);
    if (url.pathname.includes("/compare/")) {
      return page(url, {
        ...comparisonAnswer({
          repository: REPO,
          base: { sha: sha(0) },
          between: [{ sha: sha(1) }],
          total: 1_000_000,
          status: "ahead",
          mergeBase: { sha: sha(0) },
          page: 1,
        }),
        // What differs from page to page is no news.
        url: `${Math.random()}`,
      });
    }
    return page(url, { workflow_runs: [runAnswer({ id: 1, sha: sha(1), createdAt: NOW }, REPO)] });
  });
  const ask = [
    () => github.runsOfCommit(REPO, sha(1), WORKFLOW),
    () => Array.fromAsync(github.commits(REPO)),
    () => github.compare(REPO, sha(0), sha(1)),
  ];
  for (const one of ask) {
    asked.length = 0;
    await rejectsWith(one(), "failed", "page 2 repeats earlier pages", "api.github.com");
    assert.equal(asked.length, 2);
  }
});

Deno.test("github: an empty page is the last one", async () => {
  const { github, asked } = answeredBy((url) => page(url, []));
  assert.deepEqual(await Array.fromAsync(github.commits(REPO)), []);
  assert.equal(asked.length, 1);
});

Deno.test("github: a list without an end is given up", async () => {
  const { github, asked } = answeredBy(
    (url) => page(url, [commitAnswer({ sha: sha(pageOf(url)) }, REPO)]),
    { maxPages: 7 },
  );
  await rejectsWith(Array.fromAsync(github.commits(REPO)), "failed", "more than 7 pages");
  assert.equal(asked.length, 7);
});

Deno.test("github: a response about another run or commit is rejected", async () => {
  const { github } = answeredBy((url) =>
    Response.json(
      url.pathname.includes("/runs/")
        ? runAnswer({ id: 7, sha: sha(1), createdAt: NOW }, REPO)
        : commitAnswer({ sha: sha(1) }, REPO),
    )
  );
  await rejectsWith(github.workflowRun(REPO, 8), "failed", "is about run 7");
  await rejectsWith(github.commit(REPO, sha(2)), "failed", `is about commit ${sha(1)}`);
  assert.equal((await github.commit(REPO, sha(1).toUpperCase())).sha, sha(1));
  assert.equal((await github.commit(REPO, "main")).sha, sha(1));
});

Deno.test("github: a response about another repository is rejected, except after a redirect", async () => {
  const other = runAnswer({ id: 1, sha: sha(1), createdAt: NOW }, "evil/r");
  const moved = "https://api.github.com/repositories/7";
  const responses = (redirects: boolean, cache?: GithubOptions["cache"], headers = {}) =>
    answeredBy((url) => {
      if (redirects && !url.href.startsWith(moved)) return Response.redirect(moved, 301);
      return Response.json(
        url.pathname.endsWith("/runs/1") || redirects ? other : { workflow_runs: [other] },
        { headers: { etag: '"1"', "cache-control": "max-age=60", ...headers } },
      );
    }, { cache }).github;
  const about = ["Cannot read", "of ROCm/TheRock", "about repository evil/r", "check --repo"];
  await rejectsWith(responses(false).workflowRun(REPO, 1), "failed", ...about);
  await rejectsWith(responses(false).runsOfCommit(REPO, sha(1), WORKFLOW), "failed", ...about);
  // Nobody but the client itself says that it was redirected.
  const forged = { "x-run-outputs-redirected": "1", location: moved };
  await rejectsWith(responses(false, undefined, forged).workflowRun(REPO, 1), "failed", ...about);
  // GitHub redirects a renamed repository; what is kept of that is accepted too.
  await using dir = await tempDir();
  const cache = diskResponseCache(dir.path);
  for (let i = 0; i < 2; i++) {
    const github = responses(true, cache);
    assert.equal((await github.workflowRun(REPO, 1)).repository, "evil/r");
    assert.equal(github.requests.sent, 1 - i);
  }
  // Case makes no difference.
  const run = runAnswer({ id: 1, sha: sha(1), createdAt: NOW }, REPO);
  const { github } = answeredBy(() => Response.json(run));
  assert.equal((await github.workflowRun("rocm/THEROCK", 1)).repository, REPO);
});

Deno.test("github: an endless response is aborted after 64 MiB", async () => {
  let sent = 0;
  const chunk = new Uint8Array(1024 * 1024).fill(32);
  const { github, asked } = answeredBy(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += chunk.length;
          controller.enqueue(chunk);
        },
      }),
      { headers: { "content-type": "application/json" } },
    )
  );
  await rejectsWith(github.workflowRun(REPO, 1), "failed", "larger than 64 MiB", "read run 1");
  assert.equal(asked.length, 1, "it is not tried again");
  assert(sent <= 70 * chunk.length, `${sent} bytes`);
});

for (const after of ["-5", "-1e9", "NaN", "Infinity", "1e9", "0x7fffffff", "tomorrow"]) {
  Deno.test(`github: Retry-After: ${after} is not waited for`, async () => {
    const waits: string[] = [];
    const { github } = answeredBy(
      () => refusal(403, "You have exceeded a secondary rate limit.", { "retry-after": after }),
      { onNote: (note) => waits.push(note), maxWait: 59 },
    );
    await rejectsWith(github.workflowRun(REPO, 1), "transient", "rate limit exceeded");
    // Without a time GitHub asks to wait for a minute, which is longer than allowed here.
    assert.deepEqual(waits, []);
  });
}

Deno.test("github: no redirect leads to another server, nor in circles", async () => {
  const stolen: (string | null)[] = [];
  await using server = startGithub();
  const evil = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    stolen.push(request.headers.get("authorization"));
    return Response.json(runAnswer({ id: 1, sha: sha(1), createdAt: NOW }, REPO));
  });
  const { port } = evil.addr;
  server.troubles.push(() => Response.redirect(`http://127.0.0.1:${port}/x`, 302));
  const github = openGithub({ apiUrl: server.url, second: 1, token: "secret-token" });
  await rejectsWith(
    github.workflowRun(REPO, 1),
    "failed",
    `redirects to 127.0.0.1:${port}; check $GITHUB_API_URL`,
  );
  assert.deepEqual(stolen, []);
  await evil.shutdown();

  const again = () => Response.redirect(`${server.url}/again`, 301);
  server.troubles.push(...Array.from({ length: 20 }, () => again));
  await rejectsWith(github.workflowRun(REPO, 2), "failed", "redirects in circles");
  assert.equal(server.requests.length, 1 + 6);
});

Deno.test("github: fields of a wrong type are ignored, or make the response invalid", async () => {
  const run = runAnswer({ id: 1, sha: sha(1), createdAt: NOW }, REPO);
  let body: unknown;
  const { github } = answeredBy(() => Response.json(body));
  const read = () => github.workflowRun(REPO, 1, { fresh: true });
  const strange = { head_branch: {}, event: 7, status: [], conclusion: true, path: null };
  body = { ...run, ...strange, html_url: {}, run_attempt: "x" };
  const { headBranch, event, status, conclusion, workflowPath, url, attempt } = await read();
  assert.deepEqual([headBranch, event, status, conclusion, workflowPath, url, attempt], [
    null,
    "",
    null,
    null,
    "",
    "",
    1,
  ]);
  for (
    const wrong of [
      { repository: { full_name: {} } },
      { repository: { full_name: "../../x/y" } },
      { head_repository: { full_name: ["a/b"] } },
      { created_at: 0 },
      { id: -1 },
      { id: 1e300 },
    ]
  ) {
    body = { ...run, ...wrong };
    await rejectsWith(read(), "failed", "it is not a workflow run");
  }
});

Deno.test("github: whatever a member of a response is, it is read or rejected in one line", async () => {
  let body = "";
  const { github } = answeredBy(() => new Response(body, { headers: JSON_TYPE }));
  const fresh = { fresh: true };
  const commit = (n: number) => {
    const { sha: id, commit, parents, html_url } = commitAnswer({ sha: sha(n) }, REPO);
    return { sha: id, commit: { ...commit, tree: 0, verification: 0 }, parents, html_url };
  };
  const { id, repository, head_repository, ...run } = runAnswer(
    { id: 1, sha: sha(1), createdAt: NOW },
    REPO,
  );
  const oneRun = {
    id,
    repository: { full_name: repository.full_name },
    head_repository: { full_name: head_repository!.full_name },
    created_at: run.created_at,
    head_sha: run.head_sha,
    head_branch: run.head_branch,
    event: run.event,
    run_attempt: run.run_attempt,
  };
  const asked: readonly (readonly [unknown, () => Promise<unknown>])[] = [
    [oneRun, () => github.workflowRun(REPO, 1, fresh)],
    [
      { workflow_runs: [oneRun] },
      () => github.runsOfCommit(REPO, sha(1), { ...WORKFLOW, ...fresh }),
    ],
    [commit(1), () => github.commit(REPO, "main", fresh)],
    [[commit(1)], () => Array.fromAsync(github.commits(REPO, "main", fresh))],
    [
      {
        status: "ahead",
        merge_base_commit: { sha: sha(0) },
        total_commits: 1,
        commits: [commit(1)],
      },
      () => github.compare(REPO, "a", "b", fresh),
    ],
  ];
  for (const [document, ask] of asked) {
    body = JSON.stringify(document);
    await ask();
    for (body of texts(document)) {
      const error = await ask().then(() => undefined, (error) => error);
      const wrong = error && wrongReading(() => {
        throw error;
      });
      if (wrong !== undefined) assert.fail(`${body.slice(0, 300)}\n${wrong}`);
    }
  }
});

/** The texts of such a document: all of them in CI, else every fifth. */
function* texts(document: unknown): Generator<string> {
  let i = 0;
  for (const text of hostileTexts(document)) {
    if (isFull || i++ % 5 === 0) yield text;
  }
}

const JSON_TYPE = { "content-type": "application/json" };
