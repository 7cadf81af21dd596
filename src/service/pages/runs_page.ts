/**
 * The page with the runs: filters, which live in the URL, and a table.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { formatBytes, plural } from "../../layout/words.ts";
import type { LatestDetails, RunList } from "../../operations/retained/answers.ts";
import { RUNS_OPERATIONS } from "../../operations/retained/operations.ts";
import { askFor } from "../ask_for.ts";
import type { Handler } from "../context.ts";
import {
  ago,
  grouped,
  type Html,
  markup,
  nameOf,
  pageAnswer,
  pageLinks,
  queryOf,
  runPath,
} from "./page.ts";
import { badges } from "./run_state.ts";

/** A run in the list. */
type Row = RunList["runs"][number];

/** The filters beside the text, in the order of the form. */
const FILTERS: readonly {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly choices?: readonly string[];
}[] = [
  { name: "repo", label: "Repository", hint: "OWNER/NAME" },
  { name: "platform", label: "Platform", choices: ["linux", "windows"] },
  { name: "group", label: "Group", hint: "gfx94X-dcgpu" },
  { name: "workflow", label: "Workflow", hint: "ci.yml" },
  { name: "commit", label: "Commit", hint: "first digits" },
  { name: "since", label: "Since", hint: "7d or 2026-11-20" },
  { name: "until", label: "Until", hint: "2026-11-27" },
  {
    name: "completeness",
    label: "Completeness",
    choices: ["complete", "incomplete", "unproven"],
  },
];

/** The filters that decide which run is the latest one. */
const LATEST_FILTERS = ["repo", "platform", "group", "workflow", "completeness"];

const KEYS = [
  ["j k", "Next row, previous row"],
  ["Enter", "Open the run of the row"],
] as const;

/** `GET /retained-runs/latest`, for browsers: the run's own page, which does not change. */
export const latestPage: Handler = async (request, context) => {
  const { key } = await askFor<LatestDetails>(RUNS_OPERATIONS.latest, request, context);
  const location = request.base + runPath(key);
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-cache" } });
};

/** `GET /retained-runs`, for browsers. A form sends its empty fields too: they are no filters. */
export const runsPage: Handler = async (request, context) => {
  const query = new URLSearchParams([...request.query].filter(([, value]) => value !== ""));
  let answer: RunList | undefined;
  let refusal: string | undefined;
  try {
    answer = await askFor<RunList>(RUNS_OPERATIONS.list, { ...request, query }, context);
  } catch (error) {
    if (!(error instanceof RunOutputsError && error.code === "invalid")) throw error;
    refusal = error.message;
  }
  return await pageAnswer(request, {
    title: "Runs",
    base: request.base,
    aside: markup`<p class="sum">in ${context.where}</p>`,
    content: markup`${filterForm(query, request.base)}
${
      answer === undefined
        ? markup`<p class="banner bad" role="alert">${refusal}</p>`
        : list(answer, query, request.base, context.now())
    }`,
    keys: KEYS,
  }, { status: answer === undefined ? 400 : 200 });
};

function filterForm(query: URLSearchParams, base: string): Html {
  const latest = Object.fromEntries([...query].filter(([name]) => LATEST_FILTERS.includes(name)));
  const isOpen = FILTERS.some(({ name }) => query.has(name));
  return markup`<form class="filters" role="search" method="get">
<div class="search"><input type="search" name="q" value="${query.get("q") ?? ""}" data-search
aria-label="Search in keys, repositories, workflows, commits and groups"
placeholder="Key, repository, workflow, commit or group" autocomplete="off">
<button>Search</button>
<a class="button" href="${base}retained-runs/latest${queryOf(latest)}">Latest run</a>${
    query.size === 0 ? "" : markup` <a class="button" href="?">Clear the filters</a>`
  }</div>
<details${isOpen ? markup` open` : ""}><summary>Filters</summary><div class="fields">${
    FILTERS.map((filter) => field(filter, query.get(filter.name) ?? ""))
  }</div></details>
</form>`;
}

function field({ name, label, hint = "", choices }: typeof FILTERS[number], value: string): Html {
  const control = choices === undefined
    ? markup`<input name="${name}" value="${value}" placeholder="${hint}" autocomplete="off">`
    : markup`<select name="${name}"><option value="">any</option>${
      choices.map((choice) =>
        markup`<option${choice === value ? markup` selected` : ""}>${choice}</option>`
      )
    }</select>`;
  return markup`<label>${label} ${control}</label>`;
}

function list(
  { runs, next, scanned }: RunList,
  query: URLSearchParams,
  base: string,
  now: Date,
): Html {
  const isLater = query.has("cursor");
  const others = new URLSearchParams(query);
  others.delete("cursor");
  const first = others.size === 0 ? "?" : `?${others}`;
  const more = next === undefined
    ? undefined
    : queryOf({ ...Object.fromEntries(others), cursor: next });
  const limit = Number(query.get("limit") ?? 50);
  // With fewer rows than wanted, the time was over before all runs were looked into.
  const isPartial = next !== undefined && runs.length < limit;
  const links = pageLinks({
    before: isPartial ? markup`<span>Searched ${grouped(scanned)} runs. </span>` : undefined,
    first: isLater ? first : undefined,
    next: more,
    label: isPartial ? "Search on" : undefined,
  });
  if (runs.length === 0) return markup`${isPartial ? "" : empty(others, isLater)}${links}`;
  return markup`<table class="list runs">
<thead><tr>${
    ["State", "Run", "Repository", "Attempts", "Groups", "Size", "Age", "Pins"].map((name) =>
      markup`<th scope="col" data-sorts>${name}</th>`
    )
  }</tr></thead>
<tbody>
${runs.map((run) => row(run, base, now))}</tbody>
</table>
${links}`;
}

function empty(filters: URLSearchParams, isLater: boolean): Html {
  if (isLater) return markup`<p class="none">There are no more runs.</p>`;
  return filters.size === 0
    ? markup`<p class="none">There are no runs here yet.</p>`
    : markup`<p class="none">No run matches the filters. <a href="?">Clear the filters</a></p>`;
}

function row(run: Row, base: string, now: Date): Html {
  const { key, platform, repository, attempts, groups, files, bytes, created_at, pins } = run;
  const pinned = pins.filter((pin) => pin.in_force);
  return markup`<tr><td>${badges(run)}</td>
<td class="main"><a href="${base}${runPath(key)}">${nameOf(key)}</a> <small>${platform}</small></td>
<td>${repository === undefined ? "" : nameOf(repository)}</td>
<td class="t">${
    attempts.length === 0 ? "" : `attempt${attempts.length === 1 ? "" : "s"} ${attempts.join(", ")}`
  }</td>
<td>${chips(groups, base)}</td>
<td class="n" data-value="${bytes}" title="${grouped(files)} ${files === 1 ? "file" : "files"}">${
    formatBytes(bytes)
  }</td>
<td class="t">${ago(created_at, now)}</td>
<td class="t">${
    pinned.length === 0
      ? ""
      : markup`<span title="${
        pinned.map(({ name, reason }) => `${name}: ${reason ?? ""}`).join("\n")
      }">${plural(pinned.length, "pin")}</span>`
  }</td></tr>
`;
}

/** How many groups a row shows. */
const MAX_CHIPS = 4;

function chips(groups: readonly string[], base: string): Html {
  const rest = groups.length - MAX_CHIPS;
  return markup`${
    groups.slice(0, MAX_CHIPS).map((group) =>
      markup`<a class="chip" href="${base}retained-runs${queryOf({ group })}">${nameOf(group)}</a> `
    )
  }${rest > 0 ? markup`<small>and ${rest} more</small>` : ""}`;
}
