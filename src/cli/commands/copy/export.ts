/**
 * `run-outputs export`
 *
 * @module
 */

import { createHash } from "node:crypto";
import { describeRoot } from "../../run_root.ts";
import { Argument, Command, Option } from "commander";
import config from "../../../../deno.json" with { type: "json" };
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { CopyPlan } from "../../../operations/copy/plan.ts";
import type { ExportOptions, ExportPlan } from "../../../operations/copy/export.ts";
import { invalid, RunOutputsError } from "../../../errors/error.ts";
import { requireComplete } from "./options.ts";
import type { Context } from "../../context.ts";
import type { Io } from "../../terminal/io.ts";
import { noManifest, type ReadCommandOptions, withReadOptions } from "../../options.ts";
import { columns, formatBytes, Output, plural } from "../../terminal/output.ts";
import { took } from "../../transfer_report.ts";
import { presentRoot } from "../../present_root.ts";
import { checkOutsideRuns } from "../../output_dir.ts";
import { withProgress } from "../../terminal/progress.ts";
import { onlyRuns } from "../../run_argument.ts";
import { readRunManifest, reportUnfinished } from "../../run_manifest.ts";
import { isRunName, runRoot, withRunNamed } from "../../run_root.ts";
import {
  checkSelectionOptions,
  patterns,
  selectionOf,
  type SelectionOptions,
  withSelectionOptions,
} from "../../selection.ts";
import { openForReading, stagingDirOf } from "../../storage.ts";

/** The values of the command's options. */
interface ExportCommandOptions extends ReadCommandOptions, SelectionOptions {
  readonly include?: readonly string[];
  readonly force?: boolean;
  readonly dryRun?: boolean;
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
  readonly requireComplete?: boolean;
}

/** Builds the command. */
export function exportCommand(context: Context): Command {
  const command = new Command("export")
    .summary("write runs to one file, for a machine without a network")
    .description(
      "Writes one or more runs to a tar file: an index with the SHA-256 of every file, then the " +
        "files under the prefixes of their runs. Verifies each checksum. The tar file appears when " +
        "it is complete. 'run-outputs import' reads it.",
    )
    .addArgument(new Argument("<file>", "the tar file to write; - is standard output"))
    .addArgument(
      onlyRuns(
        new Argument(
          "[runs...]",
          "run ids, optionally with -linux or -windows for the platform, or keys of 'runs list'",
        ),
      ),
    );
  withSelectionOptions(
    command.addOption(
      patterns("--include <patterns>", "only outputs that match"),
    ),
    "outputs",
  )
    .addOption(requireComplete())
    .addOption(noManifest())
    .addOption(new Option("-f, --force", "replace an existing file"))
    .addOption(new Option("-n, --dry-run", "print what would be exported"))
    .addHelpText(
      "after",
      `
Exits with 6 on a checksum mismatch, with 7 if a file is missing; then no tar file is written.

Examples:
  run-outputs export runs.tar 12345-linux 12345-windows
  run-outputs export run.tar --staging-dir ./staging --run-id 12345
  run-outputs export libs.tar 12345 --components lib --staging-dir ./staging
  run-outputs export - 12345 --staging-dir ./staging > run.tar`,
    );
  return withReadOptions(command).action(
    async (file: string, runs: string[], options: ExportCommandOptions) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      checkFile(file, runs);
      const toStdout = file === "-";
      if (toStdout) checkStdout(options, context.io);
      checkSelectionOptions(options);
      const selection = await selectionOf(options, options.include ?? [], {
        io: context.io,
        output,
      });
      const onDisk = stagingDirOf(options, context.io) !== undefined;
      const named = runs.length === 0 ? [options] : runs.map((name) => withRunNamed(options, name));
      const purpose = { reading: true, onDisk };
      const rules = named.map((run) => runRoot(run, purpose, context.io, output));
      const { checkExportFile, checkExportSpace, planExport, writeExport } = await import(
        "../../../operations/copy/export.ts"
      );
      const { dryRun = false, force: replace, quiet = false } = options;
      if (!toStdout) await checkExportFile(file, { replace });
      using storage = await openForReading(options, context.io, output);
      if (!toStdout) await checkOutsideRuns(file, rules, storage);
      const { planCopy } = await import("../../../operations/copy/plan.ts");
      const { backend, show } = storage;

      const reading = { storage, io: context.io, output, signal };
      const roots: RunOutputRoot[] = [];
      const plans: CopyPlan[] = [];
      for (const [i, run] of named.entries()) {
        const root = await presentRoot(rules[i], run, reading);
        roots.push(root);
        const manifest = await readRunManifest(options, root, { storage, output, signal });
        await reportUnfinished(manifest, (message) => output.warn(message));
        plans.push(await planCopy({ backend, root }, { ...selection, manifest, show, signal }));
      }
      const skipped = storage.skipped?.() ?? 0;
      if (skipped > 0 && plans.some(({ whole }) => whole)) {
        throw new RunOutputsError(
          "incomplete",
          `Cannot export all of ${roots.map((root) => show(root.root())).join(", ")}: ` +
            `${plural(skipped, "file")} skipped, see above`,
        );
      }
      const onNote = (note: string) => output.note(note);
      const tool = `run-outputs/${config.version}`;
      for (const note of plans.flatMap(({ notes }) => notes)) output.note(note);
      const plan = await planExport(plans, { tool, show, onNote, signal });
      if (dryRun && !toStdout) await checkExportSpace(plan, file);
      const items = plan.runs.flatMap(({ items }) => items);
      const files = items.map((item) => ({ path: show(item.location), size: item.file.size }));
      const progress = { verb: "exported", files, io: context.io, quiet };
      const began = performance.now();
      const written = dryRun ? undefined : await withProgress(
        progress,
        ({ onEvent }) =>
          toStdout
            ? writeToStdout(plan, { show, onEvent, signal }, context.io)
            : writeExport(plan, file, { replace, show, onEvent, signal }),
      );
      const seconds = (performance.now() - began) / 1000;
      if (toStdout && !dryRun) {
        // Standard output has the archive.
        for (const line of runLines(plan)) output.note(line);
        return output.note(`${formatBytes(written!.size)}, sha256 ${written!.sha256}`);
      }
      output.report(
        () => ({
          schema: "run-outputs.export-result/1",
          dry_run: dryRun,
          file,
          size: written?.size,
          sha256: written?.sha256,
          runs: plan.runs.map(({ items }, i) => ({
            ...describeRoot(roots[i], storage),
            count: items.length,
            bytes: bytesOf(items),
            files: items.map((item) => item.file),
          })),
        }),
        {
          listed: dryRun,
          files: () =>
            plan.runs.flatMap(({ prefix, items }) =>
              columns(
                items.map(({ file }) => [formatBytes(file.size), `${prefix}/${file.path}`]),
                [0],
              )
            ),
          more: () => runLines(plan),
          last: () =>
            written === undefined
              ? `${plural(items.length, "file")} to export; would be in ${file}`
              : `${plural(items.length, "file")}, ${formatBytes(written.size)}` +
                `${took(seconds, written.size)}; in ${file}, sha256 ${written.sha256}`,
        },
      );
    },
  );
}

function runLines({ runs }: ExportPlan): string[] {
  return runs.map(({ prefix, items }) =>
    `${prefix}: ${plural(items.length, "file")}, ${formatBytes(bytesOf(items))}`
  );
}

/** Rejects what can't share standard output with the archive. */
function checkStdout({ json, dryRun }: ExportCommandOptions, io: Io): void {
  if (dryRun) return;
  if (json) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --json with the file -: both are written to standard output",
    );
  }
  if (io.stdoutIsTerminal || io.stdoutBytes === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Cannot write the export to a terminal: redirect standard output, or give a file",
    );
  }
}

/** Writes the archive to standard output. If it fails, the reader has a truncated archive. */
async function writeToStdout(
  plan: ExportPlan,
  options: ExportOptions,
  io: Io,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const { exportChunks } = await import("../../../operations/copy/export.ts");
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of exportChunks(plan, options)) {
    io.stdoutBytes!(chunk);
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest("hex") };
}

/** Rejects a run in the place of the file, which would be written under the name of the run. */
function checkFile(file: string, runs: readonly string[]): void {
  if (runs.length > 0 || !isRunName(file)) return;
  throw invalid("file", file, "a name that is not that of a run; give the file before the runs");
}

function bytesOf(items: ExportPlan["runs"][number]["items"]): number {
  return items.reduce((sum, { file }) => sum + file.size, 0);
}
