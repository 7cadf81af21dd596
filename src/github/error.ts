/**
 * The one place that turns a failed request to GitHub into our error.
 *
 * @module
 */

import { escapeUnprintable, RunOutputsError } from "../errors/error.ts";
import { RefusedAnswer } from "./conditional_fetch.ts";
import { networkReason, shorten } from "../errors/network.ts";

/** What the message of an error needs to know. */
export interface GithubErrorContext {
  /** What was asked for, as in `read run 123`. */
  readonly action: string;
  /** The repository. */
  readonly repository: string;
  /** The API's address. */
  readonly apiUrl: string;
  /** Whether a token was sent. */
  readonly hasToken: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What a 404 or 422 means here, and what to try. Default: the repository may be another. */
  readonly notFound?: string;
}

/** Octokit's error, as far as we read it; it is not imported, because that would load Octokit. */
interface RequestError extends Error {
  readonly status: number;
  readonly response?: {
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly data?: unknown;
  };
}

/**
 * Creates an error of what Octokit threw.
 *
 * @param error What was thrown. Our own errors come back as they are, but for the ones that were
 * thrown beneath Octokit: those get what was asked for.
 * @param context The request.
 * @returns An error with a code of ours, in one line.
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

/** Limits end within the hour; what is said to end after so many milliseconds is no time to tell. */
const LONG = 24 * 60 * 60 * 1000;

const HINT = "; a private repository needs a token in $GH_TOKEN";

/** What a used up limit of requests says; `undefined`, if it is invalid. */
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
