/**
 * Where GitHub's API is, and who asks: from options, the environment and the `gh` tool.
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
  /** The API's address, which decides about the host that `gh` is asked for. */
  readonly apiUrl?: string;
  /**
   * Runs a program and hands back what it prints; `undefined` if it can't be run or fails. Default:
   * it is run if the permission to run it has been granted already; nobody is asked for it.
   */
  readonly run?: (program: string, args: readonly string[]) => Promise<string | undefined>;
}

/**
 * Finds the user's token: `GH_TOKEN`, else `GITHUB_TOKEN`, else what `gh auth token` prints.
 *
 * @param options The environment; how to run a program.
 * @returns The token; `undefined` if there is none.
 * @throws {RunOutputsError} `invalid`, if a variable holds what can't be a token.
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
  const { env, run = runIfGranted } = options;
  for (const name of ["GH_TOKEN", "GITHUB_TOKEN"]) {
    const token = env(name)?.trim();
    if (token) return checkToken(token, `$${name}`);
  }
  const host = new URL(apiUrlOf(options)).hostname.replace(/^api\./, "");
  const printed = await run("gh", ["auth", "token", "--hostname", host]);
  const token = printed?.trim();
  return token ? checkToken(token, "'gh auth token'") : undefined;
}

/**
 * Checks a token before it becomes part of a header.
 *
 * @param token The token.
 * @param source Where it comes from; the token itself is never shown.
 * @returns The token.
 * @throws {RunOutputsError} `invalid`, if it can't be one.
 */
export function checkToken(token: string, source: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new RunOutputsError(
    "invalid",
    `Invalid token in ${source}: expected letters, digits and signs without spaces`,
  );
}

/**
 * The address of GitHub's API.
 *
 * @param options The address, if the caller names one; the environment.
 * @returns The address, without a final `/`.
 * @throws {RunOutputsError} `invalid`, naming where the bad value came from.
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

/** Runs a program only where that is allowed already: asking would stop a script. */
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
    // That the program is not there is the usual case, and one can go on without a token.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return undefined;
    }
    throw error;
  }
}
