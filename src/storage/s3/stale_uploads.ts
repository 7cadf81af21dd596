/**
 * What is known of a multipart upload that was begun and never ended, and its end.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { CallOptions } from "../backend.ts";
import { S3Failure } from "./errors.ts";
import { listParts } from "./list_parts.ts";
import { abortUpload, isNoSuchUpload, type StaleUpload } from "./multipart.ts";
import type { Session } from "./session.ts";
import { UploadJournal } from "./upload_journal.ts";

/**
 * Who has to do with an upload: `active`, a process of this machine is at work on it;
 * `resumable`, the next upload of the same file from this machine continues it; `unknown`, nobody
 * here knows it.
 */
export type StaleUploadState = "active" | "resumable" | "unknown";

/** What is known of a multipart upload beyond its name. */
export interface StaleUploadDetails {
  /** How many parts the server has. */
  readonly parts: number;
  /** How many bytes they have together. */
  readonly bytes: number;
  /** Who has to do with it. */
  readonly state: StaleUploadState;
}

/**
 * Asks what there is of an upload.
 *
 * @param session The connection.
 * @param upload The upload.
 * @param options A signal.
 * @returns What there is; `undefined`, if it has ended meanwhile.
 * @throws {RunOutputsError} What the server says.
 */
export async function describeUpload(
  session: Session,
  upload: StaleUpload,
  { signal }: CallOptions = {},
): Promise<StaleUploadDetails | undefined> {
  const location = locationOf(upload);
  const { uploadId } = upload;
  let parts = 0;
  let bytes = 0;
  try {
    for await (const part of listParts(session, "list", location, uploadId, signal)) {
      parts++;
      bytes += part.size;
    }
  } catch (error) {
    if (hasEnded(error)) return undefined;
    throw error;
  }
  using found = await UploadJournal.find(session, location, uploadId);
  return { parts, bytes, state: found === undefined ? "unknown" : found.state };
}

/**
 * Removes an upload from the server, and this machine's journal of it.
 *
 * @param session The connection.
 * @param upload The upload.
 * @returns Whether it is gone; if not, a notice says why.
 */
export async function removeUpload(session: Session, upload: StaleUpload): Promise<boolean> {
  const location = locationOf(upload);
  // Held meanwhile, so that no upload begins to continue what is about to go.
  using found = await UploadJournal.find(session, location, upload.uploadId);
  const gone = await abortUpload(session, location, upload.uploadId);
  if (gone) await found?.remove();
  return gone;
}

/** Ceph says of an upload that is gone that there is no such key. */
function hasEnded(error: unknown): boolean {
  if (isNoSuchUpload(error)) return true;
  return error instanceof RunOutputsError && error.cause instanceof S3Failure &&
    error.cause.status === 404 && error.cause.s3Code !== "NoSuchBucket";
}

/** A key that no location can hold was never ours, but its upload can be removed all the same. */
function locationOf({ bucket, key }: StaleUpload): OutputLocation {
  return { bucket, key, s3Uri: `s3://${bucket}/${key}` } as OutputLocation;
}
