/**
 * The common part of uploads and downloads of many files: results, events and the loop that limits
 * concurrency.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { AdaptiveLimit } from "../adaptive_limit.ts";
import { checkConcurrency } from "../concurrency.ts";

/**
 * The outcome for one file.
 *
 * - `written`: it exists now, and did not before, or not with this content.
 * - `unchanged`: it existed, with the same bytes; nothing was sent.
 * - `skipped`: another file exists and was kept, as requested.
 * - `planned`: it would be written; this is a dry run.
 * - `failed`: it was not transferred; `error` says why.
 */
export type TransferOutcome = "written" | "unchanged" | "skipped" | "planned" | "failed";

/** The result for one file. */
export interface TransferResult {
  /** Its location in storage, existing or intended. */
  readonly location: OutputLocation;
  /** The other end: a path on disk, or the origin of the content. */
  readonly path: string;
  /** The outcome. */
  readonly outcome: TransferOutcome;
  /** Its size in bytes, if known. */
  readonly size?: number;
  /** Its SHA-256, 64 hex digits, if known. */
  readonly sha256?: string;
  /** The etag of the uploaded or existing object, if known. */
  readonly etag?: string;
  /** The bytes that an earlier attempt had transferred, if it was resumed. */
  readonly resumed?: number;
  /** Warnings for the user, although it succeeded. */
  readonly warnings: readonly string[];
  /** Why it failed. */
  readonly error?: Error;
  /**
   * For a failure: whether it represents unknown files, such as those of a directory that cannot be
   * read; `location` is where they would be.
   */
  readonly unlisted?: boolean;
}

/** An event of a transfer, for progress. */
export type TransferEvent =
  | { readonly type: "start"; readonly path: string; readonly size?: number }
  /**
   * Something is being made before its transfer: how many more bytes of its sources are processed.
   */
  | {
    readonly type: "made";
    readonly path: string;
    readonly bytes: number;
    /** The size of its sources in bytes, if known. */
    readonly of?: number;
  }
  /** Something is made: its size is known, and its transfer can begin. */
  | { readonly type: "ready"; readonly path: string; readonly size: number }
  | { readonly type: "bytes"; readonly path: string; readonly bytes: number }
  | { readonly type: "finish"; readonly result: TransferResult };

/** Options of every transfer of many files. */
export interface TransferOptions {
  /**
   * The maximum number of concurrent files. Default: as many streams as make the line to the server
   * faster, up to 64; on a disk 8; 64 if all are known to be small.
   * `Infinity`: no limit.
   */
  readonly concurrency?: number;
  /** Aborts the transfer: unfinished files are cleaned up, then the signal's reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called with each event. */
  readonly onEvent?: (event: TransferEvent) => void;
}

/** The default number of concurrent files, where there is no line whose speed could be found. */
export const DEFAULT_CONCURRENCY = 8;

/** The default if all files are small, because then the latency of responses dominates. */
export const SMALL_CONCURRENCY = 64;

/** The maximum size of a small file. */
const SMALL = 1024 * 1024;

/**
 * The number of concurrent files.
 *
 * @param items The files, with sizes if known.
 * @param asked The caller's value.
 * @param streams The limit of the storage's streams, if it finds their number.
 * @returns The caller's value; otherwise more for small files, whose bytes do not fill a line, and as
 * many as there can be streams, if these are limited.
 * @throws {RunOutputsError} `invalid`, unless `concurrency` is a whole number from 1, or `Infinity`.
 */
export function concurrencyFor(
  items: Iterable<{ readonly size?: number }>,
  asked: number | undefined,
  streams?: AdaptiveLimit,
): number {
  if (asked !== undefined) return checkConcurrency(asked);
  return areSmall(items) ? SMALL_CONCURRENCY : streams?.max ?? DEFAULT_CONCURRENCY;
}

/**
 * Whether all files are small.
 *
 * @param items The files, with sizes if known.
 * @returns `true`, if their number decides how fast they are, and not the line.
 */
export function areSmall(items: Iterable<{ readonly size?: number }>): boolean {
  return Iterator.from(items).every(({ size }) => size !== undefined && size < SMALL);
}

/**
 * Transfers items with limited concurrency. A failure does not stop the others: it becomes the
 * item's result.
 *
 * @param items The items.
 * @param transferOne Transfers one item and returns its result and those of its follow-ups.
 * @param onFailure The result of an item whose transfer threw an error.
 * @param options Concurrency, a signal, events.
 * @returns The results, in the order of the items.
 * @throws The signal's reason, after all unfinished files have been cleaned up.
 * @throws {RunOutputsError} `invalid`, unless `concurrency` is a whole number from 1, or `Infinity`.
 */
export async function transferAll<Item, Result extends TransferResult = TransferResult>(
  items: Iterable<Item>,
  transferOne: (item: Item) => Promise<readonly Result[]>,
  onFailure: (item: Item, error: Error) => Result,
  options: TransferOptions,
): Promise<Result[]> {
  const all: (readonly Result[])[] = [];
  await transferThrough(
    items,
    transferOne,
    onFailure,
    (results, index) => void (all[index] = results),
    options,
  );
  options.signal?.throwIfAborted();
  return all.flat();
}

/**
 * Like {@linkcode transferAll}, but passes on the results of each item when it is done, and forgets
 * them. So only the items in progress take memory: an item is requested when its transfer begins.
 * After an abort it does not throw, and the other items have no results.
 *
 * @param items The items.
 * @param transferOne Transfers one item and returns its result and those of its follow-ups.
 * @param onFailure The result of an item whose transfer threw an error.
 * @param onResults Receives the results of each item, in the order of completion.
 * @param options Concurrency, a signal, events.
 * @throws {RunOutputsError} `invalid`, unless `concurrency` is a whole number from 1, or `Infinity`.
 * @throws What the iterator of the items or a callback throws, after the transfers in progress have
 * ended; no others begin.
 */
export async function transferThrough<Item, Result extends TransferResult = TransferResult>(
  items: Iterable<Item>,
  transferOne: (item: Item) => Promise<readonly Result[]>,
  onFailure: (item: Item, error: Error) => Result,
  onResults: (results: readonly Result[], index: number, item: Item) => void,
  { concurrency = DEFAULT_CONCURRENCY, signal, onEvent }: TransferOptions,
): Promise<void> {
  const transfer = async (item: Item): Promise<readonly Result[]> => {
    if (signal?.aborted) return [];
    try {
      return await transferOne(item);
    } catch (error) {
      if (signal?.aborted) return [];
      const result = onFailure(item, asError(error));
      onEvent?.({ type: "finish", result });
      return [result];
    }
  };
  const most = checkConcurrency(concurrency);
  const waiting = Iterator.from(items);
  let started = 0;
  let isOver = false;
  const takeTurns = async () => {
    try {
      while (!isOver) {
        const next = waiting.next();
        if (next.done) break;
        const index = started++;
        onResults(await transfer(next.value), index, next.value);
      }
    } finally {
      isOver = true;
    }
  };
  const turns: Promise<void>[] = [];
  while (!isOver && turns.length < most) turns.push(takeTurns());
  await Promise.all(turns).finally(() => Promise.allSettled(turns));
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  return new RunOutputsError("failed", String(error), { cause: error });
}
