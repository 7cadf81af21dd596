/**
 * `run-outputs diff`
 *
 * @module
 */

import { describeRoot } from "../../run_root.ts";
import { checkKinds } from "../../kinds.ts";
import { Argument, Command, Option } from "commander";
import { RunOutputsError } from "../../../errors/error.ts";
import type { Platform } from "../../../layout/output_paths.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { DiffedFile, DiffSide } from "../../../operations/diff/diff.ts";
import type { DiffSums } from "../../../operations/diff/totals.ts";
import type { RemovedOutput, RunOutput } from "../../../operations/manifest/list_outputs.ts";
import type { RunManifest } from "../../../operations/manifest/read.ts";
import type { Context } from "../../context.ts";
import { diffLines, diffMarkdown } from "./report.ts";
import { EXIT } from "../../exit_codes.ts";
import { manifestJson, readRunManifest } from "../../run_manifest.ts";
import {
  names,
  noManifest,
  nonEmpty,
  type ReadCommandOptions,
  withReadTwoOptions,
} from "../../options.ts";
import { Output } from "../../terminal/output.ts";
import { presentRoot } from "../../present_root.ts";
import { onlyRuns } from "../../run_argument.ts";
import { runRoot, withRunNamed } from "../../run_root.ts";
import {
  noteUnused,
  type OpenStorage,
  openToRead,
  reportSkipped,
  stagingDirOf,
} from "../../storage.ts";

const FORMATS = ["text", "json", "markdown"] as const;

/** The values of the command's options. */
interface DiffCommandOptions extends Omit<ReadCommandOptions, "runId"> {
  readonly kind?: readonly string[];
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
  readonly format: typeof FORMATS[number];
  readonly read?: boolean;
  readonly exitCode?: boolean;
  readonly platformB?: Platform;
  readonly repoB?: string;
  readonly releaseTypeB?: string;
  readonly bucketB?: string;
  readonly stagingDirB?: string;
}

/** Builds the command. */
export function diffCommand(context: Context): Command {
  const run = (name: string) =>
    onlyRuns(new Argument(`<${name}>`, "a run: ID, or ID-PLATFORM").argParser(nonEmpty));
  const command = new Command("diff")
    .summary("compare the outputs of two runs")
    .description(
      "Compares the outputs of two runs: added, removed and changed files, and the change in size. " +
        "Index pages and manifests are skipped.",
    )
    .addArgument(run("run_a"))
    .addArgument(run("run_b"))
    .addOption(
      new Option(
        "--kind <names>",
        "only these kinds (repeatable, or comma-separated), see 'list'",
      )
        .argParser(names),
    )
    .addOption(
      new Option("--format <name>", "the format; markdown for a step summary").choices(FORMATS)
        .default("text"),
    )
    .option("--read", "read files that can't be compared otherwise")
    .option("--exit-code", "exit with 1 if the runs differ; implies --read")
    .addOption(noManifest())
    .addHelpText(
      "after",
      `
Files are compared by SHA-256; if it is not known, by ETag, then by size. The report counts each.

Examples:
  run-outputs diff 12345 12346 --staging-dir ./staging
  run-outputs diff 12345 12346 --platform linux --kind artifact,package
  run-outputs diff 12345 777 --platform linux --repo-b someone/TheRock
  run-outputs diff 12345 12346 --format markdown --staging-dir ./staging`,
    );
  return withReadTwoOptions(command).action(
    async (runA: string, runB: string, options: DiffCommandOptions) => {
      const { format } = options;
      if (options.json && format === "markdown") {
        throw new RunOutputsError("invalid", "Cannot use --json with --format markdown");
      }
      const output = new Output(context.io, {
        ...options,
        json: options.json || format === "json",
      });
      const signal = context.interruption();
      const kinds = checkKinds(options.kind);
      const { diffRuns } = await import("../../../operations/diff/diff.ts");
      const { DiffTotals } = await import("../../../operations/diff/totals.ts");
      const optionsB = {
        ...options,
        ...given({
          platform: options.platformB,
          repo: options.repoB,
          releaseType: options.releaseTypeB,
          bucket: options.bucketB,
          stagingDir: options.stagingDirB,
        }),
        ...options.stagingDirB === undefined ? {} : { server: undefined },
        ...options.repoB === undefined ? {} : { runGithubRepo: undefined },
      };
      noteUnused(options, context.io, output);
      using a = await openRun(runA, options, context, output, signal);
      using b = await openRun(runB, optionsB, context, output, signal);

      const totals = new DiffTotals();
      const files: DiffedFile[] = [];
      // Exit code 0 must mean that the runs are the same, so compare every file.
      const read = options.read || options.exitCode;
      const removed = new Map<DiffSide, RemovedOutput[]>([[a, []], [b, []]]);
      const onRemoved = (file: RemovedOutput, side: DiffSide) => removed.get(side)!.push(file);
      for await (const file of diffRuns(a, b, { kinds, read, onRemoved, signal })) {
        totals.add(file);
        if (file.change !== "same") files.push(file);
      }
      const report = { nameA: a.where, nameB: b.where, totals, files };
      if (format === "markdown") context.io.stdout(diffMarkdown(report));
      else {
        output.result(
          () => ({
            schema: "run-outputs.diff/1",
            a: a.described,
            b: b.described,
            differs: totals.differs,
            counts: totals.all.changes,
            bytes: bytesJson(totals.all),
            compared_by: totals.comparedBy,
            kinds: totals.kinds.map(([kind, sums]) => ({
              kind,
              counts: sums.changes,
              bytes: bytesJson(sums),
            })),
            files: files.map(({ path, kind, change, comparedBy, a, b }) => ({
              path,
              kind,
              change,
              compared_by: comparedBy,
              a: sideJson(a),
              b: sideJson(b),
            })),
          }),
          () => diffLines(report, output),
        );
      }
      const { removedLine } = await import("../../../operations/manifest/removed_files.ts");
      for (const side of [a, b]) {
        const gone = removed.get(side)!;
        if (gone.length === 0) continue;
        output.note(`${side.where}: ${removedLine(gone)}; the manifest is compared instead`);
      }
      const skipped = [a, b].map(({ storage, where }) =>
        reportSkipped(storage, "compare", where, output)
      );
      if (skipped.some((count) => count > 0)) context.setExitCode(EXIT.incomplete);
      else context.setExitCode(options.exitCode && totals.differs ? EXIT.failed : EXIT.done);
    },
  );
}

/** One of the two runs, open. */
interface OpenRun extends DiffSide, Disposable {
  readonly root: RunOutputRoot;
  readonly manifest: RunManifest;
  readonly storage: OpenStorage;
  readonly where: string;
  readonly described: Readonly<Record<string, unknown>>;
}

async function openRun(
  name: string,
  options: DiffCommandOptions,
  { io }: Context,
  output: Output,
  signal: AbortSignal,
): Promise<OpenRun> {
  const onDisk = stagingDirOf(options, io) !== undefined;
  const named = runRoot(withRunNamed(options, name), { reading: true, onDisk }, io, output);
  using opened = new DisposableStack();
  const storage: OpenStorage = opened.use(await openToRead(options, io, output));
  const root = await presentRoot(named, options, { storage, io, output, signal });
  const manifest = await readRunManifest(options, root, { storage, output, signal });
  const where = storage.show(root.root());
  const described = {
    ...describeRoot(root, storage),
    staging_dir: storage.dir,
    manifest: manifestJson(manifest),
  };
  const stack = opened.move();
  const { backend } = storage;
  const run = { backend, storage, root, manifest, where, described };
  return { ...run, [Symbol.dispose]: () => stack.dispose() };
}

function bytesJson({ a, b }: DiffSums) {
  return { a: a.bytes, b: b.bytes, difference: b.bytes - a.bytes };
}

function sideJson(file: RunOutput | undefined) {
  if (file === undefined) return undefined;
  const { size, sha256, etag, modified } = file;
  return { size, sha256, etag, modified: modified?.toISOString() };
}

/** The members that have a value. */
function given<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as Partial<T>;
}
