/**
 * Searches files of any size, in slices.
 *
 * @module
 */

import { isReplaced, RunOutputsError } from "../../errors/error.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { LinkedController } from "../../storage/linked_controller.ts";
import { pause } from "../../storage/pause.ts";
import { compressionOf, LogFile } from "./log_file.ts";
import type { LineQuery } from "./query.ts";
import {
  blocksOf,
  type FoundLine,
  nextPiece,
  pieceEnd,
  searchBlock,
  type SearchWindow,
} from "./search_text.ts";
import { charStart, LF } from "./text_bytes.ts";

/** How many bytes are read at once. */
const SLICE = 4 * 1024 * 1024;

/** How many files are read at the same time. */
const AHEAD = 8;

/** A file to search. */
export interface SearchFile {
  /** Its path, for results. */
  readonly path: string;
  /** What is known of it. */
  readonly info: ObjectInfo;
}

/** A place in a file from which a search continues. */
export interface SearchPlace {
  /** The path of the file. */
  readonly path: string;
  /** The version of the file. */
  readonly etag: string;
  /** The offset of the next byte to search; backwards, that after the next one. */
  readonly at: number;
  /** The number of the line there, if it is known. */
  readonly line?: number;
}

/** A matching line. */
export interface LogMatch {
  /** The file's path. */
  readonly path: string;
  /** The offset of the line; of a piece with the match, in a line of more than 64 KiB. */
  readonly at: number;
  /** The number of the line, counted from 1, if it is known. */
  readonly line?: number;
  /**
   * The line as a terminal shows it, without escape sequences; at most 500 characters around the first
   * match.
   */
  readonly text: string;
  /** Where the first few matches are in the text, in UTF-16 code units. */
  readonly ranges: FoundLine["ranges"];
  /** Whether the text is only a part of the line. */
  readonly cut?: true;
}

/** A file that was not searched, or not to its end. */
export interface SkippedFile {
  /** Its path. */
  readonly path: string;
  /** Why. */
  readonly reason: string;
  /** Whether that is a failure: it should have been searched. */
  readonly failed?: true;
}

/** Options of {@linkcode searchFiles}. */
export interface SearchOptions extends CallOptions {
  /** What to find. */
  readonly query: LineQuery;
  /** The most matching lines. */
  readonly limit: number;
  /** Where to continue, in the file with its path. Those before it must not be among the files. */
  readonly from?: SearchPlace;
  /** Whether to search backwards; only in one file. */
  readonly back?: boolean;
  /** Whether a file that can't be searched ends the search. Otherwise it is skipped. */
  readonly isStrict?: boolean;
  /** How many bytes are read at once, at least 16 KiB. Default: 4 MiB. */
  readonly slice?: number;
  /** When to end early, on the clock of `performance.now()`. One block is searched always. */
  readonly deadline?: number;
}

/** The result of a search. */
export interface SearchResult {
  /** The matching lines, in the order of the search. */
  readonly matches: readonly LogMatch[];
  /** Where to continue, if there can be more. */
  readonly next?: SearchPlace;
  /** How many files were searched, at least in part. */
  readonly files: number;
  /** How many bytes were searched. */
  readonly bytes: number;
  /** The files that were not searched. */
  readonly skipped: readonly SkippedFile[];
}

/** After this many milliseconds, others get a turn. */
const TURN = 25;

/**
 * Searches files, one after the other.
 *
 * @param backend The storage.
 * @param files The files.
 * @param options What to find, and how much.
 * @returns The matching lines.
 * @throws {RunOutputsError} Errors of the storage; those of a single file only if `isStrict`.
 */
export async function searchFiles(
  backend: StorageBackend,
  files: AsyncIterable<SearchFile>,
  options: SearchOptions,
): Promise<SearchResult> {
  const { query, limit, from, back = false, isStrict = false, slice: size = SLICE } = options;
  const { deadline = Infinity } = options;
  const matches: LogMatch[] = [];
  const skipped: SkippedFile[] = [];
  let count = 0;
  let bytes = 0;
  const resultWith = (next?: SearchPlace) => ({ matches, next, files: count, bytes, skipped });

  using controller = new LinkedController(options.signal);
  const { signal } = controller;
  const takeTurn = turns(signal);
  for await (const { file, start, opened } of openAhead(files, openFile, controller)) {
    const { path, info: { etag } } = file;
    const isOver = () => performance.now() >= deadline;
    let line = start.line;
    if (count + skipped.length > 0 && isOver()) return resultWith({ path, etag, ...start });
    try {
      const { slices, first, reason } = await opened;
      if (reason !== undefined) {
        skipped.push({ path, reason });
        continue;
      }
      count++;
      for (let slice = first; !slice.done; slice = await slices.next()) {
        const window = slice.value;
        for (const block of back ? blocksOf(window).reverse() : blocksOf(window)) {
          if (matches.length === limit || bytes > 0 && isOver()) {
            const at = window.base + (back ? block.end : block.start);
            return resultWith({ path, etag, at, line });
          }
          await takeTurn();
          const { found, lines } = searchBlock(window, block, query);
          for (const { at, end, linesBefore, ...shown } of back ? found.reverse() : found) {
            const number = line === undefined ? undefined : line + linesBefore;
            if (matches.length === limit) {
              bytes += back ? window.base + block.end - end : at - window.base - block.start;
              return resultWith({ path, etag, at: back ? end : at, line: number });
            }
            matches.push({ path, at, line: number, ...shown });
          }
          bytes += (block.next ?? block.end) - block.start;
          if (line !== undefined) line += lines;
        }
      }
    } catch (error) {
      if (isStrict || !(error instanceof RunOutputsError)) throw error;
      const { code, message } = error;
      if (code === "transient" || code === "unauthenticated") throw error;
      const reason = isReplaced(error) ? "it was replaced or deleted during the search" : message;
      skipped.push({ path, reason, failed: true });
    }
  }
  return resultWith();

  function openFile(file: SearchFile) {
    const whole = back ? { at: file.info.size } : { at: 0, line: 1 };
    const start = file.path === from?.path ? { at: from.at, line: from.line } : whole;
    return { file, start, opened: firstSlice(file, start.at) };
  }

  async function firstSlice({ path, info }: SearchFile, at: number) {
    const log = new LogFile(backend, info, { signal });
    const slices = back ? windowsBefore(log, at, size) : windowsFrom(log, at, size);
    const compression = compressionOf(path, info.contentEncoding);
    if (compression !== undefined) {
      const first = { done: true, value: undefined } as const;
      return { slices, first, reason: `it is compressed (${compression})` };
    }
    const first = await slices.next();
    const isBinary = !isStrict && !first.done && hasNul(first.value);
    return { slices, first, reason: isBinary ? "it is not text" : undefined };
  }
}

/** Whether a file begins like one that is not text. */
function hasNul({ bytes, base }: SearchWindow): boolean {
  return base === 0 && bytes.subarray(0, 8192).includes(0);
}

/** Lets other work of the process run now and then. */
function turns(signal: AbortSignal): () => Promise<void> {
  let last = performance.now();
  return async () => {
    signal.throwIfAborted();
    if (performance.now() - last < TURN) return;
    await pause(0, signal);
    last = performance.now();
  };
}

/** Begins to read the next few files while one is searched; the more, the longer the search takes. */
async function* openAhead<T extends { readonly opened: Promise<unknown> }>(
  files: AsyncIterable<SearchFile>,
  open: (file: SearchFile) => T,
  controller: LinkedController,
): AsyncGenerator<T> {
  const iterator = files[Symbol.asyncIterator]();
  const ahead: T[] = [];
  let isDone = false;
  let taken = 0;
  try {
    for (;;) {
      while (!isDone && ahead.length < Math.min(AHEAD, 1 + taken)) {
        const next = await iterator.next();
        isDone = next.done === true;
        if (next.done) break;
        const one = open(next.value);
        // Its error is thrown where it is awaited, if it is.
        one.opened.catch(() => {});
        ahead.push(one);
      }
      const one = ahead.shift();
      if (one === undefined) return;
      taken++;
      yield one;
    }
  } finally {
    controller.abort(new DOMException("The search has ended", "AbortError"));
    await Promise.allSettled(ahead.map(({ opened }) => opened));
    await iterator.return?.();
  }
}

/** The slices of a file from a place on. Each ends with a line, unless that is longer than a slice. */
async function* windowsFrom(log: LogFile, at: number, slice: number): AsyncGenerator<SearchWindow> {
  const { size } = log.info;
  for (let base = at; base < size;) {
    const bytes = await log.read(base, Math.min(size, base + slice));
    const isEnd = base + bytes.length === size;
    const length = isEnd ? bytes.length : bytes.lastIndexOf(LF) + 1;
    const isWhole = length > 0;
    yield { bytes: isWhole ? bytes.subarray(0, length) : bytes, base, isWhole };
    base += isWhole ? length : nextPiece(bytes, bytes.length);
  }
}

/** The slices of a file before a place, backwards. */
async function* windowsBefore(
  log: LogFile,
  at: number,
  slice: number,
): AsyncGenerator<SearchWindow> {
  const { size } = log.info;
  for (let end = at; end > 0;) {
    const start = Math.max(0, end - slice);
    const bytes = await log.read(start, end);
    const isWhole = end === size || bytes.at(-1) === LF;
    const lf = bytes.indexOf(LF);
    const isAtLine = start === 0 || lf >= 0 && lf < bytes.length - 1;
    const from = start === 0 ? 0 : isAtLine ? lf + 1 : charStart(bytes, 4);
    yield { bytes: bytes.subarray(from), base: start + from, isWhole };
    end = isAtLine ? start + from : pieceEnd(start + from);
    if (start === 0) return;
  }
}

/** How far a line is looked for the end of which decides where a search begins. */
const NEAR = 64 * 1024;

/**
 * Where a search begins that looks at the lines that begin at a place or after it; backwards, at those
 * that begin before it. In a line of more than 64 KiB, that is the place itself.
 *
 * @param log The file.
 * @param at The place.
 * @param back Whether it is backwards.
 * @returns The place for {@linkcode searchFiles}.
 */
export async function searchStart(log: LogFile, at: number, back: boolean): Promise<number> {
  const { size } = log.info;
  if (at === 0 || at >= size) return Math.min(at, size);
  const bytes = await log.read(at - 1, Math.min(size, at + NEAR));
  const lf = bytes.indexOf(LF);
  if (lf >= 0) return at + lf;
  if (at - 1 + bytes.length === size) return size;
  return back ? Math.min(size, pieceEnd(at)) : at;
}
