/**
 * The script, the style sheet and the icon of the pages: `/assets/{hash}.{extension}`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Handler } from "../context.ts";
import { httpError } from "../problem.ts";
import { textAnswer } from "../answer.ts";
import { LOG_SCRIPT } from "./log_script.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<rect width="16" height="16" rx="3" fill="#0a5bc4"/>
<path d="M4 4.5h8M4 8h8M4 11.5h5" stroke="#fff" stroke-width="1.6" stroke-linecap="round"/></svg>
`;

const ASSETS = {
  css: { type: "text/css; charset=utf-8", text: STYLE },
  js: { type: "text/javascript; charset=utf-8", text: `"use strict";\n${SCRIPT}${LOG_SCRIPT}` },
  svg: { type: "image/svg+xml", text: ICON },
} as const;

const NAMES = Object.fromEntries(
  Object.entries(ASSETS).map(([extension, { text }]) => {
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
    return [extension, `${hash}.${extension}`];
  }),
) as Readonly<Record<keyof typeof ASSETS, string>>;

/** The URL of an asset, relative to the service's root. */
export function assetPath(extension: keyof typeof ASSETS): string {
  return `assets/${NAMES[extension]}`;
}

/** `GET /assets/{name}`: the name has the hash of the content, so that it never changes. */
export const assetHandler: Handler = async ({ request, params: { name } }) => {
  const [found] = Object.entries(ASSETS).filter((_, i) => Object.values(NAMES)[i] === name);
  if (found === undefined) {
    throw httpError(404, "not-found", `No asset '${name}': load the page again`);
  }
  const [, { text, type }] = found;
  return await textAnswer(request, text, type, {
    headers: { "cache-control": "public, max-age=31536000, immutable" },
  });
};
