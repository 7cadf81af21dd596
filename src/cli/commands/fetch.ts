/**
 * `run-outputs fetch`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import type { DownloadItem } from "../../storage/download.ts";
import type { TransferResult } from "../../storage/transfer.ts";
import type { Context } from "../context.ts";
import { exitCodeOfResults } from "../exit_codes.ts";
import {
  concurrency,
  list,
  nonEmpty,
  type ReadCommandOptions,
  required,
  withReadOptions,
} from "../options.ts";
import { Output } from "../output.ts";
import { withProgress } from "../progress.ts";
import { runRoot } from "../run_root.ts";
import { describeRoot } from "../run_upload.ts";
import { openForReading, stagingDirOf } from "../storage.ts";
import { reportedFiles, resultLines, summaryLine, tellTrouble } from "../transfer_report.ts";

/** The values of the command's options. */
interface FetchCommandOptions extends ReadCommandOptions {
  readonly outputDir?: string;
  readonly exclude?: readonly string[];
  readonly extract: boolean;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
}

const OUTPUT_DIR = "-o, --output-dir <dir>";

/** Builds the command. */
export function fetchCommand(context: Context): Command {
  const command = new Command("fetch")
    .summary("download artifacts of a run and verify them")
    .description(
      "Downloads artifacts of a run and holds each against its checksum. An archive appears in " +
        "the output directory only whole and verified. A second run continues: what is there " +
        "already is verified and kept.",
    )
    .addArgument(
      new Argument("[include...]", "globs of archives to fetch, such as 'blas_*' (default: all)"),
    )
    .addOption(
      new Option(OUTPUT_DIR, "the directory that gets the archives (required)")
        .argParser(nonEmpty),
    )
    .addOption(
      new Option("--exclude <globs>", "not archives that match (repeat, or use commas)")
        .argParser(list),
    )
    .addOption(
      new Option("--no-extract", "leave the archives packed (this version never unpacks them)"),
    )
    .addOption(concurrency())
    .addOption(new Option("-n, --dry-run", "print what would be fetched, write nothing"))
    .addHelpText(
      "after",
      `
Exits with 6 if an archive is not what its checksum says, with 7 if one is missing, with 3 if the
run has nothing that matches.

Examples:
  run-outputs fetch --no-extract --staging-dir ./staging --run-id 12345 --output-dir ./artifacts
  run-outputs fetch --no-extract '*_lib_*' --exclude '*_generic.*' --staging-dir ./staging \\
    --run-id 12345 --output-dir ./artifacts`,
    );
  return withReadOptions(command).action(
    async (include: string[], options: FetchCommandOptions) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const outputDir = required(options.outputDir, OUTPUT_DIR);
      const { exclude, concurrency, dryRun = false, quiet = false } = options;
      const onDisk = stagingDirOf(options, context.io) !== undefined;
      const root = runRoot(options, { reading: true, onDisk }, context.io, output);
      using storage = await openForReading(options, context.io, output);
      const { executeFetch, planFetch } = await import("../../operations/fetch_artifacts.ts");

      const plan = await planFetch(storage.backend, root, {
        include: include.flatMap((item) => list(item)),
        exclude,
        outputDir,
        concurrency,
        signal,
      });
      const report = await withProgress(
        "fetched",
        plan.items.length,
        context.io,
        quiet,
        (onEvent) => executeFetch(storage.backend, plan, { dryRun, concurrency, signal, onEvent }),
      );

      const { results, unmatched } = report;
      tellTrouble(results, output);
      for (const pattern of unmatched) output.error(`no artifact of the run matches '${pattern}'`);
      if (options.extract && !dryRun) {
        output.note("the archives are not unpacked; --no-extract says that this is what you want");
      }
      output.result(
        () => ({
          schema: "run-outputs.fetch/1",
          dry_run: dryRun,
          ...describeRoot(root),
          staging_dir: storage.dir,
          output_dir: outputDir,
          ...reportedFiles(root, results, ({ path }) => path),
          unmatched,
        }),
        () => [
          ...resultLines(root, results, output),
          `${summaryLine(results)}${verified(plan.items, results)}`,
          `${dryRun ? "would be in" : "in"} ${outputDir}`,
        ],
      );
      context.setExitCode(exitCodeOfResults(results, unmatched.length > 0));
    },
  );
}

/** How many archives have been held against their checksums. */
function verified(items: readonly DownloadItem[], results: readonly TransferResult[]): string {
  const keys = new Set(items.filter((item) => item.sha256).map((item) => item.location.key));
  const count =
    results.filter(({ outcome, location }) =>
      (outcome === "written" || outcome === "unchanged") && keys.has(location.key)
    ).length;
  return count === 0 ? "" : `; ${count} verified`;
}
