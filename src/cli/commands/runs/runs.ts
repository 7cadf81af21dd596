/**
 * `run-outputs runs`: the parent of the commands about the runs in one place.
 *
 * @module
 */

import { Command } from "commander";
import type { Context } from "../../context.ts";
import { runsLatestCommand } from "./latest.ts";
import { runsListCommand } from "./list.ts";
import { runsPinCommand, runsUnpinCommand } from "./pin.ts";
import { runsPruneCommand } from "./prune.ts";
import { runsSearchCommand } from "./search.ts";
import { runsManifestCommand, runsReportsCommand, runsShowCommand } from "./show.ts";

/** Builds the command. */
export function runsCommand(context: Context): Command {
  return new Command("runs")
    .summary("list, find, pin and prune the runs in a directory or a bucket")
    .description(
      "Works with all runs in a staging directory or a bucket. There is no stored index: every answer " +
        "is derived from the runs themselves.",
    )
    .addCommand(runsListCommand(context))
    .addCommand(runsLatestCommand(context))
    .addCommand(runsShowCommand(context))
    .addCommand(runsReportsCommand(context))
    .addCommand(runsManifestCommand(context))
    .addCommand(runsSearchCommand(context))
    .addCommand(runsPinCommand(context))
    .addCommand(runsUnpinCommand(context))
    .addCommand(runsPruneCommand(context))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs runs list --staging-dir ./staging
  run-outputs runs latest --bucket lab-artifacts --platform linux
  run-outputs runs show 12345 --staging-dir ./staging
  run-outputs runs search 12345 --problems --staging-dir ./staging
  run-outputs runs pin 12345 --staging-dir ./staging --reason 'shipped'`,
    );
}
