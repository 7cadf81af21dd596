/**
 * Renders index pages as HTML. Pure.
 *
 * Each page is self-contained: style and script are inline, with their hashes in its content
 * security policy, so that no code in the name of a file can run.
 *
 * @module
 */

import { createHash } from "node:crypto";
// Under its own name, the formatter would format the templates.
import { html as markup, raw } from "hono/html";
import { formatBytes, plural } from "../../layout/words.ts";
import { keptAbout } from "./about.ts";
import { visible } from "../../layout/visible.ts";
import { relativeLink } from "./links.ts";
import {
  GENERATOR,
  type IndexEntry,
  type IndexPage,
  type ListPage,
  type SimplePage,
} from "./page.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

/** The result of `markup`. */
type Html = ReturnType<typeof markup>;

/** Returns the SHA-256 of a file, if it is known. */
export type HashOf = (entry: IndexEntry) => string | undefined;

/**
 * Renders a page.
 *
 * @param page Its content.
 * @param hashOf Returns known hashes. Default: none.
 * @param previous The existing page: what it says about the run is kept.
 * @returns The page, with a final line break.
 */
export function renderPage(
  page: IndexPage,
  hashOf: HashOf = () => undefined,
  previous?: string,
): string {
  const html = page.kind === "list" ? listPage(page, hashOf, previous) : simplePage(page, hashOf);
  return `${html}\n`;
}

const sourceHash = (text: string) =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const POLICY = [
  "default-src 'none'",
  `style-src ${sourceHash(STYLE)}`,
  `script-src ${sourceHash(SCRIPT)}`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function listPage(page: ListPage, hashOf: HashOf, previous: string | undefined): Html {
  const entries = page.sections.flatMap(({ entries }) => entries);
  // An extra column for all lists or for none, so that they are aligned.
  const hashes = entries.some((entry) =>
    entry.sidecar !== undefined || hashOf(entry) !== undefined
  );
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="${GENERATOR}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<title>${page.title}</title>
<link rel="icon" href="data:,">
<style>${raw(STYLE)}</style>
</head>
<body>
${wayUp(page)}
<h1>${page.title}</h1>
<p class="sum">${summary(entries)}</p>
${about(page, previous)}${page.forPip ? INSTALLATION : ""}
<div class="tools" hidden>${FILTER}<output></output></div>
<p class="none" id="unmatched" hidden>No name matches the filter.</p>
<main>
${entries.length === 0 ? markup`<p class="none">This directory is empty.</p>` : ""}
${page.sections.map((section) => listSection(page, section, hashOf, hashes))}
</main>
<script>${raw(SCRIPT)}</script>
</body>
</html>`;
}

function about({ about }: ListPage, previous: string | undefined): Html | string {
  if (about === undefined) return "";
  return raw(`${keptAbout(about.root, about.uploading, previous)}\n`);
}

const FILTER = raw(
  '<input type="search" placeholder="Filter by name" aria-label="Filter by name" ' +
    'autocomplete="off">',
);

/**
 * How to install packages from here with pip. The script inserts the page's own URL. It shows the
 * simple index only where pip can use it.
 */
const INSTALLATION =
  markup`<pre data-here="THIS-PAGE" data-link="">${"pip install --pre --no-index --find-links THIS-PAGE PACKAGE"}</pre>
<pre data-here="SIMPLE-INDEX" data-link="simple/" hidden>${"pip install --pre --index-url SIMPLE-INDEX PACKAGE"}</pre>`;

function wayUp({ above, location }: ListPage): Html | string {
  if (above.length === 0) return "";
  const links = above.map(({ name, target }) =>
    markup`<a href="${relativeLink(location, target)}">${name}</a><i>/</i>`
  );
  const here = location.key.split("/").at(-2);
  return markup`<nav aria-label="Breadcrumb">${links}${here}</nav>`;
}

function summary(entries: readonly IndexEntry[]): string {
  let files = 0;
  let bytes = 0;
  let newest: Date | undefined;
  for (const { files: inside, size, modified, sidecar, sidecarSize = 0 } of entries) {
    files += (inside ?? 1) + (sidecar === undefined ? 0 : 1);
    bytes += (size ?? 0) + sidecarSize;
    if (modified !== undefined && modified > (newest ?? 0)) newest = modified;
  }
  const parts = [count(files), formatBytes(bytes)];
  if (newest !== undefined) parts.push(`last modified ${minutes(newest)} UTC`);
  return parts.join(" · ");
}

function listSection(
  page: ListPage,
  { title, entries }: ListPage["sections"][number],
  hashOf: HashOf,
  hashes: boolean,
): Html {
  const column = (name: string, numbers: boolean) =>
    markup`<th scope="col"${
      numbers ? raw(' class="n"') : ""
    }><button type="button">${name}</button></th>`;
  return markup`<section>${title === undefined ? "" : markup`<h2>${title}</h2>`}
<table>
<thead><tr>${column("Name", false)}${column("Size", true)}${column("Modified (UTC)", false)}${
    hashes ? raw('<th scope="col" class="h">SHA-256</th>') : ""
  }</tr></thead>
<tbody>
${entries.map((entry) => row(page, entry, hashOf(entry), hashes))}</tbody>
</table></section>
`;
}

/** One row, in the form that `Hashes` reads. */
function row(page: ListPage, entry: IndexEntry, sha256: string | undefined, hashes: boolean): Html {
  const { name, target, size, modified, files, note, sidecar } = entry;
  const isFile = files === undefined;
  const link = relativeLink(page.location, target);
  const href = page.forPip && isFile && sha256 !== undefined ? `${link}#sha256=${sha256}` : link;
  const cells = [
    markup`<td><a href="${href}">${name}</a>${
      isFile || files === 0 ? "" : markup` <small>${count(files)}</small>`
    }${note === undefined ? "" : markup` <small>· ${visible(note)}</small>`}</td>`,
    markup`<td class="n"${value(size)}>${size === undefined ? "" : formatBytes(size)}</td>`,
    markup`<td class="t"${value(modified?.getTime())}>${time(modified)}</td>`,
    hashes ? markup`<td class="h">${isFile ? hashCell(page, sha256, sidecar) : ""}</td>` : "",
  ];
  const mark = sha256 === undefined ? "" : markup` data-sha256="${sha256}"`;
  return markup`<tr class="${isFile ? "f" : "d"}"${mark}>${cells}</tr>
`;
}

function hashCell(
  page: ListPage,
  sha256: string | undefined,
  sidecar: IndexEntry["sidecar"],
): Html | string {
  const shown = sha256 === undefined ? "" : markup`<code>${sha256}</code>`;
  if (sidecar === undefined) return shown;
  return markup`${shown}<a href="${relativeLink(page.location, sidecar)}">checksum</a>`;
}

function value(number: number | undefined): Html | string {
  return number === undefined ? "" : markup` data-v="${number}"`;
}

function time(date: Date | undefined): Html | string {
  if (date === undefined) return "";
  return markup`<time datetime="${date.toISOString()}">${minutes(date)}</time>`;
}

/** A page can have many files: `10,000 files`. */
function count(files: number): string {
  return plural(files, "file").replace(/\B(?=(?:\d{3})+ )/g, ",");
}

function minutes(date: Date): string {
  return date.toISOString().slice(0, 16).replace("T", " ");
}

/** PEP 503: only links, each with the hash of its target. */
function simplePage(page: SimplePage, hashOf: HashOf): Html {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="${GENERATOR}">
<meta name="pypi:repository-version" content="1.0">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title}</title>
<link rel="icon" href="data:,">
</head>
<body>
<h1>${page.title}</h1>
${page.entries.map((entry) => simpleLink(page, entry, hashOf(entry)))}</body>
</html>`;
}

function simpleLink(page: SimplePage, entry: IndexEntry, sha256: string | undefined): Html {
  const link = relativeLink(page.location, entry.target);
  const hash = sha256 === undefined ? "" : `#sha256=${sha256}`;
  return markup`<a href="${link}${hash}">${entry.name}</a><br>
`;
}
