/**
 * What all pages have in common: their head, the way up, how names and times are written.
 *
 * @module
 */

// Under its own name, the formatter would format the templates.
import { html as markup } from "hono/html";
import { uriEncodeKey } from "../../layout/output_location.ts";
import { visible } from "../../layout/visible.ts";
import { textAnswer } from "../answer.ts";
import type { ServiceRequest } from "../context.ts";
import { OWN_POLICY } from "../headers.ts";
import { assetPath } from "./assets.ts";

export { markup, visible };

/** A piece of HTML; everything that was inserted into it is escaped. */
export type Html = ReturnType<typeof markup>;

/** The content type of pages. */
export const HTML_TYPE = "text/html; charset=utf-8";

/** A page. */
export interface Page {
  /** The title, in the window and as the heading. */
  readonly title: string;
  /** Instead of the title as the heading. */
  readonly heading?: Html | string;
  /** The relative URL of the service's root, with a final `/`. */
  readonly base: string;
  /** The pages above it, from the outermost: a name, and a link relative to the root. */
  readonly above?: readonly (readonly [name: string, href: string])[];
  /** The content after the heading. */
  readonly content: Html;
  /** What is beside the heading. */
  readonly aside?: Html | string;
  /** Keys and what they do, for the help. */
  readonly keys?: readonly (readonly [key: string, effect: string])[];
  /** Whether the content fills the window, and has its own scroll bar. */
  readonly fills?: boolean;
}

/** The keys of all pages. */
const KEYS = [["/", "Go to the search field"], ["?", "Show this help"]] as const;

/**
 * Renders a page.
 *
 * @param page Its content.
 * @returns HTML, with a final line break.
 */
export function renderPage(
  { title, heading = visible(title), base, above = [], content, aside = "", keys = [], fills }:
    Page,
): string {
  const wayUp = above.length === 0
    ? ""
    : markup`<nav aria-label="Breadcrumb">${
      above.map(([name, href]) =>
        markup`<a href="${base}${href}"><bdi>${visible(name)}</bdi></a><i aria-hidden="true">/</i>`
      )
    }</nav>`;
  return `${markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${visible(title)} · run-outputs</title>
<link rel="icon" type="image/svg+xml" href="${base}${assetPath("svg")}">
<link rel="stylesheet" href="${base}${assetPath("css")}">
<script defer src="${base}${assetPath("js")}"></script>
</head>
<body${fills ? markup` class="fills"` : ""}>
<a class="skip" href="#main">Skip to the content</a>
<header>${wayUp}<div class="head"><h1>${heading}</h1>${aside}</div></header>
<main id="main">
${content}
</main>
<dialog id="help" aria-labelledby="help-title"><h2 id="help-title">Keys</h2>
<dl>${
    [...keys, ...KEYS].map(([key, effect]) =>
      markup`<dt>${key.split(" ").map((one) => markup`<kbd>${one}</kbd> `)}</dt><dd>${effect}</dd>`
    )
  }</dl>
<form method="dialog"><button>Close</button></form></dialog>
</body>
</html>`}\n`;
}

/**
 * Answers with a page.
 *
 * @param request The request.
 * @param page The page.
 * @param options The status, more headers.
 * @returns The answer.
 */
export async function pageAnswer(
  { request }: Pick<ServiceRequest, "request">,
  page: Page,
  { status, headers }: {
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<Response> {
  return await textAnswer(request, renderPage(page), HTML_TYPE, {
    status,
    headers: { "content-security-policy": OWN_POLICY, ...headers },
  });
}

/** A name or path, in its own direction. */
export function nameOf(name: string): Html {
  return markup`<bdi>${visible(name)}</bdi>`;
}

/** The URL of a page of a run, relative to the root. */
export function runPath(key: string, ...rest: readonly string[]): string {
  return ["retained-runs", key, ...rest].map(uriEncodeKey).join("/");
}

/** Options of {@linkcode pageLinks}. */
export interface PageLinks {
  /** What comes before the links. */
  readonly before?: Html | string;
  /** The query of the first page, unless it is this one. */
  readonly first?: string;
  /** The query of the next page, if there is one. */
  readonly next?: string;
  /** What the link to that says. Default: `Next page`. */
  readonly label?: string;
}

/**
 * The links between the pages of a list.
 *
 * @param links Where they lead.
 * @returns A paragraph.
 */
export function pageLinks({ before = "", first, next, label = "Next page" }: PageLinks): Html {
  return markup`<p class="pages">${before}${
    first === undefined ? "" : markup`<a class="button" href="${first}">First page</a> `
  }${
    next === undefined ? "" : markup`<a class="button" rel="next" href="${next}">${label}</a>`
  }</p>`;
}

/** A query with its `?`, of the parameters that have a value. */
export function queryOf(params: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== "") query.set(name, `${value}`);
  }
  return query.size === 0 ? "" : `?${query}`;
}

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/**
 * How long ago a time was.
 *
 * @param time The time, in ISO 8601.
 * @param now The current time.
 * @returns An element with the exact time in its title.
 */
export function ago(time: string, now: Date): Html {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return nameOf(time);
  const seconds = (now.getTime() - date.getTime()) / 1000;
  const [unit, length] = UNITS.find(([, least]) => seconds >= least) ?? ["", 1];
  const count = Math.floor(seconds / length);
  const text = unit === "" ? "just now" : `${count} ${unit}${count === 1 ? "" : "s"} ago`;
  const exact = date.toISOString();
  return markup`<time datetime="${exact}" title="${
    exact.slice(0, 16).replace("T", " ")
  } UTC">${text}</time>`;
}

/** A count as people read it: `10,000`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
