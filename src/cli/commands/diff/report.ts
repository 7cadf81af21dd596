/**
 * The report of a comparison of two runs, as text and as Markdown for a step summary.
 *
 * @module
 */

import { escapeMarkdown, markdownTable } from "../../../github/step_summary.ts";
import type { DiffedFile } from "../../../operations/diff/diff.ts";
import type { DiffSums, DiffTotals } from "../../../operations/diff/totals.ts";
import { columns, formatBytes, type Output, plural } from "../../terminal/output.ts";

/** The result of a comparison. */
export interface DiffReport {
  /** The first run, for messages. */
  readonly nameA: string;
  /** The second run, for messages. */
  readonly nameB: string;
  /** The totals. */
  readonly totals: DiffTotals;
  /** The files that differ or are unsure, sorted by path. */
  readonly files: readonly DiffedFile[];
}

/** The maximum number of rows. A step summary is limited to 1 MiB. */
const MAX_ROWS = 200;

const COLORS = { added: "green", removed: "red", changed: "yellow" } as const;

/**
 * The text form: one line per different file, totals by kind, and the total.
 *
 * @param report The result.
 * @param output For colours.
 * @returns The lines.
 */
export function diffLines({ nameA, nameB, totals, files }: DiffReport, output: Output): string[] {
  const shown = files.filter(isDifference);
  const rows = shown.map((file) => [file.change, sizesOf(file), file.path]);
  const lines = columns(rows).map((line, i) =>
    output.paint(line, COLORS[shown[i].change as keyof typeof COLORS])
  );
  const sums = [...totals.kinds.map(([kind, sums]) => [kind, sums] as const)];
  const table = columns(
    [["kind", "before", "after", "difference", "changes"], ...sums.map(sumCells)],
    [1, 2, 3],
  );
  return [
    `--- ${nameA}`,
    `+++ ${nameB}`,
    ...lines,
    ...sums.length === 0 ? [] : table,
    sumLine(totals),
    ...doubtLine(totals),
  ];
}

/**
 * The Markdown form, for `$GITHUB_STEP_SUMMARY`.
 *
 * @param report The result.
 * @returns Markdown that ends with an empty line, so that another summary can follow.
 */
export function diffMarkdown({ nameA, nameB, totals, files }: DiffReport): string {
  const blocks = [
    `### Outputs of ${escapeMarkdown(nameB)} against ${escapeMarkdown(nameA)}`,
    sumLine(totals),
  ];
  if (totals.kinds.length > 0) {
    const rows = [...totals.kinds.map(sumCells), sumCells(["**total**", totals.all])];
    blocks.push(
      markdownTable(
        ["Output", "Before", "After", "Difference", "Changes"],
        "|:--|--:|--:|--:|:--|",
        [
          ...rows,
        ],
      ),
    );
  }
  const shown = files.filter(isDifference);
  if (shown.length > 0) {
    const rows = shown.slice(0, MAX_ROWS).map((file) => [
      file.change,
      sizesOf(file),
      escapeMarkdown(file.path),
    ]);
    const more = shown.length - rows.length;
    blocks.push(
      `<details><summary>${plural(shown.length, "file")}</summary>`,
      markdownTable(["Change", "Size", "File"], "|:--|:--|:--|", rows),
      ...more > 0 ? [`And ${plural(more, "more file")}.`] : [],
      "</details>",
    );
  }
  blocks.push(...doubtLine(totals).map(escapeMarkdown));
  return blocks.join("\n\n") + "\n\n";
}

/**
 * The total in one line.
 *
 * @param totals The totals.
 * @returns `1 added, 2 changed, 10 the same; 3.4 MB -> 3.5 MB (+0.1 MB)`.
 */
export function sumLine({ all: { a, b, changes } }: DiffTotals): string {
  const sizes = `${formatBytes(a.bytes)} -> ${formatBytes(b.bytes)}`;
  return `${changesOf(changes) || "no files"}; ${sizes} (${signed(b.bytes - a.bytes)})`;
}

function doubtLine({ all: { changes }, comparedBy }: DiffTotals): string[] {
  const lines: string[] = [];
  if (comparedBy.etag > 0) {
    const count = plural(comparedBy.etag, "file");
    lines.push(`${count} compared by ETag, because no hash is known`);
  }
  if (changes.unsure > 0) {
    const count = plural(changes.unsure, "file");
    lines.push(`${count} of the same size not compared further; use --read to compare the content`);
  }
  return lines;
}

function isDifference({ change }: DiffedFile): boolean {
  return change !== "same" && change !== "unsure";
}

function sumCells([name, { a, b, changes }]: readonly [string, DiffSums]): string[] {
  const side = ({ files, bytes }: DiffSums["a"]) => `${files}: ${formatBytes(bytes)}`;
  return [name, side(a), side(b), signed(b.bytes - a.bytes), changesOf(changes)];
}

function changesOf(changes: DiffSums["changes"]): string {
  const words = { same: "the same", unsure: "of the same size" } as const;
  return (["added", "removed", "changed", "same", "unsure"] as const)
    .filter((change) => changes[change] > 0)
    .map((change) => `${changes[change]} ${change in words ? words[change as "same"] : change}`)
    .join(", ");
}

function sizesOf({ a, b }: DiffedFile): string {
  const size = (bytes: number | undefined) => bytes === undefined ? "?" : formatBytes(bytes);
  if (a === undefined) return size(b?.size);
  if (b === undefined) return size(a.size);
  if (a.size === undefined || b.size === undefined || a.size === b.size) return size(b.size);
  return `${size(a.size)} -> ${size(b.size)} (${signed(b.size - a.size)})`;
}

function signed(bytes: number): string {
  return bytes < 0 ? `-${formatBytes(-bytes)}` : `+${formatBytes(bytes)}`;
}
