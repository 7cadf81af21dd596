/**
 * `run-outputs bisect`: the group of the commands that look for the first bad commit.
 *
 * @module
 */

import { Command } from "commander";
import type { Context } from "../../context.ts";
import { bisectLogCommand } from "./log.ts";
import { bisectNextCommand } from "./next.ts";
import { bisectPrefetchCommand } from "./prefetch.ts";
import { bisectResetCommand } from "./reset.ts";
import { bisectRunCommand } from "./run.ts";
import { bisectStartCommand } from "./start.ts";
import { bisectVerdictCommand } from "./verdict.ts";

/** Builds the command. */
export function bisectCommand(context: Context): Command {
  return new Command("bisect")
    .summary("find the commit that broke something, by the artifacts of commits")
    .description(
      "Finds the first bad commit between a good and a bad one, as git bisect does, but with what " +
        "CI has built: nothing is compiled. Commits without artifacts are passed over.",
    )
    .addCommand(bisectStartCommand(context))
    .addCommand(bisectVerdictCommand("good", context))
    .addCommand(bisectVerdictCommand("bad", context))
    .addCommand(bisectVerdictCommand("skip", context))
    .addCommand(bisectNextCommand(context))
    .addCommand(bisectRunCommand(context))
    .addCommand(bisectPrefetchCommand(context))
    .addCommand(bisectLogCommand(context))
    .addCommand(bisectResetCommand(context))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs bisect start --good v1.0 --bad main --artifact-group gfx94X-dcgpu --flatten
  run-outputs bisect good
  run-outputs bisect run -- ./test.sh
  run-outputs bisect reset`,
    );
}
