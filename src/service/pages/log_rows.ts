/**
 * Rows of a log as a page shows them: without escape sequences, with classes for colours.
 *
 * @module
 */

import { z } from "zod";
import { type LogSegment, parseLogLine, PLAIN } from "../../operations/logs/ansi.ts";
import type { RunLines } from "../../operations/retained/answers.ts";
import { grouped, type Html, markup, visible } from "./page.ts";

/** A longer row is folded after this many characters. */
const MAX_SHOWN = 2000;

const part = z.tuple([z.string(), z.string()]);

/** The answer with rows for the page's script. */
export const rowsAnswer = z.object({
  schema: z.literal("run-outputs.rows/1"),
  key: z.string(),
  path: z.string(),
  size: z.int().meta({ description: "The size of the file in bytes." }),
  etag: z.string().meta({ description: "The version that was read." }),
  start: z.int().meta({ description: "The offset of the first row in bytes." }),
  end: z.int().meta({ description: "The offset after the last row." }),
  counted: z.boolean().meta({ description: "Whether all lines of the file are counted." }),
  rows: z.array(z.object({
    at: z.int().meta({ description: "The offset of the row in bytes." }),
    line: z.int().optional().meta({ description: "The number of its line, if it is known." }),
    continued: z.literal(true).optional(),
    time: z.string().optional().meta({ description: "The time that is written before the line." }),
    marker: z.string().optional().meta({ description: "As in '##[group]'." }),
    parts: z.array(part).meta({ description: "Texts with the classes of their look." }),
    more: z.array(part).optional().meta({ description: "What is folded of a long row." }),
  })),
});

/** Rows for the page's script. */
export type ShownRows = z.output<typeof rowsAnswer>;

/** A row as a page shows it. */
export type ShownRow = ShownRows["rows"][number];

/**
 * Rows as a page shows them.
 *
 * @param rows The rows, one after the other: a colour lasts until it is changed.
 * @returns The same rows.
 */
export function shownRows(rows: RunLines["rows"]): ShownRow[] {
  let style = PLAIN;
  return rows.map(({ at, line, text, continued }) => {
    const parsed = parseLogLine(text, style);
    style = parsed.style;
    const { parts, more } = folded(parsed.segments);
    return { at, line, continued, time: parsed.timestamp, marker: parsed.marker, parts, more };
  });
}

/** Divides a row after {@linkcode MAX_SHOWN} characters. */
function folded(segments: readonly LogSegment[]): Pick<ShownRow, "parts" | "more"> {
  const parts: [string, string][] = [];
  const more: [string, string][] = [];
  let left = MAX_SHOWN;
  for (const { text: whole, classes } of segments) {
    const text = visible(whole);
    // Both halves of a character beyond U+FFFF stay together.
    const cut = /[\ud800-\udbff]/.test(text.charAt(left - 1)) ? left - 1 : left;
    if (left > 0) parts.push([text.slice(0, cut), classes]);
    if (text.length > cut) more.push([text.slice(Math.max(0, cut)), classes]);
    left = Math.max(0, left - text.length);
  }
  return more.length === 0 ? { parts } : { parts, more };
}

/**
 * Renders rows, in the form that the script makes too.
 *
 * @param rows The rows.
 * @returns An element for each.
 */
export function renderRows(rows: readonly ShownRow[]): Html {
  return markup`${
    rows.map(({ at, line, continued, time, marker, parts, more }) => {
      const anchor = line === undefined ? `b=${at}` : `L${line}`;
      return markup`<div class="row" id="b=${at}" data-at="${at}"${
        line === undefined ? "" : markup` data-line="${line}"`
      }${marker === undefined ? "" : markup` data-marker="${marker}"`}${
        continued ? markup` data-continued=""` : ""
      }><a class="ln" tabindex="-1" href="#${anchor}"${
        line === undefined || continued ? "" : markup` id="L${line}"`
      } data-n="${continued ? "↳" : line ?? "~"}" aria-label="${
        line === undefined ? `byte ${at}` : `line ${line}`
      }"></a><span class="tx">${
        time === undefined ? "" : markup`<time class="ts">${time} </time>`
      }${spans(parts)}${
        more === undefined
          ? ""
          : markup`<details class="more"><summary>${
            grouped(more.reduce((sum, [text]) => sum + text.length, 0))
          } more characters</summary>${spans(more)}</details>`
      }</span></div>
`;
    })
  }`;
}

function spans(parts: ShownRow["parts"]): Html {
  return markup`${
    parts.map(([text, classes]) =>
      classes === "" ? text : markup`<span class="${classes}">${text}</span>`
    )
  }`;
}
