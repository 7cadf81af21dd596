/**
 * The viewer of a file: a log, a report in a frame, or a link to download it.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { formatBytes } from "../../layout/words.ts";
import type { RunLines } from "../../operations/retained/answers.ts";
import { RUNS_OPERATIONS } from "../../operations/retained/operations.ts";
import { Problem } from "../../operations/retained/problem.ts";
import { contentType } from "../../storage/content_type.ts";
import { jsonAnswer } from "../answer.ts";
import { askFor } from "../ask_for.ts";
import type { Handler, ServiceContext, ServiceRequest } from "../context.ts";
import { objectsOf, runPathOf } from "../objects/objects.ts";
import { isDocument } from "../objects/representation.ts";
import { renderRows, type ShownRows, shownRows } from "./log_rows.ts";
import { type Html, markup, nameOf, pageAnswer, queryOf, runPath } from "./page.ts";

/** How many rows the first answer has. */
const ROWS = 300;

/** How many rows the script gets at once, unless it wants others. */
const MORE_ROWS = 1000;

/** A line that no file has: to look for it counts all lines. */
const NO_LINE = Number.MAX_SAFE_INTEGER;

/** Lines of a file in a bucket are counted without a request only up to this size, in bytes. */
const MAX_COUNTED = 64 * 1024 * 1024;

const KEYS = [
  ["n p", "Next problem, previous problem"],
  ["Enter", "In the search field: next match; with Shift: previous match"],
  ["g G", "Start, end of the log"],
  ["w", "Wrap long lines"],
  ["t", "Show times"],
  ["f", "Fold all groups"],
] as const;

/** `GET /retained-runs/{run}/view/{path}`, for the script of the page: rows. */
export const rowsHandler: Handler = async (request, context) => {
  const query = new URLSearchParams(request.query);
  const isCounting = query.get("number") === "true";
  query.delete("number");
  if (!query.has("count")) query.set("count", `${MORE_ROWS}`);
  const counted = isCounting && await countLines(request, context);
  const { key, path, size, etag, start, end, rows } = await linesOf({ ...request, query }, context);
  const answer: ShownRows = {
    schema: "run-outputs.rows/1",
    key,
    path,
    size,
    etag,
    start,
    end,
    counted,
    rows: shownRows(rows),
  };
  return await jsonAnswer(request.request, answer);
};

/** Counts the lines of a file, or a part of them; returns whether all are counted. */
async function countLines(request: ServiceRequest, context: ServiceContext): Promise<boolean> {
  const query = new URLSearchParams({ line: `${NO_LINE}` });
  const etag = request.query.get("etag");
  if (etag !== null) query.set("etag", etag);
  try {
    await linesOf({ ...request, query }, context);
  } catch (error) {
    const type = error instanceof RunOutputsError && error.cause instanceof Problem
      ? error.cause.type
      : undefined;
    if (type === "unknown-line") return true;
    if (type === "still-counting") return false;
    throw error;
  }
  return true;
}

async function linesOf(
  request: Pick<ServiceRequest, "query" | "params" | "signal">,
  context: ServiceContext,
): Promise<RunLines> {
  return await askFor<RunLines>(RUNS_OPERATIONS.lines, request, context);
}

/** `GET /retained-runs/{run}/view/{path}`, for browsers. */
export const viewPage: Handler = async (request, context) => {
  const { path } = request.params;
  const type = contentType(path);
  if (isDocument(type)) return await reportPage(request, context);
  const query = new URLSearchParams([...request.query].filter(([, value]) => value !== ""));
  const isForced = query.get("text") === "true";
  query.delete("text");
  if (!isForced && !isText(path, type)) return await downloadPage(request, context);
  const wanted = new URLSearchParams(query);
  // A log is opened at its end, where the result is.
  if (!["at", "line", "back"].some((name) => query.has(name))) wanted.set("back", "true");
  if (!wanted.has("count")) wanted.set("count", `${ROWS}`);
  let answer: RunLines;
  try {
    answer = await linesOf({ ...request, query: wanted }, context);
  } catch (error) {
    const isCompressed = error instanceof RunOutputsError && error.cause instanceof Problem &&
      error.cause.type === "not-text";
    if (isCompressed) return await downloadPage(request, context);
    throw error;
  }
  return await logPage(request, context, answer);
};

/** Whether a file is text, by its name. */
function isText(path: string, type: string): boolean {
  return classify(path) === "log" ||
    /^(?:text\/|application\/(?:json|yaml|toml|x-sh)\b)/.test(type);
}

async function logPage(
  request: ServiceRequest,
  { dir }: ServiceContext,
  { key, path, size, etag, start, end, rows }: RunLines,
): Promise<Response> {
  const { base } = request;
  const search = base + runPath(key, "search", path);
  const canCount = dir !== undefined || size <= MAX_COUNTED;
  const link = (text: string, query: string, rel: string, isOn: boolean) =>
    isOn ? markup`<a class="button" rel="${rel}" href="${query}">${text}</a> ` : "";
  return await pageAnswer(request, {
    title: path,
    heading: nameOf(path),
    base,
    above: [["Runs", "retained-runs"], [key, runPath(key)]],
    aside: downloadLink(base, key, path, size),
    fills: true,
    content: markup`<div class="bar tools">
<form id="find" class="search" role="search" method="get" action="${search}">
<input type="search" name="q" data-search required aria-label="Search in this log"
placeholder="Search in this log" autocomplete="off">
<label class="check"><input type="checkbox" name="regex" value="true"> regex</label>
<button>Search</button>
<button formaction="${base}${runPath(key, "search")}">In all logs</button>
<button type="button" class="js" data-do="before" aria-label="Previous match">↑</button>
<button type="button" class="js" data-do="next" aria-label="Next match">↓</button></form>
<span class="group"><a class="button" id="problems" href="${search}?problems=true">Problems</a>
<button type="button" class="js" data-do="problem-before" aria-label="Previous problem">↑</button>
<button type="button" class="js" data-do="problem" aria-label="Next problem">↓</button></span>
<span class="group"><button type="button" class="js" data-do="wrap" aria-pressed="false">Wrap</button>
<button type="button" class="js" data-do="times" aria-pressed="false">Times</button></span>
<form class="line" method="get"><label class="check">Line <input name="line" inputmode="numeric" size="7"
pattern="[1-9][0-9]{0,14}" autocomplete="off"></label></form>
<span class="group"><button type="button" class="js" data-do="start">Start</button>
<button type="button" class="js" data-do="end">End</button></span>
<nav class="group no-script" aria-label="Places in the log">${
      link("Start", "?at=0", "first", start > 0)
    }${link("Older", queryOf({ at: start, back: "true" }), "prev", start > 0)}${
      link("Newer", queryOf({ at: end }), "next", end < size)
    }${link("End", "?", "last", end < size)}</nav>
</div>
<p id="note" class="note" role="status"></p>
<div id="log" class="log" tabindex="0" role="region" aria-label="Log" data-size="${size}" data-etag="${etag}"
data-start="${start}" data-end="${end}" data-search="${search}" data-count="${
      canCount ? "yes" : "no"
    }"><div id="rows">
${renderRows(shownRows(rows))}</div>${
      size === 0 ? markup`<p class="none">This file is empty.</p>` : ""
    }</div>`,
    keys: KEYS,
  });
}

function downloadLink(base: string, key: string, path: string, size: number): Html {
  return markup`<p class="sum"><a class="button" href="${base}${
    runPath(key, "files", path)
  }" download>Download</a> ${formatBytes(size)}</p>`;
}

/** The page of a file that is neither a document nor text. */
async function downloadPage(request: ServiceRequest, context: ServiceContext): Promise<Response> {
  const { base, params: { path } } = request;
  const { key } = await runPathOf(request, context);
  return await pageAnswer(request, {
    title: path,
    heading: nameOf(path),
    base,
    above: [["Runs", "retained-runs"], [key, runPath(key)]],
    content: markup`<p>This file is not shown here, because it is not text.</p>
<p><a class="button" href="${base}${runPath(key, "files", path)}" download>Download</a>
<a class="button" href="?text=true">Show it as text</a></p>`,
  });
}

/** A report, in a frame: it can be anybody's, so it is kept apart from the service. */
async function reportPage(request: ServiceRequest, context: ServiceContext): Promise<Response> {
  const { base, params: { path } } = request;
  const { key } = await runPathOf(request, context);
  const capability = objectsOf(context).capabilities.make(key, context.now());
  const frame = `${base}u/${capability}/${runPath(key, path).replace(/^retained-runs\//, "")}`;
  return await pageAnswer(request, {
    title: path,
    heading: nameOf(path),
    base,
    above: [["Runs", "retained-runs"], [key, runPath(key)]],
    aside: markup`<p class="sum"><a class="button" target="_blank" rel="noopener" href="${base}${
      runPath(key, "reports", path)
    }">Open raw</a></p>`,
    fills: true,
    content: markup`<iframe class="report" title="${path}" src="${frame}"
sandbox="allow-scripts allow-popups allow-modals allow-downloads"></iframe>`,
  }, { headers: { "cache-control": "no-store" } });
}
