/**
 * Lists the uploaded parts of a multipart upload.
 *
 * @module
 */

import { ListPartsCommand } from "@aws-sdk/client-s3";
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
  action: string,
  location: OutputLocation,
  uploadId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListedPart> {
  const { bucket: Bucket, key: Key } = location;
  const pages = new Pages(session, location);
  let PartNumberMarker: string | undefined;
  for (;;) {
    const page = await session.command(action, location, signal, (client) =>
      client.send(
        new ListPartsCommand({ Bucket, Key, UploadId: uploadId, PartNumberMarker }),
        { abortSignal: signal },
      ));
    const { Parts = [], IsTruncated: isTruncated } = page;
    for (const { PartNumber, ETag, Size = 0 } of Parts) {
      if (PartNumber === undefined || ETag === undefined) continue;
      yield { number: PartNumber, etag: ETag, size: Math.max(0, Size) || 0 };
    }
    PartNumberMarker = page.NextPartNumberMarker;
    if (!pages.hasNext({ isTruncated, token: PartNumberMarker, count: Parts.length })) return;
  }
}
