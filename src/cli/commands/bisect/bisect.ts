/**
 * `run-outputs bisect`: the parent of the commands that find the first bad commit.
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
    .summary("find the commit that broke something, using CI artifacts")
    .description(
      "Finds the first bad commit between a good and a bad one, like git bisect, but with artifacts " +
        "built by CI: nothing is compiled. Commits without artifacts are skipped.",
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
