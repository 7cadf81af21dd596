/**
 * The download of a large object: ranges side by side, each written at its place in `NAME.part`,
 * with a journal beside it, so that another process goes on where this one was killed.
 *
 * @module
 */

import { fileIdentity } from "../local/file_identity.ts";
import { dirname } from "node:path";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { ByteRange, ObjectBody, ObjectInfo, StorageBackend } from "../backend.ts";
import { diskError, isNameTooLong } from "../../errors/disk.ts";
import { DOWNLOAD_SCHEMA, maySpread, partNames } from "../local/download_part.ts";
import type { FileHasher, Hashers } from "../hash/hashers.ts";
import { Journal } from "./journal.ts";
import type { LinkedController } from "../linked_controller.ts";
import { ownUser } from "../local/own_user.ts";
import type { Semaphore } from "../semaphore.ts";
import { againIfVanished } from "../vanished.ts";

const MiB = 1024 * 1024;

/** How many bytes one request asks for. */
export const SEGMENT = 32 * MiB;

/** After how many bytes the journal is told. A kill costs at most this much of each stream. */
const NOTE_EVERY = 4 * MiB;

/**
 * How many segments of one object come at once: more than a few streams for each processor are in
 * each other's way. Measured on two: 2 GiB by eight streams in 4.5 to 6.4 s, by four in 4.0.
 */
const SEGMENTS_AT_ONCE = Math.min(8, Math.max(4, 2 * navigator.hardwareConcurrency));

/** After how many bytes the hashing is told: often enough that it stays close behind. */
const TELL_EVERY = MiB;

/** What is left to do of an object, and what it has to be. */
export interface LargeDownload {
  /** The object. */
  readonly location: OutputLocation;
  /** The file to make. */
  readonly path: string;
  /** The object's headers. */
  readonly info: ObjectInfo;
  /** The SHA-256 that the bytes must have, where that is known. */
  readonly sha256: string | undefined;
  /** How many bytes one request asks for. */
  readonly segment: number;
  /** Bounds the streams of all files together. */
  readonly streams: Semaphore;
  /** Hash the file while it is written. */
  readonly hashers: Hashers;
  /** Told of each piece. */
  readonly onBytes: (bytes: number) => void;
  /** Stops the download; what is there stays for the next one. */
  readonly signal: AbortSignal | undefined;
  /** Follows that signal. A segment that fails stops the others by it, one opened before included. */
  readonly segments: LinkedController;
}

/** A body that was opened before it was known what for, and what gives its stream's permit back. */
export interface OpenedStream {
  /** The body. */
  readonly body: ObjectBody;
  /** To be called once it is read, or disposed of. */
  readonly release: () => void;
}

/** What was downloaded. */
export interface LargeDownloaded {
  /** The SHA-256 of the file, 64 hex digits. */
  readonly sha256: string;
  /** How many bytes were there from an earlier attempt. */
  readonly resumed: number;
}

/** The first line of a journal: of which version the bytes in the file are. */
interface Header {
  readonly schema: typeof DOWNLOAD_SCHEMA;
  readonly source: string;
  readonly etag: string;
  readonly size: number;
}

/**
 * Downloads an object into a file that gets its name once it is whole and has the hash.
 *
 * @param backend The storage.
 * @param task What to download.
 * @param first The body of the first segment, if it has been opened already; it is disposed of, and
 * its permit given back.
 * @returns The hash and what was there; `undefined`, if another process is downloading the same
 * file into the same `NAME.part`, or somebody else's file has that name.
 * @throws {RunOutputsError} `integrity`, if the bytes do not have the hash: then nothing of them
 * is kept. After other failures what is there is kept for the next attempt.
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
    const { done, identity } = await takeUp(journal, part, task);
    const resumed = done.reduce((sum, { start, end }) => sum + end - start, 0);
    if (resumed > 0) task.onBytes(resumed);

    let sha256: string;
    {
      using hasher = task.hashers.file(part);
      for (const range of done) hasher.there(range);
      await fetchMissing(backend, task, { part, identity }, journal, done, hasher, opened);
      ({ sha256 } = await hasher.finish(task.info.size, signal));
    }
    if (task.sha256 !== undefined && task.sha256 !== sha256) {
      await Deno.remove(part);
      await journal.remove();
      throw new RunOutputsError(
        "integrity",
        `Cannot write '${path}': checksum mismatch (expected ${task.sha256}, got ${sha256}); ` +
          "download it again",
      );
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

/** The journal beside a file; `undefined`, if another process has it, or the name is too long. */
async function openJournal(path: string): Promise<Journal | undefined> {
  try {
    // At once one after the other: who takes empty directories away has little time in between.
    Deno.mkdirSync(dirname(path), { recursive: true });
    return await Journal.open(partNames(path).journal);
  } catch (error) {
    // In a directory that is not there yet, no name is too long.
    if (isNameTooLong(error)) return undefined;
    throw error;
  }
}

/** What an earlier process left that is of the same version; else everything starts again. */
async function takeUp(
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
  const [found, ...notes] = journal.entries;
  if (JSON.stringify(found) === JSON.stringify(header)) {
    const there = await Deno.lstat(part).catch(() => undefined);
    if (there?.isFile && there.size === info.size && await isOurs(there, part, task.path)) {
      const done = merge(notes.filter((note) => isRange(note, info.size)));
      return { done, identity: fileIdentity(there) };
    }
  }
  journal.restart(header);
  // A new file: what has the name now may be a link by the time it is opened.
  await Deno.remove(part).catch(() => {/* as a rule there is none */});
  using file = await Deno.open(part, { write: true, createNew: true });
  await file.truncate(info.size);
  return { done: [], identity: fileIdentity(await file.stat()) };
}

/** Whether this user has made both files: another one could put anything into them. */
async function isOurs({ uid }: Deno.FileInfo, part: string, path: string): Promise<boolean> {
  const user = await ownUser(dirname(part));
  const journal = await Deno.lstat(partNames(path).journal);
  return user === null || (uid === user && journal.uid === user);
}

/** Refuses what is not the file that the download has begun with. */
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
  // Nobody reads it: the rest can take long, and somebody else could have its stream.
  if (!opened.fits(missing[0])) await opened[Symbol.asyncDispose]();
  const { signal } = controller;

  async function fetchOne(range: ByteRange, ready: ObjectBody | undefined): Promise<void> {
    await using body = ready ??
      await backend.read(location, { range, ifMatch: info.etag, signal });
    using file = await Deno.open(part, { write: true });
    checkPart(part, identity, await file.stat());
    await file.seek(range.start, Deno.SeekMode.Start);
    let { start } = range;
    let told = start;
    let noted = start;
    function tell(): void {
      if (start > told) hasher.there({ start: told, end: start });
      told = start;
    }
    function note(): void {
      if (start > noted) journal.append({ start: noted, end: start });
      noted = start;
    }
    try {
      for await (const chunk of body) {
        if (signal.aborted) throw signal.reason;
        for (let offset = 0; offset < chunk.length;) {
          // Another thread copies into the system's cache, and other streams go on meanwhile.
          offset += await file.write(offset === 0 ? chunk : chunk.subarray(offset));
        }
        start += chunk.length;
        onBytes(chunk.length);
        if (start - told >= TELL_EVERY) tell();
        if (start - noted >= NOTE_EVERY) note();
      }
    } finally {
      tell();
      note();
    }
    if (start === range.end) return;
    throw new RunOutputsError(
      "integrity",
      `Cannot read '${location}': got ${start - range.start} bytes from byte ${range.start}, ` +
        `expected ${range.end - range.start}`,
    );
  }

  const running = new Set<Promise<void>>();
  try {
    for (const range of missing) {
      while (running.size >= SEGMENTS_AT_ONCE) await Promise.race(running);
      const ready = opened.take(range);
      const release = ready?.release ?? await streams.acquire(1, signal);
      const one: Promise<void> = fetchOne(range, ready?.body)
        .catch((error) => controller.abort(error))
        .finally(() => {
          release();
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

/** The gaps between what is there, in pieces of one request each, in order. */
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

/** Sorted and joined. */
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

/** What was opened before it was known what for: used for its range, or disposed of. */
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

  /** The stream, if it is that of the range and nobody has it yet. */
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
      stream?.release();
    }
  }
}
