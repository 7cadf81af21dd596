/**
 * The routes of the service: one table for the router, `/openapi.json` and `docs/service.md`.
 *
 * @module
 */

import { z } from "zod";
import type { RunsOperation } from "../../operations/retained/operation.ts";
import { RUNS_OPERATIONS } from "../../operations/retained/operations.ts";
import { jsonAnswer } from "../answer.ts";
import type { Handler } from "../context.ts";
import {
  cancelHandler,
  jobAnswer,
  jobHandler,
  jobParams,
  jobRequest,
  jobsAnswer,
  jobsHandler,
  MAX_WAIT,
  submitHandler,
} from "../mirror/handlers.ts";
import { capabilityHandler, fileHandler, ofFile, reportHandler } from "../objects/handlers.ts";
import { assetHandler } from "../pages/assets.ts";
import { filesPage } from "../pages/files_page.ts";
import { rowsAnswer } from "../pages/log_rows.ts";
import { runPage } from "../pages/run_page.ts";
import { latestPage, runsPage } from "../pages/runs_page.ts";
import { searchPage } from "../pages/search_page.ts";
import { rowsHandler, viewPage } from "../pages/view_page.ts";
import { openApi } from "./openapi.ts";
import { s3Handler } from "../s3/handlers.ts";
import type { Route } from "./route.ts";
import {
  latestRedirect,
  manifestHandler,
  ofAllLogs,
  operationHandler,
  pageHandler,
  pinHandler,
  unpinHandler,
} from "./run_routes.ts";

const health = z.object({
  schema: z.literal("run-outputs.health/1"),
  status: z.literal("ok"),
  tool: z.string(),
});

/** `GET /healthz` */
const healthHandler: Handler = async ({ request }, { tool }) =>
  await jsonAnswer(request, { schema: "run-outputs.health/1", status: "ok", tool });

/** `GET /openapi.json` */
const openApiHandler: Handler = async ({ request, base }, { tool }) => {
  return await jsonAnswer(request, openApi(ROUTES, { tool, server: base.replace(/\/$/, "") }));
};

/** `GET /` */
const rootHandler: Handler = () =>
  Promise.resolve(new Response(null, { status: 307, headers: { location: "./retained-runs" } }));

const { files, latest, lines, list, manifest, pin, reports, search, show, unpin } = RUNS_OPERATIONS;

/** The parameters of requests to a bucket. */
const bucketParams = z.object({
  bucket: z.string().meta({ description: "Any name: a service has one place." }),
  "list-type": z.literal("2").optional(),
  prefix: z.string().optional(),
  delimiter: z.literal("/").optional(),
  "max-keys": z.coerce.number().int().min(0).optional(),
  "start-after": z.string().optional(),
  "continuation-token": z.string().optional(),
  "encoding-type": z.literal("url").optional(),
});

/** The parameters of a file. */
const fileParams = show.params.extend({
  path: z.string().meta({ description: "A file, or a directory with a final '/'." }),
  list: z.string().optional().meta({ description: "List a directory that has an index.html." }),
});

/** All routes; the first one that fits a request is taken. */
export const ROUTES: readonly Route[] = [
  { method: "GET", path: "/", summary: "redirect to the runs", handler: rootHandler, status: 307 },
  {
    method: "GET",
    path: "/healthz",
    summary: "whether the service runs",
    handler: healthHandler,
    answer: health,
    isOpen: true,
    isUnlimited: true,
  },
  {
    method: "GET",
    path: "/openapi.json",
    summary: "this interface, as OpenAPI 3.1",
    handler: openApiHandler,
    answer: z.looseObject({ openapi: z.string() }),
  },
  {
    method: "GET",
    path: "/assets/{name}",
    summary: "the style and the script of the pages",
    handler: assetHandler,
    params: z.strictObject({ name: z.string() }),
    types: ["text/css", "text/javascript", "image/svg+xml"],
    isOpen: true,
  },
  operationRoute("/retained-runs", "list", list, { handler: pageHandler(list), page: runsPage }),
  operationRoute("/retained-runs/latest", "latest", latest, { page: latestPage }),
  {
    method: "GET",
    path: "/retained-runs/latest/{rest*}",
    summary: "redirect to the same path below the latest run",
    handler: latestRedirect,
    params: latest.params.extend({ rest: z.string() }),
    status: 307,
  },
  operationRoute("/retained-runs/{run}", "show", show, { page: runPage }),
  operationRoute("/retained-runs/{run}/reports", "reports", reports),
  {
    method: "GET",
    path: "/retained-runs/{run}/reports/{path*}",
    summary: "a file of a run; of a directory, its index.html",
    handler: reportHandler,
    params: fileParams,
    types: ["*/*"],
  },
  operationRoute("/retained-runs/{run}/files", "files", files, {
    handler: pageHandler(files),
    page: filesPage,
    command: undefined,
  }),
  {
    method: "GET",
    path: "/retained-runs/{run}/files/{path*}",
    summary: "a file of a run; a directory is listed",
    handler: fileHandler,
    params: fileParams,
    types: ["*/*"],
  },
  {
    method: "GET",
    path: "/u/{capability}/{run}/{path*}",
    summary: "a file of a run, readable from every origin, where a page of a run is shown",
    handler: capabilityHandler,
    params: fileParams.extend({ capability: z.string() }),
    types: ["*/*"],
    isOpen: true,
  },
  {
    method: "GET",
    path: "/retained-runs/{run}/view/{path*}",
    summary: "rows of a log as a terminal shows them",
    handler: ofFile(rowsHandler),
    page: ofFile(viewPage),
    params: lines.params.extend({
      number: z.stringbool().optional().meta({
        description: "Count the lines of the file first, as far as the time allows.",
      }),
    }),
    answer: rowsAnswer,
    isSearch: countsLines,
  },
  operationRoute("/retained-runs/{run}/artifact-manifest", "manifest", manifest, {
    handler: manifestHandler,
    params: manifest.params.extend({ format: z.enum(["json", "sha256sum"]).default("json") }),
    types: ["application/json", "text/plain"],
  }),
  operationRoute("/retained-runs/{run}/lines/{path*}", "lines", lines, {
    handler: ofFile(operationHandler(lines)),
    isSearch: countsLines,
    command: undefined,
  }),
  operationRoute("/retained-runs/{run}/search", "search", search, {
    handler: ofAllLogs(pageHandler(search)),
    page: ofAllLogs(searchPage),
    params: search.params.omit({ path: true, at: true, back: true }),
    isSearch: () => true,
  }),
  operationRoute("/retained-runs/{run}/search/{path*}", "search", search, {
    summary: "search a file of a run",
    handler: ofFile(pageHandler(search)),
    page: ofFile(searchPage),
    params: search.params.omit({ kind: true }),
    isSearch: () => true,
    command: undefined,
  }),
  operationRoute("/retained-runs/{run}/pins/{name}", "pin", pin, {
    method: "PUT",
    handler: pinHandler,
    params: pin.params.omit({ reason: true, until: true }),
    body: pin.params.pick({ reason: true, until: true }),
    status: 201,
    needs: "allowPin",
  }),
  operationRoute("/retained-runs/{run}/pins/{name}", "unpin", unpin, {
    method: "DELETE",
    handler: unpinHandler,
    needs: "allowPin",
  }),
  {
    method: "GET",
    path: "/s3/{bucket}",
    summary: "the runs as a bucket of S3 that can be read: its list",
    handler: s3Handler,
    params: bucketParams,
    types: ["application/xml"],
  },
  {
    method: "GET",
    path: "/s3/{bucket}/{path*}",
    summary: "an object of it",
    handler: s3Handler,
    params: bucketParams.extend({ path: z.string() }),
    types: ["*/*"],
  },
  {
    method: "GET",
    path: "/runs",
    summary: "the mirror jobs of this process",
    handler: jobsHandler,
    answer: jobsAnswer,
  },
  {
    method: "POST",
    path: "/runs",
    summary: "mirror a run into the staging directory",
    handler: submitHandler,
    body: jobRequest,
    answer: jobAnswer,
    status: 202,
    needs: "allowMirror",
  },
  {
    method: "GET",
    path: "/runs/{job}",
    summary: `show a mirror job; with 'Prefer: wait=${MAX_WAIT}', when its state has changed`,
    handler: jobHandler,
    params: jobParams,
    maxWait: MAX_WAIT,
    answer: jobAnswer,
    // It can wait for the job, and would keep others from their answers.
    isUnlimited: true,
  },
  {
    method: "DELETE",
    path: "/runs/{job}",
    summary: "cancel a mirror job",
    handler: cancelHandler,
    params: jobParams,
    answer: jobAnswer,
    needs: "allowMirror",
  },
];

/** Whether a request for lines has them counted, which reads the file from its start. */
function countsLines(query: URLSearchParams): boolean {
  return query.has("line") || query.get("number") === "true";
}

/** The route of an operation. */
function operationRoute<P extends z.ZodObject, A extends object>(
  path: string,
  name: string,
  operation: RunsOperation<P, A>,
  more: Partial<Route> = {},
): Route {
  return {
    method: "GET",
    path,
    summary: operation.summary,
    handler: operationHandler(operation),
    params: operation.params,
    answer: operation.answer,
    command: `runs ${name}`,
    ...more,
  };
}
