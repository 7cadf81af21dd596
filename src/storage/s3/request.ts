/**
 * A request to S3 and its response, as values.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { Watchdog } from "./watchdog.ts";

/** A request for an object, or for a bucket. */
export interface S3Request {
  /** The action, for messages: `read`, `write`. */
  readonly action: string;
  /** The method. */
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** The object. */
  readonly location: OutputLocation;
  /** Whether the request is for the bucket; the location is then for messages. */
  readonly ofBucket?: boolean;
  /** The parameters of the query, not encoded. */
  readonly query?: Readonly<Record<string, string>>;
  /** Headers in addition to those of signing. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** The SHA-256 of the body, in hex: the server rejects other bytes. */
  readonly payloadSha256?: string;
}

/** A response with status 2xx whose body is unread, with its watchdog. */
export interface S3Response extends Disposable {
  /** The answer. */
  readonly response: Response;
  /** The watchdog of the body. */
  readonly watchdog: Watchdog;
}

/** A signed request, ours or one for credentials. */
export interface RawRequest {
  /** The method. */
  readonly method: string;
  /** The URL. */
  readonly url: string;
  /** All headers, including the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: Uint8Array<ArrayBuffer> | string;
}
