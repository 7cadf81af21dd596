/**
 * What killed uploads of a run have left on an S3 server: parts that no list shows and that are
 * paid for.
 *
 * @module
 */

import pMap from "p-map";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { CallOptions } from "../storage/backend.ts";
import type { StaleUpload, StaleUploadOptions } from "../storage/s3/multipart.ts";
import type { S3Backend } from "../storage/s3/backend.ts";
import type { StaleUploadDetails } from "../storage/s3/stale_uploads.ts";
import { DEFAULT_CONCURRENCY } from "../storage/transfer/transfer.ts";

/** An unfinished upload of a run, with all that is known of it. */
export interface UnfinishedUpload extends StaleUpload, StaleUploadDetails {}

/** What became of an unfinished upload. */
export interface UploadRemoval {
  /** The upload. */
  readonly upload: UnfinishedUpload;
  /**
   * `aborted`; `would_abort` in a dry run; `active`, left alone because a process of this machine
   * is at work on it; `failed`, it is still there, and the storage's notice told why.
   */
  readonly outcome: "aborted" | "would_abort" | "active" | "failed";
}

/** Options of {@linkcode abortUnfinishedUploads}. */
export interface AbortUnfinishedOptions extends CallOptions {
  /** Remove nothing. */
  readonly dryRun?: boolean;
}

/** Options of {@linkcode listUnfinishedUploads}. */
export interface ListUnfinishedOptions extends StaleUploadOptions {
  /** Told of each upload that is left out because it was begun later than `before`. */
  readonly onYounger?: (upload: StaleUpload) => void;
}

/**
 * Lists the multipart uploads of a run that were begun and not ended.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param options Up to which age; a signal.
 * @returns The uploads that are old enough, in the order of their keys; those that end meanwhile
 * are left out.
 * @throws {RunOutputsError} What the server says.
 */
export async function listUnfinishedUploads(
  backend: S3Backend,
  root: RunOutputRoot,
  { before, onYounger, signal }: ListUnfinishedOptions = {},
): Promise<UnfinishedUpload[]> {
  const uploads = backend.listStaleUploads(root.root(), { signal });
  const found = await pMap(uploads, async (upload) => {
    if (before !== undefined && upload.initiated >= before) return void onYounger?.(upload);
    const details = await backend.describeStaleUpload(upload, { signal });
    return details && { ...upload, ...details };
  }, { concurrency: DEFAULT_CONCURRENCY });
  return found.filter((upload) => upload !== undefined);
}

/**
 * Removes unfinished uploads with their parts. One that a process of this machine is at work on is
 * left alone.
 *
 * @param backend The storage.
 * @param uploads The uploads.
 * @param options Dry run; a signal.
 * @returns What became of each, in the same order.
 * @throws The signal's reason; uploads that are removed by then stay so.
 */
export async function abortUnfinishedUploads(
  backend: S3Backend,
  uploads: readonly UnfinishedUpload[],
  { dryRun, signal }: AbortUnfinishedOptions = {},
): Promise<UploadRemoval[]> {
  return await pMap(uploads, async (upload): Promise<UploadRemoval> => {
    signal?.throwIfAborted();
    if (upload.state === "active") return { upload, outcome: "active" };
    if (dryRun) return { upload, outcome: "would_abort" };
    const gone = await backend.abortStaleUpload(upload);
    return { upload, outcome: gone ? "aborted" : "failed" };
  }, { concurrency: DEFAULT_CONCURRENCY });
}
