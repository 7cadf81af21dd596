/**
 * GitHub's answers as values of our own. Fields that its description promises and that real answers
 * lack (the head repository of a deleted fork) are told by types of our own here.
 *
 * @module
 */

import { RunOutputsError } from "../layout/error.ts";
import type { CommitInfo, WorkflowRunInfo } from "./client.ts";

/** The part of a workflow run that is read. */
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

/** The part of a commit that is read. */
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

/**
 * Reads a workflow run.
 *
 * @param run GitHub's answer.
 * @returns The run.
 * @throws {RunOutputsError} `failed`, if it lacks what everything depends on.
 */
export function readRun(run: RunAnswer): WorkflowRunInfo {
  if (!/^\d+$/.test(String(run?.id)) || !run.repository?.full_name || !run.created_at) {
    throw unexpected("a workflow run");
  }
  return {
    id: String(run.id),
    repository: run.repository.full_name,
    headRepository: run.head_repository?.full_name ?? null,
    createdAt: run.created_at,
    headSha: run.head_sha,
    headBranch: run.head_branch,
    event: run.event,
    status: run.status,
    conclusion: run.conclusion,
    attempt: run.run_attempt ?? 1,
    workflowPath: run.path,
    url: run.html_url,
  };
}

/**
 * Reads a commit.
 *
 * @param answer GitHub's answer.
 * @returns The commit.
 * @throws {RunOutputsError} `failed`, if it lacks what everything depends on.
 */
export function readCommit({ sha, commit, parents, html_url: url = "" }: CommitAnswer): CommitInfo {
  if (
    !/^[0-9a-f]{40}$/.test(sha) || typeof commit?.message !== "string" || !Array.isArray(parents)
  ) {
    throw unexpected("a commit");
  }
  return {
    sha,
    date: commit.committer?.date ?? commit.author?.date ?? "",
    title: commit.message.split("\n")[0],
    author: commit.author?.name ?? "",
    parents: parents.map(({ sha }) => sha),
    url,
  };
}

function unexpected(what: string): RunOutputsError {
  return new RunOutputsError("failed", `Cannot read GitHub's answer: it is not ${what}`);
}
