/**
 * Names of regions, from users and from servers.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";

/** What {@linkcode isElsewhere} reads of a server's error. */
export interface RegionFailure {
  /** The HTTP status. */
  readonly status: number;
  /** S3's error code. */
  readonly s3Code: string;
  /** The region that the server names. */
  readonly region?: string;
}

/**
 * Whether a text can be the name of a region. A region becomes a label of a host name that
 * credentials are sent to, so other characters could lead to another host. `xn--` begins the
 * encoding of a label in other letters.
 *
 * @param text The text.
 * @returns `true` for names such as `us-east-2`, and those of other servers, such as `auto`.
 */
export function isRegion(text: string): boolean {
  return /^(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

/**
 * Whether a failure says that the bucket is in another region.
 *
 * @param failure The server's error.
 * @returns `true` for redirects and the codes of such errors.
 */
export function isElsewhere({ status, s3Code }: RegionFailure): boolean {
  return (status >= 301 && status <= 308) || ELSEWHERE.has(s3Code);
}

const ELSEWHERE: ReadonlySet<string> = new Set([
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
  "PermanentRedirect",
]);

/**
 * Describes a region of a failure that cannot be one.
 *
 * @param failure The server's error.
 * @returns The reason for a message; `undefined`, if the region is missing or valid.
 */
export function badRegion(failure: RegionFailure): string | undefined {
  const { region } = failure;
  if (region === undefined || isRegion(region) || !isElsewhere(failure)) return undefined;
  return `the server says that the bucket is in the region ${quote(region.slice(0, 80))}, which ` +
    "is not a region's name; check --endpoint-url and proxies, or set --region";
}
