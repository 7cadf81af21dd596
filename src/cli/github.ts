/**
 * GitHub for commands: the client and its cache, and the search for runs with its report.
 *
 * @module
 */

import type { GithubClient, WorkflowRunInfo } from "../github/client.ts";
import { RunOutputsError } from "../errors/error.ts";
import { resolveRepository } from "../layout/workflow_run.ts";
import type { FindOptions, FindResult, FindSelector } from "../operations/find/find.ts";
import type { RejectedRun, RunSearch } from "../operations/find/search_runs.ts";
import type { TriedPlace } from "../operations/find/locate_run.ts";
import type { ArtifactSelection } from "../operations/artifacts/selection.ts";
import type { WaitOptions } from "../operations/fetch/wait.ts";
import { cacheDirOf } from "./cache_dir.ts";
import type { FindCommandOptions } from "./find_options.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";
import { namedRepository, platformOf, type RunOptions } from "./run_root.ts";
import { searchPatterns } from "./selection.ts";
import type { OpenStorage } from "./storage.ts";

/**
 * Creates a GitHub client. It sends no request yet.
 *
 * @param options The value of `--cache-dir`; a signal.
 * @param io The environment.
 * @param output Receives notes.
 * @returns The client.
 * @throws {RunOutputsError} `invalid`, if `$GITHUB_API_URL` is not a URL.
 */
export async function openGithubClient(
  options: { readonly cacheDir?: string; readonly signal?: AbortSignal },
  io: Io,
  output: Output,
): Promise<GithubClient> {
  const { openGithub } = await import("../github/open.ts");
  const { diskResponseCache } = await import("../github/response_cache.ts");
  const { findToken } = await import("../github/settings.ts");
  const env = (name: string) => io.env(name) || undefined;
  const dir = cacheDirOf(options, io);
  return openGithub({
    env,
    token: () => findToken({ env }),
    cache: dir === undefined
      ? undefined
      : diskResponseCache(dir, { onNote: (note) => output.explain(note) }),
    signal: options.signal,
    onNote: (note) => output.note(note),
    onSlow: (note) => output.note(note),
    schedule: io.schedule?.bind(io),
  });
}

/** What a search on GitHub needs from a command. */
export interface FindCommand {
  /** The values of the options. */
  readonly options: FindCommandOptions & RunOptions & { readonly cacheDir?: string };
  /** Selects the commit. */
  readonly selector: FindSelector;
  /** Which artifacts. */
  readonly selection: ArtifactSelection;
  /** The storage that holds the runs. */
  readonly storage: OpenStorage;
  /** The environment. */
  readonly io: Io;
  /** Receives explanations of decisions. */
  readonly output: Output;
  /** What else `--wait` waits for. */
  readonly lacking?: WaitOptions["lacking"];
  /** Aborts the search. */
  readonly signal: AbortSignal;
}

/** A finished search and its request. */
export interface Found {
  /** The request. */
  readonly asked: FindOptions;
  /** The result. */
  readonly result: FindResult;
}

/**
 * Searches for the runs that a command's options describe, waits with `--wait`, and explains each
 * decision.
 *
 * @param command What the search needs.
 * @returns The search. If the result lacks something, it names the nearest commit that does not.
 * @throws {RunOutputsError} Errors of GitHub and of the storage.
 */
export async function search(command: FindCommand): Promise<Found> {
  const { options, selector, selection, storage, io, output, signal } = command;
  const { IN_PROGRESS } = await import("../operations/find/search_runs.ts");
  const skipped: RejectedRun[] = [];
  const asked: FindOptions = {
    ...selection,
    selector,
    github: await openGithubClient({ cacheDir: options.cacheDir, signal }, io, output),
    backend: storage.backend,
    repository: resolveRepository(namedRepository(options), {
      GITHUB_REPOSITORY: io.env("GITHUB_REPOSITORY"),
    }),
    platform: platformOf(options, io),
    workflow: options.workflow,
    maxCommits: options.maxCommits,
    nearestAncestor: options.nearestAncestor,
    allowIncomplete: options.allowIncomplete,
    requireArtifacts: await searchPatterns("--require-artifact", options.requireArtifact ?? []),
    requireSingleRun: options.requireSingleRun,
    requireSuccessfulRun: options.requireSuccessfulRun,
    releaseType: options.releaseType ?? ownReleaseType(selector, io),
    bucket: options.bucket,
    signal,
    onCommit: (sha, search) => {
      explainSearch(sha, search, output);
      skipped.push(...search.rejected.filter(({ reason }) => reason === IN_PROGRESS));
    },
  };
  const result = await found(asked, command);
  if (result.missing.length === 0) noteSkipped(skipped, result, output);
  const isOneCommit = "commit" in selector || "ref" in selector;
  if (result.missing.length === 0 || !isOneCommit || options.nearestAncestor) {
    return { asked, result };
  }
  const { withNearest } = await import("../operations/find/find.ts");
  try {
    return { asked, result: await withNearest(result, asked) };
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    // Without any run the commit itself is most likely wrong, and this error says so.
    if (error.code === "not_found" && result.rejected.length === 0) throw error;
    // The result is known; only the hint is missing.
    output.note(`could not check the previous commits: ${error.message}`);
    return { asked, result };
  }
}

/** Says which newer runs the latest one is not. */
function noteSkipped(
  skipped: readonly RejectedRun[],
  { groups }: FindResult,
  output: Output,
): void {
  // A run that ended while we waited can be one that was found.
  const found = new Set(groups.map(({ run }) => run.id));
  const ids = [...new Set(skipped.map(({ run }) => run.id))].filter((id) => !found.has(id));
  if (ids.length === 0) return;
  const which = ids.length === 1 ? `run ${ids[0]} is` : `runs ${ids.join(", ")} are`;
  output.note(
    `skipped newer runs: ${which} in progress and not known to be complete ` +
      "(--allow-incomplete takes them)",
  );
}

/** This job's release type, which applies to its own run only. */
function ownReleaseType(selector: FindSelector, io: Io): string | undefined {
  const isOwn = "runId" in selector && io.env("GITHUB_RUN_ID") === String(selector.runId);
  return isOwn ? io.env("RELEASE_TYPE") : undefined;
}

async function found(
  asked: FindOptions,
  { options: { wait, timeout, interval }, lacking, output }: FindCommand,
): Promise<FindResult> {
  if (!wait) {
    const { findArtifacts } = await import("../operations/find/find.ts");
    return await findArtifacts(asked);
  }
  const { waitForArtifacts } = await import("../operations/fetch/wait.ts");
  return await waitForArtifacts({
    ...asked,
    timeout: timeout?.milliseconds,
    interval: interval?.milliseconds,
    lacking,
    onError: ({ message }) => output.note(`${message}; still waiting`),
    onWait: ({ pending, missing }, lacking) => {
      const what = lacking ?? (missing[0] === undefined ? "artifacts" : missing.join(", "));
      output.note(
        `waiting for ${what}: run ${pending.map(({ id }) => id).join(", ")} is in progress`,
      );
    },
  });
}

/**
 * Explains which runs of a commit were accepted and rejected.
 *
 * @param sha The commit.
 * @param search The result of the search.
 * @param output Receives the explanation.
 */
export function explainSearch(sha: string, { groups, rejected }: RunSearch, output: Output): void {
  const explained = new Set<string>();
  const places = (run: WorkflowRunInfo, tried: readonly TriedPlace[]) => {
    if (explained.has(run.id)) return;
    explained.add(run.id);
    explainPlaces(run.id, tried, output);
  };
  for (const { run, group, reason, tried } of rejected) {
    places(run, tried);
    const what = group === undefined ? "" : ` for ${group}`;
    output.explain(`commit ${sha.slice(0, 10)}: run ${run.id} rejected${what}: ${reason}`);
  }
  for (const { run, group, tried } of groups) {
    places(run, tried);
    const what = group === undefined ? "" : ` for ${group}`;
    output.explain(`commit ${sha.slice(0, 10)}: run ${run.id} accepted${what}`);
  }
  if (groups.length + rejected.length === 0) {
    output.explain(`commit ${sha.slice(0, 10)}: no runs of the workflow`);
  }
}

/**
 * Explains in which locations a run was searched for.
 *
 * @param runId The run's id.
 * @param tried The locations.
 * @param output Receives the explanation.
 */
export function explainPlaces(
  runId: string,
  tried: readonly TriedPlace[],
  output: Output,
): void {
  for (const { bucket, prefix, outcome, reason, why } of tried) {
    output.explain(
      `run ${runId}: ${outcome} in bucket ${bucket}, prefix ${prefix}: ${reason} (${why})`,
    );
  }
}
