/**
 * `run-outputs bisect good`, `bad` and `skip`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import type { BisectVerdict } from "../../../operations/bisect/suspects.ts";
import { type BisectOptions, withBisectOptions } from "./options.ts";
import { reportNext } from "./report.ts";
import { withBisectParts } from "./session.ts";
import type { Context } from "../../context.ts";
import { Output } from "../../terminal/output.ts";

/** The values of the commands' options. */
interface Options extends BisectOptions {
  /** `false` with `--no-fetch`. */
  readonly fetch: boolean;
}

const MEANS: Readonly<Record<BisectVerdict, string>> = {
  good: "good",
  bad: "bad",
  skip: "untestable",
};

/**
 * Builds one of the commands.
 *
 * @param verdict The verdict.
 * @param context The context.
 * @returns The command.
 */
export function bisectVerdictCommand(verdict: BisectVerdict, context: Context): Command {
  const command = new Command(verdict)
    .summary(`mark a commit as ${MEANS[verdict]}`)
    .description(
      `Marks the current commit as ${MEANS[verdict]}, then fetches the next one and prints its ` +
        "directory, or prints the first bad commit.",
    )
    .addArgument(
      new Argument("[commit...]", "mark these commits instead of the current one"),
    )
    .addOption(new Option("--no-fetch", "don't fetch yet; 'bisect next' does"))
    .addHelpText(
      "after",
      `
Exits with 7 if several commits remain possible.

Examples:
  run-outputs bisect ${verdict}
  run-outputs bisect ${verdict} 1a2b3c4d 5e6f7a8b --no-fetch`,
    );
  return withBisectOptions(command).action(async (commits: string[], options: Options) => {
    const output = new Output(context.io, options);
    const world = { io: context.io, output, signal: context.interruption() };
    const { signal } = world;
    await withBisectParts(options.stateDir, world, async (parts) => {
      const { Bisect } = await import("../../../operations/bisect/bisect.ts");
      const bisect = await Bisect.open(parts);
      await bisect.mark(verdict, commits);
      const step = options.fetch ? await bisect.next({ signal }) : undefined;
      context.setExitCode(await reportNext(step, bisect.state, output));
    });
  });
}
