/**
 * The parameters of a listing as S3's clients send them (ListObjectsV2, and the older
 * ListObjects). Pure.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { S3Error } from "./s3_error.ts";

/** The most entries of a page, as on Amazon. */
const MAX_KEYS = 1000;

/** What a client wants to have listed. */
export interface ListingQuery {
  /** Only keys that begin with this. */
  readonly prefix: string;
  /** Whether keys with a `/` after the prefix are grouped up to it. */
  readonly isLevel: boolean;
  /** Only keys after this one, in the order of their bytes. */
  readonly after: string;
  /** The most entries of a page. */
  readonly maxKeys: number;
  /** Whether names in the answer are URL-encoded. */
  readonly isEncoded: boolean;
  /** 2, or 1 for the older listing. */
  readonly version: 1 | 2;
}

/** Parameters of listings, and those that clients add to every request. */
const KNOWN = new Set([
  "list-type",
  "prefix",
  "delimiter",
  "max-keys",
  "start-after",
  "marker",
  "continuation-token",
  "encoding-type",
  "fetch-owner",
  "x-id",
]);

/**
 * Reads the parameters of a listing.
 *
 * @param query The parameters, decoded.
 * @returns What is listed.
 * @throws {S3Error} `InvalidArgument`, for a value that S3 rejects too; `NotImplemented`, for another
 * operation on a bucket, such as `?versioning`.
 */
export function parseListingQuery(query: URLSearchParams): ListingQuery {
  const unknown = [...query.keys()].find((name) => !KNOWN.has(name));
  if (unknown !== undefined) {
    throw new S3Error(501, "NotImplemented", `This service lists and reads; it has no ?${unknown}`);
  }
  const delimiter = query.get("delimiter") ?? "";
  if (delimiter !== "" && delimiter !== "/") {
    throw new S3Error(501, "NotImplemented", "The only delimiter is '/'");
  }
  const encoding = query.get("encoding-type") ?? "";
  if (encoding !== "" && encoding !== "url") {
    throw new S3Error(400, "InvalidArgument", "Invalid encoding-type: expected url");
  }
  const isV2 = query.get("list-type") === "2";
  const token = query.get("continuation-token");
  return {
    prefix: query.get("prefix") ?? "",
    isLevel: delimiter === "/",
    after: !isV2
      ? query.get("marker") ?? ""
      : token === null
      ? query.get("start-after") ?? ""
      : parseToken(token),
    maxKeys: parseMaxKeys(query.get("max-keys")),
    isEncoded: encoding === "url",
    version: isV2 ? 2 : 1,
  };
}

function parseMaxKeys(value: string | null): number {
  if (value === null || value === "") return MAX_KEYS;
  if (!/^\d{1,9}$/.test(value)) {
    throw new S3Error(400, "InvalidArgument", "Invalid max-keys: expected a whole number");
  }
  return Math.min(Number(value), MAX_KEYS);
}

/**
 * The token with which the next page begins after a key.
 *
 * @param key The last entry of a page.
 * @returns The token.
 */
export function formatToken(key: string): string {
  // Uint8Array's own toBase64() is newer than the runtime of the executable may be.
  return Buffer.from(key).toString("base64url");
}

function parseToken(token: string): string {
  try {
    const bytes = Buffer.from(token, "base64url");
    if (bytes.toString("base64url") !== token) throw new TypeError("not base64url");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new S3Error(400, "InvalidArgument", "The continuation token is not one of this service");
  }
}
