/**
 * Downloads a run's artifacts and unpacks them into one directory: all of them or none.
 *
 * @module
 */

import { basename, join } from "node:path";
import {
  type Unpacked,
  Unpacker,
  type UnpackLimits,
  type UnpackMode,
} from "../../archive/unpack/unpack.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { downloadFailure, type DownloadItem, spread } from "../../storage/transfer/download.ts";
import { transferAll } from "../../storage/transfer/transfer.ts";
import {
  ArchiveSource,
  downloadedBytes,
  type FetchedArchive,
  type FetchResult,
} from "./archive_source.ts";
import { explainFetched, type FetchPlan } from "./fetch.ts";
import { findPlaces, putArchives } from "./keep_archives.ts";
import type { FetchPackedOptions } from "./packed.ts";
import { Recorder } from "./recording.ts";
import { checkFetchSpace } from "./space.ts";
import { openWorkDir, STAGING } from "./work_dir.ts";

/** Options of {@linkcode fetchUnpacked}. */
export interface FetchUnpackedOptions extends FetchPackedOptions {
  /** How names of members are mapped to paths. */
  readonly mode: UnpackMode;
  /** The directory to unpack to. */
  readonly outputDir: string;
  /**
   * Put the archives into the directory too. If their paths are directories, that is an error
   * before anything changes; errors after unpacking are warnings. Default: they are deleted at the
   * end.
   */
  readonly keepArchives?: boolean;
  /** Limits above which an archive is rejected. */
  readonly limits?: Partial<UnpackLimits>;
  /** The number of archives unpacked at the same time. Default: one per processor. */
  readonly workers?: number;
  /** Called with the number of bytes of an archive unpacked since the last call. */
  readonly onUnpacked?: (name: string, bytes: number) => void;
  /**
   * Called with the location where archives stay for the next attempt, even if the fetch throws.
   */
  readonly onKept?: (dir: string) => void;
  /** Called with a line on what was undone of an interrupted fetch, or is left of one. */
  readonly onNote?: (text: string) => void;
}

/** The duration of a phase, from its first start to its last end, and its bytes. */
export interface FetchPhase {
  /** Seconds. */
  readonly seconds: number;
  /** Bytes. */
  readonly bytes: number;
}

/** The result of a fetch with unpacking. */
export interface UnpackedReport {
  /** The result for each archive, including failures of the plan. */
  readonly results: readonly FetchResult[];
  /** What was unpacked, by archive name; empty, if anything failed. */
  readonly unpacked: ReadonlyMap<string, Unpacked>;
  /** Whether the directory had everything already, as recorded, so that nothing was unpacked. */
  readonly upToDate?: boolean;
  /** Warnings on the whole fetch: what could not be deleted, although it is not needed. */
  readonly warnings: readonly string[];
  /** Where archives stay for the next attempt, if anything failed and there are any. */
  readonly keptIn?: string;
  /** The download. */
  readonly downloading: FetchPhase;
  /** The unpacking, concurrent with the download. */
  readonly unpacking: FetchPhase;
}

/**
 * Downloads the archives of a plan, verifies and unpacks each one as it arrives, and moves
 * everything into the directory at the end. If anything fails, the directory is as it was before,
 * and downloaded archives stay beside it, where the next call finds them.
 *
 * @param backend The storage.
 * @param plan The plan.
 * @param options Destination, concurrency, progress, a cache, a signal.
 * @returns The result for each archive.
 * @throws {RunOutputsError} What prevents the start, or the final move; the signal's reason.
 */
export async function fetchUnpacked(
  backend: StorageBackend,
  plan: FetchPlan,
  options: FetchUnpackedOptions,
): Promise<UnpackedReport> {
  const { outputDir, mode, limits, workers, keepArchives, signal, onUnpacked, onKept, onNote } =
    options;
  // Again before the commit, because a conflict that is known now should not cost a download.
  if (keepArchives) await findPlaces(plan.items);
  const clock = new Clock();
  const left: string[] = [];
  let [opened, done] = [false, false];
  let keptIn: string | undefined;
  let report: Pick<UnpackedReport, "results" | "unpacked" | "upToDate">;
  {
    await using work = await openWorkDir(outputDir, { onNote });
    try {
      await using unpacker = await Unpacker.open({
        mode,
        outputDir,
        stagingDir: join(work.files, STAGING),
        limits,
        workers,
        signal,
        onEvent: ({ name, bytes }) => onUnpacked?.(name, bytes),
        onLeft: ({ message }) => left.push(message),
        onUndone: onNote,
      });
      opened = true;
      const recorder = await openRecorder(plan, options);
      report = recorder?.isUpToDate() && plan.failures.length === 0
        ? {
          results: plan.items.map((item) => onDisk(item, options)),
          unpacked: new Map(),
          upToDate: true,
        }
        : await fetchInto(backend, plan, options, {
          unpacker,
          workDir: work.files,
          clock,
          recorder,
        });
      done = report.results.every(({ outcome }) => outcome !== "failed");
      if (done) left.push(...await work.finish());
    } finally {
      if (!done && opened && await work.hasArchives()) onKept?.(keptIn = work.path);
    }
  }
  return {
    ...report,
    warnings: left.map((message) =>
      `${message}; ${done ? "the fetched files are in place, and " : ""}the next fetch tries again`
    ),
    keptIn,
    downloading: { seconds: clock.downloading, bytes: downloadedBytes(report.results) },
    unpacking: {
      seconds: clock.unpacking,
      bytes: sum([...report.unpacked.values()].map(({ bytes }) => bytes)),
    },
  };
}

/** What the parts of one fetch share. */
interface Shared {
  readonly unpacker: Unpacker;
  readonly workDir: string;
  readonly clock: Clock;
  readonly recorder: Recorder | undefined;
}

/** Reads the record of the directory, in which an interrupted fetch is undone by now. */
async function openRecorder(
  { items }: FetchPlan,
  { outputDir, mode, keepArchives, recording }: FetchUnpackedOptions,
): Promise<Recorder | undefined> {
  if (recording === undefined) return undefined;
  return await Recorder.open({ directory: outputDir, recording, mode, items, keepArchives });
}

async function fetchInto(
  backend: StorageBackend,
  plan: FetchPlan,
  options: FetchUnpackedOptions,
  { unpacker, workDir, clock, recorder }: Shared,
): Promise<Pick<UnpackedReport, "results" | "unpacked">> {
  const { outputDir, keepArchives = false, show, signal } = options;
  const space = { ...options, dir: workDir, outputDir, unpacks: true };
  const how = spread(backend, plan.items, options.concurrency);
  using source = new ArchiveSource(backend, {
    addsToCache: await checkFetchSpace(plan.items, space),
    ...how,
    ...options,
  }, how.streams);
  const held: FetchedArchive[] = [];
  const unpacked = new Map<string, Unpacked>();
  const unpacking: Promise<void>[] = [];
  const refused = new Map<string, Error>();
  let failed = plan.failures.length > 0;
  try {
    const order = plan.items.map(({ location }) => location.name);
    unpacker.prepare(plan.items.map(({ location: { name }, path }) => ({
      name,
      path: join(workDir, basename(path)),
    })));
    using headStart = new HeadStart(options.workers ?? navigator.hardwareConcurrency);
    // The largest first, because a large one that starts last would leave all other processors
    // idle.
    const bySize = plan.items.toSorted((a, b) => (b.size ?? 0) - (a.size ?? 0));
    const results = await transferAll<DownloadItem, FetchResult>(
      bySize,
      async (item) => {
        await headStart.turn();
        const archive = await clock.download(() => getArchive(source, item, workDir, options));
        headStart.end();
        held.push(archive);
        // After a failure nothing will be moved into place; the remaining downloads are for the
        // next attempt.
        if (!failed) {
          unpacking.push(clock.unpack(async () => {
            const { name } = item.location;
            try {
              unpacked.set(
                name,
                await unpacker.add({
                  path: archive.file,
                  name,
                  verified: item.sha256 !== undefined,
                }),
              );
            } catch (error) {
              failed = true;
              refused.set(item.location.key, error as Error);
            }
          }));
        }
        return [explainFetched(archive.result, item, show)];
      },
      (item, error) => {
        headStart.end();
        failed = true;
        return explainFetched(downloadFailure(item, error), item, show);
      },
      { ...options, concurrency: how.concurrency },
    );
    await Promise.all(unpacking);
    signal?.throwIfAborted();
    const place = new Map(plan.items.map(({ location }, i) => [location.s3Uri, i]));
    results.sort((a, b) => place.get(a.location.s3Uri)! - place.get(b.location.s3Uri)!);
    const all = [...plan.failures, ...results.map((result) => withRefusal(result, refused))];
    if (failed) return { results: all, unpacked: new Map() };

    const places = keepArchives ? await findPlaces(plan.items) : undefined;
    await clock.unpack(() => unpacker.commit(order, recorder?.amendment()));
    recorder?.report();
    if (places === undefined) return { results: all, unpacked };
    const warnings = await putArchives(held, places, outputDir);
    await recorder?.settle();
    return { results: all.map((result) => withWarning(result, warnings)), unpacked };
  } finally {
    await Promise.allSettled(unpacking);
    for (const archive of held) await archive[Symbol.asyncDispose]();
  }
}

/** The maximum time for which the first archives do not share the bandwidth, in milliseconds. */
const HEAD_START = 250;

/**
 * Starts as many archives as there are workers before the others: otherwise all would arrive at the
 * end, and the workers would be idle until then.
 */
class HeadStart implements Disposable {
  readonly #over = Promise.withResolvers<void>();
  readonly #timer = setTimeout(() => this.#over.resolve(), HEAD_START);
  #left: number;

  constructor(first: number) {
    this.#left = first;
  }

  /** Waits, unless it is one of the first. */
  async turn(): Promise<void> {
    if (this.#left-- <= 0) await this.#over.promise;
  }

  /** One of the first has arrived, so the others can start. */
  end(): void {
    this.#over.resolve();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.end();
  }
}

/** An archive: from the output directory, if an earlier fetch kept it there, or from the source. */
async function getArchive(
  source: ArchiveSource,
  item: DownloadItem,
  workDir: string,
  { onEvent }: FetchUnpackedOptions,
): Promise<FetchedArchive> {
  if (await source.has(item)) {
    return {
      file: item.path,
      result: onDisk(item, { onEvent }),
      async [Symbol.asyncDispose]() {},
    };
  }
  const archive = await source.get({ ...item, path: join(workDir, basename(item.path)) });
  return { ...archive, result: { ...archive.result, path: item.path } };
}

/** The result for an archive that is there already. */
function onDisk(
  { location, path, size, sha256 }: DownloadItem,
  { onEvent }: Pick<FetchUnpackedOptions, "onEvent">,
): FetchResult {
  const existing = { location, path, size, sha256, outcome: "unchanged", warnings: [] } as const;
  const result = { ...existing, origin: "disk" } as const;
  onEvent?.({ type: "finish", result });
  return result;
}

function withWarning(result: FetchResult, warnings: ReadonlyMap<string, string>): FetchResult {
  const warning = warnings.get(result.location.s3Uri);
  return warning === undefined ? result : { ...result, warnings: [...result.warnings, warning] };
}

function withRefusal(result: FetchResult, refused: ReadonlyMap<string, Error>): FetchResult {
  const error = refused.get(result.location.key);
  if (error === undefined) return result;
  const { location, path, size, sha256, warnings } = result;
  return { location, path, size, sha256, warnings, outcome: "failed", error };
}

function sum(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}

/** Measures two overlapping phases. */
class Clock {
  #download: Span | undefined;
  #unpack: Span | undefined;

  /** Seconds from the start of the first download to the end of the last. */
  get downloading(): number {
    return secondsOf(this.#download);
  }

  /** Seconds from the start of the first unpacking to the end of the last step. */
  get unpacking(): number {
    return secondsOf(this.#unpack);
  }

  async download<T>(work: () => Promise<T>): Promise<T> {
    return await measure(this.#download ??= newSpan(), work);
  }

  async unpack<T>(work: () => Promise<T>): Promise<T> {
    return await measure(this.#unpack ??= newSpan(), work);
  }
}

interface Span {
  readonly begin: number;
  end: number;
}

function newSpan(): Span {
  const begin = performance.now();
  return { begin, end: begin };
}

async function measure<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    span.end = performance.now();
  }
}

function secondsOf(span: Span | undefined): number {
  return span === undefined ? 0 : (span.end - span.begin) / 1000;
}
