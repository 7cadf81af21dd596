/**
 * Detects from rejected requests which checksum headers a server supports or requires.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { S3Failure } from "./errors.ts";
import { concernsRequested } from "./requested_headers.ts";

/**
 * Whether a request was rejected because of a checksum header, which not every server knows.
 *
 * @param error The error of a request with such a header.
 * @returns `true`, if the request may work without it.
 */
export function refusesChecksums(error: unknown): boolean {
  const failure = failureIn(error);
  if (failure === undefined || wantsChecksum(error)) return false;
  const { status, s3Code, message } = failure;
  if (concernsRequested(message)) return false;
  return status === 501 || s3Code === "NotImplemented" ||
    (status === 400 && !/mismatch|digest/i.test(s3Code) && /checksum/i.test(message));
}

/**
 * Whether a request was rejected because it has no checksum, which buckets with Object Lock
 * require.
 *
 * @param error The error of a request without a checksum header.
 * @returns `true`, if the request may work with it.
 */
export function wantsChecksum(error: unknown): boolean {
  const failure = failureIn(error);
  return failure?.status === 400 && /(?:Content-MD5|x-amz-checksum-).*required/i.test(
    failure.message,
  );
}

function failureIn(error: unknown): S3Failure | undefined {
  return error instanceof RunOutputsError && error.cause instanceof S3Failure
    ? error.cause
    : undefined;
}
