/**
 * The step summary of an upload, as Markdown: pure, from values to a string.
 *
 * @module
 */

import { escapeUnprintable } from "../errors/error.ts";
import { formatBytes, plural } from "../layout/words.ts";

/** A row: one output, or all of one kind. */
export interface SummaryRow {
  /** What it is. */
  readonly name: string;
  /** Where it can be looked at; not linked if it can't be, as on a disk. */
  readonly url?: string;
  /** How many files it is. */
  readonly files: number;
  /** Their size in bytes. */
  readonly bytes: number;
}

/** A file that should be there and is not. */
export interface SummaryFailure {
  /** Its path in the run. */
  readonly path: string;
  /** Why, in one line. */
  readonly reason: string;
}

/** What a summary says. */
export interface StepSummary {
  /** The heading. */
  readonly title: string;
  /** Where it all is, for people. */
  readonly where: string;
  /** What there is. */
  readonly rows: readonly SummaryRow[];
  /** Commands to go on with. */
  readonly commands?: readonly string[];
  /** What is missing. */
  readonly failures: readonly SummaryFailure[];
}

/** More would bury the rest. */
const MAX_FAILURES = 50;

/**
 * Renders a summary.
 *
 * @param summary What it says.
 * @returns Markdown that ends with an empty line, so that another summary can follow.
 */
export function renderStepSummary(summary: StepSummary): string {
  const { title, where, rows, commands = [], failures } = summary;
  const blocks = [`### ${escapeMarkdown(title)}`];
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
  if (commands.length > 0) blocks.push(`\`\`\`sh\n${commands.join("\n")}\n\`\`\``);
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
  blocks.push(`In ${escapeMarkdown(where)}`);
  return blocks.join("\n\n") + "\n\n";
}

/**
 * A table.
 *
 * @param head The titles of its columns.
 * @param line What stands below them: how each is aligned.
 * @param rows The rows; what their cells have is escaped.
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
 * What Markdown and HTML would take for theirs, as text in one cell of a table.
 *
 * @param text Any text.
 * @returns Markdown that shows it.
 */
export function escapeMarkdown(text: string): string {
  return escapeUnprintable(text.replace(/[\r\n]+/g, " "))
    .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;")
    .replace(/[\\`*_[\]|~]/g, "\\$&");
}
