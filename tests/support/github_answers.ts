/**
 * GitHub's answers, made of the few things that a test cares about. The types are those that GitHub
 * publishes: an answer that is not of their shape does not compile.
 *
 * @module
 */

import type { components, paths } from "@octokit/openapi-types";

type Schemas = components["schemas"];

/** What GitHub answers to a GET of a route. */
export type Answer<Route extends keyof paths> = paths[Route] extends {
  get: { responses: { 200: { content: { "application/json": infer Body } } } };
} ? Body
  : never;

/** The parameters that a GET of a route takes in its query. */
export type QueryOf<Route extends keyof paths> = paths[Route] extends {
  get: { parameters: { query?: infer Query } };
} ? keyof NonNullable<Query> & string
  : never;

/** A workflow run, as far as a test cares. */
export interface TestRun {
  readonly id: number;
  readonly sha: string;
  readonly createdAt: string;
  /** Default: the one of the server. */
  readonly repository?: string;
  /** `null`: a fork that was deleted. Default: the repository itself. */
  readonly headRepository?: string | null;
  readonly attempt?: number;
  /** Default: `completed`. */
  readonly status?: string;
  /** Default: `success` of what is completed. */
  readonly conclusion?: string | null;
  readonly updatedAt?: string;
  /** Default: `multi_arch_ci.yml`. */
  readonly workflow?: string;
  readonly event?: string;
  readonly branch?: string | null;
}

/** A commit, as far as a test cares. */
export interface TestCommit {
  readonly sha: string;
  readonly message?: string;
  readonly date?: string;
  /** Default: none. */
  readonly parents?: readonly string[];
}

/** An error, as GitHub words it. */
export function errorAnswer(status: number, message: string): Schemas["basic-error"] {
  const documentation_url = "https://docs.github.com/rest";
  return { message, documentation_url, status: String(status) };
}

/** A workflow run. Of a deleted fork the head repository is null, which the description denies. */
export function runAnswer(
  run: TestRun,
  repository: string,
): Omit<Schemas["workflow-run"], "head_repository"> & {
  head_repository: Schemas["minimal-repository"] | null;
} {
  const { id, sha, createdAt, status = "completed", workflow = "multi_arch_ci.yml" } = run;
  const name = run.repository ?? repository;
  const head = run.headRepository === undefined ? name : run.headRepository;
  const url = `https://api.github.com/repos/${name}/actions/runs/${id}`;
  const web = `https://github.com/${name}/actions/runs/${id}`;
  return {
    id,
    node_id: `WFR_${id}`,
    name: "CI",
    path: `.github/workflows/${workflow}`,
    display_title: `run ${id}`,
    run_number: id,
    run_attempt: run.attempt ?? 1,
    event: run.event ?? (head === name ? "push" : "pull_request"),
    status,
    conclusion: run.conclusion === undefined
      ? status === "completed" ? "success" : null
      : run.conclusion,
    head_branch: run.branch === undefined ? "main" : run.branch,
    head_sha: sha,
    head_commit: {
      id: sha,
      tree_id: sha,
      message: "a change",
      timestamp: createdAt,
      author: { name: "Ada", email: "ada@example.com" },
      committer: null,
    },
    workflow_id: 1,
    workflow_url: `https://api.github.com/repos/${name}/actions/workflows/1`,
    created_at: createdAt,
    updated_at: run.updatedAt ?? createdAt,
    run_started_at: run.updatedAt ?? createdAt,
    pull_requests: [],
    repository: repositoryAnswer(name, false),
    head_repository: head === null ? null : repositoryAnswer(head, head !== name),
    url,
    html_url: web,
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${url}/suite`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
  };
}

/** A commit. */
export function commitAnswer(commit: TestCommit, repository: string): Schemas["commit"] {
  const { sha, message = `change ${sha.slice(0, 7)}\n\nand why`, date = "2026-05-01T00:00:00Z" } =
    commit;
  const url = `https://api.github.com/repos/${repository}/commits/${sha}`;
  const who = { name: "Ada", email: "ada@example.com", date };
  return {
    sha,
    node_id: `C_${sha}`,
    url,
    html_url: `https://github.com/${repository}/commit/${sha}`,
    comments_url: `${url}/comments`,
    commit: {
      url,
      author: who,
      committer: who,
      message,
      comment_count: 0,
      tree: { sha, url: `${url}/tree` },
    },
    author: null,
    committer: null,
    parents: (commit.parents ?? []).map((sha) => ({
      sha,
      url: `https://api.github.com/repos/${repository}/commits/${sha}`,
    })),
  };
}

/** A comparison of commits; `between` are those of one page. */
export function comparisonAnswer(
  { repository, base, between, total, status, mergeBase, page }: {
    readonly repository: string;
    readonly base: TestCommit;
    readonly between: readonly TestCommit[];
    readonly total: number;
    readonly status: Schemas["commit-comparison"]["status"];
    readonly mergeBase: TestCommit;
    readonly page: number;
  },
): Answer<"/repos/{owner}/{repo}/compare/{basehead}"> {
  const url = `https://api.github.com/repos/${repository}/compare/x`;
  return {
    url,
    html_url: url,
    permalink_url: url,
    diff_url: url,
    patch_url: url,
    base_commit: commitAnswer(base, repository),
    merge_base_commit: commitAnswer(mergeBase, repository),
    status,
    ahead_by: status === "behind" ? 0 : total,
    behind_by: status === "behind" ? 1 : 0,
    total_commits: total,
    commits: between.map((commit) => commitAnswer(commit, repository)),
    // Only the first page tells of files.
    ...(page === 1 ? { files: [] } : {}),
  };
}

/** A pull request, as far as it is read. */
export function pullAnswer(number: number, sha: string) {
  type Pull = Answer<"/repos/{owner}/{repo}/pulls/{pull_number}">;
  const answer: Pick<Pull, "number" | "state" | "title"> & {
    readonly head: Pick<Pull["head"], "sha" | "ref" | "label">;
  } = {
    number,
    state: "open",
    title: "a change",
    head: { sha, ref: "topic", label: "someone:topic" },
  };
  return answer;
}

const REPOSITORY_URLS = [
  "archive_url",
  "assignees_url",
  "blobs_url",
  "branches_url",
  "collaborators_url",
  "comments_url",
  "commits_url",
  "compare_url",
  "contents_url",
  "contributors_url",
  "deployments_url",
  "downloads_url",
  "events_url",
  "forks_url",
  "git_commits_url",
  "git_refs_url",
  "git_tags_url",
  "hooks_url",
  "issue_comment_url",
  "issue_events_url",
  "issues_url",
  "keys_url",
  "labels_url",
  "languages_url",
  "merges_url",
  "milestones_url",
  "notifications_url",
  "pulls_url",
  "releases_url",
  "stargazers_url",
  "statuses_url",
  "subscribers_url",
  "subscription_url",
  "tags_url",
  "teams_url",
  "trees_url",
] as const satisfies readonly (keyof Schemas["minimal-repository"])[];

const USER_URLS = [
  "avatar_url",
  "events_url",
  "followers_url",
  "following_url",
  "gists_url",
  "organizations_url",
  "received_events_url",
  "repos_url",
  "starred_url",
  "subscriptions_url",
] as const satisfies readonly (keyof Schemas["simple-user"])[];

function repositoryAnswer(name: string, fork: boolean): Schemas["minimal-repository"] {
  const [owner, repo] = name.split("/");
  const url = `https://api.github.com/repos/${name}`;
  const user = `https://api.github.com/users/${owner}`;
  return {
    ...urls(REPOSITORY_URLS, url),
    id: 1,
    node_id: "R_1",
    name: repo,
    full_name: name,
    private: false,
    description: null,
    fork,
    url,
    html_url: `https://github.com/${name}`,
    owner: {
      ...urls(USER_URLS, user),
      login: owner,
      id: 2,
      node_id: "U_2",
      gravatar_id: null,
      url: user,
      html_url: `https://github.com/${owner}`,
      type: "Organization",
      site_admin: false,
    },
  };
}

function urls<Name extends string>(names: readonly Name[], base: string): Record<Name, string> {
  return Object.fromEntries(names.map((name) => [name, `${base}/${name}`])) as Record<Name, string>;
}
