/**
 * Converts GitHub's responses to our own types. These also mark fields as optional that GitHub's
 * schema promises but real responses lack, such as the head repository of a deleted fork.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { CommitInfo, Comparison, WorkflowRunInfo } from "./client.ts";

/** The fields of a workflow run that we read. */
interface RunAnswer {
  readonly id: number | bigint;
  readonly repository: { readonly full_name: string };
  readonly head_repository: { readonly full_name: string } | null;
  readonly created_at: string;
  readonly head_sha: string;
  readonly head_branch: string | null;
  readonly event: string;
  readonly status: string | null;
  readonly conclusion: string | null;
  readonly run_attempt?: number;
  readonly path: string;
  readonly html_url: string;
}

/** The fields of a commit that we read. */
interface CommitAnswer {
  readonly sha: string;
  readonly commit: {
    readonly message: string;
    readonly author: { readonly name?: string; readonly date?: string } | null;
    readonly committer: { readonly date?: string } | null;
  };
  readonly parents: readonly { readonly sha: string }[];
  readonly html_url?: string;
}

/** The fields of a comparison that we read. */
interface ComparisonAnswer {
  readonly status: Comparison["status"];
  readonly merge_base_commit: { readonly sha: string };
  readonly total_commits: number;
  readonly commits: readonly CommitAnswer[];
}

/** One page of a comparison. */
export interface ComparisonPage extends Comparison {
  /** The number of commits on all pages. */
  readonly total: number;
}

/**
 * Reads a list of workflow runs.
 *
 * @param answer GitHub's answer.
 * @returns The runs.
 * @throws {RunOutputsError} `failed`, if it is not a list of runs.
 */
export function readRuns(
  { workflow_runs: runs }: { readonly workflow_runs: readonly RunAnswer[] },
): WorkflowRunInfo[] {
  if (!Array.isArray(runs)) throw unexpected("a list of workflow runs");
  return runs.map(readRun);
}

/**
 * Reads a workflow run.
 *
 * @param run GitHub's answer.
 * @returns The run.
 * @throws {RunOutputsError} `failed`, if a required field is missing.
 */
export function readRun(run: RunAnswer): WorkflowRunInfo {
  if (
    !isRunId(run?.id) || !isRepository(run.repository?.full_name) ||
    !(run.head_repository?.full_name === undefined ||
      isRepository(run.head_repository.full_name)) ||
    !isSha(run.head_sha) || !isDate(run.created_at)
  ) {
    throw unexpected("a workflow run");
  }
  return {
    id: String(run.id),
    repository: run.repository.full_name,
    headRepository: run.head_repository?.full_name ?? null,
    createdAt: run.created_at,
    headSha: run.head_sha,
    headBranch: textOr(run.head_branch, null),
    event: textOr(run.event, ""),
    status: textOr(run.status, null),
    conclusion: textOr(run.conclusion, null),
    attempt: Number.isSafeInteger(run.run_attempt) ? run.run_attempt! : 1,
    workflowPath: textOr(run.path, ""),
    url: textOr(run.html_url, ""),
  };
}

/**
 * Reads a commit.
 *
 * @param answer GitHub's answer.
 * @returns The commit.
 * @throws {RunOutputsError} `failed`, if a required field is missing.
 */
export function readCommit(answer: CommitAnswer): CommitInfo {
  const { sha, commit, parents, html_url: url = "" } = answer ?? {};
  if (
    !isSha(sha) || typeof commit?.message !== "string" || !Array.isArray(parents) ||
    !parents.every((parent) => isSha(parent?.sha))
  ) {
    throw unexpected("a commit");
  }
  return {
    sha,
    date: textOr(commit.committer?.date ?? commit.author?.date, ""),
    title: commit.message.split("\n", 1)[0],
    author: textOr(commit.author?.name, ""),
    parents: parents.map(({ sha }) => sha),
    url: textOr(url, ""),
  };
}

/**
 * Reads a list of commits.
 *
 * @param answer GitHub's answer.
 * @returns The commits.
 * @throws {RunOutputsError} `failed`, if it is not a list of commits.
 */
export function readCommits(answer: readonly CommitAnswer[]): CommitInfo[] {
  if (!Array.isArray(answer)) throw unexpected("a list of commits");
  return answer.map(readCommit);
}

/**
 * Reads a page of a comparison.
 *
 * @param answer GitHub's answer.
 * @returns The page with its commits.
 * @throws {RunOutputsError} `failed`, if it is not a comparison.
 */
export function readComparison(answer: ComparisonAnswer): ComparisonPage {
  const { status, merge_base_commit: base, total_commits: total, commits } = answer;
  if (
    !STATUSES.includes(status) || !isSha(base?.sha) || !Number.isSafeInteger(total) || total < 0 ||
    !Array.isArray(commits)
  ) {
    throw unexpected("a comparison");
  }
  return { status, mergeBase: base.sha, total, commits: readCommits(commits) };
}

const STATUSES: readonly Comparison["status"][] = ["ahead", "behind", "diverged", "identical"];

/**
 * Reads the head of a pull request.
 *
 * @param answer GitHub's answer.
 * @returns The head's SHA.
 * @throws {RunOutputsError} `failed`, if it is not a pull request.
 */
export function readPullHead({ head }: { readonly head: { readonly sha: string } }): string {
  if (!isSha(head?.sha)) throw unexpected("a pull request");
  return head.sha;
}

function isSha(text: unknown): boolean {
  return typeof text === "string" && /^[0-9a-f]{40}$/.test(text);
}

function isRunId(id: unknown): boolean {
  return (typeof id === "number" || typeof id === "bigint") && /^[1-9]\d{0,15}$/.test(`${id}`);
}

function isDate(text: unknown): boolean {
  return typeof text === "string" && !Number.isNaN(Date.parse(text));
}

function isRepository(name: unknown): boolean {
  return typeof name === "string" && /^[\w.-]+\/[\w.-]+$/.test(name);
}

/** A text that servers other than GitHub may omit, or replace with another type. */
function textOr<T>(value: unknown, other: T): string | T {
  return typeof value === "string" ? value : other;
}

function unexpected(what: string): RunOutputsError {
  return new RunOutputsError("failed", `Cannot read GitHub's response: it is not ${what}`);
}
