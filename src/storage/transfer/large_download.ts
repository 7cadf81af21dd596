/**
 * Downloads a large object: ranges in parallel, each written at its offset in `NAME.part`, with a
 * journal beside it, so that another process can resume after a kill.
 *
 * @module
 */

import { fileIdentity } from "../local/file_identity.ts";
import { dirname } from "node:path";
import type { AdaptiveLimit, Place } from "../adaptive_limit.ts";
import { checksumMismatch } from "../../errors/checksum_mismatch.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteRange, ObjectBody, ObjectInfo, StorageBackend } from "../backend.ts";
import { diskError, isNameTooLong } from "../../errors/disk.ts";
import { writeChunk } from "../local/atomic_file.ts";
import { DOWNLOAD_SCHEMA, maySpread, partNames, partNote } from "../local/download_part.ts";
import type { FileHasher, Hashers } from "../hash/hashers.ts";
import { Journal } from "./journal.ts";
import type { LinkedController } from "../linked_controller.ts";
import { makeDirs } from "../local/make_dirs.ts";
import { ownUser } from "../../ownership/own_user.ts";
import { againIfVanished } from "../vanished.ts";

const MiB = 1024 * 1024;

/** The size of one request in bytes. */
export const SEGMENT = 32 * MiB;

/**
 * The number of bytes between two journal entries. A kill costs at most this much of each stream.
 */
const NOTE_EVERY = 4 * MiB;

/** How many bytes of a stream may be on the line without observable progress. */
const MAX_UNSEEN = 256 * 1024;

/**
 * The number of bytes between two reports to the hasher, small enough that hashing stays close
 * behind.
 */
const REPORT_EVERY = MiB;

/**
 * How many bytes of a stream may be on the line without observable progress.
 *
 * @param size The number of requested bytes, if known.
 * @returns The number for `AdaptiveLimit.acquire`.
 */
export function unseenOf(size: number = MAX_UNSEEN): number {
  return Math.min(size, MAX_UNSEEN);
}

/** A large download: what is left to do, and the expected result. */
export interface LargeDownload {
  /** The object. */
  readonly location: OutputLocation;
  /** The path of the file. */
  readonly path: string;
  /** The object's headers. */
  readonly info: ObjectInfo;
  /** The SHA-256 that the bytes must have, if known. */
  readonly sha256: string | undefined;
  /** The size of one request in bytes. */
  readonly segment: number;
  /** Limits the streams of all files together. */
  readonly streams: AdaptiveLimit;
  /** Hash the file while it is written. */
  readonly hashers: Hashers;
  /** Called for each piece. */
  readonly onBytes: (bytes: number) => void;
  /** Aborts the download; downloaded bytes stay for the next one. */
  readonly signal: AbortSignal | undefined;
  /**
   * Follows that signal. A failed segment aborts the others with it, including one that was opened
   * before.
   */
  readonly segments: LinkedController;
}

/** A body that was opened before its purpose was known, with its place in the limit. */
export interface OpenedStream {
  /** The body. */
  readonly body: ObjectBody;
  /** End it after reading or disposing of the body. */
  readonly place: Place;
}

/** What was downloaded. */
export interface LargeDownloaded {
  /** The SHA-256 of the file, 64 hex digits. */
  readonly sha256: string;
  /** The bytes from an earlier attempt. */
  readonly resumed: number;
}

/** The first line of a journal: the version of the bytes in the file. The second is its part. */
interface Header {
  readonly schema: typeof DOWNLOAD_SCHEMA;
  readonly source: string;
  readonly etag: string;
  readonly size: number;
}

/**
 * Downloads an object into a file that gets its name once it is complete and verified.
 *
 * @param backend The storage.
 * @param task The download.
 * @param first The body of the first segment, if it was opened already; it is disposed of, and its
 * place ended.
 * @returns The hash and the resumed bytes; `undefined`, if another process is downloading to the
 * same `NAME.part`, or a file of the user has that name.
 * @throws {RunOutputsError} `integrity` on a checksum mismatch: then nothing is kept. After other
 * failures the downloaded bytes are kept for the next attempt.
 */
export async function downloadLarge(
  backend: StorageBackend,
  task: LargeDownload,
  first?: OpenedStream,
): Promise<LargeDownloaded | undefined> {
  await using opened = new FirstStream(first, Math.min(task.segment, task.info.size));
  const { path, signal } = task;
  const { part } = partNames(path);
  try {
    if (!await maySpread(path)) return undefined;
    using journal = await againIfVanished(() => openJournal(path));
    if (journal === undefined) return undefined;
    const { done, identity } = await resume(journal, part, task);
    const resumed = done.reduce((sum, { start, end }) => sum + end - start, 0);
    if (resumed > 0) task.onBytes(resumed);

    let sha256: string;
    {
      using hasher = task.hashers.file(part);
      for (const range of done) hasher.written(range);
      await fetchMissing(backend, task, { part, identity }, journal, done, hasher, opened);
      ({ sha256 } = await hasher.finish(task.info.size, signal));
    }
    if (task.sha256 !== undefined && task.sha256 !== sha256) {
      await Deno.remove(part);
      await journal.remove();
      const hashes = { expected: task.sha256, actual: sha256 };
      throw checksumMismatch(`Cannot write '${path}'`, hashes, "download it again");
    }
    signal?.throwIfAborted();
    checkPart(part, identity, await Deno.lstat(part));
    await Deno.rename(part, path);
    await journal.remove();
    return { sha256, resumed };
  } catch (error) {
    signal?.throwIfAborted();
    throw diskError("write", path, error);
  }
}

/**
 * The journal beside a file; `undefined`, if another process has locked it, or the name is too
 * long.
 */
async function openJournal(path: string): Promise<Journal | undefined> {
  try {
    // Immediately one after the other, so that processes that delete empty directories have little
    // time in between.
    makeDirs(dirname(path));
    return await Journal.open(partNames(path).journal);
  } catch (error) {
    // In a missing directory, no name is too long.
    if (isNameTooLong(error)) return undefined;
    throw error;
  }
}

/** Resumes what an earlier process left, if it is of the same version; otherwise starts again. */
async function resume(
  journal: Journal,
  part: string,
  task: LargeDownload,
): Promise<{ readonly done: ByteRange[]; readonly identity: string }> {
  const { info, location } = task;
  const header: Header = {
    schema: DOWNLOAD_SCHEMA,
    source: location.s3Uri,
    etag: info.etag,
    size: info.size,
  };
  const [found, file, ...notes] = journal.entries;
  if (JSON.stringify(found) === JSON.stringify(header)) {
    const existing = await Deno.lstat(part).catch(() => undefined);
    if (
      existing?.isFile && existing.size === info.size &&
      JSON.stringify(file) === JSON.stringify(partNote(existing)) &&
      await isOurs(existing, part, task.path)
    ) {
      const done = merge(notes.filter((note) => isRange(note, info.size)));
      return { done, identity: fileIdentity(existing) };
    }
  }
  journal.restart(header);
  // A new file, because the existing name may be a link by the time it is opened.
  await Deno.remove(part).catch(() => {/* usually there is none */});
  using created = await Deno.open(part, { write: true, createNew: true });
  await created.truncate(info.size);
  const stat = await created.stat();
  journal.append(partNote(stat));
  return { done: [], identity: fileIdentity(stat) };
}

/** Whether this user created both files: another user could put anything into them. */
async function isOurs({ uid }: Deno.FileInfo, part: string, path: string): Promise<boolean> {
  const user = await ownUser(dirname(part));
  const journal = await Deno.lstat(partNames(path).journal);
  return user === null || (uid === user && journal.uid === user);
}

/** Rejects a file that is not the one that the download began with. */
function checkPart(part: string, identity: string, info: Deno.FileInfo): void {
  if (info.isFile && fileIdentity(info) === identity) return;
  throw new RunOutputsError(
    "conflict",
    `Cannot write '${part}': something else has this name now; download it again`,
  );
}

async function fetchMissing(
  backend: StorageBackend,
  task: LargeDownload,
  { part, identity }: { readonly part: string; readonly identity: string },
  journal: Journal,
  done: readonly ByteRange[],
  hasher: FileHasher,
  opened: FirstStream,
): Promise<void> {
  const { location, info, streams, onBytes, segments: controller } = task;
  const missing = segments(done, info.size, task.segment);
  // It is not read: the rest can take long, and others could use its stream.
  if (!opened.fits(missing[0])) await opened[Symbol.asyncDispose]();
  const { signal } = controller;

  async function fetchOne(
    range: ByteRange,
    ready: ObjectBody | undefined,
    place: Place,
  ): Promise<void> {
    await using body = ready ??
      await backend.read(location, { range, ifMatch: info.etag, signal });
    if (ready === undefined) place.opened();
    using file = await Deno.open(part, { write: true });
    checkPart(part, identity, await file.stat());
    await file.seek(range.start, Deno.SeekMode.Start);
    let { start } = range;
    let reported = start;
    let noted = start;
    function report(): void {
      if (start > reported) hasher.written({ start: reported, end: start });
      reported = start;
    }
    function note(): void {
      if (start > noted) journal.append({ start: noted, end: start });
      noted = start;
    }
    try {
      for await (const chunk of body) {
        if (signal.aborted) throw signal.reason;
        await writeChunk(file, chunk);
        start += chunk.length;
        place.arrived(body.quiet ?? 0);
        onBytes(chunk.length);
        if (start - reported >= REPORT_EVERY) report();
        if (start - noted >= NOTE_EVERY) note();
      }
    } finally {
      report();
      note();
    }
    if (start === range.end) return place.end(body.quiet ?? 0);
    throw new RunOutputsError(
      "integrity",
      `Cannot read '${location}': got ${start - range.start} bytes from byte ${range.start}, ` +
        `expected ${range.end - range.start}`,
    );
  }

  const running = new Set<Promise<void>>();
  try {
    for (const range of missing) {
      const ready = opened.take(range);
      const unseen = unseenOf(range.end - range.start);
      const place = ready?.place ?? await streams.acquire(unseen, signal);
      const one: Promise<void> = fetchOne(range, ready?.body, place)
        .catch((error) => controller.abort(error))
        .finally(() => {
          place.end();
          running.delete(one);
        });
      running.add(one);
    }
  } catch (error) {
    controller.abort(error);
  } finally {
    await Promise.all(running);
  }
  signal.throwIfAborted();
}

/** The gaps between existing ranges, split into pieces of one request each, in order. */
function segments(done: readonly ByteRange[], size: number, segment: number): ByteRange[] {
  const gaps: ByteRange[] = [];
  let at = 0;
  for (const { start, end } of [...done, { start: size, end: size }]) {
    for (; at < start; at = Math.min(start, at + segment)) {
      gaps.push({ start: at, end: Math.min(start, at + segment) });
    }
    at = Math.max(at, end);
  }
  return gaps;
}

/** Sorted and merged. */
function merge(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

function isRange(note: unknown, size: number): note is ByteRange {
  const { start, end } = (note ?? {}) as ByteRange;
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start < end &&
    end <= size;
}

/** The body that was opened before its purpose was known: used for its range, or disposed of. */
class FirstStream implements AsyncDisposable {
  #stream: OpenedStream | undefined;
  readonly #size: number;

  constructor(stream: OpenedStream | undefined, size: number) {
    this.#stream = stream;
    this.#size = size;
  }

  /** Whether a range is that of the object's first segment. */
  fits(range: ByteRange | undefined): boolean {
    return range?.start === 0 && range.end === this.#size;
  }

  /** The stream, if it matches the range and was not taken yet. */
  take(range: ByteRange): OpenedStream | undefined {
    if (!this.fits(range)) return undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    try {
      await stream?.body[Symbol.asyncDispose]();
    } finally {
      stream?.place.end();
    }
  }
}
