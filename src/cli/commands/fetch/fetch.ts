/**
 * `run-outputs fetch`
 *
 * @module
 */

import { orRun } from "../../run_argument.ts";
import { describeRoot } from "../../run_root.ts";
import { basename, resolve } from "node:path";
import { Argument, Command } from "commander";
import { checkOutputDir, checkOutsideRuns, makeOutputDir } from "../../output_dir.ts";
import { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { FetchPlan } from "../../../operations/fetch/fetch.ts";
import type { FetchUnpackedOptions } from "../../../operations/fetch/unpacked.ts";
import type { Context } from "../../context.ts";
import { exitCodeOfResults } from "../../exit_codes.ts";
import {
  type FetchCommandOptions,
  type FetchMode,
  fetchMode,
  OUTPUT_DIR,
  unpackLimits,
  withFetchOptions,
} from "./options.ts";
import { fetchedFiles, fetchedText, type FetchReport, nothingFetched } from "./report.ts";
import { planFoundRuns, planNamedRun } from "./sources.ts";
import { findSelector, refuseFinding, withFindOptions } from "../../find_options.ts";
import { foundJson } from "../find/report.ts";
import { manifestJson } from "../../run_manifest.ts";
import { namedCacheDir } from "../../cache_dir.ts";
import { openCache } from "./open_cache.ts";
import { previewRemoved, recordedSources, removedJson, reportRemoved } from "./recording.ts";
import type { FetchRecording, RemovedOld } from "../../../operations/fetch/recording.ts";
import { required, withReadOptions } from "../../options.ts";
import { Output } from "../../terminal/output.ts";
import { type ProgressListener, withProgress } from "../../terminal/progress.ts";
import { namedRepository, runRoot } from "../../run_root.ts";
import { checkSelectionOptions, selectionOf } from "../../selection.ts";
import { openForReading, type OpenStorage, stagingDirOf } from "../../storage.ts";
import { artifactsOfStages, checkStageOptions } from "../../topology.ts";
import { reportProblems } from "../../transfer_report.ts";

/** Builds the command. */
export function fetchCommand(context: Context): Command {
  const command = new Command("fetch")
    .summary("download artifacts of a run, verify and unpack them")
    .description(
      "Downloads artifacts of a run, verifies each checksum and unpacks them. The output directory " +
        "changes only when everything is ready (except with --no-extract): if anything fails, it " +
        "stays as it was, and the downloads are kept next to it for the next fetch.",
    )
    .addArgument(
      orRun(
        new Argument(
          "[include...]",
          "globs of artifacts to fetch, such as 'blas_*' (default: all); before them the run, " +
            "instead of --run-id",
        ),
      ),
    )
    .option(OUTPUT_DIR, "the directory for the files (required)")
    .addHelpText(
      "after",
      `
Globs match the name of an archive, with or without .tar.zst or .tar.xz. Without wildcards, the
target may be left out too: core-hip_lib.

With groups or targets, artifacts for any of them and generic ones are fetched. A target is an
alternative to its group. --commit, --ref, --latest and --branch always expand families.

With --stage, only artifacts that the stage needs are fetched ('run-outputs stages' lists them,
--stage all fetches everything). If it needs none, nothing is fetched, and the exit code is 0.

Each archive is unpacked to DIR/NAME, its name up to the first dot. An existing directory is
replaced; an existing file is an error. With --flatten all archives are merged into one tree,
without the directories listed in their artifact_manifest.txt; with --bootstrap into one tree with
them. If several archives have the same file, the one with the last name wins.

The output directory records what a fetch puts there ('run-outputs status DIR'). The next fetch
removes files of another run that it does not have itself, if they are unchanged; --keep-old keeps
them. Changed files that it has itself are replaced, with a warning. If everything is there already,
nothing is unpacked again.

With --no-extract each archive appears when it is downloaded and verified, and stays if another one
fails. A large partial download is NAME.part; the next fetch resumes it.

Exits with 6 if an archive has a checksum mismatch or is rejected, with 7 if one is missing or the
run is incomplete with --require-complete, with 3 if nothing matches.

Examples:
  run-outputs fetch --staging-dir ./staging --run-id 12345 --output-dir ./artifacts
  run-outputs fetch --run-id 12345 --artifact-group gfx94X-dcgpu --components lib,run --flatten \\
    --output-dir ./rocm --cache-dir ~/.cache/run-outputs
  run-outputs fetch --commit 1a2b3c4d --artifact-group gfx94X-dcgpu --output-dir ./artifacts
  run-outputs fetch --run-id 12345 --stage math-libs --artifact-group gfx94X-dcgpu --bootstrap \\
    --topology TheRock/BUILD_TOPOLOGY.toml --output-dir build
  run-outputs fetch --run-id 12345 --list 'blas_*' --exclude '*_dbg_*'
  run-outputs fetch --run-id 12345 --list --regex '^(blas|fft)_(lib|run)_' --allow-no-match
  run-outputs fetch --no-extract '*_lib_*' --exclude '*_generic.*' --staging-dir ./staging \\
    --run-id 12345 --output-dir ./archives`,
    );
  return withReadOptions(withFindOptions(withFetchOptions(command))).action(
    async (include: string[], options: FetchCommandOptions, self: Command) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const mode = fetchMode(options, (name) => self.getOptionValueSource(name) === "cli");
      checkStageOptions(options, self, output);
      const dryRun = options.dryRun || options.list || false;
      const leavesArchives = !options.list && (mode === "packed" || options.keepArchives === true);
      const outputDir = options.list
        ? options.outputDir ?? "."
        : required(options.outputDir, OUTPUT_DIR);
      const onDisk = stagingDirOf(options, context.io) !== undefined;
      const selector = findSelector(options);
      if (selector === undefined) {
        refuseFinding(options);
        checkSelectionOptions(options);
      }
      const source = selector ??
        runRoot(options, { reading: true, onDisk }, context.io, output);
      await checkOutputDir(outputDir);
      const cacheDir = namedCacheDir(options, context.io);
      if (cacheDir !== undefined) await checkOutputDir(cacheDir);
      const selection = {
        ...await selectionOf(options, include, { io: context.io, output }),
        artifactNames: await artifactsOfStages(options.stage ?? [], options.topology, "needs"),
      };
      if (selection.artifactNames?.size === 0) {
        output.note(`stage ${options.stage!.join(", ")} needs no artifacts: nothing to fetch`);
        const root = source instanceof RunOutputRoot ? source : undefined;
        // The steps after it expect the directory.
        if (!dryRun) await makeOutputDir(outputDir);
        return output.result(() => nothingFetched(root, { ...options, mode, dryRun }), () => []);
      }
      using storage = await openForReading(options, context.io, output);
      const { show } = storage;

      const { concurrency, quiet = false } = options;
      const fetching = {
        ...selection,
        requireChecksums: options.requireChecksums,
        outputDir,
        concurrency,
        show,
        signal,
      };
      const reading = { storage, io: context.io, output, signal };
      const planned = source instanceof RunOutputRoot
        ? await planNamedRun(source, options, fetching, reading)
        : await planFoundRuns(source, options, fetching, reading);
      const { plan, roots, manifests, found } = planned;
      if (!options.list) await checkOutsideRuns(outputDir, roots, storage);
      const cache = dryRun
        ? undefined
        : await openCache(options, context.io, output, mode === "packed");
      let removed: RemovedOld | undefined;
      const recording = {
        sources: recordedSources(planned, storage, namedRepository(options)),
        keepOld: options.keepOld,
        onRemoved: (what: RemovedOld) => void (removed = what),
      };
      if (dryRun && !options.list) {
        const { keepArchives } = options;
        const request = { items: plan.items, mode, recording, keepArchives };
        await previewRemoved(outputDir, request, output);
      }
      const began = performance.now();
      // Archives are downloaded to other directories than planned.
      const progress = {
        verb: "fetched",
        files: plan.items,
        keyOf: basename,
        io: context.io,
        quiet,
      };
      let keptIn: string | undefined;
      const reportKept = () => {
        if (keptIn === undefined) return;
        output.note(
          `nothing was unpacked; the downloads are kept in ${keptIn} for the next fetch`,
        );
      };
      const report = await withProgress(progress, async (listener) => {
        const onWait = (name: string) =>
          output.note(`another process is downloading ${name}: waiting for it`);
        const onKept = (dir: string) => void (keptIn = dir);
        const common = { dryRun, concurrency, cache, onWait, show, signal, ...listener };
        const onNote = (text: string) => output.warn(text);
        const unpacking = { onKept, onNote, mode, outputDir, options, recording };
        return await execute(storage, plan, { ...common, ...unpacking });
      }).catch((error) => {
        reportKept();
        throw error;
      });
      const seconds = (performance.now() - began) / 1000;

      output.noteAll(plan.notes);
      output.warnAll(plan.warnings);
      const { results, warnings = [] } = report;
      reportProblems(results, output);
      output.warnAll(warnings);
      if (removed !== undefined) reportRemoved(removed, output);
      reportKept();
      const text = fetchedText(plan, report, {
        ...{ roots, found, mode, outputDir: options.outputDir, dryRun, storage },
        ...{ upToDate: isUpToDate(report, removed), removed },
        isList: options.list ?? false,
      });
      output.report(
        () => ({
          schema: "run-outputs.fetch/1",
          dry_run: dryRun,
          ...describeRoot(roots[0], storage),
          found: found && foundJson(found),
          staging_dir: storage.dir,
          output_dir: options.outputDir && resolve(options.outputDir),
          manifest: manifestJson(manifests[0]),
          mode,
          up_to_date: isUpToDate(report, removed),
          removed: removedJson(removed),
          seconds,
          phases: { download: report.downloading, unpack: report.unpacking },
          kept_in: report.keptIn && resolve(report.keptIn),
          ...fetchedFiles(roots, plan, report, { storage, leavesArchives }),
        }),
        text,
      );
      context.setExitCode(exitCodeOfResults(results));
    },
  );
}

/** Whether the output directory had everything, and nothing else. */
function isUpToDate({ upToDate }: FetchReport, removed: RemovedOld | undefined): boolean {
  return upToDate === true && removed === undefined;
}

async function execute(
  { backend }: OpenStorage,
  plan: FetchPlan,
  { mode, outputDir, options, ...common }:
    & { readonly mode: FetchMode; readonly outputDir: string }
    & { readonly options: FetchCommandOptions }
    & Pick<ProgressListener, "onUnpacked">
    & Pick<FetchUnpackedOptions, "onKept" | "onNote">
    & { readonly recording: FetchRecording }
    & Parameters<typeof import("../../../operations/fetch/packed.ts").fetchPacked>[2],
): Promise<FetchReport> {
  if (mode === "packed" || common.dryRun) {
    const { fetchPacked } = await import("../../../operations/fetch/packed.ts");
    const began = performance.now();
    const results = await fetchPacked(backend, plan, common);
    const seconds = (performance.now() - began) / 1000;
    const { downloadedBytes } = await import("../../../operations/fetch/archive_source.ts");
    const downloading = { seconds, bytes: downloadedBytes(results) };
    const upToDate = results.length > 0 &&
      results.every(({ outcome }) => outcome === "unchanged");
    return { results, unpacked: new Map(), downloading, upToDate };
  }
  const { fetchUnpacked } = await import("../../../operations/fetch/unpacked.ts");
  const { keepArchives } = options;
  const limits = unpackLimits(options);
  return await fetchUnpacked(backend, plan, { ...common, mode, outputDir, keepArchives, limits });
}
