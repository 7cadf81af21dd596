/**
 * The commits that a bisect is about: what the bad end has and the good one has not.
 *
 * @module
 */

import type { CommitInfo, GithubClient } from "../../github/client.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { BisectEnd } from "./state.ts";
import { type BisectCommit, short, surveyBisect } from "./suspects.ts";

/** Options of {@linkcode bisectRange}. */
export interface BisectRangeOptions {
  /** Who is asked about commits. */
  readonly github: GithubClient;
  /** The repository, like `ROCm/TheRock`. */
  readonly repository: string;
  /** The good end: a SHA, a branch, a tag, or `pull/N`. */
  readonly good: string;
  /** The bad end. */
  readonly bad: string;
  /** Look only at the commits of the branch itself, not at those of what was merged into it. */
  readonly firstParent?: boolean;
  /** Stops the questions. */
  readonly signal?: AbortSignal;
}

/** What a bisect is about. */
export interface BisectRange {
  /** The good end. */
  readonly good: BisectEnd;
  /** The bad end. */
  readonly bad: BisectEnd;
  /** The commits between, the bad end among them. */
  readonly commits: readonly BisectCommit[];
}

/**
 * Asks which commits lie between a good one and a bad one.
 *
 * @param options The ends, and whom to ask.
 * @returns The commits.
 * @throws {RunOutputsError} `invalid`, if the good end is not contained in the bad one; `not_found`,
 * if there is no such commit; what GitHub says.
 */
export async function bisectRange(options: BisectRangeOptions): Promise<BisectRange> {
  const { github, repository, signal, firstParent = false } = options;
  // One after the other: if both are wrong, the same one is told each time.
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

/** Without the commits' parents each of them would look innocent. */
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

/** The bad end, its first parent, that one's first parent, and so on. */
function mainLine(commits: readonly CommitInfo[], bad: string): CommitInfo[] {
  const bySha = new Map(commits.map((commit) => [commit.sha, commit]));
  const line: CommitInfo[] = [];
  for (let at = bySha.get(bad); at !== undefined; at = bySha.get(at.parents[0])) {
    bySha.delete(at.sha);
    line.unshift({ ...at, parents: at.parents.slice(0, 1) });
  }
  return line;
}
