/**
 * Where a bisect gets its artifacts from: the runs of its commits, found through GitHub.
 *
 * @module
 */

import { join } from "node:path";
import pMap from "p-map";
import type { UnpackLimits, UnpackMode } from "../../archive/unpack.ts";
import { diskError } from "../../layout/disk_error.ts";
import { RunOutputsError } from "../../layout/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { ContentCache } from "../../storage/content_cache.ts";
import type { DownloadItem } from "../../storage/download.ts";
import type { TransferEvent, TransferResult } from "../../storage/transfer.ts";
import { ArchiveSource } from "../archive_source.ts";
import { type FetchPlan, planFetch } from "../fetch_artifacts.ts";
import { fetchUnpacked, type UnpackedReport } from "../fetch_unpacked.ts";
import {
  DEFAULT_WORKFLOW,
  type RunSearch,
  searchCommit,
  type SearchOptions,
} from "../search_runs.ts";
import { removeWorkDir } from "../work_dir.ts";
import type { BisectCallOptions, BisectSource } from "./source.ts";
import type { BisectArtifacts, BisectRun } from "./state.ts";
import type { BisectCommit } from "./suspects.ts";

/** How many archives are brought near at once, while something else is measured perhaps. */
const PREFETCHES = 2;

/** Which artifacts, where they are, and where to. */
export interface BisectArtifactOptions extends Omit<SearchOptions, "signal"> {
  /** The directory that gets a directory for each commit. */
  readonly outputDir: string;
  /** How archives are unpacked. */
  readonly mode: UnpackMode;
  /** Refuse archives that have no checksum. Default: they are taken with a warning. */
  readonly requireChecksums?: boolean;
  /** When an archive is refused because it is too large. */
  readonly limits?: Partial<UnpackLimits>;
  /** How many files at once. */
  readonly concurrency?: number;
  /** Where archives are kept. Without it nothing is brought near. */
  readonly cache?: ContentCache;
  /** Where a location is, for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Told of progress. */
  readonly onEvent?: (event: TransferEvent) => void;
  /** Told, in one line, that another process is downloading the same archive. */
  readonly onWait?: (name: string) => void;
  /** Told what a fetch will do. */
  readonly onPlan?: (plan: FetchPlan) => void;
  /** Told what a fetch did. */
  readonly onFetched?: (report: UnpackedReport) => void;
}

/**
 * Makes a source of artifacts for {@linkcode Bisect}: found as `findArtifacts` does, fetched as
 * `fetchUnpacked` does, each commit into a directory of its own.
 *
 * @param options Which artifacts, where they are, and where to.
 * @returns The source.
 */
export function bisectArtifacts(options: BisectArtifactOptions): BisectSource {
  return new ArtifactSource(options);
}

class ArtifactSource implements BisectSource {
  readonly #options: BisectArtifactOptions;

  constructor(options: BisectArtifactOptions) {
    this.#options = options;
  }

  async find({ sha }: BisectCommit, { signal }: BisectCallOptions): Promise<BisectArtifacts> {
    const search = await searchCommit(sha, { ...this.#options, signal });
    if (search.missing.length > 0) return { status: "no", reason: this.#whyNot(search) };
    const runs = new Map<string, BisectRun>();
    for (const { group, run, root } of search.groups) {
      const groups = [...runs.get(run.id)?.groups ?? [], group ?? null];
      const { bucket, externalRepo } = root;
      const place = { bucket, external_repo: externalRepo };
      runs.set(run.id, { run_id: run.id, url: run.url, ...place, groups });
    }
    return { status: "yes", runs: [...runs.values()] };
  }

  async fetch(
    { sha }: BisectCommit,
    runs: readonly BisectRun[],
    { signal }: BisectCallOptions,
  ): Promise<string> {
    const { backend, onPlan, onFetched, ...common } = this.#options;
    const outputDir = this.#directory(sha);
    const plan = await this.#plan(runs, outputDir, signal);
    onPlan?.(plan);
    const report = await fetchUnpacked(backend, plan, { ...common, outputDir, signal });
    onFetched?.(report);
    const failure = worst(report.results);
    if (failure !== undefined) throw failure;
    return outputDir;
  }

  async prefetch(
    { sha }: BisectCommit,
    runs: readonly BisectRun[],
    { signal }: BisectCallOptions,
  ): Promise<void> {
    const { backend, cache } = this.#options;
    if (cache === undefined || !cache.writable) return;
    const { items } = await this.#plan(runs, this.#directory(sha), signal);
    using source = new ArchiveSource(backend, { cache, signal });
    // What has no checksum can't be kept.
    const kept = items.filter((item) => item.sha256 !== undefined);
    await pMap(kept, async (item) => {
      await using _archive = await source.get(item);
    }, { concurrency: PREFETCHES, signal });
  }

  async has(directory: string): Promise<boolean> {
    return await Deno.stat(directory).then(({ isDirectory }) => isDirectory, () => false);
  }

  async discard(sha: string): Promise<void> {
    const directory = this.#directory(sha);
    await Deno.remove(directory, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("remove", directory, error);
    });
    await removeWorkDir(directory);
  }

  #directory(sha: string): string {
    return join(this.#options.outputDir, sha.slice(0, 12));
  }

  /** The archives of all groups; one that several runs have is that of the first. */
  async #plan(
    runs: readonly BisectRun[],
    outputDir: string,
    signal: AbortSignal | undefined,
  ): Promise<FetchPlan> {
    const { backend, platform, ...selection } = this.#options;
    const items = new Map<string, DownloadItem>();
    const failures = new Map<string, TransferResult>();
    let available = 0;
    for (const { run_id: runId, bucket, external_repo: externalRepo, groups } of runs) {
      const root = new RunOutputRoot({ bucket, externalRepo, runId, platform });
      const named = groups.filter((group) => group !== null);
      const plan = await planFetch(backend, root, {
        ...selection,
        artifactGroups: named,
        amdgpuTargets: [],
        outputDir,
        signal,
      });
      for (const item of plan.items) {
        if (!items.has(item.path) && !failures.has(item.path)) items.set(item.path, item);
      }
      for (const failure of plan.failures) {
        const { path = failure.location.name } = failure;
        if (!items.has(path)) failures.set(path, failure);
      }
      available += plan.available;
    }
    return { items: [...items.values()], failures: [...failures.values()], available };
  }

  #whyNot({ missing, rejected, pending }: RunSearch): string {
    const { workflow = DEFAULT_WORKFLOW } = this.#options;
    const last = rejected.at(-1);
    const pended = pending.length === 0 ? "" : `; run ${pending[0].id} has not ended`;
    if (last === undefined) return `${workflow} has no run for it`;
    const what = missing[0] === undefined ? "" : `nothing for ${missing.join(", ")}; `;
    return `${what}run ${last.run.id}: ${last.reason}${pended}`;
  }
}

/** The failure that tells most: what will never be whole comes before what may be later. */
function worst(results: readonly TransferResult[]): Error | undefined {
  const errors = results.flatMap(({ error }) => error ?? []);
  const withCode = (code: string) =>
    errors.find((error) => error instanceof RunOutputsError && error.code === code);
  return withCode("integrity") ?? withCode("not_found") ?? errors[0];
}
