/**
 * Signs requests with version 4 of Amazon's signature. Source: "Authenticating Requests (AWS Signature
 * Version 4)" in the S3 API reference.
 *
 * @module
 */

import { createHash, createHmac } from "node:crypto";
import { uriEncodeKey } from "../../layout/output_location.ts";
import type { StaticCredentials } from "./settings.ts";

const ALGORITHM = "AWS4-HMAC-SHA256";

/** The hash of a body that the signature does not cover. */
const UNSIGNED = "UNSIGNED-PAYLOAD";

/** What a signature covers. */
export interface Signable {
  /** The method. */
  readonly method: string;
  /** The URL; its query does not count. */
  readonly url: URL;
  /** The parameters of the query, not encoded. */
  readonly query: Readonly<Record<string, string>>;
  /** The headers, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs for one region, with the same credentials. */
export class Signer {
  readonly #credentials: StaticCredentials;
  readonly #region: string;
  #key: { readonly day: string; readonly key: Uint8Array } | undefined;

  /**
   * Creates a signer.
   *
   * @param credentials The credentials.
   * @param region The region.
   */
  constructor(credentials: StaticCredentials, region: string) {
    this.#credentials = credentials;
    this.#region = region;
  }

  /**
   * Signs a request.
   *
   * @param request The request. Proxies change `user-agent`, so it is not signed.
   * @param payloadSha256 The SHA-256 of the body, in hex.
   * @param now The server's time.
   * @returns All headers of the request, with the signature.
   */
  sign(request: Signable, payloadSha256: string, now: Date): Record<string, string> {
    const { accessKeyId, sessionToken } = this.#credentials;
    const time = timeOf(now);
    const headers: Record<string, string> = {
      ...request.headers,
      "x-amz-content-sha256": payloadSha256,
      "x-amz-date": time,
      ...(sessionToken && { "x-amz-security-token": sessionToken }),
    };
    const { "user-agent": _, ...signed } = headers;
    const signature = this.#signature({ ...request, headers: signed }, payloadSha256, time);
    headers.authorization = `${ALGORITHM} Credential=${accessKeyId}/${this.#scope(time)}, ` +
      `SignedHeaders=${namesOf(signed)}, Signature=${signature}`;
    return headers;
  }

  /**
   * Signs a URL for reading, which then needs no headers.
   *
   * @param url The URL, without a query.
   * @param seconds For how long.
   * @param now The server's time.
   * @returns The query of the URL.
   */
  presign(url: URL, seconds: number, now: Date): string {
    const { accessKeyId, sessionToken } = this.#credentials;
    const time = timeOf(now);
    const query = {
      "X-Amz-Algorithm": ALGORITHM,
      "X-Amz-Credential": `${accessKeyId}/${this.#scope(time)}`,
      "X-Amz-Date": time,
      "X-Amz-Expires": `${seconds}`,
      "X-Amz-SignedHeaders": "host",
      ...(sessionToken && { "X-Amz-Security-Token": sessionToken }),
    };
    const request = { method: "GET", url, query, headers: { host: url.host } };
    const signature = this.#signature(request, UNSIGNED, time);
    return formatQuery({ ...query, "X-Amz-Signature": signature });
  }

  #scope(time: string): string {
    return `${time.slice(0, 8)}/${this.#region}/s3/aws4_request`;
  }

  #signature({ method, url, query, headers }: Signable, payload: string, time: string): string {
    const canonical = [
      method,
      url.pathname,
      formatQuery(query),
      ...Object.keys(headers).sort().map((name) =>
        `${name}:${headers[name].replace(/\s+/g, " ").trim()}`
      ),
      "",
      namesOf(headers),
      payload,
    ].join("\n");
    const hash = createHash("sha256").update(canonical).digest("hex");
    const text = [ALGORITHM, time, this.#scope(time), hash].join("\n");
    return createHmac("sha256", this.#keyFor(time.slice(0, 8))).update(text).digest("hex");
  }

  /** The key of a day, which most requests share. */
  #keyFor(day: string): Uint8Array {
    if (this.#key?.day !== day) {
      let key: Uint8Array = new TextEncoder().encode(`AWS4${this.#credentials.secretAccessKey}`);
      for (const text of [day, this.#region, "s3", "aws4_request"]) {
        key = createHmac("sha256", key).update(text).digest();
      }
      this.#key = { day, key };
    }
    return this.#key.key;
  }
}

/**
 * Encodes a query as signatures need it: sorted by name, and with all but letters, digits and `-._~` escaped.
 *
 * @param query The parameters.
 * @returns The query, without `?`.
 */
export function formatQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query).map((pair) => pair.map(encode)).sort(([a], [b]) => a < b ? -1 : 1)
    .map((pair) => pair.join("=")).join("&");
}

function encode(text: string): string {
  return uriEncodeKey(text).replaceAll("/", "%2F");
}

function namesOf(headers: Readonly<Record<string, string>>): string {
  return Object.keys(headers).sort().join(";");
}

/** As in `20130524T000000Z`. */
function timeOf(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d+/g, "");
}
