/**
 * What a route of the service is.
 *
 * @module
 */

import type { z } from "zod";
import type { Handler } from "../context.ts";

/** A route. */
export interface Route {
  /** The method; a route for `GET` answers `HEAD` too. */
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /**
   * The path below the base path: names, `{parameter}`s, and at the end `{parameter*}` for one or more
   * segments, or for none before a final `/`.
   */
  readonly path: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Answers it, with JSON or with bytes. */
  readonly handler: Handler;
  /** Answers with HTML those who prefer that over JSON, such as browsers. */
  readonly page?: Handler;
  /** The schema of its parameters, in the path and in the query. */
  readonly params?: z.ZodObject;
  /** The schema of its body in JSON. */
  readonly body?: z.ZodObject;
  /** The schema of its answer in JSON. */
  readonly answer?: z.ZodType;
  /** For how many seconds its answer waits for a change at most, if the client prefers that. */
  readonly maxWait?: number;
  /** The content types of its answer. Default: JSON. */
  readonly types?: readonly string[];
  /** The status of its answer. Default: 200. */
  readonly status?: number;
  /** The command that answers the same, without `run-outputs`. */
  readonly command?: string;
  /** Whether no token is needed. */
  readonly isOpen?: boolean;
  /** Whether it is answered immediately, however many requests are being answered. */
  readonly isUnlimited?: boolean;
  /** Whether a request reads so much that only a few are answered at once. Default: it does not. */
  readonly isSearch?: (query: URLSearchParams) => boolean;
  /** The option that the service needs for it; such a route always needs a token. */
  readonly needs?: "allowPin" | "allowMirror";
}
