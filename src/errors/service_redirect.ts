/**
 * The error of a service's URL that redirects: from http to https, or to a page for signing in.
 *
 * @module
 */

import { RunOutputsError } from "./error.ts";

/**
 * Creates the error of a redirect. Requests don't follow one: it could lead away with the token.
 *
 * @param url The URL of the service, as it was given.
 * @param below The path of the request below that URL, such as `/healthz`.
 * @param response The answer.
 * @returns The error, with the URL to use; `undefined`, if it is no redirect.
 */
export function redirectError(
  url: string,
  below: string,
  response: Response,
): RunOutputsError | undefined {
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined;
  const requested = `${url.replace(/\/+$/, "")}${below}`;
  const target = URL.parse(response.headers.get("location") ?? "", requested);
  // Neither its query nor its password is for a log.
  const path = target?.pathname.endsWith(below)
    ? `${target.pathname.slice(0, -below.length)}/`
    : target?.pathname;
  return new RunOutputsError(
    "not_found",
    target === null || target.origin === "null"
      ? `The service at ${url} redirects elsewhere: check --server`
      : `The service at ${url} redirects to ${target.origin}${path}: use that URL`,
  );
}
