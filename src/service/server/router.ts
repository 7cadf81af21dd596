/**
 * Finds the route of a request.
 *
 * @module
 */

import type { Route } from "./route.ts";

/** The route of a request. */
export interface Match {
  /** The route. */
  readonly route: Route;
  /** The parameters in its path, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

/** The routes of a path. */
export interface Found {
  /** The route; `undefined`, if none has this method. */
  readonly match?: Match;
  /** The methods of the path, for `Allow`; empty, if it is unknown. */
  readonly allow: readonly string[];
}

/**
 * Finds the route of a request. The first one in the table that fits is taken.
 *
 * @param routes The table.
 * @param method The method; `HEAD` is answered by the route for `GET`.
 * @param segments The segments of the path, decoded.
 * @param isDirectory Whether the path ends with `/`.
 * @returns The route, or the methods of the path.
 */
export function findRoute(
  routes: readonly Route[],
  method: string,
  segments: readonly string[],
  isDirectory: boolean,
): Found {
  const wanted = method === "HEAD" ? "GET" : method;
  const matches = routes.flatMap((route): Match[] => {
    const params = paramsOf(route.path, segments, isDirectory);
    return params === undefined ? [] : [{ route, params }];
  });
  const methods = new Set(matches.map(({ route }) => route.method));
  return {
    match: matches.find(({ route }) => route.method === wanted),
    allow: [...methods].flatMap((name) => name === "GET" ? ["GET", "HEAD"] : [name]),
  };
}

/** The pattern of a path, taken apart. */
interface Pattern {
  /** Names, and parameters by their names. */
  readonly segments: readonly ({ readonly name: string } | { readonly param: string })[];
  /** The parameter for all segments that follow. */
  readonly rest?: string;
  /** Whether it ends with `/`. */
  readonly endsOpen: boolean;
}

/** Every request is compared with every route, so each pattern is taken apart once. */
const patterns = new Map<string, Pattern>();

function patternOf(path: string): Pattern {
  let pattern = patterns.get(path);
  if (pattern === undefined) {
    const names = path.slice(1).split("/");
    const rest = /^\{(\w+)\*\}$/.exec(names.at(-1)!)?.[1];
    const endsOpen = names.at(-1) === "";
    if (rest !== undefined || endsOpen) names.pop();
    const segments = names.map((name) => {
      const param = /^\{(\w+)\}$/.exec(name)?.[1];
      return param === undefined ? { name } : { param };
    });
    patterns.set(path, pattern = { segments, rest, endsOpen });
  }
  return pattern;
}

/**
 * The parameters in a path, if it fits a pattern.
 *
 * @param path Names, `{parameter}`s, and at the end `{parameter*}` for one or more segments, or none
 * before a final `/`.
 * @param segments The segments of the path.
 * @param isDirectory Whether it ends with `/`.
 * @returns The parameters; `undefined`, if it does not fit.
 */
function paramsOf(
  path: string,
  segments: readonly string[],
  isDirectory: boolean,
): Record<string, string> | undefined {
  const { segments: expected, rest, endsOpen } = patternOf(path);
  if (rest === undefined) {
    if (isDirectory !== endsOpen || segments.length !== expected.length) return undefined;
  } else if (segments.length < expected.length + (isDirectory ? 0 : 1)) return undefined;
  const params: Record<string, string> = {};
  for (const [i, part] of expected.entries()) {
    if ("param" in part) params[part.param] = segments[i];
    else if (part.name !== segments[i]) return undefined;
  }
  if (rest !== undefined) params[rest] = segments.slice(expected.length).join("/");
  return params;
}
