/**
 * `run-outputs runs latest`
 *
 * @module
 */

import { Command, Option } from "commander";
import { OUTPUT_KINDS } from "../../../layout/classify.ts";
import type { Context } from "../../context.ts";
import { RUN } from "../../options.ts";
import { Output } from "../../terminal/output.ts";
import {
  type ChoiceOptions,
  completeness,
  type RunsCommandOptions,
  withFilterOptions,
  withReadRunsOptions,
  withRuns,
} from "./options.ts";

/** The values of the command's options. */
interface LatestOptions extends RunsCommandOptions, ChoiceOptions {
  readonly group?: string;
  readonly workflow?: string;
  readonly has?: string;
  readonly completeness?: string;
  readonly after?: string;
  readonly allowIncomplete?: boolean;
}

/** Builds the command. */
export function runsLatestCommand(context: Context): Command {
  const command = withFilterOptions(
    new Command("latest")
      .summary("show the latest run that is not incomplete")
      .description(
        "Shows the run with the highest id that is not incomplete, and reports the newer ones that " +
          "were skipped.",
      ),
  )
    .addOption(
      new Option("--has <kind>", "only runs with files of this kind")
        .choices(OUTPUT_KINDS).helpGroup(RUN),
    )
    .addOption(completeness("only a run in this state"))
    .addOption(
      new Option("--after <run>", "only a run that is newer than this one: a run id or a key")
        .helpGroup(RUN),
    )
    .addOption(
      new Option("--allow-incomplete", "also show a run that is incomplete").helpGroup(RUN),
    )
    .addHelpText(
      "after",
      `
Exits with 3 if no run is eligible. With --after, a client that remembers the last run it used never
goes back to an older one.

Examples:
  run-outputs runs latest --staging-dir ./staging --platform linux
  run-outputs runs latest --bucket lab-artifacts --completeness complete --has artifact --json
  run-outputs runs latest --staging-dir ./staging --after 12345`,
    );
  return withReadRunsOptions(command).action(async (options: LatestOptions) => {
    const output = new Output(context.io, options);
    await withRuns(context, options, output, async ({ ask, now }) => {
      const { platform, repo, group, workflow, has, completeness, after } = options;
      const filter = { platform, repo, group, workflow, has, completeness, after };
      const params = { ...filter, allow_incomplete: options.allowIncomplete };
      const answer = await ask(({ latest }) => latest, params);
      const { runLines } = await import("./text.ts");
      for (const { key, reason } of output.json ? [] : answer.passed_over) {
        output.note(`skipped ${key}: ${reason}`);
      }
      output.result(() => answer, () => runLines(answer, now, output));
    });
  });
}
