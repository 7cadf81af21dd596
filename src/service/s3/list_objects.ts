/**
 * A page of a listing as XML.
 *
 * @module
 */

import { uriEncodeKey } from "../../layout/output_location.ts";
import { entityTag } from "../objects/representation.ts";
import type { Entry } from "./entries.ts";
import { formatToken, type ListingQuery } from "./listing_query.ts";
import { element, group, xmlDocument } from "./xml.ts";

/** A page. */
export interface ListingPage {
  /** The entries. */
  readonly entries: readonly Entry[];
  /** Whether there are more. */
  readonly isTruncated: boolean;
}

/**
 * Formats a page of a listing.
 *
 * @param bucket The bucket, as the client calls it.
 * @param query What was requested.
 * @param page The entries.
 * @returns The document.
 */
export function formatListing(
  bucket: string,
  query: ListingQuery,
  { entries, isTruncated }: ListingPage,
): string {
  const { prefix, isLevel, after, maxKeys, isEncoded, version } = query;
  const name = (text: string) => isEncoded ? uriEncodeKey(text) : text;
  const last = entries.at(-1)?.key ?? "";
  const head = [
    element("Name", bucket),
    element("Prefix", name(prefix)),
    ...isLevel ? [element("Delimiter", "/")] : [],
    element("MaxKeys", `${maxKeys}`),
    ...isEncoded ? [element("EncodingType", "url")] : [],
    element("IsTruncated", `${isTruncated}`),
    ...version === 2
      ? [element("KeyCount", `${entries.length}`)]
      : [element("Marker", name(after))],
  ];
  if (isTruncated) {
    head.push(
      version === 2
        ? element("NextContinuationToken", formatToken(last))
        : element("NextMarker", name(last)),
    );
  }
  const objects = entries.flatMap(({ key, child }) => {
    if (child?.info === undefined) return [];
    const { size, etag, modified } = child.info;
    return [group("Contents", [
      element("Key", name(key)),
      // As in the header Last-Modified, which has whole seconds.
      element("LastModified", `${modified.toISOString().slice(0, -5)}.000Z`),
      element("ETag", entityTag(etag)),
      element("Size", `${size}`),
      element("StorageClass", "STANDARD"),
    ])];
  });
  const groups = entries.filter(({ child }) => child === undefined)
    .map(({ key }) => group("CommonPrefixes", [element("Prefix", name(key))]));
  return xmlDocument("ListBucketResult", [...head, ...objects, ...groups]);
}
