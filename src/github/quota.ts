/**
 * Reads how many requests GitHub still allows. The request itself does not count.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { GithubOptions } from "./client.ts";
import { conditionalFetch } from "./conditional_fetch.ts";
import { githubError } from "./error.ts";
import { apiUrlOf } from "./settings.ts";

/** A limit of requests. */
export interface GithubQuota {
  /** The requests per hour. */
  readonly limit: number;
  /** How many of them are left. */
  readonly remaining: number;
  /** When there are as many again as the limit. */
  readonly reset: Date;
}

/** How long GitHub has to answer, in milliseconds. */
const TIMEOUT = 10_000;

/**
 * Reads the limit of a token, or of this machine's address without one. Nothing is tried twice.
 *
 * @param options The API and the token.
 * @returns The limit; `undefined`, if the server has none.
 * @throws {RunOutputsError} `unauthenticated`, if the token is rejected; `transient`, without an
 * answer.
 */
export async function readQuota(
  options: Pick<GithubOptions, "apiUrl" | "env" | "fetch" | "signal"> & { readonly token?: string },
): Promise<GithubQuota | undefined> {
  const { token, signal, fetch: send = fetch } = options;
  const apiUrl = apiUrlOf(options);
  const { createOctokit } = await import("./octokit.ts");
  const octokit = createOctokit({ apiUrl, token, maxWait: 0, second: 1, onNote: () => {} });
  const quietly = { onSent: () => {}, onCounted: () => {} };
  const sending = conditionalFetch({
    fetch: send,
    now: Date.now,
    timeout: TIMEOUT,
    fresh: true,
    ...quietly,
  });
  try {
    const { data } = await octokit.rateLimit.get({
      request: { signal, fetch: sending, retries: 0 },
    });
    const { limit, remaining, reset } = data.resources.core;
    return { limit, remaining, reset: new Date(reset * 1000) };
  } catch (error) {
    signal?.throwIfAborted();
    const failed = githubError(error, {
      action: "read the rate limit",
      repository: token === undefined ? "this machine (no token)" : "this user",
      apiUrl,
      hasToken: token !== undefined,
      now: Date.now(),
    });
    // An enterprise server that has no limits.
    if (failed instanceof RunOutputsError && failed.code === "not_found") return undefined;
    throw failed;
  }
}
