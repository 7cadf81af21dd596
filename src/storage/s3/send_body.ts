/**
 * Sends a body to S3, with retries, the checksum header, and a check that the response is from S3.
 *
 * @module
 */

import { checksumMismatch } from "../../errors/checksum_mismatch.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { refusesChecksums, wantsChecksum } from "./checksum_support.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { textOf } from "./body_text.ts";
import { s3Error, S3Failure } from "./errors.ts";
import { bareEtag } from "./object_info.ts";
import type { S3Request } from "./request.ts";
import type { Session } from "./session.ts";

/** The default content type. */
export const UNKNOWN_TYPE = "application/octet-stream";

/** Marks an error after an attempt with an unknown outcome. */
const uncertain = new WeakSet<Error>();

/** The server's response to a body. */
export interface Sent {
  /** The etag, without quotes. */
  readonly etag: string;
  /** The server's time. */
  readonly date: Date;
}

/**
 * Sends a body, with retries, and with a checksum header if the server supports it.
 *
 * @param session The connection.
 * @param request The request.
 * @param checksum The body's SHA-256 in base64; `undefined` for a part of an upload that was started
 * without checksums.
 * @param signal The caller's.
 * @param find Looks up whether the server has the body, after a lost response.
 * @returns The server's response.
 * @throws {RunOutputsError} The last error.
 */
export async function sendBody(
  session: Session,
  request: S3Request,
  checksum: string | undefined,
  signal: AbortSignal | undefined,
  find?: () => Promise<Sent | undefined>,
): Promise<Sent> {
  const { headers, location: { bucket } } = request;
  let attempts = 0;
  let dropped = false;
  for (;;) {
    const isRequired = session.checksumBuckets.has(bucket);
    const withChecksum = checksum !== undefined && session.sendsChecksums(bucket);
    try {
      return await session.request(
        (attempt) => {
          attempts = attempt;
          return withChecksum
            ? { ...request, headers: { ...headers, "x-amz-checksum-sha256": checksum } }
            : request;
        },
        signal,
        async (answer) => {
          using _ = answer;
          const { response } = answer;
          const etag = response.headers.get("etag");
          const text = await textOf(answer).catch((error) => {
            const { action, location } = request;
            const host = session.transport.host(location.bucket);
            throw s3Error({ action, target: location.s3Uri, host, signed: true }, error, signal);
          });
          if (etag === null || text !== "") {
            throw notS3(request, session, response.status);
          }
          const date = Date.parse(response.headers.get("date") ?? "");
          return { etag: bareEtag(etag), date: new Date(Number.isNaN(date) ? Date.now() : date) };
        },
        find,
      );
    } catch (error) {
      if (withChecksum && !isRequired && refusesChecksums(error)) {
        session.checksums = false;
        dropped = true;
        continue;
      }
      // The checksum was not the header that the server does not support.
      if (dropped && refusesChecksums(error)) session.checksums = true;
      if (checksum !== undefined && !withChecksum && wantsChecksum(error)) {
        session.checksumBuckets.add(bucket);
        continue;
      }
      if (attempts > 1 && error instanceof Error) uncertain.add(error);
      throw error;
    }
  }
}

/**
 * Whether an error came after an attempt with an unknown outcome.
 *
 * @param error An error of {@linkcode sendBody}.
 * @returns `true` if an earlier attempt may have stored the object.
 */
export function isUncertain(error: Error): boolean {
  return uncertain.has(error);
}

/**
 * Fails if bytes do not have the expected hash.
 *
 * @param location Their destination.
 * @param actual Their hash.
 * @param expected The required hash, if any.
 * @throws {RunOutputsError} `integrity`.
 */
export function checkHash(
  location: OutputLocation,
  actual: string,
  expected: string | undefined,
): void {
  if (expected === undefined || expected === actual) return;
  throw checksumMismatch(`Cannot write '${location}'`, { expected, actual });
}

function notS3({ location }: S3Request, session: Session, status: number): RunOutputsError {
  const cause = new S3Failure(299, "", `status ${status} without an ETag`);
  return new RunOutputsError(
    "transient",
    `Cannot write '${location}': the response of ${
      session.transport.host(location.bucket)
    } is not from ` +
      "an S3 server; check --endpoint-url and proxies",
    { cause },
  );
}
