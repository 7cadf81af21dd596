/**
 * The target of a request: its path and its query, decoded once and strictly.
 *
 * `new URL` must not see it: it normalises `..`, and it throws on some of what clients send.
 *
 * @module
 */

import { invalid } from "../errors/error.ts";
import { checkKey } from "../layout/validate.ts";

/** What a URL of the runtime consists of: it is the raw target of the request behind its host. */
export interface Target {
  /** The host and the port. */
  readonly authority: string;
  /** From the first `/` up to the `?`; empty, if there is none. */
  readonly path: string;
  /** What follows the `?`. */
  readonly query: string;
}

/** A decoded path. */
export interface DecodedPath {
  /** Its segments. */
  readonly segments: readonly string[];
  /** Whether it ends with `/`. */
  readonly isDirectory: boolean;
}

const EXPECTED_PATH =
  "names joined by single '/', each percent-encoded UTF-8 and not '.' or '..', without a fragment";

/**
 * Splits the URL that the runtime gives for a request.
 *
 * @param url The URL: a scheme, the `Host` or the authority that was sent, and the raw target.
 * @returns Its parts, as they were sent.
 */
export function splitUrl(url: string): Target {
  const [, authority = "", path = "", query = ""] =
    /^[a-z+]+:\/\/([^/?#]*)([^?]*)(?:\?(.*))?$/s.exec(url) ?? [];
  return { authority, path, query };
}

/**
 * Decodes a path.
 *
 * @param path The path as it was sent.
 * @returns Its segments; together they are a valid key.
 * @throws {RunOutputsError} `invalid`: an empty, `.` or `..` segment, `/` inside a segment, `\` or
 * other characters that must be encoded, bytes that are not UTF-8, a control character.
 */
export function decodePath(path: string): DecodedPath {
  const refuse = () => invalid("path", path, EXPECTED_PATH);
  // Everything else must be percent-encoded; `#` begins a fragment, which no client sends.
  if (!/^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/.test(path)) throw refuse();
  const names = path.slice(1).split("/");
  const isDirectory = names.at(-1) === "";
  if (isDirectory) names.pop();
  const segments = names.map((name) => {
    const segment = decode(name);
    if (segment === undefined || segment.includes("/") || /^\.{0,2}$/.test(segment)) throw refuse();
    return segment;
  });
  checkKey("path", segments.join("/"));
  return { segments, isDirectory };
}

/**
 * Decodes a query.
 *
 * @param query What follows the `?`.
 * @returns The parameters.
 * @throws {RunOutputsError} `invalid`, if it is not percent-encoded UTF-8, or names a parameter twice.
 */
export function decodeQuery(query: string): URLSearchParams {
  const params = new URLSearchParams();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const [name, value] = (at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)])
      .map((text) => decode(text.replaceAll("+", " ")));
    if (name === undefined || value === undefined) {
      throw invalid("query", query, "parameters in percent-encoded UTF-8");
    }
    if (params.has(name)) throw invalid("query", query, `the parameter '${name}' once`);
    params.append(name, value);
  }
  return params;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
