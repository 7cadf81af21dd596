/**
 * Asks a handler of the service without a server in front of it.
 *
 * @module
 */

import { uriEncodeKey } from "../../src/layout/output_location.ts";
import { RunIndex } from "../../src/operations/retained/run_index.ts";
import type { Handler, ServiceContext } from "../../src/service/context.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";

/** The time of all requests, unless a test has another one. */
export const NOW = new Date("2026-11-30T12:00:00Z");

/** The context of a service on a storage; `dir`, if that is a staging directory. */
export function serviceContext(
  backend: StorageBackend,
  options: Partial<Pick<ServiceContext, "dir" | "bucket" | "now">> = {},
): ServiceContext {
  const { bucket = "suite", now = () => NOW, dir } = options;
  return {
    backend,
    index: new RunIndex({ backend, bucket, now }),
    bucket,
    where: "the test",
    dir,
    tool: "run-outputs/test",
    startedAt: NOW,
    basePath: "/",
    needsToken: false,
    allowPin: false,
    allowMirror: false,
    now,
    hide: (text) => text,
    log: () => {},
    logFailure: () => {},
  };
}

/** Options of {@linkcode ask}. */
export interface AskOptions {
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Asks a handler.
 *
 * @param handler The handler.
 * @param context The service.
 * @param path The path below the service's root, decoded, with a query.
 * @param names Which segments are which parameters, as in a route: `u/{capability}/{run}`; the rest
 * is `path`.
 */
export async function ask(
  handler: Handler,
  context: ServiceContext,
  names: string,
  path: string,
  { method = "GET", headers = {}, signal = new AbortController().signal }: AskOptions = {},
): Promise<Response> {
  const [decoded, query = ""] = path.split("?");
  const isDirectory = decoded.endsWith("/");
  const segments = decoded.replace(/\/$/, "").split("/");
  const pattern = names.split("/");
  const params: Record<string, string> = {};
  for (const [i, name] of pattern.entries()) {
    if (name.startsWith("{")) params[name.slice(1, -1)] = segments[i];
  }
  params.path = segments.slice(pattern.length).join("/");
  const rawPath = `/${uriEncodeKey(decoded)}`;
  const depth = segments.length - (isDirectory ? 0 : 1);
  return await handler({
    request: new Request(`http://127.0.0.1${rawPath}`, { method, headers }),
    method,
    segments,
    isDirectory,
    params,
    rawPath,
    query: new URLSearchParams(query),
    base: "../".repeat(depth) || "./",
    authority: "127.0.0.1",
    peer: "127.0.0.1",
    signal,
  }, context);
}
