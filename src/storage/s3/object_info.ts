/**
 * Reads the properties of an object from the headers of a response.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { ObjectInfo } from "../backend.ts";
import { usableType } from "../content_type.ts";
import { S3Failure } from "./errors.ts";

/** The name of the content's SHA-256 in an object's metadata. */
export const SHA256_METADATA = "sha256";

/**
 * Reads the properties of an object from a response to HEAD or GET.
 *
 * @param location The object.
 * @param response The answer.
 * @param sizeElsewhere Its size, if the response does not contain it.
 * @returns The properties.
 * @throws {S3Failure} If the response is not from S3: a page of a proxy or a portal.
 */
export function objectInfo(
  location: OutputLocation,
  response: Response,
  sizeElsewhere?: number,
): ObjectInfo {
  const { headers } = response;
  const etag = headers.get("etag");
  const modified = Date.parse(headers.get("last-modified") ?? "");
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "");
  const size = range !== null
    ? Number(range[3])
    : response.status === 206
    ? NaN
    : contentLength(headers) ?? sizeElsewhere ?? NaN;
  if (etag === null || Number.isNaN(modified) || !Number.isSafeInteger(size) || size < 0) {
    throw new S3Failure(response.status, "", "a response without an object's ETag, date and size");
  }
  const sha256 = headers.get(`x-amz-meta-${SHA256_METADATA}`)?.toLowerCase();
  return {
    location,
    size,
    etag: bareEtag(etag),
    modified: new Date(modified),
    sha256: sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined,
    contentEncoding: encodingOf(headers),
    contentType: usableType(headers.get("content-type") ?? undefined),
  };
}

/**
 * The length of a body according to its header.
 *
 * @param headers The headers of the response.
 * @returns The number of bytes; `NaN`, if it is not written in digits; `undefined`, if it is missing.
 */
export function contentLength(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  return length === null ? undefined : /^\d+$/.test(length) ? Number(length) : NaN;
}

/** The part of the encoding that belongs to the object, and not to the way it was uploaded. */
function encodingOf(headers: Headers): string | undefined {
  const codings = (headers.get("content-encoding") ?? "").split(",").map((name) => name.trim());
  const kept = codings.filter((name) => !/^(?:|identity|aws-chunked)$/i.test(name));
  return kept.length === 0 ? undefined : kept.join(", ");
}

/**
 * An etag without its quotes, which some responses lack.
 *
 * @param etag The etag from S3.
 * @returns The etag without quotes.
 */
export function bareEtag(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}
