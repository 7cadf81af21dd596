/**
 * Downloads a run's artifacts without unpacking them, and verifies each.
 *
 * @module
 */

import { dirname } from "node:path";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { realPath } from "../../storage/local/real_path.ts";
import { downloadFailure, type DownloadItem, spread } from "../../storage/transfer/download.ts";
import { transferAll } from "../../storage/transfer/transfer.ts";
import { ArchiveSource, type ArchiveSourceOptions, type FetchResult } from "./archive_source.ts";
import { explainFetched, type FetchPlan } from "./fetch.ts";
import { missingDirs, removeEmpty } from "./missing_dirs.ts";
import { holdOutput } from "./output_lock.ts";
import { type FetchRecording, Recorder } from "./recording.ts";
import { checkFetchSpace } from "./space.ts";

/** Options of {@linkcode fetchPacked}. */
export interface FetchPackedOptions extends ArchiveSourceOptions {
  /** Formats a location for messages. Default: as the storage does. */
  readonly show?: (location: OutputLocation) => string;
  /**
   * Record in the output directory what this fetch puts there, and remove what earlier fetches have
   * put there and this one does not have. Default: neither.
   */
  readonly recording?: FetchRecording;
}

/**
 * Downloads the archives of a plan without unpacking them: each appears in the directory once it is
 * complete and verified. One without a checksum file is downloaded with a warning.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @param options Dry run, concurrency, progress, a cache, a signal.
 * @returns The result for each archive, including failures of the plan.
 * @throws {RunOutputsError} `failed`, if the archives don't fit on the disk. With `recording`: `conflict`, if another fetch unpacks to the directory;
 * or errors of its record.
 */
export async function fetchPacked(
  backend: StorageBackend,
  plan: FetchPlan,
  options: FetchPackedOptions = {},
): Promise<FetchResult[]> {
  const { dryRun = false } = options;
  const dirs = dryRun ? [] : [...new Set(plan.items.map(({ path }) => dirname(path)))];
  let addsToCache: boolean | undefined;
  if (dirs.length > 0) {
    const space = { ...options, dir: dirs[0], outputDir: dirs[0], unpacks: false };
    addsToCache = await checkFetchSpace(plan.items, space);
  }
  const missing = (await Promise.all(dirs.map(missingDirs))).flat();
  try {
    const fetch = () => fetchItems(backend, plan, { addsToCache, ...options });
    const recording = dryRun || dirs.length !== 1 ? undefined : options.recording;
    const results = recording === undefined
      ? await fetch()
      : await recorded(dirs[0], plan, { ...options, recording }, fetch);
    return [...plan.failures, ...results];
  } finally {
    // If nothing was downloaded to them, no trace of the attempt remains.
    await removeEmpty(missing);
  }
}

/** Downloads, and records it before and after. Other fetches may record their own meanwhile. */
async function recorded(
  outputDir: string,
  { items, failures }: FetchPlan,
  { recording, signal }: FetchPackedOptions & { readonly recording: FetchRecording },
  fetch: () => Promise<FetchResult[]>,
): Promise<FetchResult[]> {
  const directory = await realPath(outputDir);
  const change = async (
    work: (recorder: Recorder) => Promise<void>,
    wait: { readonly forever?: boolean; readonly signal?: AbortSignal },
  ) => {
    const lock = await holdOutput(directory, outputDir, wait);
    try {
      await work(await Recorder.open({ directory, recording, mode: "packed", items }));
    } finally {
      await lock.close(true);
    }
  };
  let overwritten: readonly string[] = [];
  await change(async (recorder) => void (overwritten = await recorder.begin()), { signal });
  let results: FetchResult[];
  try {
    results = await fetch();
  } catch (error) {
    // What was downloaded is recorded already, as unfinished, if this fails too.
    await change((recorder) => recorder.end([], false), {}).catch(() => {});
    throw error;
  }
  const isThere = ({ outcome }: FetchResult) => outcome === "written" || outcome === "unchanged";
  const keys = new Set(results.filter(isThere).map(({ location }) => location.s3Uri));
  const written = items.filter(({ location }) => keys.has(location.s3Uri));
  const whole = written.length === items.length && failures.length === 0;
  await change((recorder) => recorder.end(written, whole, overwritten), { forever: true, signal });
  return results;
}

async function fetchItems(
  backend: StorageBackend,
  plan: FetchPlan,
  options: FetchPackedOptions,
): Promise<FetchResult[]> {
  const { show } = options;
  const how = spread(backend, plan.items, options.concurrency);
  using source = new ArchiveSource(backend, { ...how, ...options }, how.streams);
  return await transferAll<DownloadItem, FetchResult>(
    plan.items,
    async (item) => {
      const result = await source.place(item);
      return [explainFetched(result, item, show)];
    },
    (item, error) => explainFetched(downloadFailure(item, error), item, show),
    { ...options, concurrency: how.concurrency },
  );
}
