/**
 * A `fetch` for GitHub's API that counts requests, has a timeout, and revalidates cached responses.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RunOutputsError } from "../errors/error.ts";
import type { CachedResponse, ResponseCache } from "./response_cache.ts";

/** The maximum size of a response; GitHub's largest, comparisons with patches, have about 10 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The maximum number of redirects. GitHub sends one, for a renamed repository. */
const MAX_REDIRECTS = 5;

/**
 * A response that is not accepted, whatever its content. Octokit does not retry errors with this
 * name.
 */
export class RefusedAnswer extends Error {
  override readonly name = "AbortError";
}

/**
 * The header of a response after a redirect, as GitHub sends for a renamed repository. One that the
 * server sends is removed.
 */
export const REDIRECTED = "x-run-outputs-redirected";

/** Options of {@linkcode conditionalFetch}. */
export interface ConditionalFetchOptions {
  /** How requests are sent. */
  readonly fetch: typeof fetch;
  /** The cache of responses. */
  readonly cache?: ResponseCache;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Time limit for a complete response, in milliseconds. */
  readonly timeout: number;
  /** Revalidate cached responses even if they have not expired. */
  readonly fresh: boolean;
  /** Called for each request. */
  readonly onSent: () => void;
  /** Called for each response that GitHub counts. */
  readonly onCounted: () => void;
}

/**
 * Creates the function. Its responses are complete: the body has been read.
 *
 * With a token a cached response is always revalidated, which is free if it has not changed.
 * Without a token GitHub counts this request too, so the response is used until it expires.
 *
 * @param options The transport and the cache.
 * @returns A replacement for `fetch`, for GET.
 */
export function conditionalFetch(options: ConditionalFetchOptions): typeof fetch {
  const { cache, now } = options;
  return async (input, init = {}) => {
    const url = String(input instanceof Request ? input.url : input);
    const headers = new Headers(init.headers);
    const authorization = headers.get("authorization");
    const key = keyOf(url, headers.get("accept") ?? "", authorization ?? "");
    const kept = await cache?.read(key);
    if (kept !== undefined) {
      const age = now() - kept.checkedAt;
      if (!options.fresh && authorization === null && age >= 0 && age < kept.maxAge) {
        return answer(kept);
      }
      headers.set("if-none-match", kept.etag);
    }

    options.onSent();
    const { response, body, redirected } = await send(url, { ...init, headers }, options);
    const marked: Record<string, string> = redirected ? { [REDIRECTED]: "1" } : {};
    if (response.status !== 304) options.onCounted();
    if (response.status === 304 && kept !== undefined) {
      if (authorization === null) await cache?.write(key, { ...kept, checkedAt: now() });
      return answer({ ...kept, headers: { ...kept.headers, ...marked } });
    }
    const etag = response.headers.get("etag");
    const control = response.headers.get("cache-control") ?? "";
    if (response.status === 200 && etag && !/\bno-store\b/.test(control)) {
      await cache?.write(key, {
        etag,
        checkedAt: now(),
        maxAge: Number(/\bmax-age=(\d{1,6})\b/.exec(control)?.[1] ?? 0) * 1000,
        headers: { ...pick(response.headers), ...marked },
        body,
      });
    }
    const rest = new Headers(response.headers);
    rest.delete(REDIRECTED);
    if (redirected) rest.set(REDIRECTED, "1");
    // They describe the bytes that were sent, not the decoded text.
    rest.delete("content-encoding");
    rest.delete("content-length");
    // Octokit waits as long as this says, even for a negative time.
    if (!/^\d+$/.test(rest.get("retry-after") ?? "0")) rest.delete("retry-after");
    return new Response(NO_BODY.has(response.status) ? null : body, {
      status: response.status,
      headers: rest,
    });
  };
}

const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

async function send(
  url: string,
  init: RequestInit,
  { fetch, timeout }: ConditionalFetchOptions,
): Promise<{ readonly response: Response; readonly body: string; readonly redirected: boolean }> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    const seconds = timeout / 1000;
    silence.abort(new RunOutputsError("transient", `no response within ${seconds} s`));
  }, timeout);
  const signal = init.signal ? AbortSignal.any([init.signal, silence.signal]) : silence.signal;
  try {
    const { response, redirected } = await followed(url, { ...init, signal }, fetch);
    return { response, redirected, body: await bodyOf(response, url) };
  } catch (error) {
    // The rest of an endless response is not read.
    silence.abort();
    // Octokit does not retry an error with this name, whatever the caller's reason.
    if (init.signal?.aborted) throw new DOMException("aborted", "AbortError");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Follows redirects on the same server only, because of the token. */
async function followed(
  url: string,
  init: RequestInit,
  fetch_: typeof fetch,
): Promise<{ readonly response: Response; readonly redirected: boolean }> {
  for (let at = url, redirects = 0;; redirects++) {
    const response = await fetch_(at, { ...init, redirect: "manual" });
    const location = response.headers.get("location");
    if (!REDIRECTS.has(response.status) || location === null) {
      return { response, redirected: redirects > 0 };
    }
    await response.body?.cancel();
    const target = URL.parse(location, at);
    const { host, origin } = new URL(url);
    if (target?.origin !== origin || redirects === MAX_REDIRECTS) {
      const where = target?.origin === origin ? "in circles" : `to ${target?.host ?? "no URL"}`;
      throw new RefusedAnswer(`${host} redirects ${where}; check $GITHUB_API_URL`);
    }
    at = target.href;
  }
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308]);

async function bodyOf(response: Response, url: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      throw new RefusedAnswer(`the answer of ${new URL(url).host} is larger than 64 MiB`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function answer({ headers, body }: CachedResponse): Response {
  return new Response(body, { status: 200, headers: { ...headers } });
}

function pick(headers: Headers): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of ["content-type", "link"]) {
    const value = headers.get(name);
    if (value !== null) picked[name] = value;
  }
  return picked;
}

/** Responses depend on the token. Only its hash is stored. */
function keyOf(url: string, accept: string, authorization: string): string {
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  const identity = authorization === "" ? "" : hash(`run-outputs\n${authorization}`);
  return hash([url, accept, identity].join("\n"));
}
