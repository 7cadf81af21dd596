/**
 * The URLs of objects. Pure.
 *
 * @module
 */

import { HOME_REGION } from "../../layout/bucket_inventory.ts";
import { type OutputLocation, uriEncodeKey } from "../../layout/output_location.ts";
import { amazonDomain, amazonHost } from "./amazon_host.ts";
import type { S3Server } from "./settings.ts";

/**
 * The region of a bucket, until a response says otherwise.
 *
 * @param server The server.
 * @param bucket The bucket.
 * @returns The region.
 */
export function presumedRegion(
  { endpoint, regionIsExplicit, region }: S3Server,
  bucket: string,
): string {
  const ours = endpoint === undefined && !regionIsExplicit && bucket.startsWith("therock-");
  return ours ? HOME_REGION : region;
}

/**
 * The URL for requests.
 *
 * @param server The server.
 * @param bucket The bucket.
 * @param key The key; empty for the bucket.
 * @param region The region of the bucket.
 * @returns The URL.
 */
export function requestUrl(
  { endpoint, variant }: S3Server,
  bucket: string,
  key: string,
  region: string,
): URL {
  const path = key === "" ? "" : `/${uriEncodeKey(key)}`;
  if (endpoint !== undefined) {
    return new URL(`${endpoint.href.replace(/\/+$/, "")}/${bucket}${path}`);
  }
  const host = amazonHost(region, variant);
  // The certificate's wildcard covers only one label.
  return bucket.includes(".")
    ? new URL(`https://${host}/${bucket}${path}`)
    : new URL(`https://${bucket}.${host}${path || "/"}`);
}

/**
 * The URL of an object for reading without a signature, if it is public.
 *
 * @param server The server.
 * @param location The object.
 * @param region The region of the bucket, as far as known.
 * @returns Its URL, without secrets. On Amazon it does not depend on the region, where that works.
 */
export function publicUrl(
  server: S3Server,
  location: OutputLocation,
  region = presumedRegion(server, location.bucket),
): string {
  const { bucket, key } = location;
  const isPlain = amazonDomain(region) === "amazonaws.com" && !bucket.includes(".");
  if (server.endpoint === undefined && isPlain) return location.httpsUrl;
  const { origin, pathname } = requestUrl(server, bucket, key, region);
  return origin + pathname;
}
