/**
 * `run-outputs runs pin` and `runs unpin`
 *
 * @module
 */

import { Command, Option } from "commander";
import type { Context } from "../../context.ts";
import { dryRun, required, RUN } from "../../options.ts";
import { Output } from "../../terminal/output.ts";
import {
  type ChoiceOptions,
  type RunsCommandOptions,
  withChoiceOptions,
  withRuns,
  withRunsOptions,
} from "./options.ts";
import { runArgument } from "./show.ts";

/** The values of the options. */
interface PinOptions extends RunsCommandOptions, ChoiceOptions {
  readonly name?: string;
  readonly reason?: string;
  readonly until?: string;
}

const pinName = () =>
  new Option("--name <name>", "the name of the pin (default: manual)").helpGroup(RUN);

/** Builds `runs pin`. */
export function runsPinCommand(context: Context): Command {
  const command = withChoiceOptions(
    new Command("pin")
      .summary("pin a run, so that it is kept")
      .description(
        "Pins a run. A pinned run is not deleted by retention. A run can have several pins with " +
          "different names. --reason is required.",
      )
      .addArgument(runArgument()),
  )
    .addOption(pinName())
    .addOption(new Option("--reason <text>", "why the run must be kept").helpGroup(RUN))
    .addOption(
      new Option("--until <time>", "when the pin ends: after 2026-12-31, in 30d (default: never)")
        .helpGroup(RUN),
    )
    .addOption(dryRun())
    .addHelpText(
      "after",
      `
Examples:
  run-outputs runs pin 12345 --staging-dir ./staging --name release-7.13 --reason 'shipped'
  run-outputs runs pin 12345 --bucket lab-artifacts --platform linux --reason 'bug 17' --until 30d`,
    );
  return withRunsOptions(command, "the pin").action(async (run: string, options: PinOptions) => {
    const output = new Output(context.io, options);
    const reason = required(options.reason, "--reason <text>");
    await withRuns(context, options, output, async ({ ask }) => {
      const { platform, repo, name, until } = options;
      const params = { run, platform, repo, name, reason, until };
      const answer = await ask(({ pin }) => pin, params);
      const { pinText } = await import("./text.ts");
      output.result(() => ({ dry_run: options.dryRun ?? false, ...answer }), () => [
        `${options.dryRun ? "would pin" : "pinned"} ${answer.key}`,
        ...answer.pins.map((pin) => `  ${pinText(pin)}`),
      ]);
    });
  });
}

/** Builds `runs unpin`. */
export function runsUnpinCommand(context: Context): Command {
  const command = withChoiceOptions(
    new Command("unpin")
      .summary("delete a pin of a run")
      .description("Deletes a pin of a run. Its other pins stay.")
      .addArgument(runArgument()),
  )
    .addOption(pinName())
    .addOption(dryRun())
    .addHelpText(
      "after",
      `
Exits with 3 if the run has no such pin.

Examples:
  run-outputs runs unpin 12345 --staging-dir ./staging
  run-outputs runs unpin 12345 --staging-dir ./staging --name release-7.13`,
    );
  return withRunsOptions(command).action(async (run: string, options: PinOptions) => {
    const output = new Output(context.io, options);
    await withRuns(context, options, output, async ({ ask }) => {
      const { platform, repo, name } = options;
      const answer = await ask(({ unpin }) => unpin, { run, platform, repo, name });
      const { pinText } = await import("./text.ts");
      output.result(() => ({ dry_run: options.dryRun ?? false, ...answer }), () => [
        `${options.dryRun ? "would unpin" : "unpinned"} ${answer.key}`,
        ...answer.pins.map((pin) => `  ${pinText(pin)}`),
      ]);
    });
  });
}
