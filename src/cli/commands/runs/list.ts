/**
 * `run-outputs runs list`
 *
 * @module
 */

import { Command, Option } from "commander";
import { RunOutputsError } from "../../../errors/error.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { dryRun, nonEmpty, RUN, STORAGE, wholeNumber, withServerOptions } from "../../options.ts";
import { S3_WRITE } from "../../s3_options.ts";
import { Output, plural } from "../../terminal/output.ts";
import { exitCodeOfSummaries, reportSummaries, type WrittenSummaries } from "./summaries.ts";
import {
  type ChoiceOptions,
  completeness,
  type RunsCommandOptions,
  withFilterOptions,
  withRuns,
  withRunsOptions,
} from "./options.ts";

/** The values of the command's options. */
interface ListOptions extends RunsCommandOptions, ChoiceOptions {
  readonly group?: string;
  readonly workflow?: string;
  readonly commit?: string;
  readonly since?: string;
  readonly until?: string;
  readonly completeness?: string;
  /** `true` with `--pinned`, `false` with `--no-pinned`. */
  readonly pinned?: boolean;
  readonly search?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly writeSummaries?: boolean;
}

/** Builds the command. */
export function runsListCommand(context: Context): Command {
  const command = withFilterOptions(
    new Command("list")
      .summary("list the runs, the newest first")
      .description(
        "Lists the runs in a staging directory or a bucket, the newest first. The order comes from the " +
          "run ids, so an old run that is re-run stays in its place.",
      ),
  )
    .addOption(
      new Option("--commit <sha>", "only runs of this commit; its first digits are enough")
        .argParser(nonEmpty).helpGroup(RUN),
    )
    .addOption(
      new Option("--since <time>", "only runs created then or later: 2026-11-20, 7d, 12h")
        .helpGroup(RUN),
    )
    .addOption(new Option("--until <time>", "only runs created before then").helpGroup(RUN))
    .addOption(completeness("only runs in this state"))
    .addOption(new Option("--pinned", "only pinned runs").helpGroup(RUN))
    .addOption(new Option("--no-pinned", "only runs without a pin").helpGroup(RUN))
    .addOption(
      new Option(
        "--search <text>",
        "only runs with this text in the key, repository, workflow, commit or a group",
      ).helpGroup(RUN),
    )
    .addOption(
      new Option("--limit <number>", "at most this many runs (default: 50)")
        .argParser(wholeNumber(1, 1000)).helpGroup(RUN),
    )
    .addOption(
      new Option("--cursor <text>", "continue after an earlier page: its 'next'").helpGroup(RUN),
    )
    .addOption(
      new Option(
        "--write-summaries",
        "first write the missing summaries of all runs that match and were not changed for 7 days",
      ).helpGroup(STORAGE),
    )
    .addOption(dryRun())
    .addHelpText(
      "after",
      `
States: 'complete', all expected parts exist; 'incomplete', something is known to be missing;
'unproven', nothing is known to be missing, but the run does not say which parts it must have.

Examples:
  run-outputs runs list --staging-dir ./staging
  run-outputs runs list --bucket lab-artifacts --platform linux --since 7d
  run-outputs runs list --staging-dir ./staging --completeness complete --limit 5 --json
  run-outputs runs list --bucket lab-artifacts --until 30d --write-summaries`,
    );
  withServerOptions(withRunsOptions(command, "the summaries"));
  return command.action(async (options: ListOptions) => {
    const output = new Output(context.io, options);
    rejectUnused(options);
    await withRuns(context, options, output, async ({ ask, now, index }) => {
      const { platform, repo, group, workflow, commit, since, until, limit, cursor } = options;
      const { completeness, pinned, search: q } = options;
      const about = { platform, repo, group, workflow, commit, since, until, completeness };
      const filter = { ...about, pinned, q };
      let summaries: WrittenSummaries | undefined;
      if (options.writeSummaries) {
        const { backfill } = await import("../../../operations/retained/backfill.ts");
        const { results } = await ask(() => backfill, filter);
        context.setExitCode(exitCodeOfSummaries(results));
        summaries = reportSummaries(results, options.dryRun ?? false, output);
      }
      const answer = await ask(({ list }) => list, { ...filter, limit, cursor });
      const unreadable = answer.runs.filter(({ unreadable }) => unreadable !== undefined);
      for (const { key, unreadable: reason } of unreadable) {
        output.warn(`nothing is known of run ${key}: ${reason}`);
      }
      const { runTable } = await import("./text.ts");
      output.result(() => ({ ...answer, summaries }), () => [
        ...runTable(answer.runs, now, output),
        `${plural(answer.runs.length, "run")} in ${index.where}`,
      ]);
      if (unreadable.length > 0) context.setExitCode(EXIT.incomplete);
      if (answer.next !== undefined && !output.json) {
        output.note(`there are more runs: 'run-outputs runs list --cursor ${answer.next}'`);
      }
    });
  });
}

/** Rejects options for writing if nothing is written. */
function rejectUnused(options: ListOptions): void {
  if (options.writeSummaries) {
    if (options.server === undefined) return;
    throw new RunOutputsError(
      "invalid",
      "Cannot use --write-summaries with --server: a service can only be read",
    );
  }
  const given = S3_WRITE.find(([name]) => options[name] !== undefined)?.[1] ??
    (options.dryRun ? "--dry-run" : undefined);
  if (given === undefined) return;
  throw new RunOutputsError("invalid", `Cannot use ${given} without --write-summaries`);
}
