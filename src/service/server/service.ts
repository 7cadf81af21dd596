/**
 * The service: the gate, the token, the limits, then the route.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import { RunDetailsCache } from "../../operations/retained/details_cache.ts";
import { RunIndex } from "../../operations/retained/run_index.ts";
import type { StorageBackend } from "../../storage/backend.ts";
import { prefersHtml } from "../answer.ts";
import type { ServiceContext, ServiceRequest } from "../context.ts";
import { admit } from "../gate.ts";
import { addCommonHeaders } from "../headers.ts";
import type { HostRules } from "../hosts.ts";
import { type LimitOptions, Limits } from "../limits.ts";
import { loginPage, problemPage } from "../pages/error_page.ts";
import type { Mirror } from "../mirror_jobs.ts";
import { checkWrite } from "../origin.ts";
import { hider, httpError, problemAnswer, problemOf } from "../problem.ts";
import { decodePath } from "../target.ts";
import { type Credential, TokenGuard, unauthenticated } from "../tokens.ts";
import { login, toLogin } from "./login.ts";
import type { Route } from "./route.ts";
import { findRoute } from "./router.ts";
import { ROUTES } from "./routes.ts";

/** How long the names of the runs in a bucket are used again, in milliseconds. */
const REUSE_NAMES = 5000;

/** Why what an answer needs is aborted when it is over: one reason, which costs nothing to make. */
const OVER = new DOMException("The answer is over", "AbortError");

/** Options of {@linkcode createService}. */
export interface ServiceOptions {
  /** The storage with the runs. */
  readonly backend: StorageBackend;
  /** The bucket; any name for a staging directory. */
  readonly bucket: string;
  /** The staging directory, an absolute path, if the storage is one. */
  readonly dir?: string;
  /** The program, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** The hosts that requests may name. */
  readonly hosts: HostRules;
  /** The path below which the service is, such as `/ci`. Default: `/`. */
  readonly basePath?: string;
  /** The token that all requests need. Default: none is needed. */
  readonly token?: string;
  /** Whether runs may be pinned; that needs a token. */
  readonly allowPin?: boolean;
  /** Whether runs may be mirrored; that needs a token. */
  readonly allowMirror?: boolean;
  /** The mirror jobs, for a staging directory. Default: none can be requested. */
  readonly mirror?: Mirror;
  /**
   * Returns a URL that a file can be read from without the service. Clients are sent there for files
   * that are not documents. Default: the service sends all files.
   */
  readonly direct?: (location: OutputLocation) => Promise<string>;
  /** How many requests are answered at once. */
  readonly limits?: LimitOptions;
  /** The routes. Default: all. */
  readonly routes?: readonly Route[];
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** Receives a line for each failure that is not the client's. */
  readonly log?: (line: string) => void;
  /** Receives a line for each answer. */
  readonly onAnswer?: (line: string) => void;
}

/** From whom a request is, and when its answer is over. */
export interface RequestInfo {
  /** The address of the client. */
  readonly peer: string;
  /** Settles when the answer has been sent, or can't be. */
  readonly completed: Promise<void>;
}

/** Answers a request; it never throws. */
export type Service = (request: Request, info: RequestInfo) => Promise<Response>;

/**
 * Creates a service. It does not listen.
 *
 * @param options The storage, and who may use it.
 * @returns A function that answers requests.
 * @throws {RunOutputsError} `invalid`, if the base path is not a path, or writes are allowed without
 * a token.
 */
export function createService(options: ServiceOptions): Service {
  const { backend, bucket, dir, hosts, token, now = () => new Date() } = options;
  const { allowPin = false, allowMirror = false, log = () => {}, routes = ROUTES } = options;
  if ((allowPin || allowMirror) && token === undefined) {
    throw new RunOutputsError("invalid", "Cannot allow writes without a token");
  }
  const base = baseSegments(options.basePath ?? "/");
  const where = dir === undefined ? `s3://${bucket}` : "the staging directory";
  const hide = hider(dir === undefined ? [] : [dir]);
  const context: ServiceContext = {
    backend,
    index: new RunIndex({
      backend,
      bucket,
      where,
      now,
      cache: new RunDetailsCache(),
      reuseNames: dir === undefined ? REUSE_NAMES : undefined,
    }),
    bucket,
    where,
    dir,
    tool: options.tool,
    startedAt: now(),
    basePath: ["", ...base, ""].join("/"),
    allowPin,
    allowMirror,
    mirror: options.mirror,
    direct: options.direct,
    needsToken: token !== undefined,
    now,
    hide,
    log,
    logFailure: (request, error) => log(`${request.method} ${pathOf(request)}: ${reasonOf(error)}`),
  };
  const guard = token === undefined ? undefined : new TokenGuard(token, now);
  const limits = new Limits(options.limits);

  /** Answers a request; `links` learns where the service's root is. */
  async function answer(
    request: Request,
    { peer, completed }: RequestInfo,
    links: { base: string },
  ): Promise<Response> {
    const over = new AbortController();
    const abort = () => over.abort(OVER);
    completed.then(abort, abort);
    const admitted = {
      ...admit(request, peer, { hosts, base }),
      params: {},
      signal: over.signal,
    };
    const { method, segments, isDirectory } = admitted;
    links.base = admitted.base;
    if (segments.length === 0 && !isDirectory) return redirect(`./${base.at(-1)}/`);
    if (guard !== undefined && segments.join("/") === "login" && !isDirectory) {
      if (method === "POST") return await login(admitted, context, guard);
      if (method === "GET" || method === "HEAD") return await loginPage(admitted);
      throw notAllowed(method, ["GET", "HEAD", "POST"]);
    }
    const { match, allow } = findRoute(routes, method, segments, isDirectory);
    const credential = guard?.check(request.headers, peer);
    if (guard !== undefined && credential === undefined && !match?.route.isOpen) {
      const isBrowser = ["GET", "HEAD"].includes(method) && prefersHtml(request.headers);
      if (isBrowser) return toLogin(admitted);
      throw unauthenticated("A token is required: send 'Authorization: Bearer TOKEN'");
    }
    if (match === undefined) {
      if (allow.length > 0) throw notAllowed(method, allow);
      const file = isDirectory && findRoute(routes, method, segments, false).match;
      if (file) return redirect(`../${encodeURIComponent(segments.at(-1)!)}${searchOf(request)}`);
      throw httpError(404, "not-found", `No such route: see ${admitted.base}openapi.json`);
    }
    const { route, params } = match;
    if (route.needs !== undefined) checkNeeds(route.needs, admitted, context, credential);
    if (!route.isUnlimited) {
      const leave = await limits.enter(peer, route.isSearch?.(admitted.query) ?? false);
      completed.then(leave, leave);
    }
    const handler = route.page !== undefined && prefersHtml(request.headers)
      ? route.page
      : route.handler;
    const response = await handler({ ...admitted, params }, context);
    if (route.page !== undefined) response.headers.append("vary", "accept");
    return response;
  }

  return async (request, info) => {
    const began = now().getTime();
    const links = { base: context.basePath };
    let response: Response;
    try {
      response = await answer(request, info, links);
    } catch (error) {
      const problem = problemOf(error, hide);
      response = prefersHtml(request.headers)
        ? await problemPage({ request, ...links }, problem)
        : problemAnswer(problem);
      if (response.status >= 500 && response.status !== 503) {
        context.logFailure(request, error);
      }
    }
    addCommonHeaders(response.headers);
    if (request.method === "HEAD") response = await withoutBody(response);
    options.onAnswer?.(
      `${info.peer} ${request.method} ${pathOf(request)} ${response.status} ` +
        `${now().getTime() - began} ms`,
    );
    return response;
  };
}

/**
 * Decodes the base path.
 *
 * @param path A path such as `/ci`, with or without a final `/`.
 * @returns Its segments.
 * @throws {RunOutputsError} `invalid`, if it is not a path.
 */
export function baseSegments(path: string): readonly string[] {
  return decodePath(path).segments;
}

function checkNeeds(
  needs: "allowPin" | "allowMirror",
  request: ServiceRequest,
  context: ServiceContext,
  credential: Credential | undefined,
): void {
  if (!context[needs]) {
    const option = needs === "allowPin" ? "--allow-pin" : "--allow-mirror";
    throw httpError(403, "denied", `Access denied: the service was started without ${option}`);
  }
  checkWrite(request, credential);
}

function notAllowed(method: string, allow: readonly string[]) {
  return httpError(405, "method", `Cannot ${method} this: expected ${allow.join(" or ")}`, {
    headers: { allow: allow.join(", ") },
  });
}

function redirect(location: string): Response {
  return new Response(null, { status: 308, headers: { location } });
}

function searchOf({ url }: Request): string {
  return /\?.*$/s.exec(url)?.[0] ?? "";
}

/** The path of a request, for the log, without what gives access. */
function pathOf({ url }: Request): string {
  return url.replace(/^[a-z+]+:\/\/[^/?#]*/, "").replace(/\/u\/[^/]+\//, "/u/***/");
}

/** The same answer without its body, for `HEAD`. */
async function withoutBody(response: Response): Promise<Response> {
  await response.body?.cancel();
  return new Response(null, { status: response.status, headers: response.headers });
}

function reasonOf(error: unknown): string {
  if (error instanceof RunOutputsError) return error.message;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
