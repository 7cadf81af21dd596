/**
 * `run-outputs runs show`, `runs reports` and `runs manifest`: one run.
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import { OUTPUT_KINDS } from "../../../layout/classify.ts";
import type { Context } from "../../context.ts";
import { nonEmpty, RUN } from "../../options.ts";
import { onlyRuns } from "../../run_argument.ts";
import { columns, formatBytes, Output, plural } from "../../terminal/output.ts";
import {
  type ChoiceOptions,
  type RunsCommandOptions,
  withChoiceOptions,
  withReadRunsOptions,
  withRuns,
} from "./options.ts";
import { removedOf } from "./removed.ts";

/** The values of the options of a command about one run. */
type OneRunOptions = RunsCommandOptions & ChoiceOptions;

/** The argument that names a run. */
export function runArgument(): Argument {
  return onlyRuns(
    new Argument("<run>", "the run's id, or its key: [OWNER-REPO~]RUN_ID-PLATFORM")
      .argParser(nonEmpty),
  );
}

/** Builds `runs show`. */
export function runsShowCommand(context: Context): Command {
  const command = withChoiceOptions(
    new Command("show")
      .summary("show a run")
      .description("Shows the state of a run, its files by kind, its groups, and its pins.")
      .addArgument(runArgument()),
  ).addHelpText(
    "after",
    `
Examples:
  run-outputs runs show 12345 --staging-dir ./staging
  run-outputs runs show 12345 --platform linux --bucket lab-artifacts
  run-outputs runs show ROCm-rocm-libraries~12345-linux --bucket lab-artifacts --json`,
  );
  return withReadRunsOptions(command).action(async (run: string, options: OneRunOptions) => {
    const output = new Output(context.io, options);
    await withRuns(context, options, output, async ({ ask, now }) => {
      const { platform, repo } = options;
      const answer = await ask(({ show }) => show, { run, platform, repo });
      const { runLines } = await import("./text.ts");
      output.result(() => answer, () => runLines(answer, now, output));
    });
  });
}

/** Builds `runs reports`. */
export function runsReportsCommand(context: Context): Command {
  const command = withChoiceOptions(
    new Command("reports")
      .summary("list the reports of a run")
      .description("Lists the reports of a run: HTML pages and summaries among its logs.")
      .addArgument(runArgument()),
  ).addHelpText(
    "after",
    `
Examples:
  run-outputs runs reports 12345 --staging-dir ./staging
  run-outputs runs reports 12345 --platform linux --bucket lab-artifacts --json`,
  );
  return withReadRunsOptions(command).action(async (run: string, options: OneRunOptions) => {
    const output = new Output(context.io, options);
    await withRuns(context, options, output, async ({ ask }) => {
      const { platform, repo } = options;
      const answer = await ask(({ reports }) => reports, { run, platform, repo });
      output.result(() => answer, () => [
        ...columns(answer.reports.map(({ path, size }) => [formatBytes(size), path]), [0]),
        `${plural(answer.reports.length, "report")} of ${answer.key}`,
      ]);
      if (output.json) return;
      const gone = await removedOf({ ask }, answer.key, "report");
      if (gone !== undefined) output.note(gone);
    });
  });
}

const KIND_WIDTH = Math.max(...OUTPUT_KINDS.map(({ length }) => length));

/** The values of the options of `runs manifest`. */
interface ManifestOptions extends OneRunOptions {
  readonly kind?: string;
  readonly format?: "sha256sum";
}

/** Builds `runs manifest`. */
export function runsManifestCommand(context: Context): Command {
  const command = withChoiceOptions(
    new Command("manifest")
      .summary("show the outputs manifest of a run, merged from its parts")
      .description(
        "Shows the files that the parts of a run's outputs manifest list, with sizes and checksums. A " +
          "run that another tool uploaded has no manifest.",
      )
      .addArgument(runArgument()),
  )
    .addOption(
      new Option("--kind <name>", "only files of this kind").choices(OUTPUT_KINDS).helpGroup(RUN),
    )
    .addOption(
      new Option("--format <name>", "sha256sum: lines for 'sha256sum -c'").choices(["sha256sum"]),
    )
    .addHelpText(
      "after",
      `
Examples:
  run-outputs runs manifest 12345 --staging-dir ./staging
  run-outputs runs manifest 12345 --staging-dir ./staging --kind artifact --format sha256sum`,
    );
  return withReadRunsOptions(command).action(async (run: string, options: ManifestOptions) => {
    const output = new Output(context.io, options);
    await withRuns(context, options, output, async ({ ask }) => {
      const { platform, repo, kind } = options;
      const params = { run, platform, repo, kind };
      const answer = await ask(({ manifest }) => manifest, params);
      const { checksumLine } = await import("../../../runs/checksum_lines.ts");
      const { status, reason } = answer.artifact_manifest;
      if (status !== "available" && !output.json) output.warn(`manifest ${status}: ${reason}`);
      await output.stream(() => answer, async function* () {
        let count = 0;
        let removed = 0;
        for await (const { path, kind, size, sha256, removed: gone } of answer.files) {
          // 'sha256sum -c' can't check a file that does not exist.
          if (gone !== undefined && options.format === "sha256sum") continue;
          count++;
          if (gone !== undefined) removed++;
          yield options.format === "sha256sum"
            ? checksumLine(sha256, path).trimEnd()
            // The widths are fixed, as the rows are printed while they are read.
            : `${kind.padEnd(KIND_WIDTH)}  ${formatBytes(size).padStart(9)}  ${path}` +
              (gone === undefined ? "" : ` (removed on ${gone.at.slice(0, 10)}: ${gone.rule})`);
        }
        if (options.format === "sha256sum") return;
        yield `${plural(count, "file")} in ${
          plural(answer.parts.length, "part")
        } of ${answer.key}` +
          (removed === 0 ? "" : `, ${removed} removed by retention`);
      });
    });
  });
}
