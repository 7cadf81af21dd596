/**
 * A request to S3 and its answer, as values.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { Watchdog } from "./watchdog.ts";

/** One request about an object. */
export interface S3Request {
  /** What is being done, for messages: `read`, `write`. */
  readonly action: string;
  /** The method. */
  readonly method: "GET" | "HEAD" | "PUT";
  /** The object. */
  readonly location: OutputLocation;
  /** The parameters of the query, not encoded. */
  readonly query?: Readonly<Record<string, string>>;
  /** Headers beside those of signing. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** The SHA-256 of the body, in hex: the server refuses other bytes. */
  readonly payloadSha256?: string;
}

/** An answer with status 2xx whose body is still to be read, under a watchdog. */
export interface S3Response extends Disposable {
  /** The answer. */
  readonly response: Response;
  /** The watchdog that covers the body. */
  readonly watchdog: Watchdog;
}

/** A request as the SDK's commands make it. */
export interface RawRequest {
  /** The method. */
  readonly method: string;
  /** The URL. */
  readonly url: string;
  /** All headers, signature included. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: Uint8Array<ArrayBuffer> | string;
}
