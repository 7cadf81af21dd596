/**
 * Requests that pages of other sites send in a browser.
 *
 * @module
 */

import { quote } from "../errors/error.ts";
import type { ServiceRequest } from "./context.ts";
import { httpError } from "./problem.ts";
import type { Credential } from "./tokens.ts";

/**
 * Rejects a request that a page of another site has sent.
 *
 * @param request The request.
 * @throws {RunOutputsError} With the status 403, if `Origin` or `Sec-Fetch-Site` says so.
 */
export function checkOrigin({ request: { headers }, authority }: ServiceRequest): void {
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site") ?? "none";
  // A proxy in front of the service may speak HTTPS.
  const isOwn = origin === null || [`http://${authority}`, `https://${authority}`].includes(origin);
  if (isOwn && ["none", "same-origin"].includes(site)) return;
  throw httpError(
    403,
    "cross-origin",
    `Access denied: the request is from ${origin === null ? "another site" : quote(origin)}`,
  );
}

/**
 * Rejects a write that is not the user's own.
 *
 * @param request The request.
 * @param credential How the client has identified itself.
 * @throws {RunOutputsError} With the status 401 without a token, 403 if a page of another site can
 * have sent it.
 */
export function checkWrite(request: ServiceRequest, credential: Credential | undefined): void {
  if (credential === undefined) {
    throw httpError(403, "denied", "Access denied: a write needs the token of the service");
  }
  checkOrigin(request);
  // A browser adds a cookie by itself, but a token only when a page of ours does.
  if (credential === "cookie" && request.request.headers.get("origin") === null) {
    throw httpError(403, "cross-origin", "Access denied: a write with a cookie needs an Origin");
  }
}
