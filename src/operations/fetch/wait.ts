/**
 * Waiting for a run in progress to have what is asked for.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { pause as sleep } from "../../storage/pause.ts";
import { findArtifacts, type FindOptions, type FindResult } from "../find/find.ts";

/** What to wait for, and for how long. */
export interface WaitOptions extends FindOptions {
  /** Give up after this, in milliseconds. Default: 2 hours. */
  readonly timeout?: number;
  /**
   * How long to wait before looking again, in milliseconds. Default: 1 minute; where GitHub is asked
   * without a token, 90 s for each request that a look takes, so that 60 an hour are enough.
   */
  readonly interval?: number;
  /**
   * What else is not there yet, asked where all artifacts are that were asked for: in words, of one
   * line. Default: nothing.
   */
  readonly lacking?: (result: FindResult) => Promise<string | undefined>;
  /** Told before each pause what is missing still, and what {@linkcode lacking} has said. */
  readonly onWait?: (result: FindResult, lacking: string | undefined) => void;
  /** Told before each pause of the trouble that the last look has met: it is looked again. */
  readonly onTrouble?: (error: RunOutputsError) => void;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Waits. Default: by a timer. */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** The default of {@linkcode WaitOptions.timeout}. */
export const WAIT_TIMEOUT = 2 * 60 * 60 * 1000;

/** The default of {@linkcode WaitOptions.interval}. */
const INTERVAL = 60 * 1000;

/** The same for each request that is counted, without a token. */
const ANONYMOUS_INTERVAL = 90 * 1000;

/**
 * Finds artifacts as {@linkcode findArtifacts} does, and looks again as long as something is missing
 * and a run that could bring it has not ended. Once it has begun to wait, trouble that may pass does
 * not end it before the time is over.
 *
 * @param options What to find, and how long to wait.
 * @returns The last search: all is there, or no run is in progress, or the time is over.
 * @throws {RunOutputsError} What {@linkcode findArtifacts} throws; `transient` of it only from the
 * first look and the last one.
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
  let trouble: RunOutputsError | undefined;
  // What a ref names can move on; it is the commit of the beginning that is waited for.
  const isOne = "commit" in selector || "ref" in selector;
  const same = isOne ? { commit: last.result.asked } : selector;
  while (trouble !== undefined || !last.isDone) {
    const left = end - now();
    if (left <= 0) {
      if (trouble !== undefined) throw trouble;
      return { ...last.result, timedOut: true };
    }
    if (trouble === undefined) options.onWait?.(last.result, last.lacking);
    else options.onTrouble?.(trouble);
    const usual = github.isAnonymous ? Math.max(1, last.cost) * ANONYMOUS_INTERVAL : INTERVAL;
    await pause(Math.min(interval ?? usual, left), signal);
    try {
      last = await look({ ...options, selector: same, fresh: true });
      trouble = undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof RunOutputsError) || error.code !== "transient") throw error;
      trouble = error;
    }
  }
  return last.result;
}

/** What one look has shown. */
interface Look {
  readonly result: FindResult;
  /** What else is not there yet. */
  readonly lacking: string | undefined;
  /** Whether nothing is left to wait for. */
  readonly isDone: boolean;
  /** How many requests of the limit it took. */
  readonly cost: number;
}
