/**
 * The page with the matches of a search in the logs of a run, or in one of its files.
 *
 * @module
 */

import { formatBytes, plural } from "../../layout/words.ts";
import type { RunSearch } from "../../operations/retained/answers.ts";
import { RUNS_OPERATIONS } from "../../operations/retained/operations.ts";
import { askFor } from "../ask_for.ts";
import type { Handler } from "../context.ts";
import { type Html, markup, nameOf, pageAnswer, pageLinks, queryOf, runPath } from "./page.ts";

/** How many matches a page has. */
const PAGE = 200;

/** A matching line. */
type Match = RunSearch["matches"][number];

const KEYS = [["j k", "Next match, previous match"], ["Enter", "Open it"]] as const;

/** `GET /retained-runs/{run}/search` and `…/search/{path}`, for browsers. */
export const searchPage: Handler = async (request, context) => {
  const query = new URLSearchParams([...request.query].filter(([, value]) => value !== ""));
  if (!query.has("limit")) query.set("limit", `${PAGE}`);
  const answer = await askFor<RunSearch>(RUNS_OPERATIONS.search, { ...request, query }, context);
  const { key, matches, next, files, bytes, skipped } = answer;
  const { base, params: { path } } = request;
  const isProblems = query.get("problems") === "true";
  const above: [string, string][] = [["Runs", "retained-runs"], [key, runPath(key)]];
  if (path !== undefined) above.push([path, runPath(key, "view", path)]);
  const more = next === undefined ? "" : pageLinks({
    before: markup`<span>More lines can match. </span>`,
    next: queryOf({ ...Object.fromEntries(request.query), cursor: next }),
    label: "Search on",
  });
  return await pageAnswer(request, {
    title: isProblems ? "Problems" : `Search: ${query.get("q") ?? ""}`,
    base,
    above,
    content: markup`<form class="search" role="search" method="get">
<input type="search" name="q" value="${query.get("q") ?? ""}" data-search required
aria-label="Search" autocomplete="off">
<label class="check"><input type="checkbox" name="regex" value="true"${
      query.get("regex") === "true" ? markup` checked` : ""
    }> regular expression</label>
<label class="check"><input type="checkbox" name="case" value="true"${
      query.get("case") === "true" ? markup` checked` : ""
    }> match case</label>
<button>Search</button></form>
<p class="sum">${plural(matches.length, "line")}, ${plural(files, "file")} with ${
      formatBytes(bytes)
    } searched</p>
${
      matches.length === 0 && next === undefined
        ? markup`<p class="none">No line matches.</p>`
        : results(matches, key, base)
    }${more}${
      skipped.length === 0
        ? ""
        : markup`<details><summary>${
          plural(skipped.length, "file")
        } not searched</summary><ul class="links">${
          skipped.map(({ path, reason }) => markup`<li>${nameOf(path)}: ${reason}</li>`)
        }</ul></details>`
    }`,
    keys: KEYS,
  });
};

/** The matches, below the files they are in. */
function results(matches: readonly Match[], key: string, base: string): Html {
  const sections = Map.groupBy(matches, ({ path }) => path);
  return markup`${
    [...sections].map(([path, found]) => {
      const view = base + runPath(key, "view", path);
      return markup`<section><h2><a href="${view}">${nameOf(path)}</a></h2>
<ol class="matches">${
        found.map(({ at, line, text, ranges }) =>
          markup`<li><a href="${view}?at=${at}#b=${at}"><span class="ln">${
            line ?? "~"
          }</span><code>${marked(text, ranges)}</code></a></li>
`
        )
      }</ol></section>
`;
    })
  }`;
}

/** The line with its matches marked. */
function marked(text: string, ranges: Match["ranges"]): Html {
  let end = 0;
  return markup`${
    ranges.map(([from, to]) => {
      const before = text.slice(end, from);
      end = to;
      return markup`${before}<mark>${text.slice(from, to)}</mark>`;
    })
  }${text.slice(end)}`;
}
