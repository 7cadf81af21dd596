/**
 * `run-outputs bisect reset`
 *
 * @module
 */

import { Command } from "commander";
import { resolve } from "node:path";
import { RunOutputsError } from "../../../errors/error.ts";
import type { BisectState } from "../../../operations/bisect/state.ts";
import { type BisectOptions, COMMITS, readBisectArgs, withBisectOptions } from "./options.ts";
import { argsOf, withBisectStore } from "./session.ts";
import type { Context } from "../../context.ts";
import { Output } from "../../terminal/output.ts";

/** Builds the command. */
export function bisectResetCommand(context: Context): Command {
  const command = new Command("reset")
    .summary("end the bisect and delete its state and directories")
    .description(
      "Ends a bisect: deletes its state and the directories of its commits. The cache is kept.",
    )
    .addHelpText(
      "after",
      `
Examples:
  run-outputs bisect reset
  run-outputs bisect reset --state-dir ./bisect`,
    );
  return withBisectOptions(command).action(async (options: BisectOptions) => {
    const output = new Output(context.io, options);
    const { stateDir } = options;
    const commits = resolve(stateDir, COMMITS);
    const world = { signal: context.interruption() };
    const { commitDirectory, discardAllCommits, discardCommit } = await import(
      "../../../operations/bisect/directories.ts"
    );
    const { resetBisect } = await import("../../../operations/bisect/bisect.ts");
    const removed: string[] = [];
    await withBisectStore(stateDir, world, async (store) => {
      const state = await readable(store, output);
      await discardAllCommits(commits);
      if (state === undefined) return await store.remove();
      const { outputDir } = readBisectArgs(argsOf(state));
      await resetBisect(store, {
        async discard(sha) {
          await discardCommit(outputDir, sha);
          removed.push(commitDirectory(outputDir, sha));
        },
      });
    });
    // A directory that is not empty contains files of others: keep it.
    for (const dir of [commits, stateDir]) await Deno.remove(dir).catch(() => {});
    output.result(
      () => ({ schema: "run-outputs.bisect-reset/1", state_dir: resolve(stateDir), removed }),
      () => [`deleted the bisect in ${stateDir}`],
    );
  });
}

/** The state, if it can be followed. If not, that must not prevent the reset. */
async function readable(
  store: { read(): Promise<BisectState | undefined> },
  output: Output,
): Promise<BisectState | undefined> {
  try {
    const state = await store.read();
    if (state !== undefined) readBisectArgs(argsOf(state));
    return state;
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    output.warn(`${error.message}; files in an --output-dir are kept`);
    return undefined;
  }
}
