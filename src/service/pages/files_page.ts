/**
 * The page with the files of a run, by kind.
 *
 * @module
 */

import { OUTPUT_KINDS } from "../../layout/classify.ts";
import { formatBytes } from "../../layout/words.ts";
import type { RunFiles } from "../../operations/retained/answers.ts";
import { RUNS_OPERATIONS } from "../../operations/retained/operations.ts";
import { askFor } from "../ask_for.ts";
import type { Handler } from "../context.ts";
import { ago, type Html, markup, nameOf, pageAnswer, pageLinks, queryOf, runPath } from "./page.ts";

/** How many files a page has. */
const PAGE = 500;

const KEYS = [["j k", "Next file, previous file"], ["Enter", "Open it"]] as const;

/** `GET /retained-runs/{run}/files`, for browsers. */
export const filesPage: Handler = async (request, context) => {
  const query = new URLSearchParams([...request.query].filter(([, value]) => value !== ""));
  if (!query.has("limit")) query.set("limit", `${PAGE}`);
  const answer = await askFor<RunFiles>(RUNS_OPERATIONS.files, { ...request, query }, context);
  const { key, files, next } = answer;
  const { base } = request;
  const [kind, prefix] = ["kind", "prefix"].map((name) => query.get(name) ?? "");
  const { cursor, ...others } = Object.fromEntries(request.query);
  const links = pageLinks({
    first: cursor === undefined ? undefined : queryOf(others) || "?",
    next: next === undefined ? undefined : queryOf({ ...others, cursor: next }),
  });
  return await pageAnswer(request, {
    title: kind === "" ? "Files" : `Files: ${kind}`,
    base,
    above: [["Runs", "retained-runs"], [key, runPath(key)]],
    content: markup`${form(kind, prefix)}
${
      files.length === 0
        ? markup`<p class="none">No file of this run matches. <a href="?">Show all files</a></p>`
        : table(answer, base, context.now())
    }${links}`,
    keys: KEYS,
  });
};

function form(kind: string, prefix: string): Html {
  return markup`<form class="search" role="search" method="get">
<input type="search" name="prefix" value="${prefix}" data-search aria-label="How the paths begin"
placeholder="How the paths begin" autocomplete="off">
<label class="check">Kind <select name="kind"><option value="">all</option>${
    OUTPUT_KINDS.map((name) =>
      markup`<option${name === kind ? markup` selected` : ""}>${name}</option>`
    )
  }</select></label>
<button>Show</button></form>`;
}

function table({ key, files }: RunFiles, base: string, now: Date): Html {
  return markup`<table class="list files">
<thead><tr>${
    ["Path", "Kind", "Size", "Age", "SHA-256"].map((name) =>
      markup`<th scope="col" data-sorts>${name}</th>`
    )
  }</tr></thead>
<tbody>
${
    files.map(({ path, kind, size, modified, sha256 = "" }) =>
      markup`<tr><td class="main"><a href="${base}${runPath(key, "view", path)}">${
        nameOf(path)
      }</a></td>
<td>${kind}</td><td class="n" data-value="${size}">${formatBytes(size)}</td><td class="t">${
        ago(modified, now)
      }</td>
<td class="h">${sha256 === "" ? "" : markup`<code class="hash">${sha256}</code>`}
<a href="${base}${runPath(key, "files", path)}" download>download<span class="hidden"> ${
        nameOf(path)
      }</span></a></td></tr>
`
    )
  }</tbody></table>`;
}
