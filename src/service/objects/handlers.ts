/**
 * The routes of files: `/retained-runs/{run}/files/…`, `/retained-runs/{run}/reports/…` and
 * `/u/{capability}/{run}/…`.
 *
 * @module
 */

import { uriEncodeKey } from "../../layout/output_location.ts";
import { contentType } from "../../storage/content_type.ts";
import { prefersHtml, textAnswer } from "../answer.ts";
import type { Handler, ServiceContext, ServiceRequest } from "../context.ts";
import { LISTING_POLICY, renderListing } from "./listing.ts";
import {
  listDirectory,
  type Objects,
  objectsOf,
  openFile,
  refuse,
  type RunPath,
  runPathOf,
} from "./objects.ts";
import { isDocument } from "./representation.ts";
import { sendFile } from "./send_file.ts";
import type { StoredFile } from "./stored_file.ts";

/** The file that is a directory's page. */
const INDEX = "index.html";

/** What a browser requests to show it in a window or a frame. */
const NAVIGATIONS = new Set(["document", "iframe", "frame", "embed", "object"]);

/** What documents may do below a path that nobody can guess: any origin may read there. */
const OPEN: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "accept-ranges, content-disposition, content-length, content-range, etag, repr-digest",
  "cross-origin-resource-policy": "cross-origin",
};

/** How a directory with a stored page is shown: the page always, or for a client that names HTML. */
type Pages = "always" | "for-browsers";

/** What a handler works with. */
interface Task {
  readonly request: ServiceRequest;
  readonly context: ServiceContext;
  readonly objects: Objects;
  readonly found: RunPath;
  readonly pages: Pages;
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * `/retained-runs/{run}/files/{path*}`: a file, or a listing of a directory, which is complete: programs
 * that mirror a tree see every file. Browsers and pip, which name HTML in `Accept`, get the stored page
 * of the directory. `?list` always lists.
 */
export const fileHandler: Handler = (request, context) =>
  stableAnswer(request, context, "for-browsers");

/** `/retained-runs/{run}/reports/{path*}`: a file, or the stored page of a directory, or its listing. */
export const reportHandler: Handler = (request, context) =>
  stableAnswer(request, context, "always");

/**
 * The handler of an operation that reads a file of a run: only of one that can be requested as such.
 * The storage would read run-outputs' own working files too.
 *
 * @param handler Runs the operation, for the parameters `run` and `path`.
 * @returns The handler.
 */
export function ofFile(handler: Handler): Handler {
  return async (request, context) => {
    const found = await runPathOf(request, context);
    (await openFile(objectsOf(context), found, request.signal)).close();
    return await handler(request, context);
  };
}

async function stableAnswer(
  request: ServiceRequest,
  context: ServiceContext,
  pages: Pages,
): Promise<Response> {
  const found = await runPathOf(request, context);
  const objects = objectsOf(context);
  return await answer({ request, context, objects, found, pages, headers: {} });
}

/**
 * `/u/{capability}/{run}/{path*}`: the same files, readable from every origin. If the capability is
 * not valid (any more), the client is redirected to the stable path.
 */
export const capabilityHandler: Handler = async (request, context) => {
  const found = await runPathOf(request, context);
  const objects = objectsOf(context);
  const { capability, run } = request.params;
  if (run !== found.key || !objects.capabilities.isValid(capability, found.key, context.now())) {
    const stable = `retained-runs/${uriEncodeKey(found.key)}/reports/`;
    return redirect(303, request.base + stable + pathOf(request, found));
  }
  return await answer({ request, context, objects, found, pages: "always", headers: OPEN });
};

async function answer(task: Task): Promise<Response> {
  const { request, objects, found } = task;
  if (request.isDirectory) return await directoryAnswer(task);
  const { signal } = request;
  const file = await objects.files.open(found.location, { signal });
  if (file !== undefined) return await fileAnswer(task, file);
  if (await objects.files.isDirectory(found.location, { signal })) {
    return redirect(301, `${uriEncodeKey(request.segments.at(-1)!)}/${searchOf(request)}`);
  }
  return await refuse(objects, found, signal);
}

/** Answers with an open file, and closes it; a document is shown below a path of its own. */
async function fileAnswer(
  { request, context, objects, found, headers }: Task,
  file: StoredFile,
  vary: readonly string[] = [],
): Promise<Response> {
  const { signal } = request;
  const { location } = file.info;
  const isReport = headers === OPEN;
  const isPage = isDocument(contentType(location.key));
  const varies = isPage && !isReport;
  if (varies && NAVIGATIONS.has(request.request.headers.get("sec-fetch-dest") ?? "")) {
    file.close();
    const capability = objects.capabilities.make(found.key, context.now());
    const path = `u/${capability}/${uriEncodeKey(found.key)}/${pathOf(request, found)}`;
    return redirect(303, request.base + path);
  }
  const { direct } = context;
  // The policy of a document lets it read from the service only.
  if (direct !== undefined && !isPage && !isReport && isPlainGet(request)) {
    file.close();
    return redirect(302, await direct(location));
  }
  const names = [...vary, ...varies ? ["sec-fetch-dest"] : []];
  return await sendFile(request, {
    file,
    reopen: () => openFile(objects, { ...found, location }, signal),
    hashOf: ({ info }) => objects.hashes.hashOf(found.root, info, { signal }),
    headers: names.length === 0 ? headers : { ...headers, vary: names.join(", ") },
    now: context.now(),
  });
}

/** Answers with the stored page of a directory, or with a listing. */
async function directoryAnswer(task: Task): Promise<Response> {
  const { request, objects, found, pages, headers } = task;
  const children = await listDirectory(objects, found, request.signal);
  const wantsPage = !request.query.has("list") &&
    (pages === "always" || prefersHtml(request.request.headers));
  const vary = pages === "always" ? [] : ["accept"];
  const page = children.find(({ location, info }) => location.name === INDEX && info !== undefined);
  if (wantsPage && page !== undefined) {
    const { location } = page;
    const file = await openFile(objects, { ...found, location }, request.signal);
    return await fileAnswer(task, file, vary);
  }
  const title = `${found.path === "" ? "" : `${found.path}/ of `}${found.key}`;
  const text = renderListing(children, {
    title,
    hasParent: found.path !== "",
    query: request.query.has("list") ? searchOf(request) : "",
  });
  return await textAnswer(request.request, text, "text/html; charset=utf-8", {
    headers: {
      "content-security-policy": LISTING_POLICY,
      vary: ["accept-encoding", ...vary].join(", "),
      ...headers,
    },
  });
}

/** The path as a relative URL; a directory keeps its `/`, so that links in its page lead into it. */
function pathOf(request: ServiceRequest, { path }: RunPath): string {
  const end = request.isDirectory && path !== "" ? "/" : "";
  return uriEncodeKey(path) + end + searchOf(request);
}

function searchOf({ query }: ServiceRequest): string {
  return query.size === 0 ? "" : `?${query}`;
}

/**
 * Whether the storage answers a request as the service would: it does not know the service's entity
 * tags.
 */
function isPlainGet({ method, request: { headers } }: ServiceRequest): boolean {
  return method === "GET" &&
    !["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]
      .some((name) => headers.has(name));
}

function redirect(status: number, location: string): Response {
  return new Response(null, { status, headers: { location, "cache-control": "no-store" } });
}
