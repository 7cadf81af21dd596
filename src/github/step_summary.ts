/**
 * Renders the step summary of an upload as Markdown. Pure.
 *
 * @module
 */

import { escapeUnprintable } from "../errors/error.ts";
import { formatBytes, plural } from "../layout/words.ts";

/** A row: one output, or all outputs of one kind. */
export interface SummaryRow {
  /** The name. */
  readonly name: string;
  /** Its URL; missing if there is none, as on a disk. */
  readonly url?: string;
  /** The number of files. */
  readonly files: number;
  /** Their size in bytes. */
  readonly bytes: number;
}

/** A file that is missing. */
export interface SummaryFailure {
  /** Its path in the run. */
  readonly path: string;
  /** The reason, in one line. */
  readonly reason: string;
}

/** The content of a summary. */
export interface StepSummary {
  /** The heading. */
  readonly title: string;
  /** The location of the run, as text. */
  readonly where: string;
  /** The outputs. */
  readonly rows: readonly SummaryRow[];
  /** What a reader should know first: an upload that failed as a whole, a part not written. */
  readonly notices?: readonly string[];
  /** Suggested commands. */
  readonly commands?: readonly string[];
  /** The missing files. */
  readonly failures: readonly SummaryFailure[];
  /** The command that failed, to repeat it. */
  readonly repeat?: string;
}

/** Longer lists would hide the rest. */
const MAX_FAILURES = 50;

/**
 * Renders a summary.
 *
 * @param summary The content.
 * @returns Markdown that ends with an empty line, so that another summary can follow.
 */
export function renderStepSummary(summary: StepSummary): string {
  const { title, where, rows, notices = [], commands = [], failures, repeat } = summary;
  const blocks = [`### ${escapeMarkdown(title)}`];
  blocks.push(...notices.map((notice) => `**${escapeMarkdown(notice)}**`));
  if (rows.length > 0) {
    blocks.push(markdownTable(
      ["Output", "Files", "Size"],
      "|:--|--:|--:|",
      rows.map(({ name, url, files, bytes }) => [
        url === undefined ? escapeMarkdown(name) : `[${escapeMarkdown(name)}](${url})`,
        `${files}`,
        formatBytes(bytes),
      ]),
    ));
  }
  if (commands.length > 0) blocks.push(codeBlock(commands.join("\n")));
  if (failures.length > 0) {
    const shown = failures.slice(0, MAX_FAILURES);
    const missing = failures.length === 1
      ? "1 file is missing"
      : `${failures.length} files are missing`;
    blocks.push(
      `**${missing}:**`,
      markdownTable(
        ["File", "Why"],
        "|:--|:--|",
        shown.map(({ path, reason }) => [escapeMarkdown(path), escapeMarkdown(reason)]),
      ),
    );
    const more = failures.length - shown.length;
    if (more > 0) blocks.push(`And ${plural(more, "more file")}; the log has them all.`);
  }
  if (repeat !== undefined) blocks.push("To repeat it:", codeBlock(repeat));
  blocks.push(`In ${escapeMarkdown(where)}`);
  return blocks.join("\n\n") + "\n\n";
}

/** A block of shell commands. Its fence is longer than any in them. */
function codeBlock(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}sh\n${text}\n${fence}`;
}

/**
 * Renders a table.
 *
 * @param head The titles of its columns.
 * @param line The line below them: the alignment of each.
 * @param rows The rows; their cells are escaped.
 * @returns Its Markdown.
 */
export function markdownTable(
  head: readonly string[],
  line: string,
  rows: readonly (readonly string[])[],
): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [row(head), line, ...rows.map(row)].join("\n");
}

/**
 * Escapes the syntax of Markdown and HTML, for a cell of a table.
 *
 * @param text Any text.
 * @returns Markdown that shows it.
 */
export function escapeMarkdown(text: string): string {
  return escapeUnprintable(text.replace(/[\r\n]+/g, " "))
    .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
    .replace(/[\\`*_[\]|~]/g, "\\$&");
}
