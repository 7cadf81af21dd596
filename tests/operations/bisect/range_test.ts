/** Which commits a bisect is about, as GitHub tells them. */

import assert from "node:assert/strict";
import { openGithub } from "../../../src/github/open.ts";
import { bisectRange } from "../../../src/operations/bisect/range.ts";
import { rejectsWith } from "../../support/errors.ts";
import {
  type GithubServer,
  type GithubState,
  sha,
  startGithub,
} from "../../support/github_server.ts";

/** Commits 0 to `count`, the newest first. */
function history(count: number): GithubState["commits"] {
  return Array.from({ length: count + 1 }, (_, i) => count - i).map((number) => (
    { sha: sha(number), message: `change ${number}`, parents: number ? [sha(number - 1)] : [] }
  ));
}

function range(server: GithubServer, good: string, bad: string, firstParent = false) {
  const github = openGithub({ apiUrl: server.url, second: 1 });
  return bisectRange({ github, repository: "ROCm/TheRock", good, bad, firstParent });
}

Deno.test("bisectRange(): all commits over all pages, and how the ends were named", async () => {
  await using server = startGithub({ commits: history(250), refs: { v1: sha(0) } });
  const { good, bad, commits } = await range(server, "v1", sha(250));
  assert.deepEqual(good, { given: "v1", sha: sha(0) });
  assert.deepEqual(bad, { given: sha(250), sha: sha(250) });
  assert.equal(commits.length, 250);
  assert.deepEqual(commits[0], {
    sha: sha(1),
    parents: [sha(0)],
    title: "change 1",
    date: "2026-05-01T00:00:00Z",
    url: `https://github.com/ROCm/TheRock/commit/${sha(1)}`,
  });
  assert.equal(commits.at(-1)!.sha, sha(250));
  // One for the tag, three pages.
  assert.equal(server.requests.length, 4);
});

Deno.test("bisectRange(): invalid ends are rejected, with the reason", async () => {
  await using server = startGithub({ commits: history(5) });
  const refuse = (good: number, bad: number, ...texts: string[]) =>
    rejectsWith(range(server, sha(good), sha(bad)), "invalid", ...texts);
  await refuse(3, 3, "they are the same commit");
  await refuse(4, 2, "the bad commit is an ancestor of the good one");
  await rejectsWith(range(server, "nope", "main"), "not_found", "The good commit:", "nope");
  await rejectsWith(range(server, sha(1), "nope"), "not_found", "The bad commit:", "nope");
});

Deno.test("bisectRange(): ends on two branches are reported with their common commit", async () => {
  await using server = startGithub({
    commits: history(5),
    diverged: { [`${sha(3)}...${sha(5)}`]: sha(2) },
  });
  await rejectsWith(
    range(server, sha(3), sha(5)),
    "invalid",
    `test their merge base ${sha(2)}, and use it as --good if it is good`,
  );
});

Deno.test("bisectRange(): --first-parent leaves out what was merged", async () => {
  // 0 - 1 - 4 - 5, with 2 - 3 merged by 4.
  const parents = [[], [0], [0], [2], [1, 3], [4]];
  const commits = parents.map((above, number) => ({ sha: sha(number), parents: above.map(sha) }))
    .reverse();
  await using server = startGithub({ commits });
  const all = await range(server, sha(0), sha(5));
  assert.equal(all.commits.length, 5);
  const main = await range(server, sha(0), sha(5), true);
  assert.deepEqual(main.commits.map((commit) => commit.sha), [sha(1), sha(4), sha(5)]);
  assert.deepEqual(main.commits[1].parents, [sha(1)]);
});

Deno.test("bisectRange(): unconnected commits are rejected", async () => {
  const commits = history(5)!.map(({ sha }) => ({ sha }));
  await using server = startGithub({ commits });
  await rejectsWith(range(server, sha(0), sha(5)), "failed", "not all of its");
});
