/**
 * The page of a run: its state, its reports, what it has, and how to get that.
 *
 * @module
 */

import { OUTPUT_KINDS } from "../../layout/classify.ts";
import { formatBytes, plural } from "../../layout/words.ts";
import { isRepository } from "../../layout/validate.ts";
import type { RunDetails } from "../../operations/retained/answers.ts";
import { RUNS_OPERATIONS } from "../../operations/retained/operations.ts";
import { askFor } from "../ask_for.ts";
import type { Handler, ServiceRequest } from "../context.ts";
import { commands } from "./commands.ts";
import {
  ago,
  grouped,
  type Html,
  markup,
  nameOf,
  pageAnswer,
  queryOf,
  runPath,
  visible,
} from "./page.ts";
import { runDifference } from "./run_diff.ts";
import { stateNotes } from "../../runs/retention/state_notes.ts";
import { badges } from "./run_state.ts";

/** How many reports are shown before the others. */
const FIRST_REPORTS = 12;

const KEYS = [["j k", "Next link of a list, previous link"], ["Enter", "Open it"]] as const;

/** `GET /retained-runs/{run}`, for browsers; `?diff=before` or `?diff=KEY` compares it. */
export const runPage: Handler = async (request, context) => {
  const query = new URLSearchParams(request.query);
  const other = query.get("diff");
  query.delete("diff");
  const run = await askFor<RunDetails>(RUNS_OPERATIONS.show, { ...request, query }, context);
  const { base } = request;
  const now = context.now();
  return await pageAnswer(request, {
    title: run.key,
    heading: nameOf(run.key),
    base,
    above: [["Runs", "retained-runs"]],
    aside: markup`<p class="sum">${badges(run)} ${grouped(run.files)} ${
      run.files === 1 ? "file" : "files"
    } · ${formatBytes(run.bytes)} · ${ago(run.created_at, now)}</p>`,
    content: markup`${notes(run, now)}
${identity(run, base)}
${reports(run, base)}
${logs(run, base)}
${kinds(run, base)}
${groups(run, base)}
${pins(run, now)}
${await difference(request, run, other)}
${commands(request, context, run)}`,
    keys: KEYS,
  });

  async function difference(
    { signal }: ServiceRequest,
    { key }: RunDetails,
    wanted: string | null,
  ): Promise<Html> {
    const result = wanted === null || wanted === ""
      ? markup`<p><a class="button" rel="nofollow" href="${base}${
        runPath(key)
      }?diff=before#diff">Compare with the run before</a></p>`
      : await runDifference(context, key, wanted, { base, signal });
    return markup`<section id="diff"><h2>Difference from the run before</h2>
${result}</section>`;
  }
};

function notes(run: RunDetails, now: Date): Html {
  return markup`${
    stateNotes(run).map(({ look, title, since, reasons }) =>
      markup`<div class="banner ${look}" role="status"><strong>${visible(title)}</strong>${
        since === undefined ? "" : markup` (${ago(since, now)})`
      }${
        reasons.length === 0
          ? ""
          : markup`<ul>${reasons.map((reason) => markup`<li>${visible(reason)}</li>`)}</ul>`
      }</div>
`
    )
  }`;
}

function identity(run: RunDetails, base: string): Html {
  const { key, repository, commit, branch, workflow } = run;
  const { run_id, platform, attempts, origin_runs = [] } = run;
  const gitHub = (path: string, text: Html | string) =>
    isRepository(repository)
      ? markup`<a rel="noreferrer noopener" href="https://github.com/${repository}${path}">${text}</a>`
      : text;
  const rows: (readonly [string, Html | string])[] = [];
  if (repository !== undefined) rows.push(["Repository", gitHub("", nameOf(repository))]);
  if (commit !== undefined) {
    const code = markup`<code>${visible(commit)}</code>`;
    const isHash = /^[0-9a-f]{7,64}$/.test(commit);
    const others = markup`<a href="${base}retained-runs${queryOf({ commit })}">its runs</a>`;
    rows.push([
      "Commit",
      isHash ? markup`${gitHub(`/commit/${commit}`, code)} (${others})` : code,
    ]);
  }
  if (branch !== undefined) rows.push(["Branch", nameOf(branch)]);
  if (workflow !== undefined) {
    const link = `${base}retained-runs${queryOf({ workflow })}`;
    rows.push(["Workflow", markup`<a href="${link}">${nameOf(workflow)}</a>`]);
  }
  rows.push(["Platform", platform]);
  const id = nameOf(run_id);
  rows.push(["Workflow run", /^\d+$/.test(run_id) ? gitHub(`/actions/runs/${run_id}`, id) : id]);
  if (attempts.length > 0) rows.push(["Attempts", attempts.join(", ")]);
  if (origin_runs.length > 0) {
    rows.push(["Copied from", markup`${origin_runs.map((name) => markup`${nameOf(name)} `)}`]);
  }
  return markup`<section aria-label="Identity"><dl class="facts">${
    rows.map(([name, value]) =>
      markup`<dt>${name}</dt><dd>${value}</dd>
`
    )
  }<dt>Data</dt><dd><a type="application/json" href="${base}${
    runPath(key, "artifact-manifest")
  }">outputs manifest</a>,
<a href="${base}${
    runPath(key, "artifact-manifest")
  }?format=sha256sum">SHA256SUMS</a></dd></dl></section>`;
}

function reports({ key, reports, reports_truncated, kinds }: RunDetails, base: string): Html {
  if (reports.length === 0) return markup``;
  const item = ({ path, size }: RunDetails["reports"][number]) =>
    markup`<li><a href="${base}${runPath(key, "view", path)}">${
      nameOf(path.replace(/^logs\//, ""))
    }</a> <small>${formatBytes(size)}</small></li>
`;
  const rest = reports.slice(FIRST_REPORTS);
  return markup`<section><h2>Reports</h2>
<ul class="links">${reports.slice(0, FIRST_REPORTS).map(item)}</ul>
${
    rest.length === 0
      ? ""
      : markup`<details><summary>${grouped(rest.length)} more</summary><ul class="links">${
        rest.map(item)
      }</ul></details>`
  }${
    reports_truncated
      ? markup`<p><a href="${base}${runPath(key, "files")}?kind=report">All ${
        grouped(kinds.report?.files ?? 0)
      } reports</a></p>`
      : ""
  }</section>`;
}

function logs({ key, kinds }: RunDetails, base: string): Html {
  if (kinds.log === undefined) return markup``;
  const search = base + runPath(key, "search");
  return markup`<section><h2>Logs</h2>
<form class="search" role="search" method="get" action="${search}">
<input type="search" name="q" data-search required aria-label="Search in all logs"
placeholder="Search in all logs" autocomplete="off">
<label class="check"><input type="checkbox" name="regex" value="true"> regular expression</label>
<button>Search</button></form>
<p><a class="button" href="${search}?problems=true">Problems in all logs</a>
<a class="button" href="${base}${runPath(key, "files")}?kind=log">${
    plural(kinds.log.files, "log")
  }</a></p></section>`;
}

function kinds({ key, kinds }: RunDetails, base: string): Html {
  const known = OUTPUT_KINDS as readonly string[];
  const rows = Object.entries(kinds).sort(([a], [b]) => known.indexOf(a) - known.indexOf(b));
  const most = Math.max(1, ...rows.map(([, { bytes }]) => bytes));
  return markup`<section><h2>Files</h2>
<table class="list kinds"><thead><tr><th scope="col">Kind</th><th scope="col">Files</th>
<th scope="col">Size</th><th scope="col"><span class="hidden">Share</span></th></tr></thead>
<tbody>${
    rows.map(([kind, { files, bytes }]) =>
      markup`<tr><td class="main"><a href="${base}${runPath(key, "files")}${
        queryOf({ kind })
      }">${kind}</a></td><td class="n">${plural(files, "file")}</td><td class="n">${
        formatBytes(bytes)
      }</td><td class="share"><svg class="bar" aria-hidden="true" width="100%" height="10"><rect width="${
        Math.max(0.5, 100 * bytes / most).toFixed(1)
      }%" height="10" rx="2"/></svg></td></tr>
`
    )
  }</tbody></table>
<p><a class="button" href="${base}${runPath(key, "files")}">All files</a></p></section>`;
}

function groups({ groups }: RunDetails, base: string): Html {
  if (groups.length === 0) return markup``;
  return markup`<section><h2>Groups and stages</h2><p>${
    groups.map((group) =>
      markup`<a class="chip" href="${base}retained-runs${queryOf({ group })}">${nameOf(group)}</a> `
    )
  }</p></section>`;
}

function pins({ pins }: RunDetails, now: Date): Html {
  if (pins.length === 0) return markup``;
  return markup`<section><h2>Pins</h2><ul class="links">${
    pins.map(({ name, reason, by, created_at, until, in_force, unreadable }) =>
      markup`<li><strong>${nameOf(name)}</strong>${in_force ? "" : " (ended)"}: ${
        nameOf(unreadable ?? reason ?? "no reason")
      }${by === undefined ? "" : markup` <small>by ${nameOf(by)}</small>`}${
        created_at === undefined ? "" : markup` <small>${ago(created_at, now)}</small>`
      }${until === undefined ? "" : markup` <small>until ${until.slice(0, 10)}</small>`}</li>
`
    )
  }</ul></section>`;
}
