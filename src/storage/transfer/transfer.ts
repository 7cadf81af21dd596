/**
 * What uploads and downloads of many files have in common: their results, their events and the
 * loop that keeps a bounded number of them going.
 *
 * @module
 */

import pMap from "p-map";
import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";

/**
 * How one file ended.
 *
 * - `written`: it is there now, and was not before, or not with this content.
 * - `unchanged`: it was there, with the same bytes; nothing was sent.
 * - `skipped`: something is there and was left alone, as asked.
 * - `planned`: a dry run; it would be written.
 * - `failed`: it is not there; `error` tells why.
 */
export type TransferOutcome = "written" | "unchanged" | "skipped" | "planned" | "failed";

/** What became of one file. */
export interface TransferResult {
  /** Where it is, or should be, in storage. */
  readonly location: OutputLocation;
  /** The other end: a path on disk, or what the content was made from. */
  readonly path: string;
  /** How it ended. */
  readonly outcome: TransferOutcome;
  /** Its size in bytes, where it is known. */
  readonly size?: number;
  /** Its SHA-256, 64 hex digits, where it is known. */
  readonly sha256?: string;
  /** The etag of what was uploaded or found there, where it is known. */
  readonly etag?: string;
  /** How many of its bytes an earlier attempt had transferred, where that was continued. */
  readonly resumed?: number;
  /** What a person should know, though it went well. */
  readonly warnings: readonly string[];
  /** Why it failed. */
  readonly error?: Error;
  /**
   * Of a failure: whether it stands for files that are not known, such as those of a directory that
   * can't be read; `location` is where they would be.
   */
  readonly unlisted?: boolean;
}

/** What happens during a transfer, for progress. */
export type TransferEvent =
  | { readonly type: "start"; readonly path: string; readonly size?: number }
  /** Of what is made before it is transferred: so many bytes more of what it is made from. */
  | {
    readonly type: "made";
    readonly path: string;
    readonly bytes: number;
    /** How many bytes it is made from, where that is known. */
    readonly of?: number;
  }
  | { readonly type: "bytes"; readonly path: string; readonly bytes: number }
  | { readonly type: "finish"; readonly result: TransferResult };

/** Options of every transfer of many files. */
export interface TransferOptions {
  /** How many files are under way at once. Default: 8, or 64 if all are known to be small. */
  readonly concurrency?: number;
  /** Stops the transfer: files under way are cleaned up, then the signal's reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called with each event. */
  readonly onEvent?: (event: TransferEvent) => void;
}

/** How many files are under way at once, where nobody says otherwise. */
export const DEFAULT_CONCURRENCY = 8;

/** Where nobody says otherwise and all files are small, it is the answers that take the time. */
export const SMALL_CONCURRENCY = 64;

/** Up to how many bytes a file is small. */
const SMALL = 1024 * 1024;

/**
 * How many files are to be under way at once.
 *
 * @param items The files, with their sizes where they are known.
 * @param asked What the caller says.
 * @returns What the caller says; else more for small files, whose bytes don't fill a line.
 */
export function concurrencyFor(
  items: readonly { readonly size?: number }[],
  asked: number | undefined,
): number {
  if (asked !== undefined) return asked;
  const small = items.every(({ size }) => size !== undefined && size < SMALL);
  return small ? SMALL_CONCURRENCY : DEFAULT_CONCURRENCY;
}

/**
 * Transfers each item, a bounded number at once. One that fails does not stop the others: its
 * failure becomes its result.
 *
 * @param items What to transfer.
 * @param transferOne Does it for one item and tells what became of it and of what followed.
 * @param onFailure The result of an item whose transfer threw.
 * @param options Concurrency, a signal, events.
 * @returns The results, in the order of the items.
 * @throws The signal's reason, once everything under way has been cleaned up.
 */
export async function transferAll<Item, Result extends TransferResult = TransferResult>(
  items: Iterable<Item>,
  transferOne: (item: Item) => Promise<readonly Result[]>,
  onFailure: (item: Item, error: Error) => Result,
  options: TransferOptions,
): Promise<Result[]> {
  const { concurrency = DEFAULT_CONCURRENCY, signal, onEvent } = options;
  // The mapper never throws: p-map would reject at once and leave the others running unattended.
  const results = await pMap(items, async (item) => {
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
  signal?.throwIfAborted();
  return results.flat();
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  return new RunOutputsError("failed", String(error), { cause: error });
}
