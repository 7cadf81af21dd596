/**
 * Turns error responses of an S3 server, and missing responses, into errors of ours.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";
import { networkReason, networkText, shorten } from "../../errors/network.ts";
import { missingPermission } from "../../errors/permission.ts";
import type { RetryAdvice } from "../retry.ts";
import type { Proxy } from "./proxy.ts";
import { readUpTo } from "./read_up_to.ts";
import { badRegion } from "./region.ts";
import { StalledError } from "./watchdog.ts";

/** The number of bytes to read of an error's body. S3's have a few hundred. */
export const MAX_ERROR_BYTES = 64 * 1024;

/** An unexpected response. */
export class S3Failure extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** S3's error code, such as `NoSuchKey`; empty if the response has none. */
  readonly s3Code: string;
  /** The bucket's region, according to the server; it can be any text. */
  readonly region?: string;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter?: number;
  /** How far the server's clock is ahead of ours, in milliseconds. */
  readonly skew?: number;
  /** The storage class of the object. */
  readonly storageClass?: string;

  /**
   * Creates a failure.
   *
   * @param status The HTTP status.
   * @param s3Code S3's error code.
   * @param message The server's message.
   * @param details Other details.
   */
  constructor(
    status: number,
    s3Code: string,
    message: string,
    details: Partial<Pick<S3Failure, "region" | "retryAfter" | "skew" | "storageClass">> = {},
  ) {
    super(message);
    this.name = "S3Failure";
    this.status = status;
    this.s3Code = s3Code;
    this.region = details.region;
    this.retryAfter = details.retryAfter;
    this.skew = details.skew;
    this.storageClass = details.storageClass;
  }
}

/** What failed, for the message. */
export interface S3Context {
  /** A verb: `read`, `write`, `list`, `copy`, `delete`, `abort the upload of`. */
  readonly action: string;
  /** The target, as an `s3://` URI. */
  readonly target: string;
  /** The server's host. */
  readonly host: string;
  /** The proxy that requests to the host go through, if any. */
  readonly proxy?: Proxy;
  /** Whether the request was signed. */
  readonly signed: boolean;
  /** How far its time was ahead of our clock, in milliseconds. Default: 0. */
  readonly clockOffset?: number;
  /** The ACL of objects that are created, if one was requested. */
  readonly acl?: string;
  /** The encryption of objects that are created, if one was requested. */
  readonly sse?: string;
}

/**
 * Creates a failure from a response and the beginning of its body.
 *
 * @param response The answer.
 * @param body Its body as text, if that was read already.
 * @returns The failure.
 */
export async function failureOf(response: Response, body?: string): Promise<S3Failure> {
  const text = body ??
    await readUpTo(response, MAX_ERROR_BYTES).then(({ text }) => text, () => "");
  const { headers } = response;
  const region = headers.get("x-amz-bucket-region") || tag(text, "Region");
  return new S3Failure(response.status, tag(text, "Code"), tag(text, "Message"), {
    region: region || undefined,
    retryAfter: retryAfter(headers.get("retry-after")),
    skew: skew(headers.get("date")),
    storageClass: tag(text, "StorageClass") || undefined,
  });
}

/** S3's error code for a request whose time is off. */
const SKEWED = "RequestTimeTooSkewed";

const NEW_KEYS = "renew the credentials, or use --no-sign-request for public data";

/** S3's error codes, their meaning here, and what to try. */
const BY_S3_CODE: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  NoSuchBucket: ["not_found", "no such bucket; check --bucket and --endpoint-url"],
  NoSuchKey: ["not_found", "no such object"],
  NoSuchUpload: ["conflict", "the multipart upload was completed or removed by someone else"],
  AllAccessDisabled: ["denied", "all access to this bucket is disabled"],
  AccountProblem: ["denied", "the account has a problem that prevents the operation"],
  InvalidAccessKeyId: ["unauthenticated", `unknown access key; ${NEW_KEYS}`],
  SignatureDoesNotMatch: [
    "unauthenticated",
    "the server rejected the signature; check the secret access key",
  ],
  ExpiredToken: ["unauthenticated", `the session token has expired; ${NEW_KEYS}`],
  InvalidToken: ["unauthenticated", `the session token is not valid; ${NEW_KEYS}`],
  TokenRefreshRequired: ["unauthenticated", `the session token has expired; ${NEW_KEYS}`],
  [SKEWED]: ["unauthenticated", "this machine's clock is wrong; set it and try again"],
  PreconditionFailed: ["conflict", "it already exists, or is another version than requested"],
  ConditionalRequestConflict: ["conflict", "another write to it is in progress"],
  BadDigest: ["integrity", "checksum mismatch; the server received other bytes than were sent"],
  XAmzContentSHA256Mismatch: [
    "integrity",
    "checksum mismatch; the server received other bytes than were sent",
  ],
  XAmzContentChecksumMismatch: [
    "integrity",
    "checksum mismatch; the server received other bytes than were sent",
  ],
  InvalidDigest: ["integrity", "checksum mismatch; the server received other bytes than were sent"],
  IncompleteBody: ["integrity", "the server received fewer bytes than were sent"],
  EntityTooLarge: ["invalid", "it is larger than the server allows; check --part-size"],
  EntityTooSmall: ["invalid", "a part is smaller than the server allows; raise --part-size"],
  KeyTooLongError: ["invalid", "the key is longer than the server allows"],
  AccessControlListNotSupported: ["invalid", "the bucket allows no ACLs; leave out --acl"],
  InvalidBucketName: ["invalid", "invalid bucket name; check --bucket"],
  RequestTimeout: ["transient", "the server timed out waiting for data"],
  SlowDown: ["transient", "too many requests; try again later, or lower --concurrency"],
  OperationAborted: ["transient", "another operation on it is in progress"],
  QuotaExceeded: ["failed", "quota exceeded"],
};

/** Altered or missing bytes: worth a retry, like a network error. */
const ALTERED = new Set([
  "BadDigest",
  "XAmzContentSHA256Mismatch",
  "XAmzContentChecksumMismatch",
  "InvalidDigest",
  "IncompleteBody",
]);

/** A larger difference of the server's clock is not trusted, in milliseconds. */
const MAX_CORRECTION = 24 * 60 * 60_000;

/** S3 rejects signatures that differ by more than this, in milliseconds. */
const MAX_SKEW = 15 * 60_000;

/**
 * Turns the error of a request into an error of ours.
 *
 * @param context The action that failed.
 * @param error What was thrown: an error of the server, of the network, or ours.
 * @param signal The caller's signal; if it has aborted, its reason is the error.
 * @returns Our error; an abort's reason and our own errors are returned unchanged.
 */
export function s3Error(context: S3Context, error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof RunOutputsError) return error;
  const { code, reason, retryable } = explain(context, error);
  return new RunOutputsError(
    code,
    `Cannot ${context.action} '${context.target}': ${reason}`,
    { cause: error, retryable },
  );
}

interface Explanation {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly retryable?: boolean;
}

function explain(context: S3Context, error: unknown): Explanation {
  if (error instanceof S3Failure) return explainFailure(context, error);
  const permission = missingPermission(error);
  if (permission !== undefined) return { code: "denied", reason: permission };
  if (error instanceof StalledError) {
    return { code: "transient", reason: `${context.host} stopped responding: ${error.message}` };
  }
  // `fetch` throws TypeErrors for all network errors.
  if (error instanceof TypeError || isNetworkError(error)) {
    const reason = networkReason(error as Error);
    const { proxy, host } = context;
    if (proxy !== undefined && isConnectError(error) && !/certificate/i.test(reason)) {
      return {
        code: "transient",
        reason: `${reason} (the proxy ${proxy.host} of $${proxy.variable}); check it, or add ` +
          `${host.replace(/:\d+$/, "")} to NO_PROXY`,
      };
    }
    const advice = /certificate/i.test(reason)
      ? "set AWS_CA_BUNDLE to a file of additional trusted certificates"
      : reason.endsWith("speak TLS")
      ? "try http:// in --endpoint-url"
      : `check the network${
        isConnectError(error) ? ", --endpoint-url and HTTPS_PROXY" : ""
      } and try again`;
    return { code: "transient", reason: `${reason} (${host}); ${advice}` };
  }
  if (error instanceof Error && /credential/i.test(error.name)) {
    return { code: "unauthenticated", reason: `no usable credentials: ${oneLine(error.message)}` };
  }
  return { code: "failed", reason: error instanceof Error ? oneLine(error.message) : `${error}` };
}

function explainFailure(
  context: S3Context,
  failure: S3Failure,
): Explanation {
  const { action, signed, clockOffset } = context;
  const { status, s3Code } = failure;
  if (signed && isSkewed(failure, clockOffset)) {
    return {
      code: "unauthenticated",
      reason: `${describeSkew(failure.skew)}; set it and try again`,
    };
  }
  if (status === 403 && !signed && (s3Code === "" || s3Code === "AccessDenied")) {
    return {
      code: "unauthenticated",
      reason: "access denied to an unsigned request; set credentials, or remove " +
        "--no-sign-request",
    };
  }
  if (s3Code === "AccessDenied" || (status === 403 && s3Code === "")) {
    return { code: "denied", reason: describeDenial(context, failure.message) };
  }
  if (s3Code === "InvalidObjectState") {
    const where = failure.storageClass === undefined ? "" : ` (${failure.storageClass})`;
    return { code: "failed", reason: `it is archived${where}; restore it first, then try again` };
  }
  const invalidRegion = badRegion(failure);
  if (invalidRegion !== undefined) return { code: "failed", reason: invalidRegion };
  const known = BY_S3_CODE[s3Code];
  if (known !== undefined) {
    return { code: known[0], reason: known[1], retryable: ALTERED.has(s3Code) || undefined };
  }
  const said = [s3Code, oneLine(failure.message)].filter((text) => text !== "").join(": ");
  const response = said === "" ? `HTTP ${status}` : `${said} (HTTP ${status})`;
  if (status >= 301 && status <= 308) {
    return {
      code: "failed",
      reason: `the bucket is in another region, ${response}; set --region`,
    };
  }
  if (status === 404) return { code: "not_found", reason: "no such object" };
  if (status === 403) return { code: "denied", reason: `access denied, ${response}` };
  if (status === 401) return { code: "unauthenticated", reason: response };
  if (status === 412 || status === 409) return { code: "conflict", reason: response };
  if (status === 429 || (status >= 500 && status !== 501)) {
    return { code: "transient", reason: `server error: ${response}; try again later` };
  }
  if (status < 300) {
    return {
      code: "transient",
      reason: `the response to ${action} is not from an S3 server: ${response}; check ` +
        "--endpoint-url and proxies",
    };
  }
  return { code: "failed", reason: `the server rejected the request: ${response}` };
}

/** The permissions that a call needs, by action. */
const NEEDED: Readonly<Record<string, string>> = {
  read: "s3:GetObject (and s3:ListBucket, without which a missing object is denied)",
  write: "s3:PutObject",
  list: "s3:ListBucket",
  copy: "s3:PutObject, and s3:GetObject for the source",
  delete: "s3:DeleteObject",
  "list unfinished uploads of": "s3:ListBucketMultipartUploads",
  "list the parts of": "s3:ListMultipartUploadParts",
  "abort the upload of": "s3:AbortMultipartUpload",
};

/** The server's own reason, if it gives one, because it names the policy. */
function describeDenial({ action, acl, sse }: S3Context, message: string): string {
  if (!/^(?:access ?denied\.?)?$/i.test(message.trim())) {
    return `access denied: ${shorten(message, 600)}`;
  }
  const needed = NEEDED[action];
  return needed === undefined
    ? "access denied; check the permissions of the role"
    : `access denied; the role needs ${needed}${
      action === "write" || action === "copy" ? neededFor(acl, sse) : ""
    }`;
}

/** The permissions that requested headers of a new object take. */
function neededFor(acl: string | undefined, sse: string | undefined): string {
  return (acl === undefined ? "" : ", and s3:PutObjectAcl for --acl") +
    (sse?.startsWith("aws:kms")
      ? `, and kms:GenerateDataKey and kms:Decrypt for --sse ${sse}`
      : "");
}

/**
 * Whether a server rejected a signature because of its time.
 *
 * @param failure The server's error.
 * @param clockOffset How far that time was ahead of our clock, in milliseconds.
 * @returns `true`, if the error says so, or if the server's clock differs that much from it.
 */
export function isSkewed(
  failure: S3Failure,
  clockOffset = 0,
): failure is S3Failure & { readonly skew: number } {
  const { status, s3Code, skew } = failure;
  if (skew === undefined) return false;
  return s3Code === SKEWED || (status === 403 && Math.abs(skew - clockOffset) > MAX_SKEW);
}

/**
 * Whether to sign requests with a server's time. Whoever controls the time controls how long a
 * recorded signature is valid.
 *
 * @param skew How far the server's clock is ahead of ours, in milliseconds.
 * @returns `true` up to a day.
 */
export function isCorrectable(skew: number): boolean {
  return Math.abs(skew) <= MAX_CORRECTION;
}

/**
 * Says how far this machine's clock is off.
 *
 * @param skew How far the server's clock is ahead of ours, in milliseconds.
 * @returns A clause.
 */
export function describeSkew(skew: number): string {
  const minutes = Math.round(Math.abs(skew) / 60_000);
  return `this machine's clock is ${minutes} minutes ${skew < 0 ? "ahead of" : "behind"} the ` +
    "server's";
}

/**
 * What an error says about the next attempt.
 *
 * @param error An error of {@linkcode s3Error}.
 * @returns How long to wait, and the maximum number of attempts.
 */
export function retryAdvice(error: Error): RetryAdvice {
  const { cause } = error;
  if (cause instanceof S3Failure) {
    // Responses from something other than an S3 server, and bytes altered each time, do not get
    // better.
    const few = cause.status < 300 || ALTERED.has(cause.s3Code) ? 4 : undefined;
    return { retryAfter: cause.retryAfter, maxAttempts: few };
  }
  // A wrong host name or port does not get right by waiting minutes.
  return isConnectError(cause) ? { maxAttempts: 4 } : {};
}

/**
 * Whether a server complains about too many requests.
 *
 * @param error One of {@linkcode s3Error}'s.
 * @returns `true` for 429 and 503.
 */
export function isSlowDown(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof S3Failure && (cause.status === 429 || cause.status === 503);
}

/**
 * Whether an error says that a request made no progress, on this side or the server's.
 *
 * @param error One of {@linkcode s3Error}'s.
 * @returns `true`, if the line may be too slow for this many requests.
 */
export function isStall(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof StalledError ||
    (cause instanceof S3Failure && (cause.status === 408 || cause.s3Code === "RequestTimeout"));
}

/**
 * Whether an error leaves open what the server did: its response was lost, or is from a proxy.
 *
 * @param error One of {@linkcode s3Error}'s.
 * @returns `false`, if the server rejected the request or could not be reached.
 */
export function isLost(error: unknown): boolean {
  if (!(error instanceof RunOutputsError) || error.code !== "transient") return false;
  const { cause } = error;
  if (cause instanceof S3Failure) {
    return cause.status < 300 || (cause.status >= 500 && cause.status !== 503);
  }
  return !isConnectError(cause);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function isConnectError(error: unknown): boolean {
  return error instanceof Error &&
    /\(connect\)|dns error|refused|unreachable|certificate|blocked/i.test(networkText(error));
}

function isNetworkError(error: unknown): boolean {
  return error instanceof Deno.errors.Http || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.BadResource;
}

function oneLine(text: string): string {
  return shorten(text, 200);
}

/**
 * The text of the first element with a name. Error documents are flat, and nothing else is read.
 */
function tag(xml: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
  return found.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => ENTITIES[entity]);
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
};

/** Seconds or a date, as in RFC 9110. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

function skew(date: string | null): number | undefined {
  const ms = Date.parse(date ?? "") - Date.now();
  return Number.isFinite(ms) ? ms : undefined;
}
