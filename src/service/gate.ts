/**
 * The gate: what every request must satisfy before anything looks at what it wants.
 *
 * The runtime passes on whatever clients send: any method, no host, a target that is not normalised.
 *
 * @module
 */

import { quote, RunOutputsError } from "../errors/error.ts";
import type { ServiceRequest } from "./context.ts";
import { hostName, type HostRules, isAllowedHost } from "./hosts.ts";
import { httpError } from "./problem.ts";
import { decodePath, decodeQuery, splitUrl } from "./target.ts";

/** The longest path with its query, in bytes. */
const MAX_TARGET = 8192;

/** The maximum number of headers. */
const MAX_HEADERS = 100;

/** The methods that some route has. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/** What the gate must know. */
export interface GateRules {
  /** The hosts that requests may name. */
  readonly hosts: HostRules;
  /** The segments of the base path. */
  readonly base: readonly string[];
}

/**
 * Checks a request.
 *
 * @param request The request of the runtime.
 * @param peer The address of the client.
 * @param rules The rules.
 * @returns The request, decoded; its route is not known yet.
 * @throws {RunOutputsError} With the status of its answer.
 */
export function admit(
  request: Request,
  peer: string,
  rules: GateRules,
): Omit<ServiceRequest, "params" | "signal"> {
  const { method, headers } = request;
  if (!METHODS.includes(method)) {
    throw httpError(405, "method", `Cannot answer ${quote(method)}: no route has this method`, {
      headers: { allow: "GET, HEAD" },
    });
  }
  let count = 0;
  for (const _ of headers) count++;
  if (count > MAX_HEADERS) {
    throw httpError(431, "headers", `Too many headers: expected at most ${MAX_HEADERS}`);
  }
  const { authority, path, query } = splitUrl(request.url);
  checkHost(headers.get("host"), authority, rules.hosts);
  if (path.length + query.length > MAX_TARGET) {
    throw httpError(414, "url", `Too long a URL: expected at most ${MAX_TARGET} bytes`);
  }
  const { segments, isDirectory } = decodePath(path === "" ? "/" : path);
  const { base } = rules;
  if (base.some((name, i) => segments[i] !== name)) {
    throw httpError(
      404,
      "not-found",
      `Nothing here: the service is below /${base.join("/")}/`,
    );
  }
  const own = segments.slice(base.length);
  const above = own.length - (isDirectory || segments.length === 0 ? 0 : 1);
  return {
    request,
    method,
    segments: own,
    isDirectory: isDirectory || path === "",
    rawPath: path,
    query: decodeQuery(query),
    base: above > 0 ? "../".repeat(above) : "./",
    authority,
    peer,
  };
}

function checkHost(host: string | null, authority: string, rules: HostRules): void {
  if (host === null) throw httpError(400, "invalid", "Missing header Host");
  const name = hostName(host);
  if (name === undefined) {
    throw new RunOutputsError(
      "invalid",
      `Invalid header Host ${quote(host)}: expected HOST[:PORT]`,
    );
  }
  // An absolute target names another one.
  if (host !== authority) {
    throw new RunOutputsError(
      "invalid",
      `Invalid target: it names the host ${quote(authority)}, the header Host ${quote(host)}`,
    );
  }
  if (isAllowedHost(name, rules)) return;
  throw httpError(
    421,
    "unknown-host",
    `Unknown host ${quote(name)}: start the service with --allow-host ${name} to allow it`,
  );
}
