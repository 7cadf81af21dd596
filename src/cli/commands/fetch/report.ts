/**
 * The report of a fetch, as text and as JSON.
 *
 * @module
 */

import { resolve } from "node:path";
import type { Unpacked } from "../../../archive/unpack/unpack.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import type { FetchResult } from "../../../operations/fetch/archive_source.ts";
import type { FetchPlan } from "../../../operations/fetch/fetch.ts";
import type { FetchPhase, UnpackedReport } from "../../../operations/fetch/unpacked.ts";
import type { RemovedOld } from "../../../operations/fetch/recording.ts";
import type { FetchMode } from "./options.ts";
import type { PlannedFetch } from "./sources.ts";
import { addresses } from "../../addresses.ts";
import { foundLines } from "../find/report.ts";
import { columns, formatBytes, plural, type Report } from "../../terminal/output.ts";
import { describeRoot } from "../../run_root.ts";
import type { OpenStorage } from "../../storage.ts";
import { inOrder, pathInAny, reportedLocations, summaryLine, took } from "../../transfer_report.ts";

/** The results of a fetch, packed or unpacked. */
export type FetchReport = Pick<UnpackedReport, "results" | "unpacked" | "keptIn" | "upToDate"> & {
  readonly warnings?: UnpackedReport["warnings"];
  readonly downloading?: FetchPhase;
  readonly unpacking?: FetchPhase;
};

/** What else the text of a report needs. */
export interface FetchContext {
  /** The runs that were fetched from. */
  readonly roots: readonly RunOutputRoot[];
  /** The search on GitHub, if there was one. */
  readonly found: PlannedFetch["found"];
  /** What was done with the archives. */
  readonly mode: FetchMode;
  /** The directory as the user wrote it; `undefined` for `--list`. */
  readonly outputDir: string | undefined;
  /** Whether nothing was written. */
  readonly dryRun: boolean;
  /** Whether there was nothing to do. */
  readonly upToDate: boolean;
  /** What was removed of earlier fetches. */
  readonly removed: RemovedOld | undefined;
  /** Whether the list of archives was asked for. */
  readonly isList: boolean;
  /** The storage of the runs. */
  readonly storage: OpenStorage;
}

/**
 * The files of the JSON document, with their origin and what was unpacked.
 *
 * @param roots The runs that were fetched from.
 * @param plan The plan.
 * @param report The results.
 * @param context The storage of the runs; whether archives stay on disk and so have a path there.
 * @returns Members of the document.
 */
export function fetchedFiles(
  roots: readonly RunOutputRoot[],
  plan: FetchPlan,
  report: FetchReport,
  { storage, leavesArchives }: Pick<FetchContext, "storage"> & { readonly leavesArchives: boolean },
) {
  const prefixes = roots.map((root) => root.root());
  const reported = reportedLocations(
    prefixes,
    report.results,
    ({ location, path }) => ({
      ...addresses(storage, location),
      local_path: leavesArchives ? resolve(path) : undefined,
    }),
  );
  const details = inOrder(report.results) as FetchResult[];
  const verified = verifiedKeys(plan);
  return {
    ...reported,
    files: Array.from(reported.files, (file, i) => {
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

/**
 * The JSON document of a fetch by stage that needs nothing, so that no run is looked up.
 *
 * @param root The run, if one is named.
 * @param request How the fetch was requested.
 * @returns The document.
 */
export function nothingFetched(
  root: RunOutputRoot | undefined,
  { mode, outputDir, dryRun }:
    & { readonly outputDir?: string }
    & Pick<FetchContext, "mode" | "dryRun">,
) {
  return {
    schema: "run-outputs.fetch/1",
    dry_run: dryRun,
    ...root && describeRoot(root),
    output_dir: outputDir && resolve(outputDir),
    mode,
    ...reportedLocations([], [], () => ({})),
  };
}

/**
 * The text form of a report.
 *
 * @param plan The plan.
 * @param report The results.
 * @param context What else the text needs.
 * @returns Its parts.
 */
export function fetchedText(
  plan: FetchPlan,
  report: FetchReport,
  context: FetchContext,
): Report {
  const { roots, found, mode, outputDir, dryRun, isList, storage, upToDate } = context;
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
      ? `resumed at ${formatBytes(resumed)}`
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
      pathInAny(prefixes, result),
      from,
    ];
  });
  const keys = verifiedKeys(plan);
  const verified =
    results.filter(({ outcome, location }) =>
      (outcome === "written" || outcome === "unchanged") && keys.has(location.key)
    ).length;
  const { downloading, unpacking } = report;
  const place = outputDir === undefined
    ? []
    : dryRun
    ? [`would be ${mode === "packed" ? "" : "unpacked "}in ${outputDir}`]
    : upToDate
    ? [`already up to date: ${outputDir}`]
    : [isUndone ? `nothing in ${outputDir}` : `in ${outputDir}`];
  return {
    listed: isList ? "always" : dryRun,
    files: () => columns(rows, [1]).map((line) => line.trimEnd()),
    more: () => found === undefined ? [] : foundLines(found),
    last: () =>
      [
        summaryLine(results, "to fetch"),
        ...(verified === 0 ? [] : [`${verified} verified`]),
        ...(dryRun ? [] : phase("downloaded", downloading)),
        ...(dryRun ? [] : phase("unpacked", unpacking)),
        ...place,
        ...mixed(context.removed),
      ].join("; "),
  };
}

/** What the directory has beside the fetch, or has lost by it. */
function mixed(
  { changed = [], lost = [], replaced = [] }: Partial<RemovedOld> = {},
): string[] {
  const gone = lost.length + replaced.length;
  return [
    ...changed.length === 0
      ? []
      : [`${plural(changed.length, "changed file")} of earlier fetches kept`],
    ...gone === 0 ? [] : [`${plural(gone, "changed or foreign file")} replaced`],
  ];
}

function unpackedJson(unpacked: Unpacked | undefined) {
  if (unpacked === undefined) return undefined;
  const { directory, members, files, bytes, seconds } = unpacked;
  return { directory: resolve(directory), members, files, bytes, seconds };
}

function verifiedKeys(plan: FetchPlan): ReadonlySet<string> {
  return new Set(plan.items.filter(({ sha256 }) => sha256).map(({ location }) => location.key));
}

function phase(verb: string, phase: FetchPhase | undefined): string[] {
  if (phase === undefined || phase.bytes === 0) return [];
  const { bytes, seconds } = phase;
  return [`${verb} ${formatBytes(bytes)}${took(seconds, bytes)}`];
}
