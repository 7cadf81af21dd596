/**
 * What the page of a run says about the run itself: its state, where it comes from, and how to fetch
 * it. It is a block of the page that a writer of the lists keeps as it is, because what it says comes
 * from the run's summary, which is written after the lists. Pure.
 *
 * @module
 */

import { html as markup, raw } from "hono/html";
import { formatBytes, plural } from "../../layout/words.ts";
import { uriEncodeKey } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { isRepository } from "../../layout/validate.ts";
import { visible } from "../../layout/visible.ts";
import { stateNotes, UPLOADING_TITLE } from "../../runs/retention/state_notes.ts";
import type { RunFacts } from "../../runs/retention/summary.ts";

/** A piece of HTML; what was inserted into it is escaped. */
export type Html = ReturnType<typeof markup>;

const START = "<!--about-->\n";
const END = "\n<!--/about-->";

/** The banner of a run with a marker of an upload. It is the same on every page, to be found again. */
const UPLOADING =
  `<div class="banner warn" role="status"><strong>${UPLOADING_TITLE}</strong></div>\n`;

/**
 * The block of a page that is written, as it will be until the summary of the run is written.
 *
 * @param root The run.
 * @param uploading Whether the run has a marker of an upload.
 * @param previous The existing page, whose block is kept.
 * @returns The block.
 */
export function keptAbout(root: RunOutputRoot, uploading: boolean, previous?: string): string {
  const kept = aboutOn(previous) ?? inner(root);
  return block((uploading ? UPLOADING : "") + kept.replace(UPLOADING, ""));
}

/**
 * A page with another block.
 *
 * @param page The page.
 * @param root The run.
 * @param facts The facts in the run's summary.
 * @returns The page; the same, if it has no such block.
 */
export function withAbout(page: string, root: RunOutputRoot, facts: RunFacts): string {
  const before = aboutOn(page);
  return before === undefined ? page : page.replace(block(before), () => block(inner(root, facts)));
}

/**
 * A page that says that an upload is in progress.
 *
 * @param page The page.
 * @returns The page; the same, if it has no such block.
 */
export function withUploading(page: string): string {
  const before = aboutOn(page);
  return before === undefined || before.includes(UPLOADING)
    ? page
    : page.replace(block(before), () => block(UPLOADING + before));
}

/**
 * A page without the facts about its run, for a comparison with the page of another run.
 *
 * @param page The page.
 * @returns The rest of it.
 */
export function withoutAbout(page: string): string {
  const about = aboutOn(page);
  return about === undefined ? page : page.replace(block(about), "");
}

function block(inner: string): string {
  return START + inner + END;
}

function aboutOn(page = ""): string | undefined {
  const start = page.indexOf(START);
  const end = page.indexOf(END, start);
  return start < 0 || end < 0 ? undefined : page.slice(start + START.length, end);
}

function inner(root: RunOutputRoot, facts?: RunFacts): string {
  return `${markup`${facts === undefined ? "" : banners(facts)}<dl class="facts">
${identity(root, facts)}</dl>
${command(root, facts)}`}`;
}

function banners(facts: RunFacts): (Html | string)[] {
  return stateNotes(facts).map(({ look, title, since, reasons }) =>
    title === UPLOADING_TITLE
      ? raw(UPLOADING)
      : markup`<div class="banner ${look}" role="status"><strong>${visible(title)}</strong>${
        since === undefined ? "" : ` (since ${minutes(since)} UTC)`
      }${
        reasons.length === 0
          ? ""
          : markup`<ul>${reasons.map((reason) => markup`<li>${visible(reason)}</li>`)}</ul>`
      }</div>
`
  );
}

const STATES: Readonly<Record<RunFacts["completeness"], string>> = {
  complete: "complete: all expected parts exist",
  incomplete: "incomplete",
  unproven: "unproven: nothing says which parts the run must have",
};

function identity({ runId, platform }: RunOutputRoot, facts?: RunFacts): Html[] {
  const { repository, commit, branch, workflow } = facts ?? {};
  const { attempts = [], origin_runs = [], kinds = {} } = facts ?? {};
  const github = (path: string, text: Html | string) =>
    isRepository(repository)
      ? markup`<a rel="noreferrer noopener" href="https://github.com/${repository}${path}">${text}</a>`
      : text;
  const rows: (readonly [string, Html | string])[] = [];
  if (facts !== undefined) rows.push(["State", STATES[facts.completeness]]);
  if (repository !== undefined) rows.push(["Repository", github("", name(repository))]);
  if (commit !== undefined) {
    const code = markup`<code>${visible(commit)}</code>`;
    const isHash = /^[0-9a-f]{7,64}$/.test(commit);
    rows.push(["Commit", isHash ? github(`/commit/${commit}`, code) : code]);
  }
  // Without a link: the branch of a pull request can be in a fork.
  if (branch !== undefined) rows.push(["Branch", name(branch)]);
  if (workflow !== undefined) rows.push(["Workflow", name(workflow)]);
  const isNumber = /^\d+$/.test(runId);
  rows.push([
    "Workflow run",
    isNumber ? github(`/actions/runs/${runId}`, runId) : name(runId),
  ]);
  rows.push(["Platform", platform]);
  if (attempts.length > 1) rows.push(["Attempts", attempts.join(", ")]);
  if (origin_runs.length > 0) {
    rows.push(["Copied from", markup`${origin_runs.map((run) => markup`${name(run)} `)}`]);
  }
  if (facts !== undefined) {
    rows.push(["Updated", `${minutes(facts.updated_at)} UTC`]);
    const counts = Object.entries(kinds).filter(([kind]) => kind !== "outputs-manifest")
      .map(([kind, { files, bytes }]) =>
        `${kind}: ${plural(files, "file")}, ${formatBytes(bytes)}`
      );
    rows.push(["Outputs", markup`${counts.map((line) => markup`${visible(line)}<br>`)}`]);
  }
  return rows.map(([title, value]) =>
    markup`<dt>${title}</dt><dd>${value}</dd>
`
  );
}

/**
 * The command that fetches the run. Where the page lies, only the browser knows: the script adds the
 * bucket or the directory.
 */
function command(
  { externalRepo, runId, platform, prefix }: RunOutputRoot,
  facts?: RunFacts,
): Html | string {
  if (facts?.removed?.kinds.artifact !== undefined) return "";
  const words = ["run-outputs", "fetch", "--run-id"];
  const { repository } = facts ?? {};
  if (externalRepo === "" || repository === undefined) {
    words.push(quoted(externalRepo === "" ? runId : prefix));
  } else words.push(quoted(runId), "--repo", quoted(repository));
  words.push("--platform", platform);
  return markup`<div class="copy"><pre data-key="${prefix}/index.html">${
    words.join(" ")
  } --output-dir artifacts</pre></div>
<p class="note" data-elsewhere>From a local directory add <code>--staging-dir DIR</code>, from a bucket of your own
<code>--bucket NAME</code>.</p>`;
}

/** A word of a command, for a shell. */
function quoted(word: string): string {
  return uriEncodeKey(word) === word ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function name(text: string): Html {
  return markup`<bdi>${visible(text)}</bdi>`;
}

function minutes(time: string): string {
  return new Date(time).toISOString().slice(0, 16).replace("T", " ");
}
