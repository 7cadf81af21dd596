/**
 * Unfinished uploads of a run on an S3 server: their parts are in no list, but cost storage.
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

/** An unfinished upload of a run. */
export interface UnfinishedUpload extends StaleUpload, StaleUploadDetails {}

/** The result for an unfinished upload. */
export interface UploadRemoval {
  /** The upload. */
  readonly upload: UnfinishedUpload;
  /**
   * `aborted`; `would_abort` in a dry run; `active`, kept because a process of this machine
   * continues it; `failed`, it still exists, and a notice of the storage said why.
   */
  readonly outcome: "aborted" | "would_abort" | "active" | "failed";
}

/** Options of {@linkcode abortUnfinishedUploads}. */
export interface AbortUnfinishedOptions extends CallOptions {
  /** Abort nothing. */
  readonly dryRun?: boolean;
}

/** Options of {@linkcode listUnfinishedUploads}. */
export interface ListUnfinishedOptions extends StaleUploadOptions {
  /** Called for each upload that is skipped because it was started after `before`. */
  readonly onYounger?: (upload: StaleUpload) => void;
}

/**
 * Lists the unfinished multipart uploads of a run.
 *
 * @param backend The storage.
 * @param root The run; its `layout` is ignored.
 * @param options The minimum age; a signal.
 * @returns The uploads that are old enough, sorted by key; uploads that end meanwhile are skipped.
 * @throws {RunOutputsError} Errors of the server.
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
 * Aborts unfinished uploads and deletes their parts. Those that a process of this machine continues
 * are kept.
 *
 * @param backend The storage.
 * @param uploads The uploads.
 * @param options Dry run; a signal.
 * @returns The result of each, in the same order.
 * @throws The signal's reason; uploads that were aborted by then stay so.
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
