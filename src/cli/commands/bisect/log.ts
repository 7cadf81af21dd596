/**
 * `run-outputs bisect log`
 *
 * @module
 */

import { Command } from "commander";
import { type BisectOptions, withBisectOptions } from "./options.ts";
import { endsJson, suspectJson } from "./report.ts";
import { logLines } from "./script.ts";
import { argsOf } from "./session.ts";
import type { Context } from "../../context.ts";
import { Output } from "../../terminal/output.ts";

/** Builds the command. */
export function bisectLogCommand(context: Context): Command {
  const command = new Command("log")
    .summary("print the verdicts so far")
    .description(
      "Prints the verdicts so far as a shell script that repeats them. To correct a mistake, save " +
        "and edit it, run 'bisect reset', and run the script.",
    )
    .addHelpText(
      "after",
      `
Examples:
  run-outputs bisect log
  run-outputs bisect log --json --state-dir ./bisect`,
    );
  return withBisectOptions(command).action(async (options: BisectOptions) => {
    const output = new Output(context.io, options);
    const { readBisectState } = await import("../../../operations/bisect/store.ts");
    const { surveyBisect } = await import("../../../operations/bisect/suspects.ts");
    const { bisectFacts } = await import("../../../operations/bisect/state.ts");
    const state = await readBisectState(options.stateDir);
    const { next, suspects, steps } = surveyBisect(bisectFacts(state));
    const kind = suspects.length === 1 ? "found" as const : "suspects" as const;
    const { started_at, commits, artifacts, current, log } = state;
    output.result(
      () => ({
        schema: "run-outputs.bisect-log/1",
        status: next === undefined ? kind : "pending",
        ...endsJson(state),
        started_at,
        args: argsOf(state),
        current,
        steps,
        suspects: suspects.map((commit) => suspectJson(commit, state)),
        log,
        commits,
        artifacts,
      }),
      () => logLines(state, next === undefined ? { kind, suspects } : undefined, options.stateDir),
    );
  });
}
