/**
 * Prefetches the artifacts of the two commits that can be next, while one is tested.
 *
 * @module
 */

import type { BisectSource } from "./source.ts";
import { type BisectArtifacts, bisectFacts, type BisectState } from "./state.ts";
import { type BisectCommit, surveyBisect } from "./suspects.ts";

/** Options of {@linkcode prefetchNext}. */
export interface PrefetchOptions {
  /** Aborts everything. */
  readonly signal?: AbortSignal;
  /**
   * Aborts transfers, and stops before the next look-up: a look-up that has begun is not repeated.
   */
  readonly stop?: AbortSignal;
  /** Called with what was found for a commit. */
  readonly onFound: (commit: BisectCommit, artifacts: BisectArtifacts) => Promise<void> | void;
  /** Called when the artifacts of a commit are cached. */
  readonly onFetched?: (commit: BisectCommit) => void;
}

/**
 * Prefetches the artifacts of both commits that can be next: the one after "good" and the one after
 * "bad". It never fails, because they are requested again when they are needed.
 *
 * @param state The state, with a current commit.
 * @param source The source of artifacts.
 * @param options Signals and callbacks.
 */
export async function prefetchNext(
  state: BisectState,
  source: BisectSource,
  options: PrefetchOptions,
): Promise<void> {
  const { current } = state;
  if (current === null || source.prefetch === undefined) return;
  // Both can be the same commit, which is requested once.
  const asked = new Map<string, Promise<BisectArtifacts>>();
  const find = (commit: BisectCommit) => {
    const known = state.artifacts[commit.sha];
    if (known !== undefined) return known;
    const asking = asked.get(commit.sha) ?? ask(commit, source, options);
    asked.set(commit.sha, asking);
    return asking;
  };
  await Promise.allSettled((["good", "bad"] as const).map(async (verdict) => {
    const facts = bisectFacts(state);
    const verdicts = new Map([...facts.verdicts, [current.sha, verdict]]);
    const lacking = new Set(facts.lacking);
    for (;;) {
      if (options.stop?.aborted) return;
      const { next } = surveyBisect({ ...facts, verdicts, lacking });
      if (next === undefined) return;
      const artifacts = await find(next);
      if (artifacts.status === "yes") {
        return await transfer(next, artifacts, source, options);
      }
      lacking.add(next.sha);
    }
  }));
}

async function ask(
  commit: BisectCommit,
  source: BisectSource,
  { signal, onFound }: PrefetchOptions,
): Promise<BisectArtifacts> {
  const artifacts = await source.find(commit, { signal });
  await onFound(commit, artifacts);
  return artifacts;
}

async function transfer(
  commit: BisectCommit,
  { runs }: BisectArtifacts & { readonly status: "yes" },
  source: BisectSource,
  { signal, stop, onFetched }: PrefetchOptions,
): Promise<void> {
  const signals = [signal, stop].filter((signal) => signal !== undefined);
  const either = AbortSignal.any(signals);
  if (either.aborted) return;
  await source.prefetch?.(commit, runs, { signal: either });
  onFetched?.(commit);
}
