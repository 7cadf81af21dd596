/**
 * Uploads files to a storage.
 *
 * @module
 */

import { checksumMismatch } from "../../errors/checksum_mismatch.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteSource, ObjectInfo, StorageBackend, WriteOptions } from "../backend.ts";
import { sha256Of } from "../sha256_of.ts";
import { changedError } from "../byte_source.ts";
import { contentType, usableType } from "../content_type.ts";
import {
  areSmall,
  concurrencyFor,
  DEFAULT_CONCURRENCY,
  type TransferOptions,
  type TransferResult,
  transferThrough,
} from "./transfer.ts";
import { lineOf } from "../line_limits.ts";
import { LinkedController } from "../linked_controller.ts";
import { Semaphore } from "../semaphore.ts";
import { Vacancies } from "../vacancies.ts";
import type { UploadItem } from "./upload_item.ts";

export { fileItem, textItem, type UploadItem } from "./upload_item.ts";

/** What to do with existing files. Identical content is never sent again. */
export type IfExists = "replace" | "skip" | "fail";

/** Options of {@linkcode upload}. */
export interface UploadOptions extends TransferOptions {
  /** What to do if a different file exists. Default: `replace`, with a warning. */
  readonly ifExists?: IfExists;
  /** Formats a location for messages. Default: its S3 URI. */
  readonly show?: (location: OutputLocation) => string;
}

/**
 * Uploads files, each one completely or not at all. A failure of one does not stop the others.
 *
 * Items that are made on demand are made during the transfer of others. At most one more than
 * `concurrency` of them, or nine, exist on disk at once, in part or ready.
 *
 * @param backend The storage.
 * @param items The files.
 * @param options What to do with existing files, concurrency, progress, a signal.
 * @returns The result of each, in the order of the items, each with its follow-ups after it.
 * @throws {RunOutputsError} `invalid`, unless `concurrency` is a whole number from 1, or `Infinity`.
 * @throws The signal's reason, after unfinished files have been cleaned up.
 *
 * @example
 * ```ts
 * import { MemoryBackend, OutputLocation, textItem } from "@therock/run-outputs";
 * import { upload } from "@therock/run-outputs/storage";
 *
 * const to = new OutputLocation("local", "local-linux/a.txt");
 * const backend = new MemoryBackend();
 * const first = await upload(backend, [textItem(to, "hello\n", "a greeting")]);
 * const second = await upload(backend, [textItem(to, "hello\n", "a greeting")]);
 * console.assert(first[0].outcome === "written" && second[0].outcome === "unchanged");
 * ```
 */
export async function upload(
  backend: StorageBackend,
  items: Iterable<UploadItem>,
  options: UploadOptions = {},
): Promise<TransferResult[]> {
  const all = [...items];
  const results: (readonly TransferResult[])[] = [];
  await uploadThrough(backend, all, (some, index) => void (results[index] = some), options);
  return results.flat();
}

/**
 * Uploads files like {@linkcode upload}, but passes on the results of each item when it is done and
 * forgets them.
 *
 * @param backend The storage.
 * @param items The files. They are iterated several times, and need not exist in memory.
 * @param onResults Receives the results of each item, its follow-ups after it, with its index. In the
 * order of completion.
 * @param given What to do with existing files, concurrency, progress, a signal.
 * @throws {RunOutputsError} As {@linkcode upload}.
 * @throws The signal's reason, or what a callback throws, after unfinished files have been cleaned up.
 */
export async function uploadThrough(
  backend: StorageBackend,
  items: Iterable<UploadItem>,
  onResults: (results: readonly TransferResult[], index: number) => void,
  given: UploadOptions = {},
): Promise<void> {
  using controller = new LinkedController(given.signal);
  const { signal } = controller;
  const options = { ...given, signal };
  const { show = String } = options;
  async function withFollowUps(item: UploadItem): Promise<readonly TransferResult[]> {
    options.onEvent?.({ type: "start", path: item.path, size: item.size });
    const result = await uploadOne(backend, item, { vacancies, places }, options);
    options.onEvent?.({ type: "finish", result });
    const results = [result];
    for (const next of item.followUp?.({ sha256: result.sha256 }) ?? []) {
      try {
        results.push(...await withFollowUps(next));
      } catch (error) {
        options.signal?.throwIfAborted();
        const failure = failed(next, error as Error);
        options.onEvent?.({ type: "finish", result: failure });
        results.push(failure);
      }
    }
    if (results.length > 1 && result.etag !== undefined) {
      try {
        const conflict = await replacedMeanwhile(backend, result, options);
        if (conflict !== undefined) results[0] = failed(item, conflict);
      } catch (error) {
        options.signal?.throwIfAborted();
        // All is uploaded; it is only unknown whether it was replaced since.
        const unseen =
          `Cannot check whether another upload has replaced ${show(result.location)}: ` +
          (error as Error).message;
        results[0] = { ...result, warnings: [...result.warnings, unseen] };
      }
    }
    return results;
  }
  // They may be made each time, so one pass finds out all that must be known before the first.
  let largest: { readonly size?: number } = { size: 0 };
  let hasMade = false;
  const locations = Iterator.from(items).map((item) => {
    if (!(item.size !== undefined && item.size <= (largest.size ?? Infinity))) largest = item;
    hasMade ||= isMade(item);
    return item.location;
  });
  const vacancies = new Vacancies(backend, locations);
  const up = lineOf(backend)?.up;
  const { concurrency: asked } = options;
  const concurrency = concurrencyFor([largest], asked, up);
  using _fixed = asked === undefined ? undefined : up?.pin(asked);
  const isFound = asked === undefined && up !== undefined && !areSmall([largest]);
  // With fewer files at once the first ones are complete sooner.
  const places = new Semaphore(
    isFound ? () => Math.max(DEFAULT_CONCURRENCY, up.limit) : concurrency,
  );
  const run = (made: boolean, atOnce: number) =>
    transferThrough(
      numbered(items).filter(({ item }) => isMade(item) === made),
      ({ item }) => withFollowUps(item),
      ({ item }, error) => failed(item, error),
      (results, _, { index }) => onResults(results, index),
      { ...options, concurrency: atOnce },
    ).catch((error) => controller.abort(error));
  // Both end by themselves after an abort, so neither is left behind.
  await Promise.all([
    // One more than can be sent, so that the line is never idle while the next one is made.
    hasMade && run(true, (isFound ? DEFAULT_CONCURRENCY : concurrency) + 1),
    run(false, concurrency),
  ]);
  signal.throwIfAborted();
}

function* numbered(items: Iterable<UploadItem>) {
  let index = 0;
  for (const item of items) yield { item, index: index++ };
}

/** Whether its bytes are made on demand. */
function isMade({ madeFrom }: UploadItem): boolean {
  return madeFrom !== undefined;
}

/** What the transfers of one upload share. */
interface Shared {
  /** Which locations are free. */
  readonly vacancies: Vacancies;
  /** Limits the concurrent transfers. */
  readonly places: Semaphore;
}

async function uploadOne(
  backend: StorageBackend,
  item: UploadItem,
  { vacancies, places }: Shared,
  options: UploadOptions,
): Promise<TransferResult> {
  const { location, path } = item;
  const { signal } = options;
  const asked = options.ifExists ?? "replace";
  const ifExists = asked === "replace" && item.keepsExisting ? "skip" : asked;
  const wanted = hashWanted(item, ifExists);
  if (!backend.writes && item.check !== undefined) {
    await item.check(signal);
    await backend.checkWrite?.(location, { signal });
    const existing = ifExists === "skip" && await lookUp(backend, location, wanted, signal);
    if (existing) return skipped(item, existing, undefined);
    return { location, path, outcome: "planned", size: item.size, warnings: [] };
  }
  const onMade = (bytes: number) =>
    options.onEvent?.({ type: "made", path, bytes, of: item.madeFrom });
  let free = isMade(item) ? undefined : await places.acquire(1, signal);
  try {
    await using source = disposable(await item.open(signal, onMade));
    if (free === undefined) {
      options.onEvent?.({ type: "ready", path, size: source.size });
      free = await places.acquire(1, signal);
    }
    return await uploadSource(backend, item, source, vacancies, { ...options, ifExists });
  } finally {
    free?.();
  }
}

/** Uploads an opened item, and says if its source changed meanwhile. */
async function uploadSource(
  backend: StorageBackend,
  item: UploadItem,
  source: ByteSource,
  vacancies: Vacancies,
  options: UploadOptions & { readonly ifExists: IfExists },
): Promise<TransferResult> {
  const { path } = item;
  try {
    const result = await uploadBytes(backend, item, source, vacancies, options);
    if (!item.mayGrow || source.changed?.() !== "grew") return result;
    const grown =
      `'${path}' grew during the upload: only its first ${source.size} bytes are uploaded`;
    return { ...result, warnings: [...result.warnings, grown] };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof RunOutputsError) || error.code !== "integrity") throw error;
    const how = source.changed?.();
    throw how === undefined ? error : changedError(path, how, error);
  }
}

/** Uploads an opened item. */
async function uploadBytes(
  backend: StorageBackend,
  item: UploadItem,
  source: ByteSource,
  vacancies: Vacancies,
  options: UploadOptions & { readonly ifExists: IfExists },
): Promise<TransferResult> {
  const { location, path } = item;
  const { show = String, ifExists, signal } = options;
  const wanted = hashWanted(item, ifExists);
  // To skip what others write meanwhile, a list is too old if the storage does not enforce
  // conditions.
  const isListed = ifExists === "replace" || backend.enforcesAbsence === true;
  if (isListed && await vacancies.isFree(location, signal)) {
    try {
      const ifAbsent = ifExists === "fail" ? true : "seen";
      return await send(backend, item, source, { sha256: source.sha256, ifAbsent }, options);
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "conflict") throw error;
      // Another upload came in between: its object is handled like any existing one.
      signal?.throwIfAborted();
    }
  }
  const existing = await lookUp(backend, location, wanted, signal);
  if (existing !== undefined && ifExists === "skip") {
    return skipped(item, existing, markOf(backend, existing));
  }

  const warnings: string[] = [];
  let { sha256 } = source;
  if (existing !== undefined) {
    sha256 ??= await sha256Of(source.open(undefined, signal));
    checkHash(item, sha256);
    if (existing.size === source.size && existing.sha256 === sha256) {
      const { size } = source;
      const etag = markOf(backend, existing);
      return { location, path, outcome: "unchanged", size, sha256, etag, warnings };
    }
    if (ifExists === "fail") {
      throw new RunOutputsError(
        "conflict",
        `Cannot upload '${path}' to ${
          show(location)
        }: it already exists with different content (sha256 ` +
          `${existing.sha256}, new ${sha256}); ` +
          (item.keepsExisting
            ? "files of its kind are never replaced: delete it, or upload under another name"
            : "use --if-exists replace to overwrite it"),
      );
    }
    warnings.push(
      `${show(location)} replaced (content changed: sha256 was ${existing.sha256}, is ${sha256})`,
    );
  }
  const ifAbsent = ifExists === "fail";
  return await send(backend, item, source, { sha256, ifAbsent, warnings }, options);
}

/** A hash that nothing is compared with need not be computed. */
function hashWanted({ followUp }: UploadItem, ifExists: IfExists): "size" | "sha256" {
  return ifExists === "skip" && followUp === undefined ? "size" : "sha256";
}

/** Writes the bytes to the storage. */
async function send(
  backend: StorageBackend,
  item: UploadItem,
  source: ByteSource,
  { sha256, ifAbsent, warnings = [] }:
    & Pick<WriteOptions, "sha256" | "ifAbsent">
    & { readonly warnings?: readonly string[] },
  { onEvent, signal }: UploadOptions,
): Promise<TransferResult> {
  const { location, path } = item;
  let resumed: number | undefined;
  const writing = backend.write(location, source, {
    sha256: sha256 ?? item.sha256,
    contentType: usableType(item.contentType) ?? contentType(location.key),
    ifAbsent,
    onBytes: (bytes) => onEvent?.({ type: "bytes", path, bytes }),
    onResumed: (bytes) => resumed = bytes,
    signal,
  });
  const written = await writing.catch((error) => {
    throw withItsSource(item, error);
  });
  const { size } = written;
  const etag = markOf(backend, written);
  const outcome = backend.writes ? "written" : "planned";
  const continued = resumed === undefined ? {} : { resumed };
  const all = [...item.warnings ?? [], ...warnings];
  return {
    ...{ location, path, outcome, size, sha256: written.sha256, etag, warnings: all },
    ...continued,
  };
}

/** In a dry run there is no object to replace. */
function markOf(backend: StorageBackend, { etag }: ObjectInfo): string | undefined {
  return backend.writes ? etag : undefined;
}

/**
 * Notices if another upload has replaced an object whose checksum file we have just written: such a
 * mismatch must be reported.
 */
async function replacedMeanwhile(
  backend: StorageBackend,
  ours: TransferResult,
  { show = String, signal }: UploadOptions,
): Promise<RunOutputsError | undefined> {
  const now = await lookUp(backend, ours.location, "size", signal);
  if (now?.etag === ours.etag) return undefined;
  const theirs = now && (await lookUp(backend, ours.location, "sha256", signal))?.sha256;
  if (theirs === ours.sha256) return undefined;
  return new RunOutputsError(
    "conflict",
    `Another upload has replaced ${show(ours.location)}: expected sha256 ${ours.sha256}, found ` +
      `${theirs ?? "no object"}; run the upload again when the other has finished`,
  );
}

function skipped(
  { location, path }: UploadItem,
  { size, sha256 }: ObjectInfo,
  etag: string | undefined,
): TransferResult {
  return { location, path, outcome: "skipped", size, sha256, etag, warnings: [] };
}

function failed(item: UploadItem, error: Error): TransferResult {
  const { location, path, size } = item;
  return { location, path, outcome: "failed", size, warnings: [], error };
}

/** The maximum number of checks of an object that keeps changing. */
const MAX_LOOKS = 5;

/** The object at a location, with its hash if needed; `undefined` if it does not exist. */
async function lookUp(
  backend: StorageBackend,
  location: OutputLocation,
  wanted: "size" | "sha256",
  signal: AbortSignal | undefined,
): Promise<ObjectInfo | undefined> {
  for (let look = 1;; look++) {
    try {
      const info = await backend.stat(location, { signal });
      if (wanted === "size" || info.sha256 !== undefined) return info;
      await using body = await backend.read(location, { ifMatch: info.etag, signal });
      return { ...info, sha256: await sha256Of(body) };
    } catch (error) {
      if (!(error instanceof RunOutputsError)) throw error;
      if (error.code === "not_found") return undefined;
      // Another upload came between the two calls.
      if (error.code !== "conflict" || look === MAX_LOOKS) throw error;
    }
  }
}

function checkHash(item: UploadItem, sha256: string): void {
  if (item.sha256 === undefined || item.sha256 === sha256) return;
  const hashes = { expected: item.sha256, actual: sha256 };
  throw withItsSource(item, checksumMismatch(`Cannot upload '${item.path}'`, hashes));
}

/** Adds to an error of a checksum mismatch the origin of the expected checksum. */
function withItsSource({ sha256From }: UploadItem, error: unknown): unknown {
  const isWrong = error instanceof RunOutputsError && error.code === "integrity";
  if (!isWrong || sha256From === undefined) return error;
  const message = `${error.message} (the checksum is from '${sha256From}')`;
  return new RunOutputsError("integrity", message, { cause: error });
}

function disposable(source: ByteSource & Partial<AsyncDisposable>): ByteSource & AsyncDisposable {
  return {
    size: source.size,
    sha256: source.sha256,
    path: source.path,
    changed: () => source.changed?.(),
    open: (range, signal, into) => source.open(range, signal, into),
    [Symbol.asyncDispose]: async () => await source[Symbol.asyncDispose]?.(),
  };
}
