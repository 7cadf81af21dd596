/**
 * `run-outputs bisect prefetch`
 *
 * @module
 */

import { Command } from "commander";
import { isReplaced } from "../../../errors/error.ts";
import type { BisectArtifacts } from "../../../operations/bisect/state.ts";
import { type BisectOptions, withBisectOptions } from "./options.ts";
import { argsOf, openBisectSource, withBisectStore } from "./session.ts";
import type { Context } from "../../context.ts";
import { Output, plural } from "../../terminal/output.ts";

/** Builds the command. */
export function bisectPrefetchCommand(context: Context): Command {
  const command = new Command("prefetch")
    .summary("download the next commits while one is tested")
    .description(
      "Downloads the archives of both possible next commits into the cache while you test the " +
        "current one, to make 'bisect good' and 'bisect bad' faster. You can interrupt it at any " +
        "time. Downloads that fail are not an error.",
    )
    .addHelpText(
      "after",
      `
'bisect run' does this by itself.

Examples:
  run-outputs bisect prefetch
  run-outputs bisect prefetch --quiet --state-dir ./bisect`,
    );
  return withBisectOptions(command).action(async (options: BisectOptions) => {
    const output = new Output(context.io, options);
    const world = { io: context.io, output, signal: context.interruption() };
    const { signal } = world;
    const { readBisectState } = await import("../../../operations/bisect/store.ts");
    const { prefetchNext } = await import("../../../operations/bisect/prefetch.ts");
    const state = await readBisectState(options.stateDir);
    using opened = await openBisectSource(argsOf(state), world);
    const found: Record<string, BisectArtifacts> = {};
    const fetched: string[] = [];
    await prefetchNext(state, opened.source, {
      signal,
      onFound: ({ sha }, artifacts) => void (found[sha] = artifacts),
      onFetched: ({ sha }) => void fetched.push(sha),
    });
    await remember(options.stateDir, state.started_at, found);
    signal.throwIfAborted();
    output.result(
      () => ({ schema: "run-outputs.bisect-prefetch/1", fetched }),
      () => [`prefetched ${plural(fetched.length, "commit")}`],
    );
  });
}

/** Saves what was found, unless another process keeps the bisect locked. */
async function remember(
  stateDir: string,
  startedAt: string,
  found: Readonly<Record<string, BisectArtifacts>>,
): Promise<void> {
  if (Object.keys(found).length === 0) return;
  const { signal } = new AbortController();
  try {
    await withBisectStore(stateDir, { signal }, async (store) => {
      const state = await store.read();
      if (state?.started_at !== startedAt) return;
      await store.write({ ...state, artifacts: { ...found, ...state.artifacts } });
    });
  } catch (error) {
    if (!isReplaced(error)) throw error;
  }
}
