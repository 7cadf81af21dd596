/**
 * `run-outputs copy`
 *
 * @module
 */

import { describeRoot } from "../../run_root.ts";
import { Argument, Command } from "commander";
import config from "../../../../deno.json" with { type: "json" };
import { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { CopyPlan } from "../../../operations/copy/plan.ts";
import type { Context } from "../../context.ts";
import { type CopyCommandOptions, openEnds, withCopyOptions } from "./options.ts";
import { exitCodeOfResults } from "../../exit_codes.ts";
import { Output, plural } from "../../terminal/output.ts";
import { withProgress } from "../../terminal/progress.ts";
import { manifestJson, readRunManifest, tellUnfinished } from "../../run_manifest.ts";
import { FOREIGN_PAGE, writeIndex } from "../upload/run.ts";
import { checkSelectionOptions, selectionOf } from "../../selection.ts";
import { tellPassedOver } from "../../storage.ts";
import { reportedFiles, resultLines, summaryLine, tellTrouble } from "../../transfer_report.ts";

/** Builds the command. */
export function copyCommand(context: Context): Command {
  const command = new Command("copy")
    .summary("copy a run's outputs to another run, bucket or directory")
    .description(
      "Copies the outputs of a run, all of them or some, with their checksums, their content types " +
        "and the run's manifest. S3 copies by itself; into and out of a directory the bytes are " +
        "held against their hashes. What is there already is not copied again: a second run " +
        "continues.",
    )
    .addArgument(
      new Argument("[include...]", "globs of paths in the run, such as 'blas_*' (default: all)"),
    )
    .addHelpText(
      "after",
      `
With a group, targets or components only artifacts are copied. The checksum beside an archive goes
with it. The parts of the manifest come last, each if all it tells of was copied; a selection gets
parts that tell of just its files. A copy into a directory keeps the run's own name, where no other
is said.

Exits with 6 if a file is not what its checksum says, with 7 if one is missing or failed, with 3 if
the run has nothing that matches.

Examples:
  run-outputs copy --source-run-id 12345 --run-id 67890
  run-outputs copy 'blas_*' --source-run-id 12345 --run-id 67890 --source-repo ROCm/rocm-libraries
  run-outputs copy --source-run-id 12345 --to-staging ./mirror
  run-outputs copy --from-staging ./mirror --run-id 12345 --bucket lab-artifacts`,
    );
  return withCopyOptions(command).action(
    async (include: string[], options: CopyCommandOptions) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      checkSelectionOptions(options);
      const selection = await selectionOf(options, include, { io: context.io, output });
      using ends = await openEnds(options, context.io, output, signal);
      const { source, target, from, to } = ends;
      const { planCopy } = await import("../../../operations/copy/plan.ts");
      const { executeCopy } = await import("../../../operations/copy/run.ts");

      const manifest = await readRunManifest(options, source, { storage: from, output, signal });
      const place = { backend: from.backend, root: source };
      const plan = await planCopy(place, { ...selection, manifest, show: from.show, signal });
      for (const note of plan.notes) output.note(note);
      const { ifExists, concurrency, quiet = false, dryRun = false } = options;
      const progress = {
        verb: "copied",
        files: plan.files.map(({ location, size }) => ({ path: from.show(location), size })),
        io: context.io,
        quiet,
      };
      const copied = await withProgress(
        progress,
        ({ onEvent }) =>
          executeCopy(plan, { backend: to.backend, root: target }, {
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
      const shown = inLayoutOf(plan, target);
      // A mirror has the pages of its source; those of a selection would tell of other files.
      const index = plan.whole || options.index === false
        ? { results: [], kept: [] }
        : await writeIndex(to, shown, copied.results, signal);
      const results = [...copied.results, ...index.results];
      for (const page of index.kept) output.note(`skipped '${to.show(page)}': ${FOREIGN_PAGE}`);
      tellTrouble(results, output);
      await tellUnfinished(manifest, (message) => output.warn(`at the source ${message}`));
      for (const { part, reason } of copied.withheld) {
        output.warn(`the part ${part} of the outputs manifest is not written: ${reason}`);
      }
      output.result(
        () => ({
          schema: "run-outputs.copy/1",
          dry_run: dryRun,
          ...describeRoot(shown),
          output_dir: to.dir,
          source: { ...describeRoot(inLayoutOf(plan, source)), staging_dir: from.dir },
          manifest: manifestJson(manifest),
          withheld: copied.withheld,
          ...reportedFiles(target, results, ({ location }) => {
            return to.dir === undefined ? undefined : to.show(location);
          }),
        }),
        () => [
          ...output.group(plural(results.length, "file"), resultLines(target, results, output)),
          summaryLine(results),
          `${dryRun ? "would be in" : "in"} ${to.show(target.root())}, from ` +
          from.show(source.root()),
        ],
      );
      // A mirror that lacks a file is none.
      const lacking = plan.whole &&
        tellPassedOver(from, "copy", from.show(source.root()), output) > 0;
      context.setExitCode(exitCodeOfResults(results, lacking));
    },
  );
}

/** The run, in the layout that what is copied has. */
function inLayoutOf({ files }: CopyPlan, root: RunOutputRoot): RunOutputRoot {
  const { bucket, externalRepo, runId, platform } = root;
  const isTyped = files.some(({ path }) => path.startsWith("artifacts/"));
  const layout = isTyped ? "typed" : "flat";
  return new RunOutputRoot({ bucket, externalRepo, runId, platform, layout });
}
