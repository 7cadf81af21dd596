/**
 * Writes the summaries that are missing or not current, for runs that nobody changes any more.
 *
 * @module
 */

import pMap from "p-map";
import { z } from "zod";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import { formatRunKey } from "../../runs/retention/run_key.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { matches, matchesKey, type RunFilter } from "./filter.ts";
import { newerFile } from "./newer_file.ts";
import { operation, type RunsContext, searchFilter } from "./operation.ts";
import { searchParams } from "./schemas.ts";
import { writeSummary } from "./summary_file.ts";

/** How many runs are worked on at once. */
const CONCURRENCY = 8;

/** For how long nothing of a run may have been written, in milliseconds. */
const UNTOUCHED = 7 * 86_400_000;

/** The result for a run that had no current summary. */
export interface BackfillResult extends Pick<TransferResult, "error"> {
  /** The key of the run. */
  readonly key: string;
  /** `skipped`: something was written within 7 days, or the run is being deleted. */
  readonly outcome: TransferResult["outcome"] | "skipped";
  /** Why it was skipped. */
  readonly reason?: string;
}

/** The summaries that were written. */
export interface Backfill {
  /** The runs that had no current summary, the newest first. */
  readonly results: readonly BackfillResult[];
}

/** Writes summaries. */
export const backfill = operation({
  summary: "write the summaries of runs that have no current one",
  writes: true,
  params: z.strictObject(searchParams),
  answer: z.object({}),
  async run(context, params): Promise<Backfill> {
    const { index, signal } = context;
    const filter = searchFilter(context, params);
    const runs = (await index.enumerate({ signal })).filter((run) => matchesKey(run, filter));
    const results: BackfillResult[] = [];
    for (let at = 0; at < runs.length; at += CONCURRENCY) {
      const batch = await pMap(
        runs.slice(at, at + CONCURRENCY),
        (run) => summarize(context, run, filter),
        { concurrency: CONCURRENCY },
      );
      results.push(...batch.filter((result) => result !== undefined));
      throwIfRefused(results);
    }
    return { results };
  },
});

/** Writes the summary of a run; `undefined`, if it needs none. */
async function summarize(
  { index, tool, signal }: RunsContext,
  prefix: RunPrefix,
  filter: RunFilter,
): Promise<BackfillResult | undefined> {
  const key = formatRunKey(prefix);
  try {
    const run = await index.describe(prefix, { signal });
    if (run === undefined || run.summary.status === "current" || !matches(run, filter)) {
      return undefined;
    }
    const reason = run.deleting === undefined
      ? await newerFile(index, prefix, new Date(index.now().getTime() - UNTOUCHED), { signal })
      : "it is being deleted";
    if (reason !== undefined) return { key, outcome: "skipped", reason };
    const result = await writeSummary(index.backend, index.root(prefix), {
      tool,
      now: index.now,
      signal,
    });
    return result && { key, outcome: result.outcome, error: result.error };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof RunOutputsError)) throw error;
    return { key, outcome: "failed", error };
  }
}

/** Ends if the storage has refused everything so far: it would refuse the rest too. */
function throwIfRefused(results: readonly BackfillResult[]): void {
  const tried = results.filter(({ outcome }) => outcome !== "skipped");
  const [first] = tried;
  const isRefused = ({ error }: BackfillResult) =>
    error instanceof RunOutputsError && /^(?:denied|unauthenticated|transient)$/.test(error.code);
  if (first !== undefined && tried.every(isRefused)) throw first.error;
}
