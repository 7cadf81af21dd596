/**
 * Listings of directories, in the form of Apache's: programs that mirror a server read it (`wget`,
 * `lftp`, `rclone`, pip). Pure.
 *
 * @module
 */

import { uriEncodeKey } from "../../layout/output_location.ts";
import type { Child } from "../../storage/backend.ts";

/** What a listing may do in a browser: show text and links. */
export const LISTING_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'";

/** The width of the column of names. */
const WIDTH = 50;

/** Options of {@linkcode renderListing}. */
export interface ListingOptions {
  /** The title, such as `logs/ of 123-linux`. */
  readonly title: string;
  /** Whether the directory above is part of the run. */
  readonly hasParent: boolean;
  /** A query with `?` for the links to directories, so that they are listed too. */
  readonly query?: string;
}

/**
 * Renders a listing.
 *
 * @param children The files and directories, in the order of their names.
 * @param options The title.
 * @returns HTML. All links are relative, and lead into the directory or to the one above.
 */
export function renderListing(
  children: readonly Child[],
  { title, hasParent, query = "" }: ListingOptions,
): string {
  const rows = children.map(({ location: { name }, info }) =>
    info === undefined
      ? row(`${name}/`, `${uriEncodeKey(name)}/${query}`, "-", "-")
      : row(name, uriEncodeKey(name), time(info.modified), String(info.size))
  );
  const parent = hasParent ? `<a href="../${query}">../</a>\n` : "";
  const heading = escape(`Index of ${title}`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${heading}</title>
</head>
<body>
<h1>${heading}</h1>
<hr><pre>${parent}${rows.join("")}</pre><hr>
</body>
</html>
`;
}

function row(name: string, href: string, modified: string, size: string): string {
  const gap = " ".repeat(Math.max(1, WIDTH - name.length));
  return `<a href="${escape(href)}">${escape(name)}</a>${gap} ${modified.padEnd(17)} ${
    size.padStart(19)
  }\n`;
}

/** As in `30-Nov-2026 13:44`, in UTC. */
function time(date: Date): string {
  const [, day, month, year, hours] = date.toUTCString().split(" ");
  return `${day}-${month}-${year} ${hours.slice(0, 5)}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c]);
}
