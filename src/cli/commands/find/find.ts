/**
 * `run-outputs find`
 *
 * @module
 */

import { withRunArgument } from "../../run_argument.ts";
import { Command } from "commander";
import { RunOutputsError } from "../../../errors/error.ts";
import type { Context } from "../../context.ts";
import { EXIT } from "../../exit_codes.ts";
import { cacheDirOption } from "../../cache_dir.ts";
import { type FindCommandOptions, findSelector, withFindOptions } from "../../find_options.ts";
import { findJson, findLines } from "./report.ts";
import { search } from "../../github.ts";
import { type ReadCommandOptions, withReadOptions } from "../../options.ts";
import { Output } from "../../terminal/output.ts";
import { type GroupOptions, selectionOf, withGroupOptions } from "../../selection.ts";
import { openForReading } from "../../storage.ts";

/** The values of the command's options. */
interface Options extends FindCommandOptions, ReadCommandOptions, GroupOptions {
  readonly runId?: string;
  readonly cacheDir?: string;
}

/** Builds the command. */
export function findCommand(context: Context): Command {
  const command = new Command("find")
    .summary("find the run that has the artifacts of a commit")
    .description(
      "Queries GitHub for the runs of a commit, and lists their artifacts in storage. If a commit " +
        "has several runs, each group comes from the newest run that has it.",
    )
    .addOption(
      cacheDirOption("cache GitHub's responses here"),
    )
    .addHelpText(
      "after",
      `
Select the commit with one of --commit, --ref, --run-id, --latest and --branch. The GitHub token is
$GH_TOKEN, then $GITHUB_TOKEN. Without a token GitHub allows 60 requests an hour.

Exits with 3 if no run has everything requested.

Examples:
  run-outputs find --commit 1a2b3c4d --artifact-group gfx94X-dcgpu
  run-outputs find --ref pull/1234 --artifact-group gfx94X-dcgpu --wait --timeout 6h
  run-outputs find --branch main --artifact-group gfx94X-dcgpu --require-artifact '^blas_lib_'
  run-outputs find --run-id 12345 --repo ROCm/rocm-libraries --json`,
    );
  withReadOptions(withGroupOptions(withFindOptions(withRunArgument(command)), true));
  // Other commands default to this job's own run; here that would be a guess.
  command.options.find(({ long }) => long === "--run-id")!.description = "this run";
  return command.action(
    async (_run, options: Options) => {
      const { io } = context;
      const output = new Output(io, options);
      const signal = context.interruption();
      const { runId } = options;
      const selector = findSelector(options) ?? (runId === undefined ? undefined : { runId });
      if (selector === undefined) {
        throw new RunOutputsError(
          "invalid",
          "Missing option: give one of --commit, --ref, --run-id, --latest or --branch",
        );
      }
      const selection = await selectionOf(options, [], { io, output });
      using storage = await openForReading(options, io, output);
      const found = await search({
        options,
        selector,
        selection,
        storage,
        io,
        output,
        signal,
      });
      const { asked, result } = found;
      const { nothingFits } = await import("../../../operations/find/find.ts");
      const error = result.missing.length === 0 ? undefined : nothingFits(result, asked);
      if (error !== undefined) output.error(error.message);
      output.result(
        () => ({
          schema: "run-outputs.find/1",
          ...findJson(found, storage),
          error: error && { code: error.code, message: error.message },
        }),
        () => findLines(result, storage, output),
      );
      if (error !== undefined) context.setExitCode(EXIT.notFound);
    },
  );
}
