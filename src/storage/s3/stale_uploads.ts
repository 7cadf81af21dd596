/**
 * Describes and aborts unfinished multipart uploads.
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
 * The state of an upload: `active`, a process of this machine continues it now; `resumable`, the
 * next upload of the same file from this machine will resume it; `unknown`, this machine has no
 * journal of it.
 */
export type StaleUploadState = "active" | "resumable" | "unknown";

/** Details of a multipart upload. */
export interface StaleUploadDetails {
  /** The number of uploaded parts. */
  readonly parts: number;
  /** Their total size in bytes. */
  readonly bytes: number;
  /** The state. */
  readonly state: StaleUploadState;
}

/**
 * Requests the details of an upload.
 *
 * @param session The connection.
 * @param upload The upload.
 * @param options A signal.
 * @returns The details; `undefined`, if it has ended meanwhile.
 * @throws {RunOutputsError} Errors of the server.
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
    for await (const part of listParts(session, location, uploadId, signal)) {
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
 * Aborts an upload on the server, and deletes this machine's journal of it.
 *
 * @param session The connection.
 * @param upload The upload.
 * @returns Whether it is aborted; if not, a notice says why.
 */
export async function removeUpload(session: Session, upload: StaleUpload): Promise<boolean> {
  const location = locationOf(upload);
  // Locked meanwhile, so that no process resumes the upload that is being aborted.
  using found = await UploadJournal.find(session, location, upload.uploadId);
  const gone = await abortUpload(session, location, upload.uploadId);
  if (gone) await found?.remove();
  return gone;
}

/** For an upload that does not exist, Ceph says that there is no such key. */
function hasEnded(error: unknown): boolean {
  if (isNoSuchUpload(error)) return true;
  return error instanceof RunOutputsError && error.cause instanceof S3Failure &&
    error.cause.status === 404 && error.cause.s3Code !== "NoSuchBucket";
}

/** A key that no location can have was never ours, but its upload can be aborted too. */
function locationOf({ bucket, key }: StaleUpload): OutputLocation {
  return { bucket, key, s3Uri: `s3://${bucket}/${key}` } as OutputLocation;
}
