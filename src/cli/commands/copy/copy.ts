/**
 * `run-outputs copy`
 *
 * @module
 */

import { isServerIndexed } from "../../server_index.ts";
import { describeRoot } from "../../run_root.ts";
import { Argument, Command } from "commander";
import config from "../../../../deno.json" with { type: "json" };
import { RunOutputsError } from "../../../errors/error.ts";
import { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { CopyPlan } from "../../../operations/copy/plan.ts";
import type { Context } from "../../context.ts";
import { type CopyCommandOptions, openEnds, withCopyOptions } from "./options.ts";
import { exitCodeOfResults } from "../../exit_codes.ts";
import { Output, plural } from "../../terminal/output.ts";
import { reportWithheld } from "./withheld.ts";
import { withProgress } from "../../terminal/progress.ts";
import { manifestJson, readRunManifest, reportUnfinished } from "../../run_manifest.ts";
import { reasonsOfKept, writeIndex } from "../upload/execute.ts";
import { renewRunPage, updateRunSummary } from "../../run_summary.ts";
import { checkSelectionOptions, selectionOf } from "../../selection.ts";
import { reportSkipped } from "../../storage.ts";
import { artifactsOfStages, checkStageOptions } from "../../topology.ts";
import { doneLine, reportedFiles, reportProblems, resultLines } from "../../transfer_report.ts";

/** Builds the command. */
export function copyCommand(context: Context): Command {
  const command = new Command("copy")
    .summary("copy a run's outputs to another run, bucket or directory")
    .description(
      "Copies all or selected outputs of a run, with checksum files, content types and the manifest. " +
        "Inside S3 the server copies; all other copies verify checksums. Existing files are skipped, " +
        "so a repeated copy resumes.",
    )
    .addArgument(
      new Argument("[include...]", "globs of paths in the run, such as 'blas_*' (default: all)"),
    )
    .addHelpText(
      "after",
      `
With a stage, group, targets or components, only artifacts are copied; with --stage, those that the
stages produce ('run-outputs stages' lists them, --stage all copies everything). The checksum file
of an archive is copied with it. The parts of the manifest are written last, each if all its files
were copied; a selection gets parts with just its files. A copy to a directory keeps the run's name
unless you give another.

Exits with 6 on a checksum mismatch, with 7 if a file is missing or failed, with 3 if nothing
matches.

Examples:
  run-outputs copy --source-run-id 12345 --run-id 67890
  run-outputs copy 'blas_*' --source-run-id 12345 --run-id 67890 --source-repo ROCm/rocm-libraries
  run-outputs copy --stage compiler-runtime,math-libs --source-run-id 12345 --run-id 67890
  run-outputs copy --source-run-id 12345 --to-staging ./mirror
  run-outputs copy --from-staging ./mirror --run-id 12345 --bucket lab-artifacts`,
    );
  return withCopyOptions(command).action(
    async (include: string[], options: CopyCommandOptions, self: Command) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      checkSelectionOptions(options);
      checkStageOptions(options, self, output);
      const selection = {
        ...await selectionOf(options, include, { io: context.io, output }),
        artifactNames: await artifactsOfStages(options.stage ?? [], options.topology, "produces"),
      };
      if (selection.artifactNames?.size === 0) {
        throw new RunOutputsError(
          "not_found",
          `Nothing to copy: stage ${options.stage!.join(", ")} produces no artifacts`,
        );
      }
      using ends = await openEnds(options, context.io, output, signal);
      const { source, target, from, to } = ends;
      const { planCopy } = await import("../../../operations/copy/plan.ts");
      const { executeCopyCompactly } = await import("../../../operations/copy/execute.ts");

      const manifest = await readRunManifest(options, source, { storage: from, output, signal });
      const place = { backend: from.backend, root: source };
      const plan = await planCopy(place, { ...selection, manifest, show: from.show, signal });
      for (const note of plan.notes) output.note(note);
      const { ifExists, concurrency, quiet = false, dryRun = false } = options;
      const progress = {
        verb: "copied",
        files: Iterator.from(plan.files).map(({ location, size }) => ({
          path: from.show(location),
          size,
        })),
        io: context.io,
        quiet,
      };
      const began = performance.now();
      const { results, withheld } = await withProgress(
        progress,
        ({ onEvent }) =>
          executeCopyCompactly(plan, { backend: to.backend, root: target }, {
            ifExists,
            concurrency,
            tool: `run-outputs/${config.version}`,
            showSource: from.show,
            show: to.show,
            onNote: (note) => output.note(note),
            onEvent,
            signal,
          }),
      );
      const seconds = (performance.now() - began) / 1000;
      const shown = inLayoutOf(plan, target);
      // A full copy has the pages of its source. For a selection these would list other files.
      const index = plan.whole || options.index === false ||
          isServerIndexed(target, to, options)
        ? { results: [], kept: [] }
        : await writeIndex(to, shown, results, signal);
      const page = await updateRunSummary(target, { storage: to, output, signal });
      const kept = reasonsOfKept(index.kept, results);
      // A page that was copied and then regenerated is one file.
      results.push(...index.results);
      renewRunPage(results, target.runIndex(), page);
      for (const [page, reason] of kept) output.note(`skipped '${to.show(page)}': ${reason}`);
      reportProblems(results, output);
      await reportUnfinished(manifest, (message) => output.warn(`at the source ${message}`));
      const lacksPart = reportWithheld(withheld, manifest, output);
      output.report(
        () => ({
          schema: "run-outputs.copy/1",
          dry_run: dryRun,
          ...describeRoot(shown, to),
          output_dir: to.dir,
          source: { ...describeRoot(inLayoutOf(plan, source), from), staging_dir: from.dir },
          manifest: manifestJson(manifest),
          withheld,
          ...reportedFiles(target, results, to),
        }),
        {
          listed: dryRun,
          files: () =>
            output.group(plural(results.length, "file"), resultLines(target, results, output)),
          last: () => {
            const where = to.show(target.root());
            return `${doneLine(results, { seconds, dryRun, where })}, from ` +
              from.show(source.root());
          },
        },
      );
      // A full copy without a file is incomplete.
      const lacking = plan.whole &&
        reportSkipped(from, "copy", from.show(source.root()), output) > 0;
      context.setExitCode(exitCodeOfResults(results, lacking || lacksPart));
    },
  );
}

/** The run, in the layout of the copied files. */
function inLayoutOf({ files }: CopyPlan, root: RunOutputRoot): RunOutputRoot {
  const { bucket, externalRepo, runId, platform } = root;
  const isTyped = Iterator.from(files).some(({ path }) => path.startsWith("artifacts/"));
  const layout = isTyped ? "typed" : "flat";
  return new RunOutputRoot({ bucket, externalRepo, runId, platform, layout });
}
