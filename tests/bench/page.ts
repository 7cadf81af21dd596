/**
 * docs/performance.md, made of the rows in docs/performance.json.
 *
 * @module
 */

import { ratioOf, resultOf, type Row } from "./report.ts";

/** The results of one benchmark. */
export interface Section {
  readonly benchmark: string;
  readonly title: string;
  /** What was done, and how it counts. */
  readonly about: string;
  /** The command that repeats it. */
  readonly command: string;
  /** When it was measured, as in `2026-11-30`. */
  readonly date: string;
  readonly machine: string;
  /** The runtime and the commit of this project. */
  readonly program: string;
  readonly rows: readonly Row[];
  /** Why it is not complete. */
  readonly failed?: string;
}

const HEAD = `# Performance

Measured by \`deno task bench\`, which writes this page: don't edit it. Each section is from one run on
one machine, the tools in turn. Compare only numbers of one section: another machine, or other
programs that run at the same time, change all of them.

The ratio is tool / run-outputs for times and memory, and run-outputs / tool for speeds. **Above 1,
run-outputs is better.** Memory is the peak of the largest process.

run-outputs verifies a SHA-256 of every byte, up and down. The other tools do not, so "sha256sum"
adds what it takes to check the files after the download.

![Plots: upload and download speed by number and size of files, of each tool](performance.svg)
`;

/**
 * Renders the page.
 *
 * @param sections The results, in the order of the page.
 * @returns Markdown.
 */
export function renderPage(sections: readonly Section[]): string {
  const body = sections.length === 0 ? ["Not measured yet.\n"] : sections.map(renderSection);
  return [HEAD, ...body].join("\n");
}

function renderSection(section: Section): string {
  const { title, about, command, date, machine, program, rows, failed } = section;
  const versions = new Map<string, string>();
  for (const { tool, version } of rows) {
    if (version !== undefined && !tool.endsWith(", sha256sum")) versions.set(tool, version);
  }
  const tools = [...versions].map(([tool, version]) => `${tool} ${version}`).join("; ");
  return [
    `## ${title}`,
    about,
    [
      `- Repeat it: \`${command}\``,
      `- Measured: ${date}, ${machine}`,
      `- Program: ${program}`,
      ...(tools === "" ? [] : [`- Versions: ${tools}`]),
    ].join("\n"),
    ...(failed === undefined ? [] : [`**Not complete**: ${escape(failed)}`]),
    ...(rows.length === 0 ? [] : [renderRows(rows)]),
  ].join("\n\n") + "\n";
}

function renderRows(rows: readonly Row[]): string {
  const lines = rows.map((row, i) => {
    const ratio = ratioOf(row, rows);
    return [
      row.case === rows[i - 1]?.case ? "" : row.case,
      row.tool,
      resultOf(row),
      ratio === undefined ? "" : ratio.toFixed(2),
      row.memory === undefined ? "" : `${Math.round(row.memory)} MiB`,
      row.note ?? "",
    ].map(escape);
  });
  const head = ["case", "tool", "result", "ratio (above 1: we are better)", "memory", "note"];
  // Columns that no row of this benchmark has are left out.
  const used = head.map((_, i) => i < 3 || lines.some((line) => line[i] !== ""));
  const cells = [head, ...lines].map((line) => line.filter((_, i) => used[i]));
  const widths = cells[0].map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  const text = (line: readonly string[]) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [text(cells[0]), rule, ...cells.slice(1).map(text)].join("\n");
}

function escape(text: string): string {
  return text.replace(/[|<>]/g, (c) => ({ "|": "\\|", "<": "&lt;", ">": "&gt;" })[c]!)
    .replace(/\s+/g, " ");
}
