/**
 * GitHub for commands: who asks, where answers are kept, and the search for runs with its report.
 *
 * @module
 */

import { join } from "node:path";
import type { GithubClient, WorkflowRunInfo } from "../github/client.ts";
import { RunOutputsError } from "../errors/error.ts";
import { resolveRepository } from "../layout/workflow_run.ts";
import type { FindOptions, FindResult, FindSelector } from "../operations/find/find.ts";
import type { RunSearch } from "../operations/find/search_runs.ts";
import type { TriedPlace } from "../operations/find/locate_run.ts";
import type { ArtifactSelection } from "../operations/artifacts/select.ts";
import type { WaitOptions } from "../operations/fetch/wait.ts";
import type { FindCommandOptions } from "./find_options.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";
import { namedRepository, platformOf, type RunOptions } from "./run_root.ts";
import type { OpenStorage } from "./storage.ts";

/**
 * Creates a client of GitHub; nothing is asked yet.
 *
 * @param options The value of `--cache-dir`; a signal.
 * @param io The environment.
 * @param output Where notes go.
 * @returns The client.
 * @throws {RunOutputsError} `invalid`, if `$GITHUB_API_URL` is none.
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
  const dir = options.cacheDir ?? cacheDir(io);
  return openGithub({
    env,
    token: () => findToken({ env }),
    cache: dir === undefined
      ? undefined
      : diskResponseCache(dir, { onNote: (note) => output.explain(note) }),
    signal: options.signal,
    onNote: (note) => output.note(note),
  });
}

/** What a search on GitHub needs of a command. */
export interface FindCommand {
  /** The values of the options. */
  readonly options: FindCommandOptions & RunOptions & { readonly cacheDir?: string };
  /** What names the commit. */
  readonly selector: FindSelector;
  /** Which artifacts. */
  readonly selection: ArtifactSelection;
  /** The storage that holds the runs. */
  readonly storage: OpenStorage;
  /** The environment. */
  readonly io: Io;
  /** Where decisions are explained. */
  readonly output: Output;
  /** What a run that is waited for has to have besides. */
  readonly lacking?: WaitOptions["lacking"];
  /** Stops the search. */
  readonly signal: AbortSignal;
}

/** A search that was done, and what it asked for. */
export interface Found {
  /** What it asked for. */
  readonly asked: FindOptions;
  /** What it found. */
  readonly result: FindResult;
}

/**
 * Searches as a command's options say, waits if they say so, and explains each decision.
 *
 * @param command What the command was given.
 * @returns The search; its result may lack something, and then names the nearest commit.
 * @throws {RunOutputsError} What GitHub and storage say.
 */
export async function search(command: FindCommand): Promise<Found> {
  const { options, selector, selection, storage, io, output, signal } = command;
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
    requireArtifacts: options.requireArtifact,
    requireSingleRun: options.requireSingleRun,
    requireSuccessfulRun: options.requireSuccessfulRun,
    releaseType: options.releaseType ?? ownReleaseType(selector, io),
    bucket: options.bucket,
    signal,
    onCommit: (sha, search) => explainSearch(sha, search, output),
  };
  const result = await found(asked, command);
  const isOneCommit = "commit" in selector || "ref" in selector;
  if (result.missing.length === 0 || !isOneCommit || options.nearestAncestor) {
    return { asked, result };
  }
  const { withNearest } = await import("../operations/find/find.ts");
  try {
    return { asked, result: await withNearest(result, asked) };
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    // Without a run it is most likely the commit that is wrong, and GitHub has just said so.
    if (error.code === "not_found" && result.rejected.length === 0) throw error;
    // What was asked for is known not to be there; only the hint is missing.
    output.note(`the commits before could not be looked at: ${error.message}`);
    return { asked, result };
  }
}

/** This job's release type says something of this job's run alone. */
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
    onTrouble: ({ message }) => output.note(`${message}; waiting all the same`),
    onWait: ({ pending, missing }, lacking) => {
      const what = lacking ?? (missing[0] === undefined ? "artifacts" : missing.join(", "));
      output.note(
        `waiting for ${what}: run ${pending.map(({ id }) => id).join(", ")} has not ended`,
      );
    },
  });
}

/**
 * Explains what the runs of a commit have.
 *
 * @param sha The commit.
 * @param search What was found.
 * @param output Where to explain.
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
    output.explain(`commit ${sha.slice(0, 10)}: run ${run.id} not taken${what}: ${reason}`);
  }
  for (const { run, group, tried } of groups) {
    places(run, tried);
    const what = group === undefined ? "" : ` for ${group}`;
    output.explain(`commit ${sha.slice(0, 10)}: run ${run.id} taken${what}`);
  }
  if (groups.length + rejected.length === 0) {
    output.explain(`commit ${sha.slice(0, 10)}: no run of the workflow`);
  }
}

/**
 * Explains where a run was looked for.
 *
 * @param runId The run's id.
 * @param tried The places.
 * @param output Where to explain.
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

/**
 * The user's own directory for what can be had again.
 *
 * @param io The environment.
 * @returns The directory; `undefined`, if the environment names none.
 */
export function cacheDir(io: Io): string | undefined {
  const windows = Deno.build.os === "windows";
  const home = io.env("HOME") || undefined;
  const base = windows
    ? io.env("LOCALAPPDATA") || undefined
    : io.env("XDG_CACHE_HOME") || (home && join(home, ".cache"));
  return base && join(base, "run-outputs");
}
