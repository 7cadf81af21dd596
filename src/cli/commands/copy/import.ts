/**
 * `run-outputs import`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { describeRoot } from "../../run_root.ts";
import { Argument, Command, Option } from "commander";
import config from "../../../../deno.json" with { type: "json" };
import { diskError } from "../../../errors/disk.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import type { OutputLocation } from "../../../layout/output_location.ts";
import { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { CopyPlan } from "../../../operations/copy/plan.ts";
import type { CompactReport } from "../../../operations/copy/execute.ts";
import type { IfExists } from "../../../storage/transfer/upload.ts";
import type { Context } from "../../context.ts";
import { exitCodeOfResults } from "../../exit_codes.ts";
import {
  concurrency,
  dryRun,
  ifExists,
  nonEmpty,
  partSize,
  required,
  STORAGE,
  withOutputOptions,
} from "../../options.ts";
import { type S3Options, withS3Options, withS3WriteOptions } from "../../s3_options.ts";
import { Output, type OutputOptions, plural } from "../../terminal/output.ts";
import { reportWithheld } from "./withheld.ts";
import { withProgress } from "../../terminal/progress.ts";
import { renewRunPage, updateRunSummary } from "../../run_summary.ts";
import { openForUpload, type OpenStorage, outputDirOf } from "../../storage.ts";
import {
  doneLine,
  reportedFiles,
  reportProblems,
  resultLines,
  summaryLine,
} from "../../transfer_report.ts";

/** The values of the command's options. */
interface ImportCommandOptions extends S3Options, OutputOptions {
  readonly outputDir?: string;
  readonly bucket?: string;
  readonly ifExists?: IfExists;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
}

/** Builds the command. */
export function importCommand(context: Context): Command {
  const command = new Command("import")
    .summary("import the runs of an export into a directory or a bucket")
    .description(
      "Imports the runs of a file written by 'run-outputs export' into a directory or to S3. " +
        "Verifies the SHA-256 of each file. Existing files are skipped, so a repeated import " +
        "resumes. One of --output-dir and --bucket is required.",
    )
    .addArgument(localInput(new Argument("<file>", "the tar file; - is standard input")))
    .addOption(
      new Option(
        "--output-dir <dir>",
        "import into this local directory (default: $THEROCK_LOCAL_STAGING_DIR)",
      )
        .argParser(nonEmpty).helpGroup(STORAGE),
    )
    .addOption(
      new Option("--bucket <name>", "import into this bucket").helpGroup(STORAGE),
    )
    .addOption(ifExists())
    .addOption(concurrency())
    .addOption(dryRun())
    .addHelpText(
      "after",
      `
Exits with 6 before writing anything if the tar file is truncated, does not match its index, or is
not an export. Exits with 6 too on a checksum mismatch; that file is not written. A dry run verifies
every checksum. Standard input is kept in a temporary file ($TMPDIR), because the whole archive is
checked before anything is written.

Examples:
  run-outputs import runs.tar --output-dir ./staging
  run-outputs import runs.tar --output-dir ./staging --dry-run
  run-outputs import runs.tar --bucket lab-artifacts --endpoint-url https://s3.lab.example
  ssh build-host run-outputs export - 12345 | run-outputs import - --output-dir ./staging`,
    );
  return withOutputOptions(
    withS3WriteOptions(withS3Options(command)).addOption(partSize()),
  ).action(
    async (file: string, options: ImportCommandOptions) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const { dryRun = false } = options;
      if (options.bucket !== undefined && options.outputDir !== undefined) {
        throw new RunOutputsError("invalid", "Cannot use --bucket with --output-dir: choose one");
      }
      const outputDir = outputDirOf(options, context.io, output);
      const bucket = outputDir === undefined ? options.bucket : undefined;
      // The archive must not decide which bucket is written to.
      required(outputDir ?? bucket, "--output-dir <dir> or --bucket <name>: where the runs go");
      const { ExportArchive } = await import("../../../operations/copy/export_archive.ts");
      await using spooled = file === "-" ? await spoolStdin(context.io, signal) : undefined;
      const archive = await ExportArchive.open(spooled?.path ?? file, { signal });
      const targets = archive.roots.map((root) =>
        bucket === undefined ? root : inBucket(root, bucket)
      );
      if (targets.length === 0) return nothing(file, output);
      using storage = await openForUpload(
        { ...options, outputDir },
        targets[0].root(),
        context.io,
        output,
      );
      const { planCopy } = await import("../../../operations/copy/plan.ts");
      const { spaceOf } = await import("../../../operations/copy/execute.ts");
      const show = ({ key }: { readonly key: string }) => `${archive.path}: ${key}`;
      // Plan all runs before writing the first, so that a damaged one is found in time.
      const plans: CopyPlan[] = [];
      for (const root of archive.roots) {
        plans.push(await planCopy({ backend: archive, root }, { show, signal }));
      }
      // Each copy checks its own run; together they need more.
      await storage.backend.checkSpace?.(
        plans.flatMap((plan, i) => [...spaceOf(plan, targets[i])]),
      );
      const reports: CompactReport[] = [];
      const began = performance.now();
      for (const [i, plan] of plans.entries()) {
        const to = { storage, target: targets[i], showSource: show };
        const report = await importRun(plan, to, options, context, output);
        const page = await updateRunSummary(targets[i], { storage, output, signal });
        renewRunPage(report.results, targets[i].runIndex(), page);
        reports.push(report);
      }
      const seconds = (performance.now() - began) / 1000;
      const all = {
        *[Symbol.iterator]() {
          for (const { results } of reports) yield* results;
        },
      };
      reportProblems(all, output);
      const lacksPart = reports
        .map(({ withheld }, i) => reportWithheld(withheld, plans[i].manifest, output))
        .includes(true);
      output.report(
        () => ({
          schema: "run-outputs.import/1",
          dry_run: dryRun,
          file,
          output_dir: storage.dir,
          runs: reports.map(({ results, withheld }, i) => ({
            ...describeRoot(targets[i], storage),
            withheld,
            ...reportedFiles(targets[i], results, storage),
          })),
        }),
        {
          listed: dryRun,
          files: () =>
            reports.flatMap(({ results }, i) =>
              output.group(
                plural(results.length, "file"),
                resultLines(targets[i], results, output),
              )
            ),
          more: () =>
            reports.length === 1
              ? []
              : reports.map(({ results }, i) => `${targets[i].prefix}: ${summaryLine(results)}`),
          last: () => {
            const [{ dir, show }, [first, ...others]] = [storage, targets];
            const where = others.length === 0
              ? show(first.root())
              : dir ?? `bucket ${first.bucket}`;
            return doneLine(all, { seconds, dryRun, where });
          },
        },
      );
      context.setExitCode(exitCodeOfResults(all, lacksPart));
    },
  );
}

/** Keeps standard input in a temporary file, until it is disposed of. */
async function spoolStdin(
  io: Context["io"],
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempFile({ prefix: "run-outputs-import-", suffix: ".tar" })
    .catch((error) => {
      throw diskError("create", "a temporary file in $TMPDIR", error);
    });
  const remove = () => Deno.remove(path).catch(() => {/* nothing depends on it */});
  try {
    const file = await Deno.open(path, { write: true });
    await (io.stdin?.() ?? ReadableStream.from([])).pipeTo(file.writable, { signal });
  } catch (error) {
    await remove();
    signal.throwIfAborted();
    throw diskError("copy standard input to", path, error);
  }
  return { path, [Symbol.asyncDispose]: remove };
}

/** Where a run is imported to. */
interface ImportTarget {
  readonly target: RunOutputRoot;
  readonly storage: OpenStorage;
  /** Formats the location of a file in the export, for messages. */
  readonly showSource: (location: OutputLocation) => string;
}

async function importRun(
  plan: CopyPlan,
  { target, storage, showSource }: ImportTarget,
  { ifExists, concurrency, quiet = false }: ImportCommandOptions,
  { io, interruption }: Context,
  output: Output,
): Promise<CompactReport> {
  const { executeCopyCompactly } = await import("../../../operations/copy/execute.ts");
  const progress = {
    verb: "imported",
    files: Iterator.from(plan.files)
      .map(({ location, size }) => ({ path: showSource(location), size })),
    io,
    quiet,
  };
  return await withProgress(
    progress,
    ({ onEvent }) =>
      executeCopyCompactly(plan, { backend: storage.backend, root: target }, {
        ifExists,
        concurrency,
        tool: `run-outputs/${config.version}`,
        verifyDryRun: true,
        showSource,
        show: storage.show,
        onNote: (note) => output.note(note),
        onEvent,
        signal: interruption(),
      }),
  );
}

function inBucket({ externalRepo, runId, platform, layout }: RunOutputRoot, bucket: string) {
  return new RunOutputRoot({ bucket, externalRepo, runId, platform, layout });
}

function nothing(file: string, output: Output): void {
  output.result(
    () => ({ schema: "run-outputs.import/1", file, runs: [] }),
    () => [`${file} has no runs`],
  );
}
