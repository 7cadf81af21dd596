/**
 * `run-outputs verify`
 *
 * @module
 */

import { localInput } from "../../local_inputs.ts";
import { orRun } from "../../run_argument.ts";
import { checkKinds } from "../../kinds.ts";
import { Argument, Command, Option } from "commander";
import { join } from "node:path";
import type { OutputKind } from "../../../layout/classify.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";
import type { VerifiedFile } from "../../../operations/verify/verified_file.ts";
import type { Context } from "../../context.ts";
import { manifestJson, reportUnfinished } from "../../run_manifest.ts";
import {
  concurrency,
  names,
  noManifest,
  nonEmpty,
  withChangeOptions,
  withServerOptions,
} from "../../options.ts";
import { EXIT } from "../../exit_codes.ts";
import { isOnRunner } from "../../terminal/io.ts";
import { Output, plural } from "../../terminal/output.ts";
import { withProgress } from "../../terminal/progress.ts";
import { reportSkipped } from "../../storage.ts";
import { reportProblems } from "../../transfer_report.ts";
import { dropIncomplete, PendingFiles, seenMarks, suggestDrop } from "./drop_incomplete.ts";
import { verifyFiles } from "./files.ts";
import {
  checkedSummary,
  exitCodeOfVerify,
  nothingLeft,
  type Repairs,
  reportVerified,
  verdictLine,
  verifyJson,
  verifyLines,
  type VerifyReport,
  verifySummary,
} from "./report.ts";
import {
  checkOptions,
  openSubject,
  type VerifyCommandOptions,
  type VerifySubject,
} from "./subject.ts";

/** Builds the command. */
export function verifyCommand(context: Context): Command {
  const command = new Command("verify")
    .summary("verify every file of a run against its manifest and checksums")
    .description(
      "Verifies every file of a run, or of a local directory, against the outputs manifest and the " +
        ".sha256sum files. Reports missing files, size mismatches and checksum mismatches.",
    )
    .addArgument(
      localInput(
        orRun(
          new Argument(
            "[dir]",
            "a directory with a run, with several runs, or with archives and .sha256sum files; or " +
              "the run, instead of --run-id",
          )
            .argParser(nonEmpty),
        ),
        "directory",
      ),
    )
    .option("--quick", "compare sizes and recorded hashes, without reading files")
    .option("--strict", "files without a known checksum are errors")
    .addOption(
      new Option("--kind <names>", "only these kinds (repeatable, or comma-separated), see 'list'")
        .argParser(names),
    )
    .option("--print-sums", "print verified files for sha256sum -c instead of the report")
    .option("--repair", "replace damaged and missing files")
    .addOption(
      new Option("--from <dir>", "repair a run in storage from this directory with its files"),
    )
    .option("--remove-left", "delete files that an earlier attempt of the run left")
    .addOption(
      new Option(
        "--drop-incomplete <parts>",
        "accept these parts as they are: delete their markers, if all their files are verified",
      ).argParser(names),
    )
    .option("-n, --dry-run", "with these options: print what would be done")
    .addOption(noManifest())
    .addOption(concurrency("the number of concurrent files (default: 16, with --quick 32)"))
    .addHelpText(
      "after",
      `
DIR is a copy of a run, a staging directory with several runs, or a directory of archives with their
.sha256sum files. The output directory of a fetch has no checksums to verify.

Without DIR, the run in storage is verified, and --repair uploads files again, from --from. With
DIR, --repair downloads files again, from the run given by --run-id and the other options.

A part is incomplete while its upload is in progress, killed or failed. The next upload of the part
completes it. --drop-incomplete is for one that nobody will run again, such as one with a mistyped
path; its files stay. It deletes no marker if a listed or pending file is missing, damaged or has no
known checksum.

Exits with 6 on a checksum mismatch, with 7 if a file or a part of the manifest is missing or
incomplete, with 3 if there are no files or no known checksums.

Examples:
  run-outputs verify --staging-dir ./staging --run-id 12345
  run-outputs verify --run-id 12345 --platform linux --quick
  run-outputs verify ./mirror/12345-linux
  run-outputs verify ./mirror/12345-linux --repair --staging-dir ./staging --run-id 12345
  run-outputs verify --repair --from ./staging/12345-linux --staging-dir ./mirror --run-id 12345
  run-outputs verify --staging-dir ./staging --run-id 12345 --kind artifact --print-sums
  run-outputs verify --run-id 12345 --platform linux --drop-incomplete build.gfx94X-dcgpu`,
    );
  return withChangeOptions(withServerOptions(command), "repaired files").action(
    async (dir: string | undefined, options: VerifyCommandOptions, self: Command) => {
      checkOptions(dir, options, (name) => self.getOptionValueSource(name) === "cli");
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const kinds = checkKinds(options.kind);
      using subject = await openSubject(dir, options, context, output, signal);
      const { storage, manifest, where } = subject;
      if (dir !== undefined && !options.repair) {
        const { runsIn, verifyRuns } = await import("./runs.ts");
        const runs = await runsIn(subject, signal);
        if (runs.length > 0) {
          checkForRuns(options, dir, runs[0].prefix);
          return await verifyRuns(runs, subject, options, kinds, context, output, signal);
        }
      }
      const accepted = await seenMarks(options.dropIncomplete ?? [], subject, signal);
      const { quick = false, strict = false, printSums = false } = options;
      const { checksumLine } = await import("../../../runs/checksum_lines.ts");

      const pending = new PendingFiles(manifest.markers);
      const sums = printSums ? new Sums(context, checksumLine) : undefined;
      let total = 0;
      const isDirectory = dir !== undefined;
      const verified = await verifyFiles(subject, options, {
        kinds,
        times: !isDirectory,
        io: context.io,
        signal,
        onFile(file, isReported) {
          total++;
          pending.add(file);
          if (isReported) sums?.add(file);
        },
      });
      const { report, missing } = verified;
      let { lacking } = verified;
      await throwIfNothing(report, {
        total,
        where,
        kinds,
        isDirectory,
        quick,
        missing: lacking,
        strict,
      });
      sums?.flush();
      sums?.reportEscaped(output);

      const repairs = await repair(report, subject, { context, options, output, signal });
      const removed = options.removeLeft
        ? await removeLeftFiles(report, subject, { options, output, signal })
        : [];
      reportVerified(report, repairs, missing, output, options.removeLeft);
      const markers = manifest.markers.filter((marker) =>
        !accepted.some(({ part }) => part === marker.part)
      );
      await reportUnfinished({ markers }, (message) => output.error(`Unfinished: ${message}`));
      const evidence = { report, pending };
      if (!isDirectory) await suggestDrop(markers, evidence, output);
      const reporting = { options, output, signal };
      const dropped = await dropIncomplete(accepted, evidence, subject, reporting);
      lacking -= dropped.filter(isDone).length;
      const skipped = reportSkipped(storage, "verify", where, output);
      reportProblems([...repairs?.values() ?? [], ...removed, ...dropped], output);
      const stayed = removed.filter((result) => !isDone(result)).length;
      const exitCode = exitCodeOfVerify(report, lacking + skipped + stayed, repairs);
      const unfinished = lacking === 0 ? [] : [`${plural(lacking, "part")} missing or unfinished`];
      const totals = [verifySummary(report, repairs), ...unfinished, checkedSummary(report)];
      const last = verdictLine(exitCode === EXIT.done, totals, where);
      if (printSums) output.note(last);
      else {
        output.report(
          () => ({
            schema: "run-outputs.verify/1",
            ...subject.described,
            quick,
            strict,
            dry_run: options.dryRun ?? false,
            manifest: manifestJson(manifest),
            passed_over: skipped,
            ...dropped.length > 0 && { dropped: dropped.filter(isDone).map(({ path }) => path) },
            ...options.removeLeft && { removed: removed.filter(isDone).map(({ path }) => path) },
            ...verifyJson(report, repairs),
          }),
          {
            listed: options.dryRun,
            files: () => verifyLines(report, repairs, output),
            last: () => last,
          },
        );
      }
      context.setExitCode(exitCode);
    },
  );
}

/** Rejects what can't be done for all runs of a staging directory at once. */
function checkForRuns(options: VerifyCommandOptions, dir: string, run: string): void {
  const { printSums, removeLeft, dropIncomplete } = options;
  const given = { "--print-sums": printSums, "--remove-left": removeLeft };
  for (const [flag, value] of Object.entries({ ...given, "--drop-incomplete": dropIncomplete })) {
    if (!value) continue;
    throw new RunOutputsError(
      "invalid",
      `Cannot use ${flag} with '${dir}', which has several runs: name one, such as '${
        join(dir, run)
      }'`,
    );
  }
}

/** With `--remove-left`, deletes what earlier attempts have left. */
async function removeLeftFiles(
  report: VerifyReport,
  place: VerifySubject,
  { options: { dryRun, concurrency }, output, signal }: {
    readonly options: VerifyCommandOptions;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<TransferResult[]> {
  const { removeLeft } = await import("../../../operations/verify/remove_left.ts");
  const results = await removeLeft(report.others, place, { dryRun, concurrency, signal });
  for (const { path } of results.filter(isDone)) {
    output.note(`${dryRun ? "would delete" : "deleted"} ${path}`);
  }
  return results;
}

function isDone({ outcome }: TransferResult): boolean {
  return outcome !== "failed";
}

/** With `--repair`, repairs what can be repaired. */
async function repair(
  report: VerifyReport,
  { from, backend, root, show, manifest }: VerifySubject,
  { context, options, output, signal }: {
    readonly context: Context;
    readonly options: VerifyCommandOptions;
    readonly output: Output;
    readonly signal: AbortSignal;
  },
): Promise<Repairs> {
  if (from === undefined) return undefined;
  const { isRepairable, renewParts, repairFiles } = await import(
    "../../../operations/verify/repair.ts"
  );
  const files = report.problems.filter(isRepairable);
  if (manifest.missing.length > 0) {
    output.note(
      "missing parts of the outputs manifest are not repaired; upload again to write them",
    );
  }
  const { dryRun, concurrency, quiet = false } = options;
  const shown = { verb: "repaired", files: files.map(planned), io: context.io, quiet };
  const results = await withProgress(
    shown,
    ({ onEvent }) =>
      repairFiles(files, { backend, root, show }, from, { dryRun, concurrency, onEvent, signal }),
  );
  const repairs = new Map(results.map((result, i) => [files[i].path, result]));
  // Files verified by size only must not get a newer part.
  if (!dryRun && !options.quick && options.kind === undefined) {
    const parts = partsToRenew(report, repairs).flatMap((name) => manifest.part(name) ?? []);
    await renewParts({ backend, root }, parts, { signal }).catch((error) => {
      signal.throwIfAborted();
      output.warn(`the outputs manifest is older than the repaired files: ${error.message}`);
    });
  }
  return repairs;
}

/** A file to repair, for the progress. Its current size may be wrong. */
function planned({ path, expected }: VerifiedFile) {
  return { path, size: expected?.size };
}

/** The parts that list repaired files, and no file that is still damaged. */
function partsToRenew(report: VerifyReport, repairs: NonNullable<Repairs>): string[] {
  const wanted = new Set<string>();
  const wrong = new Set<string>();
  for (const { path, parts } of report.problems) {
    const set = repairs.get(path)?.outcome === "written" ? wanted : wrong;
    for (const part of parts) set.add(part);
  }
  for (const { conflicts } of report.conflicts) for (const part of conflicts) wrong.add(part);
  return [...wanted].filter((part) => !wrong.has(part));
}

/** Fails a verification that checked nothing, which must not look like a successful one. */
async function throwIfNothing(
  report: VerifyReport,
  { total, where, kinds, isDirectory, quick, missing, strict }: {
    readonly total: number;
    readonly where: string;
    readonly kinds?: ReadonlySet<OutputKind>;
    readonly isDirectory: boolean;
    readonly quick: boolean;
    readonly missing: number;
    readonly strict: boolean;
  },
): Promise<void> {
  if (report.checked > 0 || missing > 0 || (strict && report.problems.length > 0)) return;
  const nothing = (message: string) => new RunOutputsError("not_found", message);
  const removed = await nothingLeft([report], where, kinds);
  if (removed !== undefined) throw removed;
  if (total === 0) throw nothing(`Nothing to verify: no files in ${where}`);
  if (report.count === 0) {
    throw nothing(`Nothing to verify: none of the ${total} files in ${where} has that kind`);
  }
  if (quick) {
    throw nothing(
      `Cannot verify ${where} with --quick: no recorded sizes or hashes; verify without --quick`,
    );
  }
  const remedy = isDirectory
    ? "; a fetch leaves no checksums: verify the run itself, or a directory of archives with their " +
      ".sha256sum files"
    : "";
  throw nothing(
    `Cannot verify ${where}: no outputs manifest and no .sha256sum for its files${remedy}`,
  );
}

/** Prints a list of checksums in pieces. */
class Sums {
  readonly #context: Context;
  readonly #line: (sha256: string, path: string) => string;
  /** How many names look like a command of the runner, which standard output escapes. */
  #commands = 0;
  #text = "";

  constructor(context: Context, line: (sha256: string, path: string) => string) {
    this.#context = context;
    this.#line = line;
  }

  add({ verdict, checkedBy, path, sha256, expected }: VerifiedFile): void {
    if (checkedBy === undefined || (verdict !== "ok" && verdict !== "extra")) return;
    this.#text += this.#line(expected?.sha256 ?? sha256!, path);
    if (path.includes("##[")) this.#commands++;
    if (this.#text.length > 64 * 1024) this.flush();
  }

  flush(): void {
    this.#context.io.stdout(this.#text);
    this.#text = "";
  }

  /** Reports that sha256sum will not find some of the files under the names in the list. */
  reportEscaped(output: Output): void {
    if (this.#commands === 0 || !isOnRunner(this.#context.io)) return;
    output.warn(
      `${plural(this.#commands, "file name")} in the list contain '##[', which the runner would ` +
        "take for a command: written as '##\\u005b', sha256sum -c does not find them",
    );
  }
}
