/**
 * `run-outputs fetch`
 *
 * @module
 */

import { basename, resolve } from "node:path";
import { Argument, Command } from "commander";
import type { Unpacked } from "../../archive/unpack.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { FetchResult } from "../../operations/archive_source.ts";
import type { FetchPlan } from "../../operations/fetch_artifacts.ts";
import type {
  FetchPhase,
  FetchUnpackedOptions,
  UnpackedReport,
} from "../../operations/fetch_unpacked.ts";
import type { ContentCache } from "../../storage/content_cache.ts";
import type { Context } from "../context.ts";
import { exitCodeOfResults } from "../exit_codes.ts";
import {
  type FetchCommandOptions,
  type FetchMode,
  fetchMode,
  OUTPUT_DIR,
  withFetchOptions,
} from "../fetch_options.ts";
import { planFoundRuns, planNamedRun, type PlannedFetch } from "../fetch_sources.ts";
import { findSelector, refuseFinding, withFindOptions } from "../find_options.ts";
import { foundJson, foundLines } from "../find_report.ts";
import { manifestJson } from "../run_manifest.ts";
import { list, nonEmpty, required, withReadOptions } from "../options.ts";
import { columns, formatBytes, Output } from "../output.ts";
import { type ProgressListener, withProgress } from "../progress.ts";
import { runRoot } from "../run_root.ts";
import { describeRoot } from "../run_upload.ts";
import { selectionOf } from "../selection.ts";
import { checkOutputDir, openForReading, type OpenStorage, stagingDirOf } from "../storage.ts";
import {
  inOrder,
  relativeToAny,
  reportedLocations,
  summaryLine,
  tellTrouble,
} from "../transfer_report.ts";

/** Builds the command. */
export function fetchCommand(context: Context): Command {
  const command = new Command("fetch")
    .summary("download artifacts of a run, verify and unpack them")
    .description(
      "Downloads artifacts of a run, holds each against its checksum and unpacks it. Nothing " +
        "appears in the output directory before all of it is there: if anything fails, the " +
        "directory is as it was, and what was downloaded is kept beside it for the next try.",
    )
    .addArgument(
      new Argument("[include...]", "globs of artifacts to fetch, such as 'blas_*' (default: all)"),
    )
    .option(OUTPUT_DIR, "the directory that gets the files (required)", nonEmpty)
    .addHelpText(
      "after",
      `
Globs are compared with the name of the archive and with that without .tar.zst or .tar.xz.

Each archive is unpacked below DIR/NAME, NAME being its own up to the first dot; a directory that is
there is replaced, a file is in the way. With --flatten all of them make one tree, without the
directories that each lists in its artifact_manifest.txt; with --bootstrap they make one tree with
them. Of a file that several have, the one of the archive whose name comes last stays.

Exits with 6 if an archive is not what its checksum says or is refused, with 7 if one is missing or
the run is not complete though --require-complete asks for it, with 3 if the run has nothing that
matches.

Examples:
  run-outputs fetch --staging-dir ./staging --run-id 12345 --output-dir ./artifacts
  run-outputs fetch --run-id 12345 --artifact-group gfx94X-dcgpu --components lib,run --flatten \\
    --output-dir ./rocm --cache-dir ~/.cache/run-outputs
  run-outputs fetch --commit 1a2b3c4d --artifact-group gfx94X-dcgpu --output-dir ./artifacts
  run-outputs fetch --run-id 12345 --list 'blas_*' --exclude '*_dbg_*'
  run-outputs fetch --no-extract '*_lib_*' --exclude '*_generic.*' --staging-dir ./staging \\
    --run-id 12345 --output-dir ./archives`,
    );
  return withReadOptions(withFindOptions(withFetchOptions(command))).action(
    async (include: string[], options: FetchCommandOptions, self: Command) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const mode = fetchMode(options, (name) => self.getOptionValueSource(name) === "cli");
      const dryRun = options.dryRun || options.list || false;
      const leavesArchives = !options.list && (mode === "packed" || options.keepArchives === true);
      const outputDir = options.list
        ? options.outputDir ?? "."
        : required(options.outputDir, OUTPUT_DIR);
      const onDisk = stagingDirOf(options, context.io) !== undefined;
      const selector = findSelector(options);
      if (selector === undefined) refuseFinding(options);
      const source = selector ??
        runRoot(options, { reading: true, onDisk }, context.io, output);
      await checkOutputDir(outputDir);
      const selection = await selectionOf(options, include.flatMap((item) => list(item)));
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
      const { plan, roots, manifests, found } = source instanceof RunOutputRoot
        ? await planNamedRun(source, options, fetching, reading)
        : await planFoundRuns(source, options, fetching, reading);
      const cache = options.cacheDir === undefined || dryRun
        ? undefined
        : await openCache(options.cacheDir, options.cacheSize, output);
      const began = performance.now();
      // Archives are downloaded under other directories than they are planned for.
      const progress = {
        verb: "fetched",
        files: plan.items,
        keyOf: basename,
        io: context.io,
        quiet,
      };
      let keptIn: string | undefined;
      const tellKept = () => {
        if (keptIn === undefined) return;
        output.note(
          `nothing was unpacked; what was downloaded is kept in ${keptIn} for the next try`,
        );
      };
      const report = await withProgress(progress, async (listener) => {
        const onWait = (name: string) =>
          output.note(`another process is downloading ${name}: waiting for it`);
        const onKept = (dir: string) => void (keptIn = dir);
        const common = { dryRun, concurrency, cache, onWait, show, signal, ...listener };
        return await execute(storage, plan, { ...common, onKept, mode, outputDir, options });
      }).catch((error) => {
        tellKept();
        throw error;
      });
      const seconds = (performance.now() - began) / 1000;

      for (const warning of plan.warnings) output.warn(warning);
      const { results } = report;
      tellTrouble(results, output);
      tellKept();
      output.result(
        () => ({
          schema: "run-outputs.fetch/1",
          dry_run: dryRun,
          ...describeRoot(roots[0]),
          found: found && foundJson(found),
          staging_dir: storage.dir,
          output_dir: options.outputDir && resolve(options.outputDir),
          manifest: manifestJson(manifests[0]),
          mode,
          seconds,
          phases: { download: report.downloading, unpack: report.unpacking },
          kept_in: report.keptIn && resolve(report.keptIn),
          ...withDetails(roots, plan, report, leavesArchives),
        }),
        () =>
          textOf(plan, report, {
            roots,
            found,
            output,
            mode,
            outputDir: options.outputDir,
            dryRun,
            seconds,
            storage,
          }),
      );
      context.setExitCode(exitCodeOfResults(results));
    },
  );
}

/** What was done, packed or unpacked. */
type Report = Pick<UnpackedReport, "results" | "unpacked" | "keptIn"> & {
  readonly downloading?: FetchPhase;
  readonly unpacking?: FetchPhase;
};

async function execute(
  { backend }: OpenStorage,
  plan: FetchPlan,
  { mode, outputDir, options, ...common }:
    & { readonly mode: FetchMode; readonly outputDir: string }
    & { readonly options: FetchCommandOptions }
    & Pick<ProgressListener, "onUnpacked">
    & Pick<FetchUnpackedOptions, "onKept">
    & Parameters<typeof import("../../operations/fetch_artifacts.ts").fetchPacked>[2],
): Promise<Report> {
  if (mode === "packed" || common.dryRun) {
    const { fetchPacked } = await import("../../operations/fetch_artifacts.ts");
    const began = performance.now();
    const results = await fetchPacked(backend, plan, common);
    const seconds = (performance.now() - began) / 1000;
    const loaded = results.filter(({ origin }) => origin === "network");
    const bytes = loaded.reduce((sum, { size }) => sum + (size ?? 0), 0);
    return { results, unpacked: new Map(), downloading: { seconds, bytes } };
  }
  const { fetchUnpacked } = await import("../../operations/fetch_unpacked.ts");
  const { maxMembers, maxUnpackedSize: maxBytes, maxRatio, keepArchives } = options;
  const limits = Object.fromEntries(
    Object.entries({ maxMembers, maxBytes, maxRatio }).filter(([, value]) => value !== undefined),
  );
  return await fetchUnpacked(backend, plan, { ...common, mode, outputDir, keepArchives, limits });
}

async function openCache(
  dir: string,
  maxBytes: number | undefined,
  output: Output,
): Promise<ContentCache> {
  const { ContentCache } = await import("../../storage/content_cache.ts");
  const cache = await ContentCache.open(dir, { maxBytes, onNote: (note) => output.warn(note) });
  if (!cache.writable) output.note(`the cache ${dir} can only be read: nothing is added to it`);
  return cache;
}

/** The files of the JSON document, each with where it came from and what was unpacked of it. */
function withDetails(
  roots: readonly RunOutputRoot[],
  plan: FetchPlan,
  report: Report,
  leavesArchives: boolean,
) {
  const prefixes = roots.map((root) => root.root());
  const reported = reportedLocations(
    prefixes,
    report.results,
    ({ path }) => leavesArchives ? resolve(path) : undefined,
  );
  const details = inOrder(report.results) as FetchResult[];
  const verified = verifiedKeys(plan);
  return {
    ...reported,
    files: reported.files.map((file, i) => {
      const { location, origin, resumed, outcome } = details[i];
      return {
        ...file,
        verified: outcome !== "failed" && outcome !== "planned" && verified.has(location.key),
        origin,
        resumed_bytes: resumed,
        unpacked: unpackedJson(report.unpacked.get(location.name)),
      };
    }),
  };
}

function unpackedJson(unpacked: Unpacked | undefined) {
  if (unpacked === undefined) return undefined;
  const { directory, members, files, bytes, seconds } = unpacked;
  return { directory: resolve(directory), members, files, bytes, seconds };
}

function verifiedKeys(plan: FetchPlan): ReadonlySet<string> {
  return new Set(plan.items.filter(({ sha256 }) => sha256).map(({ location }) => location.key));
}

interface Told {
  readonly roots: readonly RunOutputRoot[];
  readonly found: PlannedFetch["found"];
  readonly output: Output;
  readonly mode: FetchMode;
  /** As the user named it; nothing, where a list is all that is wanted. */
  readonly outputDir: string | undefined;
  readonly dryRun: boolean;
  readonly seconds: number;
  readonly storage: OpenStorage;
}

function textOf(plan: FetchPlan, report: Report, told: Told): string[] {
  const { roots, found, mode, outputDir, dryRun, storage } = told;
  const prefixes = roots.map((root) => root.root());
  const results = inOrder(report.results) as FetchResult[];
  const failed = results.filter(({ outcome }) => outcome === "failed").length;
  const isUndone = mode === "packed" ? failed === results.length : failed > 0;
  const rows = results.map((result) => {
    const { outcome, size, location, origin, resumed } = result;
    const from = outcome === "planned"
      ? `<- ${storage.show(location)}`
      : origin === "cache"
      ? "from the cache"
      : resumed !== undefined
      ? `${formatBytes(resumed)} were there`
      : "";
    const unpacked = report.unpacked.get(location.name);
    return [
      outcome === "planned"
        ? "would fetch"
        : unpacked !== undefined
        ? "unpacked"
        : outcome === "written" && isUndone
        ? "downloaded"
        : outcome,
      size === undefined ? "" : formatBytes(size),
      relativeToAny(prefixes, location),
      from,
    ];
  });
  const keys = verifiedKeys(plan);
  const verified =
    results.filter(({ outcome, location }) =>
      (outcome === "written" || outcome === "unchanged") && keys.has(location.key)
    ).length;
  const { downloading, unpacking } = report;
  return [
    ...columns(rows, [1]).map((line) => line.trimEnd()),
    ...(found === undefined ? [] : foundLines(found)),
    `${summaryLine(results)}${verified === 0 ? "" : `; ${verified} verified`}`,
    ...(dryRun ? [] : phaseLine("downloaded", downloading)),
    ...(dryRun ? [] : phaseLine("unpacked", unpacking)),
    ...(outputDir === undefined
      ? []
      : dryRun
      ? [`would be ${mode === "packed" ? "" : "unpacked "}in ${outputDir}`]
      : [isUndone ? `nothing in ${outputDir}` : `in ${outputDir}`]),
  ];
}

function phaseLine(verb: string, phase: FetchPhase | undefined): string[] {
  if (phase === undefined || phase.bytes === 0) return [];
  const { bytes, seconds } = phase;
  const speed = seconds < 0.01 ? "" : ` (${formatBytes(Math.round(bytes / seconds))}/s)`;
  return [`${verb} ${formatBytes(bytes)} in ${seconds.toFixed(1)} s${speed}`];
}
