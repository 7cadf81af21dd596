/**
 * Headers that the user requests: who pays, how objects are encrypted, who may read them.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../../errors/error.ts";

/** The ways in which S3 encrypts objects that it stores. */
export const ENCRYPTIONS = ["AES256", "aws:kms", "aws:kms:dsse"] as const;

/** The access control lists that S3 has a name for. */
export const ACLS = [
  "private",
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "bucket-owner-full-control",
] as const;

/** The options behind the headers, as `S3BackendOptions` has them. */
export interface RequestedHeaders {
  /** Who pays for requests, if not the bucket's owner. */
  readonly requestPayer?: string;
  /** How new objects are encrypted. */
  readonly sse?: string;
  /** With which key. */
  readonly sseKmsKeyId?: string;
  /** Who may read new objects. */
  readonly acl?: string;
}

/**
 * Rejects options that no request can have.
 *
 * @param options The options.
 * @throws {RunOutputsError} `invalid`, naming the option.
 */
export function checkRequestedHeaders(
  options: RequestedHeaders & { readonly noSignRequest?: boolean },
): void {
  const { requestPayer, sse, sseKmsKeyId, acl, noSignRequest } = options;
  check("request payer", requestPayer, ["requester"]);
  check("server-side encryption", sse, ENCRYPTIONS);
  check("ACL", acl, ACLS);
  if (requestPayer !== undefined && noSignRequest) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --request-payer with --no-sign-request: unsigned requests have no requester " +
        "who could pay",
    );
  }
  if (sseKmsKeyId === undefined) return;
  if (!/^[\x21-\x7e]+$/.test(sseKmsKeyId)) {
    throw invalid("KMS key", sseKmsKeyId, "a key's ID, alias or ARN");
  }
  if (sse === undefined || !sse.startsWith("aws:kms")) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --sse-kms-key-id without --sse aws:kms or --sse aws:kms:dsse",
    );
  }
}

function check(field: string, value: string | undefined, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value)) return;
  throw invalid(field, value, choices.join(", "));
}

/**
 * Whether a server's message is about encryption or ACLs. With such a reason, the request would be
 * rejected without its other headers too.
 *
 * @param message The message of an error.
 * @returns `true` for messages such as "Server side encryption specified but KMS is not configured".
 */
export function concernsRequested(message: string): boolean {
  return /\b(?:encrypt\w*|SSE|KMS|ACLs?)\b/i.test(message);
}

/**
 * The headers for one request. Who pays goes with each request. Encryption and ACL go with the
 * requests that create an object: a write, a copy (for its destination), the start of a multipart
 * upload. The parts and the completion of an upload take them from its start.
 *
 * @param request The method, and the parameters of the query.
 * @param options The options.
 * @returns The headers to add.
 */
export function requestedHeaders(
  { method, query = {} }: {
    readonly method: string;
    readonly query?: Readonly<Record<string, unknown>>;
  },
  { requestPayer, sse, sseKmsKeyId, acl }: RequestedHeaders,
): Record<string, string> {
  const isWrite = method === "PUT" && !("uploadId" in query);
  const creates = isWrite || (method === "POST" && "uploads" in query);
  return {
    ...(requestPayer !== undefined && { "x-amz-request-payer": requestPayer }),
    ...(creates && sse !== undefined && { "x-amz-server-side-encryption": sse }),
    ...(creates && sseKmsKeyId !== undefined && {
      "x-amz-server-side-encryption-aws-kms-key-id": sseKmsKeyId,
    }),
    ...(creates && acl !== undefined && { "x-amz-acl": acl }),
  };
}
