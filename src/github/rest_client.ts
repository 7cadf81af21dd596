/**
 * The client of GitHub's REST API: its requests, each sent only once.
 *
 * @module
 */

import { quote, RunOutputsError } from "../errors/error.ts";
import { checkRepository } from "../layout/validate.ts";
import {
  type ComparisonPage,
  readCommit,
  readCommits,
  readComparison,
  readPullHead,
  readRun,
  readRuns,
} from "./answers.ts";
import type {
  CommitInfo,
  CommitsOptions,
  Comparison,
  GithubCallOptions,
  GithubClient,
  GithubOptions,
  GithubRequests,
  RunsOfCommitOptions,
  WorkflowRunInfo,
} from "./client.ts";
import { checkFullSha, checkRef, checkRunNumber, checkWorkflow, isHex } from "./names.ts";
import { REDIRECTED } from "./conditional_fetch.ts";
import { type Answer, type Question, RestSession } from "./rest_session.ts";

/** GitHub's maximum page size. */
const PER_PAGE = 100;

/** The maximum number of pages with the runs of a commit. */
const MAX_RUN_PAGES = 10;

/** See {@linkcode GithubClient}. */
export class RestClient implements GithubClient {
  readonly requests: GithubRequests;
  readonly #session: RestSession;
  readonly #memory = new Map<string, Promise<unknown>>();
  readonly #onNote: (text: string) => void;

  constructor(options: GithubOptions & { readonly apiUrl: string }) {
    this.#session = new RestSession(options);
    this.requests = this.#session.requests;
    this.#onNote = options.onNote ?? (() => {});
  }

  get isAnonymous(): boolean | undefined {
    return this.#session.isAnonymous;
  }

  workflowRun(
    repository: string,
    runId: string | number,
    options: GithubCallOptions = {},
  ): Promise<WorkflowRunInfo> {
    const id = checkRunNumber(runId);
    const question = { action: `read run ${id}`, repository };
    return this.#once(runKey(repository, id), options, async () => {
      const answer = await this.#session.ask(
        question,
        options,
        (octokit, common) =>
          octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", {
            ...common,
            run_id: Number(id),
          }),
      );
      const [run] = ofRepository(question, answer, [readRun(answer.data)]);
      if (run.id === id) return run;
      throw otherThanAsked(question, `run ${run.id}`);
    });
  }

  runsOfCommit(
    repository: string,
    sha: string,
    options: RunsOfCommitOptions,
  ): Promise<readonly WorkflowRunInfo[]> {
    const headSha = checkFullSha(sha);
    const workflow = checkWorkflow(options.workflow);
    const question = {
      action: `read the runs of ${workflow} for ${headSha.slice(0, 10)}`,
      repository,
      notFound: `no such repository or workflow: check --repo and --workflow`,
    };
    return this.#once(`runs ${repository} ${headSha} ${workflow}`, options, async () => {
      const runs: WorkflowRunInfo[] = [];
      const pages = this.#session.pages(
        question,
        options,
        (octokit, common, page) =>
          octokit.request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", {
            ...common,
            workflow_id: workflow,
            head_sha: headSha,
            per_page: PER_PAGE,
            page,
          }),
        (data, answer) => ({ items: ofRepository(question, answer, readRuns(data)) }),
        ({ id }) => id,
      );
      let looked = 0;
      let asked = 0;
      for await (const { items } of pages) {
        looked += items.length;
        runs.push(...items.filter((run) => run.headSha === headSha));
        // GitHub returns at most this many runs of a commit.
        if (++asked === MAX_RUN_PAGES) break;
      }
      if (runs.length < looked) {
        this.#onNote(
          `${looked - runs.length} of ${looked} runs of ${workflow} are of other commits than ` +
            `${headSha.slice(0, 10)}; they are ignored`,
        );
      }
      // GitHub's own order is not by time, and pages can shift while they are read.
      const distinct = [...new Map(runs.map((run) => [run.id, run])).values()].sort(newestFirst);
      for (const run of distinct) {
        this.#memory.set(runKey(repository, run.id), Promise.resolve(run));
      }
      return distinct;
    });
  }

  commit(
    repository: string,
    ref: string,
    options: GithubCallOptions = {},
  ): Promise<CommitInfo> {
    const asked = checkRef(ref);
    return this.#once(`commit ${repository} ${asked}`, options, async () => {
      const pull = /^pull\/(\d{1,9})(?:\/head)?$/.exec(asked)?.[1];
      const target = pull === undefined ? asked : await this.#pullHead(repository, pull, options);
      const question = {
        action: `read the commit ${quote(ref)}`,
        repository,
        notFound: isHex(asked)
          ? "no commit, or more than one, starts with it: give more digits, and check --repo"
          : "no such commit, branch or tag: check it, and --repo",
      };
      const { data } = await this.#session.ask(
        question,
        options,
        (octokit, common) =>
          octokit.request("GET /repos/{owner}/{repo}/commits/{ref}", {
            ...common,
            ref: target,
            // The commit's files are not needed, but cannot be excluded.
            per_page: 1,
          }),
      );
      const commit = readCommit(data);
      if (pull === undefined && asked.length === 40 && isHex(asked) && !isSame(commit.sha, asked)) {
        throw otherThanAsked(question, `commit ${commit.sha}`);
      }
      this.#memory.set(`commit ${repository} ${commit.sha}`, Promise.resolve(commit));
      return commit;
    });
  }

  async resolveCommit(
    repository: string,
    ref: string,
    options: GithubCallOptions = {},
  ): Promise<string> {
    checkRepository("repository", repository);
    if (/^[0-9a-f]{40}$/i.test(ref)) return ref.toLowerCase();
    return (await this.commit(repository, ref, options)).sha;
  }

  async *commits(
    repository: string,
    ref?: string,
    options: CommitsOptions = {},
  ): AsyncGenerator<CommitInfo> {
    const { limit = Infinity } = options;
    if (limit <= 0) return;
    const start = ref === undefined ? undefined : checkRef(ref);
    const question = {
      action: `read the commits of ${start === undefined ? "the default branch" : quote(start)}`,
      repository,
      notFound: "no such repository, branch or commit: check it, and --repo",
    };
    const perPage = Math.min(PER_PAGE, limit);
    const pages = this.#session.pages(
      question,
      options,
      (octokit, common, page) =>
        octokit.request("GET /repos/{owner}/{repo}/commits", {
          ...common,
          sha: start,
          per_page: perPage,
          page,
        }),
      (answer) => ({ items: readCommits(answer) }),
      ({ sha }) => sha,
    );
    let count = 0;
    for await (const { items } of pages) {
      for (const commit of items) {
        this.#memory.set(`commit ${repository} ${commit.sha}`, Promise.resolve(commit));
        yield commit;
        if (++count >= limit) return;
      }
    }
  }

  compare(
    repository: string,
    base: string,
    head: string,
    options: GithubCallOptions = {},
  ): Promise<Comparison> {
    const basehead = `${checkRef(base)}...${checkRef(head)}`;
    const question = {
      action: `compare ${quote(base)} and ${quote(head)}`,
      repository,
      notFound:
        "one of them does not exist, or they have no common ancestor: check them, and --repo",
    };
    return this.#once(`compare ${repository} ${basehead}`, options, async () => {
      const bySha = new Map<string, CommitInfo>();
      let first: ComparisonPage | undefined;
      const pages = this.#session.pages(
        question,
        options,
        (octokit, common, page) =>
          octokit.request("GET /repos/{owner}/{repo}/compare/{basehead}", {
            ...common,
            basehead,
            per_page: PER_PAGE,
            page,
          }),
        (answer) => {
          const page = readComparison(answer);
          return { ...page, items: page.commits };
        },
        ({ sha }) => sha,
      );
      for await (const page of pages) {
        first ??= page;
        for (const commit of page.commits) bySha.set(commit.sha, commit);
        if (bySha.size >= first.total) break;
      }
      const { status, mergeBase, total } = first!;
      if (bySha.size >= total) return { status, mergeBase, commits: [...bySha.values()] };
      throw new RunOutputsError(
        "failed",
        `Cannot ${question.action} of ${repository} on GitHub: got only ${bySha.size} of ${total} ` +
          "commits; try again",
      );
    });
  }

  async #pullHead(
    repository: string,
    number: string,
    options: GithubCallOptions,
  ): Promise<string> {
    const question = { action: `read pull request ${number}`, repository };
    const { data } = await this.#session.ask(
      question,
      options,
      (octokit, common) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
          ...common,
          pull_number: Number(number),
        }),
    );
    return readPullHead(data);
  }

  /**
   * Sends each request once per client: later callers get the same response, or the promise of it.
   */
  #once<T>(key: string, { fresh }: GithubCallOptions, ask: () => Promise<T>): Promise<T> {
    const known = fresh ? undefined : this.#memory.get(key);
    if (known !== undefined) return known as Promise<T>;
    const answer = ask();
    this.#memory.set(key, answer);
    answer.catch(() => {
      if (this.#memory.get(key) === answer) this.#memory.delete(key);
    });
    return answer;
  }
}

function isSame(sha: string, asked: string): boolean {
  return sha === asked.toLowerCase();
}

/** The runs of an answer, if they are of the repository. After a rename, GitHub redirects. */
function ofRepository(
  question: Question,
  { headers }: Pick<Answer<unknown>, "headers">,
  runs: readonly WorkflowRunInfo[],
): readonly WorkflowRunInfo[] {
  const asked = question.repository.toLowerCase();
  const other = runs.find(({ repository }) => repository.toLowerCase() !== asked);
  if (other === undefined || headers[REDIRECTED] !== undefined) return runs;
  throw otherThanAsked(question, `repository ${other.repository}`);
}

/** Caused by a proxy that mixes up responses, or a server other than GitHub. */
function otherThanAsked({ action, repository }: Question, what: string): RunOutputsError {
  return new RunOutputsError(
    "failed",
    `Cannot ${action} of ${repository}: GitHub's answer is about ${what}; check ` +
      "--repo, $GITHUB_API_URL and proxies",
  );
}

function newestFirst(a: WorkflowRunInfo, b: WorkflowRunInfo): number {
  return Date.parse(b.createdAt) - Date.parse(a.createdAt) || Number(b.id) - Number(a.id);
}

function runKey(repository: string, id: string): string {
  return `run ${repository} ${id}`;
}
