/**
 * A `fetch` for GitHub's API that counts, gives up on silence, and asks about what it has kept
 * instead of asking for it again.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { RunOutputsError } from "../errors/error.ts";
import type { CachedResponse, ResponseCache } from "./response_cache.ts";

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
 * @returns A function to use in place of `fetch`, for GET.
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
    const response = await fetch(url, { ...init, signal });
    return { response, body: await response.text() };
  } catch (error) {
    // By this name Octokit knows that nothing is to be tried again, whatever the caller's reason.
    if (init.signal?.aborted) throw new DOMException("aborted", "AbortError");
    throw error;
  } finally {
    clearTimeout(timer);
  }
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
