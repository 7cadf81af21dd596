/**
 * `run-outputs index`
 *
 * @module
 */

import { localInput } from "../local_inputs.ts";
import { orRun } from "../run_argument.ts";
import { basename, dirname, resolve } from "node:path";
import { Argument, Command, Option } from "commander";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputRoot, type RunPrefix } from "../../layout/run_output_root.ts";
import type { IndexSubject } from "../../operations/index_pages/subjects.ts";
import { addresses } from "../addresses.ts";
import type { Context } from "../context.ts";
import { exitCodeOfResults } from "../exit_codes.ts";
import { nonEmpty, type ReadCommandOptions, withChangeOptions } from "../options.ts";
import { Output } from "../terminal/output.ts";
import { runRoot } from "../run_root.ts";
import { runNotes, updateRunPage, withRunPage } from "../run_summary.ts";
import { FOREIGN_PAGE } from "./upload/execute.ts";
import { noteUnused, openForUpload, type OpenStorage, stagingDirOf } from "../storage.ts";
import {
  locationLines,
  reportedLocations,
  reportProblems,
  summaryLine,
} from "../transfer_report.ts";

/** The values of the command's options. */
interface IndexCommandOptions extends ReadCommandOptions {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** Builds the command. */
export function indexCommand(context: Context): Command {
  const command = new Command("index")
    .summary("write index pages for a run or a directory")
    .description(
      "Regenerates the index pages of a run, or of a local directory, from its contents. Uploads do " +
        "this automatically. For a directory with Python packages, writes a page for pip and simple/.",
    )
    .addArgument(
      localInput(
        orRun(
          new Argument("[dir]", "a local directory, or the run instead of --run-id")
            .argParser(nonEmpty),
        ),
        "directory",
      ),
    )
    .addOption(new Option("--force", "replace pages written by other tools"))
    .addOption(new Option("-n, --dry-run", "print what would be written"))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs index --run-id 12345 --platform linux
  run-outputs index --staging-dir ./staging --run-id 12345
  run-outputs index ./wheels`,
    );
  return withChangeOptions(command, "the pages").action(
    async (dir: string | undefined, options: IndexCommandOptions) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const { force, dryRun = false } = options;
      const { writeIndexPages } = await import("../../operations/index_pages/write_pages.ts");
      const target = dir === undefined
        ? await runTarget(options, context, output)
        : await directoryTarget(dir, options, context, output);
      using storage = target.storage;
      const { subject } = target;
      const written = await writeIndexPages(storage.backend, subject, {
        force,
        show: storage.show,
        signal,
      });
      const { kept } = written;
      const page = target.root && await updateRunPage(target.root, { storage, output, signal });
      const results = withRunPage(written.results, page);
      const where = storage.show(subject.prefix);
      if (results.length === 0) {
        // This command writes, so it does not search other buckets.
        const hint = storage.dir === undefined ? "; use --bucket for another bucket" : "";
        throw new RunOutputsError(
          "not_found",
          `Nothing to list: no files in ${where}${hint}`,
        );
      }
      output.warnAll(kept.map((page) => `kept '${storage.show(page)}': ${FOREIGN_PAGE}`));
      reportProblems(results, output);
      output.report(
        () => ({
          schema: "run-outputs.index/1",
          dry_run: dryRun,
          where,
          ...reportedLocations(
            subject.prefix,
            results,
            ({ location }) => addresses(storage, location),
          ),
        }),
        {
          listed: dryRun,
          files: () => locationLines(subject.prefix, results, output),
          last: () => `${summaryLine(results)}; ${dryRun ? "would be in" : "in"} ${where}`,
        },
      );
      context.setExitCode(exitCodeOfResults(results));
    },
  );
}

/** What the pages list, and their storage. */
interface Target {
  readonly subject: IndexSubject;
  /** The run, if it is one. */
  readonly root?: RunOutputRoot;
  readonly storage: OpenStorage;
}

async function runTarget(
  options: IndexCommandOptions,
  { io }: Context,
  output: Output,
): Promise<Target> {
  const { runSubject } = await import("../../operations/index_pages/subjects.ts");
  const outputDir = stagingDirOf(options, io);
  const onDisk = outputDir !== undefined;
  noteUnused(options, io, output);
  const root = runRoot(options, { reading: true, changing: true, onDisk }, io, output);
  const storage = await openForUpload({ ...options, outputDir }, root.root(), io, output);
  return { subject: runSubject(root), root, storage };
}

async function directoryTarget(
  name: string,
  options: IndexCommandOptions,
  { io }: Context,
  output: Output,
): Promise<Target> {
  const { directorySubject, runSubject } = await import(
    "../../operations/index_pages/subjects.ts"
  );
  const dir = resolve(name);
  await Deno.stat(dir).catch((error) => {
    throw diskError("read", name, error);
  });
  const run = tryRunPrefix(basename(dir));
  const root = run && new RunOutputRoot({ ...run, bucket: "local" });
  const outputDir = root === undefined ? dir : dirname(dir);
  const prefix = root?.root() ?? new OutputLocation("local", "");
  const storage = await openForUpload({ ...options, outputDir }, prefix, io, output);
  const subject = root === undefined
    ? directorySubject(prefix, await runNotes(storage, prefix))
    : runSubject(root);
  return { subject, root, storage };
}

/** Parses the name of a directory as a run's prefix, if it is one. */
function tryRunPrefix(name: string): RunPrefix | undefined {
  try {
    return RunOutputRoot.parsePrefix(name);
  } catch {
    return undefined;
  }
}
