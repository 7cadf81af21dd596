/**
 * The client of GitHub's REST interface.
 *
 * @module
 */

import { invalid, quote, RunOutputsError } from "../layout/error.ts";
import { checkRepository } from "../layout/validate.ts";
import type {
  CommitInfo,
  CommitsOptions,
  Comparison,
  GithubCallOptions,
  GithubClient,
  GithubOptions,
  RunsOfCommitOptions,
  WorkflowRunInfo,
} from "./client.ts";
import { conditionalFetch } from "./conditional_fetch.ts";
import { githubError } from "./github_error.ts";
import type { Octokit } from "./octokit.ts";
import { readCommit, readRun } from "./answers.ts";
import { checkToken } from "./settings.ts";

/** The most that GitHub puts on one page. */
const PER_PAGE = 100;

/** The default of {@linkcode GithubOptions.timeout}. */
const TIMEOUT = 60_000;

/** The default of {@linkcode GithubOptions.maxWait}. */
const MAX_WAIT = 60;

/** How long a request that is aborted has to end by itself, in milliseconds. */
const GRACE = 50;

/** An open connection: Octokit, and whether a token is sent. */
interface Session {
  readonly octokit: Octokit;
  readonly hasToken: boolean;
}

/** What one request is about, for its errors. */
interface Question {
  readonly action: string;
  readonly repository: string;
  readonly notFound?: string;
}

/** Parameters that each of our routes takes. */
interface Common {
  readonly owner: string;
  readonly repo: string;
  readonly request: { readonly signal?: AbortSignal; readonly fetch: typeof fetch };
}

/** An answer of Octokit's, as far as all of them are alike. */
interface Answer<T> {
  readonly data: T;
  readonly headers: { readonly link?: string };
}

/** See {@linkcode GithubClient}. */
export class RestClient implements GithubClient {
  readonly requests = { sent: 0, counted: 0 };
  readonly #options: GithubOptions & { readonly apiUrl: string };
  readonly #memory = new Map<string, Promise<unknown>>();
  #session: Promise<Session> | undefined;

  constructor(options: GithubOptions & { readonly apiUrl: string }) {
    this.#options = options;
  }

  workflowRun(
    repository: string,
    runId: string | number,
    options: GithubCallOptions = {},
  ): Promise<WorkflowRunInfo> {
    const id = checkRunNumber(runId);
    const question = { action: `read run ${id}`, repository };
    return this.#once(runKey(repository, id), options, async () => {
      const { data } = await this.#ask(
        question,
        options,
        (octokit, common) =>
          octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", {
            ...common,
            run_id: Number(id),
          }),
      );
      return readRun(data);
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
      notFound: `there is no such repository or workflow: check --repo and --workflow`,
    };
    return this.#once(`runs ${repository} ${headSha} ${workflow}`, options, async () => {
      const runs: WorkflowRunInfo[] = [];
      const pages = this.#pages(
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
      );
      for await (const { workflow_runs } of pages) runs.push(...workflow_runs.map(readRun));
      // GitHub's own order is by what it found first; a page can also shift while it is read.
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
          ? "no commit, or more than one, begins with it: give more digits, and check --repo"
          : "there is no such commit, branch or tag: check it, and --repo",
      };
      const { data } = await this.#ask(
        question,
        options,
        (octokit, common) =>
          octokit.request("GET /repos/{owner}/{repo}/commits/{ref}", {
            ...common,
            ref: target,
            // The commit's files are not wanted, and can't be left out.
            per_page: 1,
          }),
      );
      const commit = readCommit(data);
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
      notFound: "there is no such repository, branch or commit: check it, and --repo",
    };
    const perPage = Math.min(PER_PAGE, limit);
    const pages = this.#pages(
      question,
      options,
      (octokit, common, page) =>
        octokit.request("GET /repos/{owner}/{repo}/commits", {
          ...common,
          sha: start,
          per_page: perPage,
          page,
        }),
    );
    let told = 0;
    for await (const page of pages) {
      for (const data of page) {
        const commit = readCommit(data);
        this.#memory.set(`commit ${repository} ${commit.sha}`, Promise.resolve(commit));
        yield commit;
        if (++told >= limit) return;
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
      notFound: "one of them is not there, or they have nothing in common: check them, and --repo",
    };
    return this.#once(`compare ${repository} ${basehead}`, options, async () => {
      const commits: CommitInfo[] = [];
      let first: Pick<Comparison, "status" | "mergeBase"> | undefined;
      const pages = this.#pages(
        question,
        options,
        (octokit, common, page) =>
          octokit.request("GET /repos/{owner}/{repo}/compare/{basehead}", {
            ...common,
            basehead,
            per_page: PER_PAGE,
            page,
          }),
      );
      for await (const { status, merge_base_commit, commits: some } of pages) {
        first ??= { status, mergeBase: merge_base_commit.sha };
        commits.push(...some.map(readCommit));
      }
      return { ...first!, commits };
    });
  }

  async #pullHead(
    repository: string,
    number: string,
    options: GithubCallOptions,
  ): Promise<string> {
    const question = { action: `read pull request ${number}`, repository };
    const { data } = await this.#ask(
      question,
      options,
      (octokit, common) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
          ...common,
          pull_number: Number(number),
        }),
    );
    return data.head.sha;
  }

  /** Asks once per client: who asks again gets the same answer, or the same promise of it. */
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

  async *#pages<T extends object>(
    question: Question,
    options: GithubCallOptions,
    request: (octokit: Octokit, common: Common, page: number) => Promise<Answer<T>>,
  ): AsyncGenerator<T> {
    for (let page = 1;; page++) {
      const { data, headers } = await this.#ask(
        question,
        options,
        (octokit, common) => request(octokit, common, page),
      );
      yield data;
      if (!/;\s*rel="?next"?/.test(headers.link ?? "")) return;
    }
  }

  async #ask<T extends object>(
    question: Question,
    { signal, fresh = false }: GithubCallOptions,
    request: (octokit: Octokit, common: Common) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    const { repository } = question;
    checkRepository("repository", repository);
    const { now = Date.now, apiUrl } = this.#options;
    const signals = [this.#options.signal, signal].filter((one) => one !== undefined);
    const stop = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
    stop?.throwIfAborted();
    const [owner, repo] = repository.split("/");
    const { octokit, hasToken } = await this.#open();
    try {
      const common = { owner, repo, request: { signal: stop, fetch: this.#fetch(fresh) } };
      const answer = await unlessAborted(request(octokit, common), stop);
      if (typeof answer.data === "object" && answer.data !== null) return answer;
    } catch (error) {
      stop?.throwIfAborted();
      throw githubError(error, { ...question, apiUrl, hasToken, now: now() });
    }
    throw new RunOutputsError(
      "failed",
      `Cannot ${question.action} of ${repository}: ${apiUrl} does not answer in JSON; check ` +
        "$GITHUB_API_URL",
    );
  }

  #fetch(fresh: boolean): typeof fetch {
    const { now = Date.now, timeout = TIMEOUT, cache } = this.#options;
    return conditionalFetch({
      fetch: this.#options.fetch ?? fetch,
      cache,
      now,
      timeout,
      fresh,
      onRequest: (counted) => {
        this.requests.sent++;
        if (counted) this.requests.counted++;
      },
    });
  }

  #open(): Promise<Session> {
    this.#session ??= this.#connect();
    return this.#session;
  }

  async #connect(): Promise<Session> {
    const { apiUrl, maxWait = MAX_WAIT, second = 1000, onNote = () => {} } = this.#options;
    const given = this.#options.token;
    const found = typeof given === "function" ? await given() : given;
    const token = found ? checkToken(found, "the client's options") : undefined;
    const { createOctokit } = await import("./octokit.ts");
    const octokit = createOctokit({ apiUrl, token, maxWait, second, onNote });
    return { octokit, hasToken: token !== undefined };
  }
}

/**
 * Ends the waiting soon after an abort: a request that is under way ends by itself, but between two
 * attempts nobody else listens to the signal.
 */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = () => timer = setTimeout(() => reject(signal.reason), GRACE);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
  });
}

function newestFirst(a: WorkflowRunInfo, b: WorkflowRunInfo): number {
  return Date.parse(b.createdAt) - Date.parse(a.createdAt) || Number(b.id) - Number(a.id);
}

function runKey(repository: string, id: string): string {
  return `run ${repository} ${id}`;
}

function checkRunNumber(runId: string | number): string {
  const text = String(runId);
  if (/^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text))) return text;
  throw invalid("run id", runId, "a run's number on GitHub");
}

function checkFullSha(sha: string): string {
  if (/^[0-9a-f]{40}$/i.test(sha)) return sha.toLowerCase();
  throw invalid("commit", sha, "a full SHA of 40 digits");
}

function checkWorkflow(workflow: string): string {
  if (/^[A-Za-z0-9._-]+$/.test(workflow)) return workflow;
  throw invalid("workflow", workflow, "the name of a workflow's file, such as ci.yml");
}

/** A ref as GitHub's API wants it: `heads/x` and `tags/x` it knows, `refs/…` it does not. */
function checkRef(ref: string): string {
  const name = ref.replace(/^refs\/(?=heads\/|tags\/|pull\/)/, "");
  // deno-lint-ignore no-control-regex -- git forbids control characters and spaces in a ref
  if (name === "" || /[\x00-\x20\x7f~^:?*[\\]|\.\.|^\/|\/$|^-/.test(name)) {
    throw invalid("commit or ref", ref, "a SHA, a branch, a tag or pull/N");
  }
  return name;
}

function isHex(text: string): boolean {
  return /^[0-9a-f]{4,40}$/i.test(text);
}
