/**
 * Lists the uploaded parts of a multipart upload, or looks up one of them.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { Pages } from "./pages.ts";
import type { Session } from "./session.ts";
import { XmlElement, xmlOf } from "./xml.ts";

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
  const pages = new Pages(session, location);
  let marker: string | undefined;
  for (;;) {
    const query = { uploadId, ...(marker !== undefined && { "part-number-marker": marker }) };
    const page = await session.document(
      { action: "list the parts of", method: "GET", location, query },
      signal,
      async (answer) => parsePage(await xmlOf(answer)),
    );
    const { parts, isTruncated } = page;
    yield* parts;
    marker = page.next;
    if (!pages.hasNext({ isTruncated, token: marker, count: parts.length })) return;
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
  const query = { uploadId, "part-number-marker": `${number - 1}`, "max-parts": "1" };
  try {
    const { parts } = await session.document(
      { action: "write", method: "GET", location, query },
      signal,
      async (answer) => parsePage(await xmlOf(answer)),
      1,
    );
    return parts.find((part) => part.number === number);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RunOutputsError && error.retryable) throw error;
    return undefined;
  }
}

function parsePage(text: string) {
  const root = XmlElement.parse(text);
  return {
    parts: root.all("Part").flatMap((part): ListedPart[] => {
      const [number, etag, size] = ["PartNumber", "ETag", "Size"].map((name) => part.text(name));
      if (number === undefined || etag === undefined) return [];
      return [{ number: Number(number), etag, size: Number(/^\d+$/.exec(size ?? "") ?? 0) }];
    }),
    isTruncated: root.text("IsTruncated") === "true",
    next: root.text("NextPartNumberMarker"),
  };
}
