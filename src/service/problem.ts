/**
 * Answers to requests that fail: `application/problem+json` (RFC 9457).
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "../errors/error.ts";
import { exitCodeOf } from "../errors/exit_codes.ts";
import { Problem } from "../operations/retained/problem.ts";

/**
 * The status of an error of the request, the run or the storage, and the name of the problem. A client
 * can't mend the credentials of the storage or of a source, so their lack is no 401.
 */
const BY_CODE: Readonly<Record<ErrorCode, readonly [number, string]>> = {
  invalid: [400, "invalid"],
  denied: [403, "denied"],
  not_found: [404, "not-found"],
  conflict: [409, "conflict"],
  failed: [500, "failed"],
  unauthenticated: [502, "storage-denied"],
  transient: [502, "storage"],
  integrity: [502, "storage"],
  incomplete: [409, "incomplete"],
};

/** The error code, and so the exit code, of a status. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  401: "unauthenticated",
  403: "denied",
  404: "not_found",
  405: "invalid",
  409: "conflict",
  410: "not_found",
  412: "conflict",
  413: "invalid",
  414: "invalid",
  415: "invalid",
  416: "invalid",
  421: "invalid",
  429: "transient",
  431: "invalid",
  502: "transient",
  503: "transient",
  507: "failed",
};

/** What each status means, in a few words. */
const TITLES: Readonly<Record<number, string>> = {
  400: "Invalid request",
  401: "A token is required",
  403: "Access denied",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  410: "Deleted",
  412: "Precondition failed",
  413: "Body too large",
  414: "URL too long",
  415: "Unsupported content type",
  416: "Range not satisfiable",
  421: "Unknown host",
  429: "Too many attempts",
  431: "Too many headers",
  500: "Failure of the service",
  502: "Failure of the storage",
  503: "Not now",
  507: "No space left",
};

/** What problems mean that share their status with others. */
const TITLES_BY_TYPE: Readonly<Record<string, string>> = {
  incomplete: "The run is incomplete",
  "storage-denied": "The storage denied access",
};

/** Options of {@linkcode httpError}. */
export interface HttpErrorOptions {
  /** Headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of the document that a program can use. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The cause of an error that decides its answer. */
export class HttpProblem extends Error {
  /** The status. */
  readonly status: number;
  /** The name of the problem, which follows `urn:run-outputs:`. */
  readonly type: string;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Members of the document that a program can use. */
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * Creates the cause of an error.
   *
   * @param status The status.
   * @param type The name of the problem.
   * @param options Headers and members.
   */
  constructor(status: number, type: string, { headers = {}, details = {} }: HttpErrorOptions = {}) {
    super(type);
    this.name = "HttpProblem";
    this.status = status;
    this.type = type;
    this.headers = headers;
    this.details = details;
  }
}

/**
 * Creates an error with a status of its own.
 *
 * @param status The status.
 * @param type The name of the problem, such as `unknown-host`.
 * @param message One line, for the client.
 * @param options Headers and members of the answer.
 * @returns The error.
 */
export function httpError(
  status: number,
  type: string,
  message: string,
  options?: HttpErrorOptions,
): RunOutputsError {
  return new RunOutputsError(BY_STATUS[status] ?? "failed", message, {
    cause: new HttpProblem(status, type, options),
  });
}

/** What a client learns of a failure. */
export interface ProblemDocument {
  /** `urn:run-outputs:` and its name. */
  readonly type: string;
  /** What the status means. */
  readonly title: string;
  /** The status. */
  readonly status: number;
  /** What happened, and what to do, in one line. */
  readonly detail: string;
  /** The exit code that the command would have. */
  readonly exit_code: number;
  /** More members, for programs. */
  readonly [member: string]: unknown;
}

/** A failure as it is answered. */
export interface ShownProblem {
  /** The document. */
  readonly document: ProblemDocument;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * What a client learns of a failure. What is unexpected is not shown.
 *
 * @param error What was thrown.
 * @param hide Removes paths of this machine from a message.
 * @returns The document, and headers of its answer.
 */
export function problemOf(error: unknown, hide: (text: string) => string): ShownProblem {
  const { status, type, headers, details } = partsOf(error);
  const detail = error instanceof RunOutputsError
    ? hide(error.message)
    : "Unexpected error; the log of the service has more";
  return {
    document: {
      type: `urn:run-outputs:${type}`,
      title: TITLES_BY_TYPE[type] ?? TITLES[status] ?? "Failure",
      status,
      detail,
      exit_code: exitCodeOf(error),
      ...details,
    },
    headers,
  };
}

/**
 * Removes paths of this machine from messages.
 *
 * @param dirs The staging directory first, then others.
 * @returns A function for {@linkcode problemOf}.
 */
export function hider(dirs: readonly string[]): (text: string) => string {
  return (text) =>
    dirs.reduce((shown, dir, i) => {
      const name = i === 0 ? "the staging directory" : "the source";
      return shown.replaceAll(`${dir}/`, "").replaceAll(dir, name);
    }, text);
}

/**
 * Answers a request that failed.
 *
 * @param problem What the client learns.
 * @returns The answer.
 */
export function problemAnswer({ document, headers }: ShownProblem): Response {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  return new Response(text, {
    status: document.status,
    headers: {
      ...headers,
      "content-type": "application/problem+json",
      "content-length": `${new TextEncoder().encode(text).length}`,
    },
  });
}

function partsOf(error: unknown): Pick<HttpProblem, "status" | "type" | "headers" | "details"> {
  if (!(error instanceof RunOutputsError)) {
    return { status: 500, type: "unexpected", headers: {}, details: {} };
  }
  const { cause, code } = error;
  if (cause instanceof HttpProblem) return cause;
  const [status, type] = BY_CODE[code];
  if (!(cause instanceof Problem)) return { status, type, headers: {}, details: {} };
  // What is not ready yet is no failure of the storage.
  const [own, headers] = code === "transient" ? [503, { "retry-after": "1" }] : [status, {}];
  return { status: own, type: cause.type, headers, details: cause.details };
}
