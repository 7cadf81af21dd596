/**
 * Waiting for a run in progress to have what is asked for.
 *
 * @module
 */

import { pause as sleep } from "../storage/pause.ts";
import { findArtifacts, type FindOptions, type FindResult } from "./find_artifacts.ts";

/** What to wait for, and for how long. */
export interface WaitOptions extends FindOptions {
  /** Give up after this, in milliseconds. Default: 2 hours. */
  readonly timeout?: number;
  /** How long to wait before looking again, in milliseconds. Default: 1 minute. */
  readonly interval?: number;
  /**
   * What else is not there yet, asked where all artifacts are that were asked for: in words, of one
   * line. Default: nothing.
   */
  readonly lacking?: (result: FindResult) => Promise<string | undefined>;
  /** Told before each pause what is missing still, and what {@linkcode lacking} has said. */
  readonly onWait?: (result: FindResult, lacking: string | undefined) => void;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Waits. Default: by a timer. */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** The default of {@linkcode WaitOptions.timeout}. */
export const WAIT_TIMEOUT = 2 * 60 * 60 * 1000;

/** The default of {@linkcode WaitOptions.interval}. */
const INTERVAL = 60 * 1000;

/**
 * Finds artifacts as {@linkcode findArtifacts} does, and looks again as long as something is missing
 * and a run that could bring it has not ended.
 *
 * @param options What to find, and how long to wait.
 * @returns The last search: all is there, or no run is in progress, or the time is over.
 * @throws {RunOutputsError} What {@linkcode findArtifacts} throws.
 *
 * @example
 * ```ts
 * import { MemoryBackend, openGithub, waitForArtifacts } from "@therock/run-outputs";
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
  const { timeout = WAIT_TIMEOUT, interval = INTERVAL, signal, onWait } = options;
  const { now = Date.now, pause = sleep } = options;
  const end = now() + timeout;
  let result = await findArtifacts(options);
  const { selector } = options;
  // What a ref names can move on; it is the commit of the beginning that is waited for.
  const same = "commit" in selector || "ref" in selector ? { commit: result.asked } : selector;
  while (result.pending.length > 0) {
    const lacking = result.missing.length > 0 ? undefined : await options.lacking?.(result);
    if (result.missing.length === 0 && lacking === undefined) break;
    const left = end - now();
    if (left <= 0) return { ...result, timedOut: true };
    onWait?.(result, lacking);
    await pause(Math.min(interval, left), signal);
    result = await findArtifacts({ ...options, selector: same, fresh: true });
  }
  return result;
}
