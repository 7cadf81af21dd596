/**
 * What a bisect does while a commit is tested: the two that can be next are brought near.
 *
 * @module
 */

import type { BisectSource } from "./source.ts";
import { type BisectArtifacts, bisectFacts, type BisectState } from "./state.ts";
import { type BisectCommit, surveyBisect } from "./suspects.ts";

/** Options of {@linkcode prefetchNext}. */
export interface PrefetchOptions {
  /** Stops everything. */
  readonly signal?: AbortSignal;
  /** Stops transfers, and before the next look-up: a look-up that has begun is not asked twice. */
  readonly stop?: AbortSignal;
  /** Told what was found of a commit. */
  readonly onFound: (commit: BisectCommit, artifacts: BisectArtifacts) => Promise<void> | void;
  /** Told that the artifacts of a commit are near. */
  readonly onFetched?: (commit: BisectCommit) => void;
}

/**
 * Brings the artifacts of both commits near that can be next: the one after "good" and the one after
 * "bad". It never fails, because whoever needs them asks again.
 *
 * @param state What is known; a commit in it is there to be tested.
 * @param source Where the artifacts are from.
 * @param options Signals, and who is told what was found.
 */
export async function prefetchNext(
  state: BisectState,
  source: BisectSource,
  options: PrefetchOptions,
): Promise<void> {
  const { current } = state;
  if (current === null || source.prefetch === undefined) return;
  // Both can need the same commit: it is asked for once.
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
