/**
 * Opens a client of GitHub.
 *
 * @module
 */

import type { GithubClient, GithubOptions } from "./client.ts";
import { RestClient } from "./rest_client.ts";
import { apiUrlOf } from "./settings.ts";

/**
 * Creates a client. Nothing is sent, and no token is looked for, before it is asked something.
 *
 * @param options Where to ask, with which token; a cache.
 * @returns The client.
 * @throws {RunOutputsError} `invalid`, if the API's address is none.
 *
 * @example
 * ```ts
 * import { openGithub } from "@therock/run-outputs";
 *
 * const github = openGithub({ apiUrl: "https://api.github.com" });
 * console.assert(github.requests.sent === 0);
 * ```
 */
export function openGithub(options: GithubOptions = {}): GithubClient {
  return new RestClient({ ...options, apiUrl: apiUrlOf(options) });
}
