/**
 * The URL of GitHub's API and the token: from options, the environment and the `gh` tool.
 *
 * @module
 */

import { invalid, quote, RunOutputsError } from "../errors/error.ts";

/** GitHub's own API. */
const GITHUB = "https://api.github.com";

/** Options of {@linkcode findToken}. */
export interface FindTokenOptions {
  /** The environment. */
  readonly env: (name: string) => string | undefined;
  /** The URL of the API, which determines the host for `gh`. */
  readonly apiUrl?: string;
  /**
   * Runs a program and returns its output; `undefined` if it cannot be run or fails. Default: runs
   * it only if the permission has been granted already, without a prompt.
   */
  readonly run?: (program: string, args: readonly string[]) => Promise<string | undefined>;
}

/**
 * Finds the user's token: `GH_TOKEN`, else `GITHUB_TOKEN`, else the output of `gh auth token`.
 *
 * @param options The environment; how to run a program.
 * @returns The token; `undefined` if there is none.
 * @throws {RunOutputsError} `invalid`, if the value of a variable cannot be a token.
 *
 * @example
 * ```ts
 * import { findToken } from "@therock/run-outputs";
 *
 * const variables: Record<string, string> = { GITHUB_TOKEN: "b", GH_TOKEN: "a" };
 * console.assert(await findToken({ env: (name) => variables[name] }) === "a");
 * ```
 */
export async function findToken(options: FindTokenOptions): Promise<string | undefined> {
  return (await findTokenSource(options))?.token;
}

/** A token and its source. */
export interface TokenSource {
  /** The token, a secret. */
  readonly token: string;
  /** Where it was found, for messages. */
  readonly source: string;
}

/**
 * Finds the user's token as {@linkcode findToken} does, and says where.
 *
 * @param options The environment; how to run a program.
 * @returns The token; `undefined` if there is none.
 * @throws {RunOutputsError} `invalid`, if the value of a variable cannot be a token.
 */
export async function findTokenSource(
  options: FindTokenOptions,
): Promise<TokenSource | undefined> {
  const { env, run = runIfGranted } = options;
  const found = (text: string | undefined, source: string): TokenSource | undefined => {
    const token = text?.trim();
    return token ? { token: checkToken(token, source), source } : undefined;
  };
  for (const name of ["GH_TOKEN", "GITHUB_TOKEN"]) {
    const token = found(env(name), `$${name}`);
    if (token !== undefined) return token;
  }
  const host = new URL(apiUrlOf(options)).hostname.replace(/^api\./, "");
  return found(await run("gh", ["auth", "token", "--hostname", host]), "'gh auth token'");
}

/**
 * Checks a token before it becomes part of a header.
 *
 * @param token The token.
 * @param source Its origin, for messages. The token itself is never shown.
 * @returns The token.
 * @throws {RunOutputsError} `invalid`, if it cannot be a token.
 */
export function checkToken(token: string, source: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new RunOutputsError(
    "invalid",
    `Invalid token in ${source}: expected letters, digits and signs without spaces`,
  );
}

/**
 * The URL of GitHub's API.
 *
 * @param options The URL, if the caller gives one; the environment.
 * @returns The URL, without a final `/`.
 * @throws {RunOutputsError} `invalid`, naming the origin of the invalid value.
 */
export function apiUrlOf(
  options: { readonly apiUrl?: string; readonly env?: (name: string) => string | undefined },
): string {
  const given = options.apiUrl;
  const text = given ?? (options.env?.("GITHUB_API_URL") || GITHUB);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password ||
    url.search || url.hash
  ) {
    const field = given === undefined ? "GITHUB_API_URL" : "address of GitHub's API";
    const shown = url?.password ? quote(`${url.protocol}//***@${url.host}`) : undefined;
    if (shown === undefined) throw invalid(field, text, "an http or https URL, as in " + GITHUB);
    throw new RunOutputsError("invalid", `Invalid ${field} ${shown}: expected no password in it`);
  }
  return text.replace(/\/+$/, "");
}

/** Runs a program only if that is already permitted: a prompt would stop a script. */
async function runIfGranted(
  program: string,
  args: readonly string[],
): Promise<string | undefined> {
  const { state } = await Deno.permissions.query({ name: "run", command: program });
  if (state !== "granted") return undefined;
  try {
    const command = new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    });
    const { success, stdout } = await command.output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    // Usually the program does not exist; a token is optional.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return undefined;
    }
    throw error;
  }
}
