/**
 * Sends requests to GitHub's REST API: connection, pages and errors.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import { networkReason } from "../errors/network.ts";
import { checkRepository } from "../layout/validate.ts";
import type { GithubCallOptions, GithubOptions } from "./client.ts";
import { conditionalFetch, type REDIRECTED } from "./conditional_fetch.ts";
import { githubError } from "./error.ts";
import type { Octokit } from "./octokit.ts";
import { checkToken } from "./settings.ts";

/** The default of {@linkcode GithubOptions.timeout}. */
const TIMEOUT = 60_000;

/** When a request counts as slow, in milliseconds. */
const SLOW = 2000;

/** The default of {@linkcode GithubOptions.maxWait}. */
const MAX_WAIT = 60;

/** The default of {@linkcode GithubOptions.maxPages}. */
const MAX_PAGES = 1000;

/** How long an aborted request has to end by itself, in milliseconds. */
const GRACE = 500;

/** An open connection: Octokit, and whether a token is sent. */
interface Connection {
  readonly octokit: Octokit;
  readonly hasToken: boolean;
}

/** What a request is about, for its errors. */
export interface Question {
  /** The action, such as `read run 123`. */
  readonly action: string;
  /** The repository. */
  readonly repository: string;
  /** What a 404 means for this request, and what to try. */
  readonly notFound?: string;
}

/** Parameters of all our routes. */
export interface Common {
  /** The owner of the repository. */
  readonly owner: string;
  /** Its name. */
  readonly repo: string;
  /** How it is sent. */
  readonly request: { readonly signal?: AbortSignal; readonly fetch: typeof fetch };
}

/** The common part of Octokit's responses. */
export interface Answer<T> {
  /** The body. */
  readonly data: T;
  /** The headers that we read: the link to the next page, and whether there was a redirect. */
  readonly headers: { readonly link?: string; readonly [REDIRECTED]?: string };
}

/** A page of a list. */
export interface Page {
  /** Its items. */
  readonly items: readonly unknown[];
}

/** Sends requests. It connects with the first one. */
export class RestSession {
  /** The requests so far. */
  readonly requests = { sent: 0, counted: 0 };
  /** Whether no token is sent; `undefined` until that is known. */
  isAnonymous: boolean | undefined;
  readonly #options: GithubOptions & { readonly apiUrl: string };
  #connection: Promise<Connection> | undefined;
  /** Why the last request failed, if it did and is repeated. */
  #lastFailure: string | undefined;
  /** Whether the user knows that an answer takes long. */
  #isReported = false;

  /**
   * Creates a session. It sends no request yet.
   *
   * @param options The client's options.
   */
  constructor(options: GithubOptions & { readonly apiUrl: string }) {
    this.#options = options;
  }

  /**
   * Fetches a list page by page.
   *
   * @param question What it is about.
   * @param options A signal.
   * @param request Fetches a page.
   * @param read Reads a page.
   * @param idOf The identity of an item.
   * @returns The pages, each fetched when it is needed.
   * @throws {RunOutputsError} `failed`, if a page only repeats earlier ones, or there are too many.
   */
  async *pages<T extends object, P extends Page>(
    question: Question,
    options: GithubCallOptions,
    request: (octokit: Octokit, common: Common, page: number) => Promise<Answer<T>>,
    read: (data: T, answer: Answer<T>) => P,
    idOf: (item: P["items"][number]) => string,
  ): AsyncGenerator<P> {
    const { maxPages = MAX_PAGES } = this.#options;
    const known = new Set<string>();
    for (let number = 1; number <= maxPages; number++) {
      const answer = await this.ask(
        question,
        options,
        (octokit, common) => request(octokit, common, number),
      );
      const { headers } = answer;
      const page = read(answer.data, answer);
      const before = known.size;
      for (const item of page.items as readonly P["items"][number][]) known.add(idOf(item));
      if (page.items.length > 0 && known.size === before) {
        throw this.#endless(question, `page ${number} repeats earlier pages`);
      }
      yield page;
      if (page.items.length === 0 || !/;\s*rel="?next"?/.test(headers.link ?? "")) return;
    }
    throw this.#endless(question, `there are more than ${maxPages} pages`);
  }

  #endless({ action, repository }: Question, reason: string): RunOutputsError {
    const { host } = new URL(this.#options.apiUrl);
    return new RunOutputsError(
      "failed",
      `Cannot ${action} of ${repository}: ${reason} of the answer of ${host}; check ` +
        "$GITHUB_API_URL and proxies",
    );
  }

  /**
   * Sends one request.
   *
   * @param question What it is about.
   * @param options A signal.
   * @param request Sends it.
   * @returns The response, which is an object or a list.
   * @throws {RunOutputsError} The failure, converted by {@linkcode githubError}.
   */
  async ask<T extends object>(
    question: Question,
    { signal, fresh = false }: GithubCallOptions,
    request: (octokit: Octokit, common: Common) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    const { repository } = question;
    checkRepository("repository", repository);
    const { now = Date.now, apiUrl } = this.#options;
    const signals = [this.#options.signal, signal].filter((one) => one !== undefined);
    const stop = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
    stop?.throwIfAborted();
    const [owner, repo] = repository.split("/");
    const { octokit, hasToken } = await this.#open();
    const cancelReport = this.#reportIfSlow();
    try {
      const common = { owner, repo, request: { signal: stop, fetch: this.#fetch(fresh) } };
      const answer = await unlessAborted(request(octokit, common), stop);
      this.#isReported = false;
      if (typeof answer.data === "object" && answer.data !== null) return answer;
    } catch (error) {
      stop?.throwIfAborted();
      throw githubError(error, { ...question, apiUrl, hasToken, now: now() });
    } finally {
      cancelReport();
    }
    throw new RunOutputsError(
      "failed",
      `Cannot ${question.action} of ${repository}: the response of ${apiUrl} is not JSON; check ` +
        "$GITHUB_API_URL",
    );
  }

  /** Reports in two seconds that a request has no answer; returns how to prevent it. */
  #reportIfSlow(): () => void {
    const { onSlow, schedule = later, apiUrl } = this.#options;
    if (onSlow === undefined) return () => {};
    return schedule(SLOW, () => {
      if (this.#isReported) return;
      this.#isReported = true;
      const { host } = new URL(apiUrl);
      onSlow(
        this.#lastFailure === undefined
          ? `no answer from ${host} for ${SLOW / 1000} s: still waiting`
          : `${this.#lastFailure}: trying again`,
      );
    });
  }

  #fetch(fresh: boolean): typeof fetch {
    const { now = Date.now, timeout = TIMEOUT, cache, apiUrl } = this.#options;
    const send = conditionalFetch({
      fetch: this.#options.fetch ?? fetch,
      cache,
      now,
      timeout,
      fresh,
      onSent: () => this.requests.sent++,
      onCounted: () => this.requests.counted++,
    });
    const { host } = new URL(apiUrl);
    return async (input, init) => {
      try {
        const response = await send(input, init);
        const { status } = response;
        this.#lastFailure = status < 500 ? undefined : `${host} answers ${status}`;
        return response;
      } catch (error) {
        const reason = error instanceof RunOutputsError
          ? error.message
          : networkReason(error as Error);
        this.#lastFailure = `cannot connect to ${host} (${reason})`;
        throw error;
      }
    };
  }

  #open(): Promise<Connection> {
    this.#connection ??= this.#connect();
    return this.#connection;
  }

  async #connect(): Promise<Connection> {
    const { apiUrl, maxWait = MAX_WAIT, second = 1000, onNote = () => {} } = this.#options;
    const given = this.#options.token;
    const found = typeof given === "function" ? await given() : given;
    const token = found ? checkToken(found, "the client's options") : undefined;
    this.isAnonymous = token === undefined;
    const { createOctokit } = await import("./octokit.ts");
    const octokit = createOctokit({
      apiUrl,
      token,
      maxWait,
      second,
      onNote: (text) => {
        this.#isReported = true;
        onNote(text);
      },
    });
    return { octokit, hasToken: token !== undefined };
  }
}

function later(milliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}

/**
 * Stops waiting soon after an abort: a request ends by itself, but nothing else listens to the
 * signal between two retries.
 */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = () => timer = setTimeout(() => reject(signal.reason), GRACE);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
  });
}
