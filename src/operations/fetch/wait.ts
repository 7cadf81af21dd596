/**
 * Waits for a run in progress to have the requested artifacts.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { pause as sleep } from "../../storage/pause.ts";
import { findArtifacts, type FindOptions, type FindResult } from "../find/find.ts";

/** What to wait for, and how long. */
export interface WaitOptions extends FindOptions {
  /** The maximum time, in milliseconds. Default: 2 hours. */
  readonly timeout?: number;
  /**
   * The pause between searches, in milliseconds. Default: 1 minute; without a token for GitHub, 90
   * s for each request of a search, so that 60 per hour are enough.
   */
  readonly interval?: number;
  /**
   * Called when all requested artifacts exist: says what else is missing, in one line. Default:
   * nothing.
   */
  readonly lacking?: (result: FindResult) => Promise<string | undefined>;
  /** Called before each pause with what is still missing, and the result of {@linkcode lacking}. */
  readonly onWait?: (result: FindResult, lacking: string | undefined) => void;
  /** Called before each pause with the error of the last search, which is repeated. */
  readonly onError?: (error: RunOutputsError) => void;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Waits. Default: with a timer. */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** The default of {@linkcode WaitOptions.timeout}. */
export const WAIT_TIMEOUT = 2 * 60 * 60 * 1000;

/** The default of {@linkcode WaitOptions.interval}. */
const INTERVAL = 60 * 1000;

/** The same for each counted request, without a token. */
const ANONYMOUS_INTERVAL = 90 * 1000;

/**
 * Searches for artifacts like {@linkcode findArtifacts}, and repeats the search while something is
 * missing and a run in progress may still produce it. Once it has started to wait, transient errors
 * do not end it before the time is over.
 *
 * @param options What to find, and how long to wait.
 * @returns The last search: everything was found, or no run is in progress, or the time is over.
 * @throws {RunOutputsError} Errors of {@linkcode findArtifacts}; `transient` ones only from the
 * first and the last search.
 *
 * @example
 * ```ts
 * import { MemoryBackend, openGithub } from "@therock/run-outputs";
 * import { waitForArtifacts } from "@therock/run-outputs/operations";
 *
 * const answer = { total_count: 0, workflow_runs: [] };
 * const result = await waitForArtifacts({
 *   selector: { commit: "0123456789012345678901234567890123456789" },
 *   github: openGithub({ fetch: () => Promise.resolve(Response.json(answer)) }),
 *   backend: new MemoryBackend(),
 *   repository: "ROCm/TheRock",
 *   platform: "linux",
 *   timeout: 60 * 60 * 1000,
 * });
 * // Nothing is waited for where no run is in progress.
 * console.assert(result.missing.length === 1 && result.pending.length === 0);
 * ```
 */
export async function waitForArtifacts(options: WaitOptions): Promise<FindResult> {
  const { github, selector, timeout = WAIT_TIMEOUT, interval, signal } = options;
  const { now = Date.now, pause = sleep } = options;
  const end = now() + timeout;
  const look = async (find: FindOptions): Promise<Look> => {
    const { counted } = github.requests;
    const result = await findArtifacts(find);
    const isThere = result.missing.length === 0;
    const isOver = result.pending.length === 0;
    const lacking = isThere && !isOver ? await options.lacking?.(result) : undefined;
    const isDone = isOver || isThere && lacking === undefined;
    return { result, lacking, isDone, cost: github.requests.counted - counted };
  };

  let last = await look(options);
  let failure: RunOutputsError | undefined;
  // A ref can move; it waits for the commit that the ref named at the start.
  const isOne = "commit" in selector || "ref" in selector;
  const same = isOne ? { commit: last.result.asked } : selector;
  while (failure !== undefined || !last.isDone) {
    const left = end - now();
    if (left <= 0) {
      if (failure !== undefined) throw failure;
      return { ...last.result, timedOut: true };
    }
    if (failure === undefined) options.onWait?.(last.result, last.lacking);
    else options.onError?.(failure);
    const usual = github.isAnonymous ? Math.max(1, last.cost) * ANONYMOUS_INTERVAL : INTERVAL;
    await pause(Math.min(interval ?? usual, left), signal);
    try {
      last = await look({ ...options, selector: same, fresh: true });
      failure = undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof RunOutputsError) || error.code !== "transient") throw error;
      failure = error;
    }
  }
  return last.result;
}

/** The result of one search. */
interface Look {
  readonly result: FindResult;
  /** What else is missing. */
  readonly lacking: string | undefined;
  /** Whether nothing is left to wait for. */
  readonly isDone: boolean;
  /** The number of requests that count for the rate limit. */
  readonly cost: number;
}
