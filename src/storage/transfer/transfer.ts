/**
 * The common part of uploads and downloads of many files: results, events and the loop that limits
 * concurrency.
 *
 * @module
 */

import pMap from "p-map";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { AdaptiveLimit } from "../adaptive_limit.ts";

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
 */
export function concurrencyFor(
  items: readonly { readonly size?: number }[],
  asked: number | undefined,
  streams?: AdaptiveLimit,
): number {
  if (asked !== undefined) return asked;
  return areSmall(items) ? SMALL_CONCURRENCY : streams?.max ?? DEFAULT_CONCURRENCY;
}

/**
 * Whether all files are small.
 *
 * @param items The files, with sizes if known.
 * @returns `true`, if their number decides how fast they are, and not the line.
 */
export function areSmall(items: readonly { readonly size?: number }[]): boolean {
  return items.every(({ size }) => size !== undefined && size < SMALL);
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
 */
export async function transferAll<Item, Result extends TransferResult = TransferResult>(
  items: Iterable<Item>,
  transferOne: (item: Item) => Promise<readonly Result[]>,
  onFailure: (item: Item, error: Error) => Result,
  options: TransferOptions,
): Promise<Result[]> {
  const results = await transferEach(items, transferOne, onFailure, options);
  options.signal?.throwIfAborted();
  return results.flat();
}

/**
 * Like {@linkcode transferAll}, with the results of each item apart. It never throws: after an abort,
 * items without results are empty.
 *
 * @param items The items.
 * @param transferOne Transfers one item and returns its result and those of its follow-ups.
 * @param onFailure The result of an item whose transfer threw an error.
 * @param options Concurrency, a signal, events.
 * @returns The results of each item, in the order of the items.
 */
export async function transferEach<Item, Result extends TransferResult = TransferResult>(
  items: Iterable<Item>,
  transferOne: (item: Item) => Promise<readonly Result[]>,
  onFailure: (item: Item, error: Error) => Result,
  options: TransferOptions,
): Promise<(readonly Result[])[]> {
  const { concurrency = DEFAULT_CONCURRENCY, signal, onEvent } = options;
  // The mapper never throws: p-map would reject at once and leave the others running.
  return await pMap(items, async (item) => {
    if (signal?.aborted) return [];
    try {
      return await transferOne(item);
    } catch (error) {
      if (signal?.aborted) return [];
      const result = onFailure(item, asError(error));
      onEvent?.({ type: "finish", result });
      return [result];
    }
  }, { concurrency });
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  return new RunOutputsError("failed", String(error), { cause: error });
}
