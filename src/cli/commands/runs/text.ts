/**
 * Retained runs as text.
 *
 * @module
 */

import type { RunDetails, RunList } from "../../../operations/retained/answers.ts";
import type { LogMatch } from "../../../operations/logs/search_files.ts";
import type { RunPin } from "../../../operations/retained/pins.ts";
import { columns, formatAge, formatBytes, type Output, plural } from "../../terminal/output.ts";

/** How many groups a row shows. */
const SHOWN_GROUPS = 2;

type Row = RunList["runs"][number];

const HEADER = ["RUN", "PLATFORM", "REPOSITORY", "STATE", "GROUPS", "AGE", "SIZE", "REPORTS"];

/**
 * Formats a list of runs as a table.
 *
 * @param runs The runs.
 * @param now The current time.
 * @param output Paints the header.
 * @returns The lines.
 */
export function runTable(runs: readonly Row[], now: Date, output: Output): string[] {
  if (runs.length === 0) return [];
  const rows = runs.map((run) => [
    run.run_id,
    run.platform,
    run.repository ?? run.external_repo.replace(/\/$/, ""),
    stateOf(run),
    groupsOf(run),
    formatAge(now.getTime() - new Date(run.updated_at).getTime()),
    formatBytes(run.bytes),
    run.reports === 0 ? "" : `${run.reports}`,
  ]);
  const [header, ...lines] = columns([HEADER, ...rows], [5, 6]).map((line) => line.trimEnd());
  return [output.paint(header, "bold"), ...lines];
}

function stateOf(
  { completeness, uploading, deleting, pins }: Pick<
    Row,
    "completeness" | "uploading" | "deleting" | "pins"
  >,
): string {
  return [
    deleting === undefined ? completeness : "being deleted",
    ...uploading === undefined ? [] : ["unfinished"],
    ...pins.some(({ in_force }) => in_force) ? ["pinned"] : [],
  ].join(", ");
}

function groupsOf({ groups }: Row): string {
  const more = groups.length - SHOWN_GROUPS;
  return [...groups.slice(0, SHOWN_GROUPS), ...more > 0 ? [`+${more}`] : []].join(" ");
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
