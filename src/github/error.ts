/**
 * Turns failed requests to GitHub into errors of ours.
 *
 * @module
 */

import { escapeUnprintable, RunOutputsError } from "../errors/error.ts";
import { RefusedAnswer } from "./conditional_fetch.ts";
import { networkReason, shorten } from "../errors/network.ts";

/** What the message of an error contains. */
export interface GithubErrorContext {
  /** The failed action, such as `read run 123`. */
  readonly action: string;
  /** The repository. */
  readonly repository: string;
  /** The URL of the API. */
  readonly apiUrl: string;
  /** Whether a token was sent. */
  readonly hasToken: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /**
   * What a 404 or 422 means for this request, and what to try. Default: it may be another
   * repository.
   */
  readonly notFound?: string;
}

/**
 * The part of Octokit's error that we read. It is not imported, because that would load Octokit.
 */
interface RequestError extends Error {
  readonly status: number;
  readonly response?: {
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly data?: unknown;
  };
}

/**
 * Creates an error from what Octokit threw.
 *
 * @param error What was thrown. Our own errors are returned unchanged, except that those thrown
 * inside Octokit get the request.
 * @param context The request.
 * @returns An error with one of our codes, in one line.
 */
export function githubError(error: unknown, context: GithubErrorContext): Error {
  if (error instanceof RunOutputsError) return error;
  if (!(error instanceof Error)) return new RunOutputsError("failed", String(error));
  const { action, repository, apiUrl, hasToken } = context;
  const host = new URL(apiUrl).host;
  const make = (code: RunOutputsError["code"], reason: string) =>
    new RunOutputsError(
      code,
      escapeUnprintable(`Cannot ${action} of ${repository} on GitHub: ${reason}`),
      { cause: error },
    );

  if (error instanceof RefusedAnswer) return make("failed", firstLine(error.message));
  if (!isRequestError(error)) return make("failed", firstLine(error.message));
  if (error.response === undefined) {
    const reason = error.cause instanceof RunOutputsError
      ? firstLine(error.cause.message)
      : networkReason(error);
    return make("transient", `cannot connect to ${host} (${reason}): check the network`);
  }
  const { status, response } = error;
  const said = messageOf(response.data) ?? `status ${status}`;
  const limit = limitOf(status, said, response.headers, context);
  if (limit !== undefined) return make("transient", limit);
  switch (status) {
    case 401:
      return make("unauthenticated", `the token was rejected (${said}): check $GH_TOKEN`);
    case 403:
      return make(
        "denied",
        `${said}${hasToken ? ": the token must allow reading actions and contents" : HINT}`,
      );
    case 404:
    case 409:
    case 422:
    case 451:
      return make(
        "not_found",
        `${context.notFound ?? `${said}: check --repo`}${hasToken ? "" : HINT}`,
      );
  }
  if (status >= 500) return make("transient", `${host} answers ${status} (${said})`);
  return make("failed", `${host} answers ${status} (${said})`);
}

/** Rate limits reset within an hour; a reset more milliseconds away is not reported. */
const LONG = 24 * 60 * 60 * 1000;

const HINT = "; a private repository needs a token in $GH_TOKEN";

/** The reset of an exceeded rate limit; `undefined`, if it is another error. */
function limitOf(
  status: number,
  said: string,
  headers: Readonly<Record<string, string | undefined>>,
  { hasToken, now }: GithubErrorContext,
): string | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const isPrimary = headers["x-ratelimit-remaining"] === "0";
  const after = Number(headers["retry-after"]);
  const isSecondary = /\bsecondary rate\b/i.test(said) || after > 0 || status === 429;
  if (!isPrimary && !isSecondary) return undefined;
  const reset = Number(headers["x-ratelimit-reset"]);
  const end = after > 0 ? now + after * 1000 : isPrimary && reset > 0 ? reset * 1000 : undefined;
  const number = isPrimary && !isSecondary ? headers["x-ratelimit-limit"] : undefined;
  const which = number === undefined
    ? "rate limit exceeded"
    : `rate limit of ${number} requests exceeded`;
  const until = end === undefined
    ? "for some minutes"
    : end - now > LONG
    ? "for more than a day"
    : `until ${new Date(end).toISOString().replace(/\.\d+Z$/, "Z")} (${forHowLong(end - now)})`;
  const remedy = hasToken
    ? "try again then"
    : "set $GH_TOKEN for a higher limit, or try again then";
  return `${which} ${until}: ${remedy}`;
}

function forHowLong(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return seconds < 120 ? `in ${seconds} s` : `in ${Math.ceil(seconds / 60)} min`;
}

function isRequestError(error: Error): error is RequestError {
  return "status" in error && typeof error.status === "number";
}

function messageOf(data: unknown): string | undefined {
  if (typeof data !== "object" || data === null || !("message" in data)) return undefined;
  return typeof data.message === "string" ? firstLine(data.message) : undefined;
}

function firstLine(text: string): string {
  const [line] = text.split("\n");
  return shorten(line, 200).replace(/\.$/, "");
}
