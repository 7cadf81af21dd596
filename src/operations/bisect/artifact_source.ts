/**
 * The artifacts of a bisect's commits, from their runs on GitHub.
 *
 * @module
 */

import pMap from "p-map";
import type { UnpackLimits, UnpackMode } from "../../archive/unpack/unpack.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { ContentCache } from "../../storage/cache/content_cache.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { ArchiveSource } from "../fetch/archive_source.ts";
import type { FetchPlan } from "../fetch/fetch.ts";
import { planFoundFetch, sourceRuns } from "../fetch/found.ts";
import {
  fetchUnpacked,
  type FetchUnpackedOptions,
  type UnpackedReport,
} from "../fetch/unpacked.ts";
import {
  DEFAULT_WORKFLOW,
  type RefusableRun,
  type RunSearch,
  searchCommit,
  type SearchOptions,
} from "../find/search_runs.ts";
import { readOutputs, type RunManifest } from "../manifest/read.ts";
import { commitDirectory, discardCommit } from "./directories.ts";
import type { BisectCallOptions, BisectSource } from "./source.ts";
import type { BisectArtifacts, BisectRun } from "./state.ts";
import type { BisectCommit } from "./suspects.ts";
import { undoneParts } from "./undone_parts.ts";

/** The number of archives that are prefetched concurrently, maybe during a measurement. */
const PREFETCHES = 2;

/** Why a run in progress is rejected. */
const NOT_ENDED = "it has not finished";

/** Selection, storage and destination of the artifacts. */
export interface BisectArtifactOptions extends Omit<SearchOptions, "signal" | "refuse"> {
  /** The directory for the directories of the commits. */
  readonly outputDir: string;
  /** How names of members are mapped to paths. */
  readonly mode: UnpackMode;
  /** Reject archives without a checksum. Default: accept them with a warning. */
  readonly requireChecksums?: boolean;
  /** Limits above which an archive is rejected. */
  readonly limits?: Partial<UnpackLimits>;
  /** The maximum number of concurrent files. */
  readonly concurrency?: number;
  /** The cache for archives. Without one, nothing is prefetched. */
  readonly cache?: ContentCache;
  /** As in {@linkcode FetchUnpackedOptions}. */
  readonly onNote?: (text: string) => void;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
  /** Called with a line when another process is downloading the same archive. */
  readonly onWait?: (name: string) => void;
  /** Called for each search for a commit's artifacts. */
  readonly onSearch?: (sha: string, search: RunSearch) => void;
  /** Called for each fetch with its plan, to show progress and results. */
  readonly during?: (
    plan: FetchPlan,
    fetch: (
      listener?: Pick<FetchUnpackedOptions, "onEvent" | "onUnpacked">,
    ) => Promise<UnpackedReport>,
  ) => Promise<UnpackedReport>;
}

/**
 * Creates a source of artifacts for {@linkcode Bisect}: found with `findArtifacts`, fetched with
 * `fetchUnpacked`, each commit into a directory of its own.
 *
 * Artifacts that a run lacks would look like the commit's fault. So a run counts only if it has
 * ended, and its manifest, if it has one, has no incomplete part that may contain selected
 * artifacts.
 *
 * @param options Selection, storage and destination of the artifacts.
 * @returns The source.
 */
export function bisectArtifacts(options: BisectArtifactOptions): BisectSource {
  return new ArtifactSource(options);
}

class ArtifactSource implements BisectSource {
  readonly prefetch: BisectSource["prefetch"];
  readonly #options: BisectArtifactOptions;

  constructor(options: BisectArtifactOptions) {
    this.#options = options;
    const { backend, cache, outputDir } = options;
    // Without a cache, prefetched archives could not be kept.
    if (cache === undefined || !cache.writable) return;
    this.prefetch = async ({ sha }, runs, { signal }) => {
      const { items } = await this.#plan(runs, commitDirectory(outputDir, sha), signal);
      using source = new ArchiveSource(backend, { cache, onlyCache: true, signal });
      // Archives without a checksum cannot be cached.
      const kept = items.filter((item) => item.sha256 !== undefined);
      // It ends when all have ended, so that nothing disturbs the next fetch.
      await pMap(kept, async (item) => {
        signal?.throwIfAborted();
        await using _archive = await source.get(item);
      }, { concurrency: PREFETCHES, stopOnError: false });
    };
  }

  async find({ sha }: BisectCommit, { signal }: BisectCallOptions): Promise<BisectArtifacts> {
    const refuse = this.#refusal(signal);
    const search = await searchCommit(sha, { ...this.#options, refuse, signal });
    this.#options.onSearch?.(sha, search);
    if (search.missing.length > 0) return { status: "no", reason: this.#whyNot(search) };
    const runs = sourceRuns(search.groups).map(({ run, root, groups }): BisectRun => {
      const { bucket, externalRepo } = root;
      return { run_id: run.id, url: run.url, bucket, external_repo: externalRepo, groups };
    });
    return { status: "yes", runs };
  }

  async fetch(
    { sha }: BisectCommit,
    runs: readonly BisectRun[],
    { signal }: BisectCallOptions,
  ): Promise<string> {
    const { backend, during = (_plan, fetch) => fetch(), ...common } = this.#options;
    const outputDir = commitDirectory(this.#options.outputDir, sha);
    const plan = await this.#plan(runs, outputDir, signal);
    const report = await during(
      plan,
      (listener) => fetchUnpacked(backend, plan, { ...common, ...listener, outputDir, signal }),
    );
    const failure = worst(report.results);
    if (failure !== undefined) throw failure;
    return outputDir;
  }

  async has(directory: string): Promise<boolean> {
    return await Deno.stat(directory).then(({ isDirectory }) => isDirectory, () => false);
  }

  async discard(sha: string): Promise<void> {
    await discardCommit(this.#options.outputDir, sha);
  }

  async #plan(
    runs: readonly BisectRun[],
    outputDir: string,
    signal: AbortSignal | undefined,
  ): Promise<FetchPlan> {
    const { backend, platform } = this.#options;
    const sources = runs.map(({ run_id: runId, bucket, external_repo: externalRepo, groups }) => ({
      root: new RunOutputRoot({ bucket, externalRepo, runId, platform }),
      groups,
    }));
    return await planFoundFetch(backend, sources, { ...this.#options, outputDir, signal });
  }

  /** Rejects runs that may lack something of a group; reads the manifest of each run once. */
  #refusal(signal: AbortSignal | undefined): (found: RefusableRun) => Promise<string | undefined> {
    const manifests = new Map<string, Promise<RunManifest>>();
    const { backend, show } = this.#options;
    return async ({ run, root, wanted }) => {
      if (run.status !== "completed") return NOT_ENDED;
      const reading = manifests.get(run.id) ?? readOutputs(backend, root, { show, signal });
      manifests.set(run.id, reading);
      try {
        const undone = undoneParts(await reading, wanted);
        return undone.length === 0 ? undefined : `it is incomplete: ${undone.join("; ")}`;
      } catch (error) {
        if (error instanceof RunOutputsError && error.code === "integrity") return error.message;
        throw error;
      }
    };
  }

  #whyNot({ missing, rejected, pending }: RunSearch): string {
    const { workflow = DEFAULT_WORKFLOW } = this.#options;
    const last = rejected.at(-1);
    const pended = pending.length === 0 || last?.reason === NOT_ENDED
      ? ""
      : `; run ${pending[0].id} has not finished`;
    if (last === undefined) return `${workflow} has no run for it`;
    const what = missing[0] === undefined ? "" : `nothing for ${missing.join(", ")}; `;
    return `${what}run ${last.run.id}: ${last.reason}${pended}`;
  }
}

/**
 * The most informative failure: artifacts that will never be complete come before those that may be
 * later.
 */
function worst(results: readonly TransferResult[]): Error | undefined {
  const errors = results.flatMap(({ error }) => error ?? []);
  const withCode = (code: string) =>
    errors.find((error) => error instanceof RunOutputsError && error.code === code);
  return withCode("integrity") ?? withCode("not_found") ?? errors[0];
}
