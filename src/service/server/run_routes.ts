/**
 * Routes that are operations on retained runs: their JSON is what `run-outputs runs … --json` prints.
 *
 * @module
 */

import type { z } from "zod";
import { uriEncodeKey } from "../../layout/output_location.ts";
import { checksumLine } from "../../runs/checksum_lines.ts";
import type { LatestDetails, RunManifestDetails } from "../../operations/retained/answers.ts";
import type { RunsOperation } from "../../operations/retained/operation.ts";
import { RUNS_OPERATIONS } from "../../operations/retained/operations.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import { jsonAnswer, textAnswer } from "../answer.ts";
import { askFor } from "../ask_for.ts";
import { readJson } from "../body.ts";
import type { Handler } from "../context.ts";

/**
 * The handler of an operation that only reads.
 *
 * @param operation The operation.
 * @returns The handler.
 */
export function operationHandler<A extends object>(
  operation: RunsOperation<z.ZodType, A>,
): Handler {
  return async (request, context) =>
    await jsonAnswer(request.request, await askFor(operation, request, context));
}

/**
 * The handler of an operation with pages: an answer has a link to the next one.
 *
 * @param operation The operation.
 * @returns The handler.
 */
export function pageHandler<A extends { readonly next?: string }>(
  operation: RunsOperation<z.ZodType, A>,
): Handler {
  return async (request, context) => {
    const answer = await askFor(operation, request, context);
    const query = new URLSearchParams(request.query);
    if (answer.next !== undefined) query.set("cursor", answer.next);
    return await jsonAnswer(request.request, answer, {
      headers: answer.next === undefined ? {} : { link: `<?${query}>; rel="next"` },
    });
  };
}

/** `GET /retained-runs/latest/…`: redirects to the same path below the latest run. */
export const latestRedirect: Handler = async (request, context) => {
  const { query, params: { rest }, isDirectory, signal } = request;
  const own = Object.keys(RUNS_OPERATIONS.latest.params.shape);
  const [chosen, others] = [new URLSearchParams(), new URLSearchParams()];
  for (const [name, value] of query) (own.includes(name) ? chosen : others).append(name, value);
  const { key } = await askFor<LatestDetails>(
    RUNS_OPERATIONS.latest,
    { query: chosen, params: {}, signal },
    context,
  );
  const depth = rest === "" ? 1 : rest.split("/").length + (isDirectory ? 1 : 0);
  const path = rest === "" ? "" : uriEncodeKey(rest) + (isDirectory ? "/" : "");
  const search = others.size === 0 ? "" : `?${others}`;
  const location = `${"../".repeat(depth)}${uriEncodeKey(key)}/${path}${search}`;
  return new Response(null, { status: 307, headers: { location, "cache-control": "no-cache" } });
};

/** `GET /retained-runs/{run}/artifact-manifest`: also as lines for `sha256sum -c`. */
export const manifestHandler: Handler = async (request, context) => {
  const query = new URLSearchParams(request.query);
  const format = query.get("format") ?? "json";
  query.delete("format");
  if (format !== "json" && format !== "sha256sum") {
    throw invalid("format", format, "json or sha256sum");
  }
  const answer = await askFor<RunManifestDetails>(
    RUNS_OPERATIONS.manifest,
    { ...request, query },
    context,
  );
  if (format === "json") return await jsonAnswer(request.request, answer);
  return await textAnswer(request.request, lines(answer), "text/plain; charset=utf-8");
};

async function* lines({ files }: RunManifestDetails): AsyncGenerator<string> {
  for await (const { sha256, path } of files) yield checksumLine(sha256, path);
}

/**
 * The handler of a search in all logs of a run. One file is a path of its own, which is checked.
 *
 * @param handler Searches.
 * @returns The handler.
 */
export function ofAllLogs(handler: Handler): Handler {
  return async (request, context) => {
    if (request.query.has("path")) {
      throw new RunOutputsError(
        "invalid",
        "Unknown parameter 'path': it follows search/ in the path",
      );
    }
    return await handler(request, context);
  };
}

/** `PUT /retained-runs/{run}/pins/{name}`. */
export const pinHandler: Handler = async (request, context) => {
  const answer = await askFor(RUNS_OPERATIONS.pin, request, context, await readJson(request));
  return await jsonAnswer(request.request, answer, { status: 201 });
};

/** `DELETE /retained-runs/{run}/pins/{name}`. */
export const unpinHandler: Handler = operationHandler(RUNS_OPERATIONS.unpin);
