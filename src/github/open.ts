/**
 * Creates a GitHub client.
 *
 * @module
 */

import type { GithubClient, GithubOptions } from "./client.ts";
import { RestClient } from "./rest_client.ts";
import { apiUrlOf } from "./settings.ts";

/**
 * Creates a client. It sends no request and searches for no token before the first call.
 *
 * @param options The API, the token, a cache.
 * @returns The client.
 * @throws {RunOutputsError} `invalid`, if the URL of the API is invalid.
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
