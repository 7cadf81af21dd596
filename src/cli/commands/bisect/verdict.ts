/**
 * `run-outputs bisect good`, `bad` and `skip`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import type { BisectVerdict } from "../../../operations/bisect/suspects.ts";
import { type BisectOptions, withBisectOptions } from "./options.ts";
import { tellNext } from "./report.ts";
import { withBisectParts } from "./session.ts";
import type { Context } from "../../context.ts";
import { Output } from "../../terminal/output.ts";

/** The values of the commands' options. */
interface Options extends BisectOptions {
  /** `false` with `--no-fetch`. */
  readonly fetch: boolean;
}

const MEANS: Readonly<Record<BisectVerdict, string>> = {
  good: "it does not have the trouble",
  bad: "it has the trouble",
  skip: "it can't be tested",
};

/**
 * Builds one of the commands.
 *
 * @param verdict What it says.
 * @param context The context.
 * @returns The command.
 */
export function bisectVerdictCommand(verdict: BisectVerdict, context: Context): Command {
  const command = new Command(verdict)
    .summary(`say of a commit that ${MEANS[verdict]}`)
    .description(
      `Says of the commit that was fetched that ${
        MEANS[verdict]
      }, fetches the next one and prints ` +
        "its directory; or prints the first bad commit.",
    )
    .addArgument(
      new Argument("[commit...]", "of these commits in place of the one that was fetched"),
    )
    .addOption(new Option("--no-fetch", "only say it: 'bisect next' fetches"))
    .addHelpText(
      "after",
      `
Exits with 7 if several commits are left that can't be told apart.

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
      context.setExitCode(await tellNext(step, bisect.state, output));
    });
  });
}
