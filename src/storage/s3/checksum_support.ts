/**
 * Which checksum headers a server takes, and which it insists on, by what it refuses.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { S3Failure } from "./errors.ts";

/**
 * Whether a refusal is about a checksum header, which not every server knows.
 *
 * @param error The refusal of a request with such a header.
 * @returns `true`, if the request may work without it.
 */
export function refusesChecksums(error: unknown): boolean {
  const failure = failureIn(error);
  if (failure === undefined || wantsChecksum(error)) return false;
  const { status, s3Code, message } = failure;
  return status === 501 || s3Code === "NotImplemented" ||
    (status === 400 && !/mismatch|digest/i.test(s3Code) && /checksum/i.test(message));
}

/**
 * Whether a refusal asks for a checksum: buckets with Object Lock take nothing without one.
 *
 * @param error The refusal of a request without a checksum header.
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
