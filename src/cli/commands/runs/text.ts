/**
 * Retained runs as text.
 *
 * @module
 */

import type { RunDetails, RunList } from "../../../operations/retained/answers.ts";
import type { LogMatch } from "../../../operations/logs/search_files.ts";
import type { RunPin } from "../../../operations/retained/pins.ts";
import {
  columns,
  columnWidths,
  formatAge,
  formatBytes,
  type Output,
  plural,
} from "../../terminal/output.ts";

/** How many groups a row shows at most. */
const SHOWN_GROUPS = 2;

type Row = RunList["runs"][number];

const HEADER = ["RUN", "PLATFORM", "REPOSITORY", "STATE", "GROUPS", "AGE", "SIZE", "REPORTS"];
const REPOSITORY = HEADER.indexOf("REPOSITORY");
const STATE = HEADER.indexOf("STATE");
const GROUPS = HEADER.indexOf("GROUPS");
const NUMBERS = [HEADER.indexOf("AGE"), HEADER.indexOf("SIZE")];

/** The space between two columns. */
const GAP = 2;

/**
 * Formats a list of runs as a table. On a terminal that is too narrow for it, columns that are empty
 * for all runs are left out, and groups, repositories and states are shortened, in this order; the run
 * never is, because it is what other commands need.
 *
 * @param runs The runs.
 * @param now The current time.
 * @param output Paints the header, and says how wide the terminal is.
 * @returns The lines.
 */
export function runTable(
  runs: readonly Row[],
  now: Date,
  output: Pick<Output, "paint" | "width">,
): string[] {
  if (runs.length === 0) return [];
  const rows = [
    HEADER,
    ...runs.map((run) => [
      run.run_id,
      run.platform,
      run.repository ?? run.external_repo.replace(/\/$/, ""),
      stateOf(run),
      groupsOf(run, Infinity),
      ...run.unreadable === undefined
        ? [formatAge(now.getTime() - new Date(run.updated_at).getTime()), formatBytes(run.bytes)]
        : ["", ""],
      run.reports === 0 ? "" : `${run.reports}`,
    ]),
  ];
  const widths = columnWidths(rows);
  const full = widths.reduce((sum, width) => sum + width, GAP * (HEADER.length - 1));
  let excess = full - (output.width ?? Infinity);
  const isShown = HEADER.map((_, column) =>
    excess <= 0 || rows.some((row, i) => i > 0 && row[column] !== "")
  );
  for (const [column, width] of widths.entries()) if (!isShown[column]) excess -= width + GAP;
  for (
    const [column, least, shorten] of [
      [
        GROUPS,
        "12 groups".length,
        (_: string, width: number, i: number) => groupsOf(runs[i], width),
      ],
      [REPOSITORY, HEADER[REPOSITORY].length, cutStart],
      [STATE, "incomplete".length, cutEnd],
    ] as const
  ) {
    if (!isShown[column]) continue;
    const less = Math.min(excess, widths[column] - Math.max(least, HEADER[column].length));
    if (less <= 0) continue;
    const width = widths[column] - less;
    for (let i = 1; i < rows.length; i++) {
      rows[i][column] = shorten(rows[i][column], width, i - 1);
    }
    excess -= widths[column] - Math.max(...rows.map((row) => [...row[column]].length));
  }
  const shown = rows.map((row) => row.filter((_, column) => isShown[column]));
  const numbers = NUMBERS.filter((column) => isShown[column])
    .map((column) => isShown.slice(0, column).filter(Boolean).length);
  const [header, ...lines] = columns(shown, numbers).map((line) => line.trimEnd());
  return [output.paint(header, "bold"), ...lines];
}

/** A text without its end, if it is too long. */
function cutEnd(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

/** A text without its beginning, if it is too long: most repositories have the same owner. */
function cutStart(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `…${characters.slice(1 - width).join("")}`;
}

function stateOf(
  { completeness, uploading, deleting, removed, pins, unreadable }: Pick<
    Row,
    "completeness" | "uploading" | "deleting" | "removed" | "pins" | "unreadable"
  >,
): string {
  return [
    unreadable !== undefined
      ? "unreadable"
      : deleting === undefined
      ? completeness
      : "being deleted",
    ...removed === undefined ? [] : ["thinned"],
    ...uploading === undefined ? [] : ["unfinished"],
    ...pins.some(({ in_force }) => in_force) ? ["pinned"] : [],
  ].join(", ");
}

/** As many groups as fit, and the number of the others; if none fits, the number of all. */
function groupsOf({ groups }: Row, width: number): string {
  for (let shown = Math.min(SHOWN_GROUPS, groups.length); shown > 0; shown--) {
    const more = groups.length - shown;
    const text = [...groups.slice(0, shown), ...more > 0 ? [`+${more}`] : []].join(" ");
    if ([...text].length <= width) return text;
  }
  return groups.length > 1 ? `${groups.length} groups` : cutEnd(groups.join(""), width);
}

/**
 * Formats one run.
 *
 * @param run The run.
 * @param now The current time.
 * @param output Paints the title.
 * @returns The lines.
 */
export function runLines(run: RunDetails, now: Date, output: Output): string[] {
  const time = (text: string) =>
    `${text} (${formatAge(now.getTime() - new Date(text).getTime())} ago)`;
  const facts: (readonly [name: string, value: string | undefined])[] = [
    ["repository", run.repository],
    ["commit", run.commit],
    ["branch", run.branch],
    ["workflow", run.workflow],
    ["attempts", run.attempts.length === 0 ? undefined : run.attempts.join(", ")],
    ["copied from", run.origin_runs?.join(", ")],
    ["created", time(run.created_at)],
    ["updated", time(run.updated_at)],
    ["incomplete", run.incomplete_because?.join("; ")],
    [
      "unfinished",
      run.uploading && `${run.uploading.parts.join(", ")} since ${run.uploading.since}`,
    ],
    ["files", `${plural(run.files, "file")}, ${formatBytes(run.bytes)}`],
    ...Object.entries(run.kinds).map(([kind, { files, bytes }]) =>
      [`  ${kind}`, `${plural(files, "file")}, ${formatBytes(bytes)}`] as const
    ),
    ["removed", run.removed && removedText(run.removed)],
    ["groups", run.groups.length === 0 ? undefined : run.groups.join(", ")],
    [
      "reports",
      run.reports.length === 0
        ? undefined
        : `${run.reports.length}${run.reports_truncated ? " or more" : ""}; 'run-outputs runs ` +
          `reports ${run.key}' lists them`,
    ],
    [
      "manifest",
      [run.artifact_manifest.status, run.artifact_manifest.reason]
        .filter((text) => text !== undefined).join(": "),
    ],
    ...run.pins.map((pin) => ["pin", pinText(pin)] as const),
    [
      "summary",
      [run.summary.status, run.summary.reason].filter((text) => text !== undefined).join(": "),
    ],
  ];
  const known = facts.flatMap(([name, value]) => value === undefined ? [] : [[`  ${name}`, value]]);
  return [output.paint(`${run.key}: ${stateOf(run)}`, "bold"), ...columns(known)];
}

/** `12 files, 3.4 GB, on 2026-11-30 (older than 90d)` */
function removedText({ files, bytes, removals }: NonNullable<RunDetails["removed"]>): string {
  const { at, rule, unfinished } = removals.at(-1)!;
  const left = unfinished ? "; not finished, the next prune does" : "";
  return `${plural(files, "file")}, ${formatBytes(bytes)}, on ${at.slice(0, 10)} (${rule})${left}`;
}

/**
 * Formats a pin.
 *
 * @param pin The pin.
 * @returns `release: shipped (by me, since …, until …)`
 */
export function pinText({ name, reason, by, created_at, until, in_force, unreadable }: RunPin) {
  if (unreadable !== undefined) return `${name}: ${unreadable}`;
  const details = [
    ...by === undefined ? [] : [`by ${by}`],
    ...created_at === undefined ? [] : [`since ${created_at}`],
    ...until === undefined ? [] : [`${in_force ? "until" : "ended"} ${until}`],
  ];
  return `${name}: ${reason} (${details.join(", ")})`;
}

/**
 * Formats a matching line.
 *
 * @param match The line.
 * @param output Paints the matches.
 * @returns `logs/g/build.log:12: text`
 */
export function matchLine({ path, line, at, text, ranges }: LogMatch, output: Output): string {
  // A tab would be printed as an escaped character.
  const shown = text.replaceAll("\t", " ");
  const pieces: string[] = [];
  let end = 0;
  for (const [start, after] of ranges) {
    pieces.push(shown.slice(end, start), output.paint(shown.slice(start, after), "red"));
    end = after;
  }
  const place = line === undefined ? `byte ${at}` : `${line}`;
  const where = `${output.paint(path, "bold")}:${output.paint(place, "green")}`;
  return `${where}: ${[...pieces, shown.slice(end)].join("")}`;
}
