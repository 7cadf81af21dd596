/**
 * A `fetch` for GitHub's API that counts, gives up on silence, and asks about what it has kept
 * instead of asking for it again.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RunOutputsError } from "../errors/error.ts";
import type { CachedResponse, ResponseCache } from "./response_cache.ts";

/** The most bytes of one answer; GitHub's largest, comparisons with patches, have some 10 MB. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The most redirects of one request. GitHub sends one, for a repository that was renamed. */
const MAX_REDIRECTS = 5;

/** An answer that is not accepted, whatever it says. Octokit does not repeat what has this name. */
export class RefusedAnswer extends Error {
  override readonly name = "AbortError";
}

/** Options of {@linkcode conditionalFetch}. */
export interface ConditionalFetchOptions {
  /** How requests are sent. */
  readonly fetch: typeof fetch;
  /** Keeps answers. */
  readonly cache?: ResponseCache;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long to wait for a whole answer, in milliseconds. */
  readonly timeout: number;
  /** Ask, even if what is kept is said to be right still. */
  readonly fresh: boolean;
  /** Told of each request. */
  readonly onSent: () => void;
  /** Told of each answer that GitHub counts. */
  readonly onCounted: () => void;
}

/**
 * Makes the function. Its answers are whole: the body has been read.
 *
 * With a token a kept answer is always asked about: that it has not changed costs nothing. Without
 * one GitHub counts that question too, so the answer is taken for right as long as GitHub said.
 *
 * @param options How to send, and what to keep.
 * @returns A function to use instead of `fetch`, for GET.
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
    const { response, body } = await send(url, { ...init, headers }, options);
    if (response.status !== 304) options.onCounted();
    if (response.status === 304 && kept !== undefined) {
      if (authorization === null) await cache?.write(key, { ...kept, checkedAt: now() });
      return answer(kept);
    }
    const etag = response.headers.get("etag");
    const control = response.headers.get("cache-control") ?? "";
    if (response.status === 200 && etag && !/\bno-store\b/.test(control)) {
      await cache?.write(key, {
        etag,
        checkedAt: now(),
        maxAge: Number(/\bmax-age=(\d{1,6})\b/.exec(control)?.[1] ?? 0) * 1000,
        headers: pick(response.headers),
        body,
      });
    }
    const rest = new Headers(response.headers);
    // They tell of the bytes that came, not of the text.
    rest.delete("content-encoding");
    rest.delete("content-length");
    // Octokit waits as long as this says, negative times too.
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
): Promise<{ readonly response: Response; readonly body: string }> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    const seconds = timeout / 1000;
    silence.abort(new RunOutputsError("transient", `no response within ${seconds} s`));
  }, timeout);
  const signal = init.signal ? AbortSignal.any([init.signal, silence.signal]) : silence.signal;
  try {
    const response = await followed(url, { ...init, signal }, fetch);
    return { response, body: await bodyOf(response, url) };
  } catch (error) {
    // An answer without an end is left where it is.
    silence.abort();
    // By this name Octokit knows that nothing is to be tried again, whatever the caller's reason.
    if (init.signal?.aborted) throw new DOMException("aborted", "AbortError");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Follows redirects on the same server only: the token is for nobody else. */
async function followed(url: string, init: RequestInit, fetch_: typeof fetch): Promise<Response> {
  for (let at = url, redirects = 0;; redirects++) {
    const response = await fetch_(at, { ...init, redirect: "manual" });
    const location = response.headers.get("location");
    if (!REDIRECTS.has(response.status) || location === null) return response;
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

/** Of whom an answer is depends on who asked; the token itself is nowhere kept. */
function keyOf(url: string, accept: string, authorization: string): string {
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  const identity = authorization === "" ? "" : hash(`run-outputs\n${authorization}`);
  return hash([url, accept, identity].join("\n"));
}
