/**
 * Errors in the form that S3's clients read.
 *
 * @module
 */

import { element, XML_TYPE, xmlDocument } from "./xml.ts";

/** An error with a code of S3. */
export class S3Error extends Error {
  /** The status. */
  readonly status: number;
  /** S3's code, such as `NoSuchKey`. */
  readonly code: string;

  /**
   * Creates an error.
   *
   * @param status The status.
   * @param code S3's code.
   * @param message One line.
   */
  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "S3Error";
    this.status = status;
    this.code = code;
  }
}

/** S3's codes for the statuses of this service. */
const CODES: Readonly<Record<number, string>> = {
  400: "InvalidArgument",
  403: "AccessDenied",
  404: "NoSuchKey",
  405: "MethodNotAllowed",
  409: "OperationAborted",
  410: "NoSuchKey",
  412: "PreconditionFailed",
  416: "InvalidRange",
  429: "SlowDown",
  502: "InternalError",
  503: "SlowDown",
};

/**
 * The answer with an error.
 *
 * @param status The status.
 * @param message One line, for the client.
 * @param code S3's code. Default: by the status.
 * @param headers More headers.
 * @returns The answer.
 */
export function s3ErrorAnswer(
  status: number,
  message: string,
  code: string = CODES[status] ?? "InternalError",
  headers: HeadersInit = {},
): Response {
  const answer = new Headers(headers);
  answer.set("content-type", XML_TYPE);
  const document = xmlDocument("Error", [element("Code", code), element("Message", message)]);
  // S3 knows no 410: to its clients, the object does not exist.
  return new Response(document, { status: status === 410 ? 404 : status, headers: answer });
}
