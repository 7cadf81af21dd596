/**
 * The commits of a bisect: those that the bad commit contains and the good one does not.
 *
 * @module
 */

import type { CommitInfo, GithubClient } from "../../github/client.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { BisectEnd } from "./state.ts";
import { type BisectCommit, short, surveyBisect } from "./suspects.ts";

/** Options of {@linkcode bisectRange}. */
export interface BisectRangeOptions {
  /** The GitHub client. */
  readonly github: GithubClient;
  /** The repository, such as `ROCm/TheRock`. */
  readonly repository: string;
  /** The good commit: a SHA, a branch, a tag, or `pull/N`. */
  readonly good: string;
  /** The bad commit. */
  readonly bad: string;
  /** Use only the commits of the branch itself, not those of merged branches. */
  readonly firstParent?: boolean;
  /** Aborts requests. */
  readonly signal?: AbortSignal;
}

/** The range of a bisect. */
export interface BisectRange {
  /** The good commit. */
  readonly good: BisectEnd;
  /** The bad commit. */
  readonly bad: BisectEnd;
  /** The commits after the good one, including the bad one. */
  readonly commits: readonly BisectCommit[];
}

/**
 * Requests the commits between a good one and a bad one.
 *
 * @param options The two commits, and the client.
 * @returns The commits.
 * @throws {RunOutputsError} `invalid`, if the bad commit does not contain the good one;
 * `not_found`, if there is no such commit; errors of GitHub.
 */
export async function bisectRange(options: BisectRangeOptions): Promise<BisectRange> {
  const { github, repository, signal, firstParent = false } = options;
  // One after the other, so that the same error is reported each time if both are wrong.
  const good = { given: options.good, sha: await resolve("good", options) };
  const bad = { given: options.bad, sha: await resolve("bad", options) };
  const { status, mergeBase, commits } = await github.compare(repository, good.sha, bad.sha, {
    signal,
  });
  const refuse = (why: string) => {
    throw new RunOutputsError(
      "invalid",
      `Cannot bisect from ${shown(good)} to ${shown(bad)}: ${why}`,
    );
  };
  if (status === "identical") refuse("they are the same commit");
  if (status === "behind") {
    refuse("the bad commit is an ancestor of the good one; to find a fix, swap them");
  }
  if (status === "diverged") {
    refuse(
      `the good commit is not an ancestor of the bad one; test their merge base ${mergeBase}, and ` +
        `use it as --good if it is good`,
    );
  }
  const kept = firstParent ? mainLine(commits, bad.sha) : commits;
  const range = {
    good,
    bad,
    commits: kept.map(({ author: _, ...commit }) => commit),
  };
  checkConnected(range);
  return range;
}

/** Without the commits' parents, none of them would be a suspect. */
function checkConnected({ commits, bad }: BisectRange): void {
  const isThere = commits.some(({ sha }) => sha === bad.sha);
  const facts = { commits, bad: bad.sha, verdicts: new Map(), lacking: new Set<string>() };
  if (isThere && surveyBisect(facts).suspects.length === commits.length) return;
  throw new RunOutputsError(
    "failed",
    `Cannot read GitHub's response: not all of its ${commits.length} commits are ancestors of ` +
      `${short(bad.sha)}`,
  );
}

async function resolve(
  end: "good" | "bad",
  { github, repository, signal, ...ends }: BisectRangeOptions,
): Promise<string> {
  try {
    return await github.resolveCommit(repository, ends[end], { signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || error.code === "transient") throw error;
    throw new RunOutputsError(error.code, `The ${end} commit: ${error.message}`, { cause: error });
  }
}

function shown({ given, sha }: BisectEnd): string {
  return sha.startsWith(given.toLowerCase()) ? short(sha) : `${given} (${short(sha)})`;
}

/** The bad commit, its first parent, that one's first parent, and so on. */
function mainLine(commits: readonly CommitInfo[], bad: string): CommitInfo[] {
  const bySha = new Map(commits.map((commit) => [commit.sha, commit]));
  const line: CommitInfo[] = [];
  for (let at = bySha.get(bad); at !== undefined; at = bySha.get(at.parents[0])) {
    bySha.delete(at.sha);
    line.unshift({ ...at, parents: at.parents.slice(0, 1) });
  }
  return line;
}
