/**
 * Lists the uploaded parts of a multipart upload, or looks up one of them.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { Pages } from "./pages.ts";
import type { Session } from "./session.ts";

/** A part in the server's list. */
export interface ListedPart {
  /** Its number, from 1. */
  readonly number: number;
  /** Its etag, unchanged from the response. */
  readonly etag: string;
  /** Its size in bytes. */
  readonly size: number;
}

/**
 * Lists the parts of an upload.
 *
 * @param session The connection.
 * @param action The action, for messages.
 * @param location The object.
 * @param uploadId The id of the upload.
 * @param signal The caller's.
 * @returns The parts, sorted by number.
 * @throws {RunOutputsError} Errors of the server; see `isNoSuchUpload`.
 */
export async function* listParts(
  session: Session,
  location: OutputLocation,
  uploadId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListedPart> {
  const { bucket: Bucket, key: Key } = location;
  const pages = new Pages(session, location);
  let PartNumberMarker: string | undefined;
  for (;;) {
    const page = await session.command(
      "list the parts of",
      location,
      signal,
      (client, { ListPartsCommand }) =>
        client.send(
          new ListPartsCommand({ Bucket, Key, UploadId: uploadId, PartNumberMarker }),
          { abortSignal: signal },
        ),
    );
    const { Parts = [], IsTruncated: isTruncated } = page;
    for (const { PartNumber, ETag, Size = 0 } of Parts) {
      if (PartNumber === undefined || ETag === undefined) continue;
      yield { number: PartNumber, etag: ETag, size: Math.max(0, Size) || 0 };
    }
    PartNumberMarker = page.NextPartNumberMarker;
    if (!pages.hasNext({ isTruncated, token: PartNumberMarker, count: Parts.length })) return;
  }
}

/**
 * Looks up one uploaded part, without retries.
 *
 * @param session The connection.
 * @param location The object.
 * @param uploadId The server's name of the upload.
 * @param number The part's number.
 * @param signal The caller's.
 * @returns The part; `undefined`, if the server does not have it, or does not tell.
 * @throws {RunOutputsError} `transient`, if a retry can help; the signal's reason.
 */
export async function lookAtPart(
  session: Session,
  location: OutputLocation,
  uploadId: string,
  number: number,
  signal: AbortSignal | undefined,
): Promise<ListedPart | undefined> {
  const { bucket: Bucket, key: Key } = location;
  const PartNumberMarker = `${number - 1}`;
  try {
    const { Parts = [] } = await session.command(
      "write",
      location,
      signal,
      (client, { ListPartsCommand }) =>
        client.send(
          new ListPartsCommand({ Bucket, Key, UploadId: uploadId, PartNumberMarker, MaxParts: 1 }),
          { abortSignal: signal },
        ),
      1,
    );
    const part = Parts.find(({ PartNumber }) => PartNumber === number);
    if (part?.ETag === undefined) return undefined;
    return { number, etag: part.ETag, size: part.Size ?? 0 };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RunOutputsError && error.retryable) throw error;
    return undefined;
  }
}
