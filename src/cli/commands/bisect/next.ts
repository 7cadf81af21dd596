/**
 * `run-outputs bisect next`
 *
 * @module
 */

import { Command } from "commander";
import { type BisectOptions, withBisectOptions } from "./options.ts";
import { reportNext } from "./report.ts";
import { withBisectParts } from "./session.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { Output } from "../../terminal/output.ts";

/** Builds the command. */
export function bisectNextCommand(context: Context): Command {
  const command = new Command("next")
    .summary("print the directory of the commit to test")
    .description(
      "Prints the directory of the commit to test, and fetches its artifacts if needed. Use it after " +
        "an interruption. If nothing is left to test, it prints the first bad commit.",
    )
    .addHelpText(
      "after",
      `
Exits with 3 if the first bad commit is found, with 7 if several remain possible and nothing is left
to test.

Examples:
  run-outputs bisect next
  run-outputs bisect next --json --state-dir ./bisect`,
    );
  return withBisectOptions(command).action(async (options: BisectOptions) => {
    const output = new Output(context.io, options);
    const world = { io: context.io, output, signal: context.interruption() };
    const { signal } = world;
    await withBisectParts(options.stateDir, world, async (parts) => {
      const { Bisect } = await import("../../../operations/bisect/bisect.ts");
      const bisect = await Bisect.open(parts);
      const step = await bisect.next({ signal });
      const code = await reportNext(step, bisect.state, output);
      context.setExitCode(step.kind === "found" ? EXIT.notFound : code);
    });
  });
}
