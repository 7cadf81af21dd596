/**
 * `/login`: exchanges the token for a cookie, for browsers.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../../errors/error.ts";
import { uriEncodeKey } from "../../layout/output_location.ts";
import { readBody } from "../body.ts";
import type { ServiceContext, ServiceRequest } from "../context.ts";
import { checkOrigin } from "../origin.ts";
import { loginPage } from "../pages/error_page.ts";
import { httpError, HttpProblem } from "../problem.ts";
import { decodePath } from "../target.ts";
import type { TokenGuard } from "../tokens.ts";

/** The largest form, in bytes. */
const MAX_FORM = 8192;

/**
 * Checks the token of a form.
 *
 * @param request The request.
 * @param context The service.
 * @param guard Checks it.
 * @returns A redirect with the cookie; or the page again.
 * @throws {RunOutputsError} With the status of its answer, if it is not the form of our page.
 */
export async function login(
  request: ServiceRequest,
  { basePath }: ServiceContext,
  guard: TokenGuard,
): Promise<Response> {
  const { request: { headers }, query, peer } = request;
  checkOrigin(request);
  if (!/^application\/x-www-form-urlencoded\b/i.test(headers.get("content-type") ?? "")) {
    throw httpError(
      415,
      "content-type",
      "Unsupported content type: expected application/x-www-form-urlencoded",
    );
  }
  const form = new URLSearchParams(await readBody(request, MAX_FORM));
  try {
    const cookie = guard.login(form.get("token") ?? "", peer, basePath);
    return new Response(null, {
      status: 303,
      headers: { location: nextOf(query.get("next")), "set-cookie": cookie },
    });
  } catch (error) {
    if (!(error instanceof RunOutputsError && error.cause instanceof HttpProblem)) throw error;
    const { status, headers } = error.cause;
    return await loginPage(request, { message: error.message, status, headers });
  }
}

/**
 * Sends a browser to the login page, and then back.
 *
 * @param request The request without a token.
 * @returns A redirect.
 */
export function toLogin({ segments, isDirectory, request, base }: ServiceRequest): Response {
  const [, query] = /\?(.*)$/s.exec(request.url) ?? [];
  const path = uriEncodeKey(segments.join("/")) + (isDirectory && segments.length > 0 ? "/" : "");
  const next = query === undefined ? path : `${path}?${query}`;
  return new Response(null, {
    status: 303,
    headers: { location: `${base}login${next === "" ? "" : `?next=${encodeURIComponent(next)}`}` },
  });
}

/** Where to go after a login: a path of this service, relative to its root. */
function nextOf(next: string | null): string {
  if (!next) return "./";
  if (!/^[\x21-\x7e]*$/.test(next)) throw invalid("next", next, "an encoded path of this service");
  // A path that does not pass the gate is not ours, such as `/other.example`.
  decodePath(`/${next.split("?")[0]}`);
  return `./${next}`;
}
