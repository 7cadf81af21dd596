/**
 * Pages for browsers whose request failed, and the page to log in.
 *
 * @module
 */

import type { ServiceRequest } from "../context.ts";
import type { ShownProblem } from "../problem.ts";
import { type Html, markup, nameOf, type Page, pageAnswer, runPath, visible } from "./page.ts";

/**
 * Answers a browser with a problem.
 *
 * @param request The request, and the URL of the service's root.
 * @param problem The problem.
 * @returns The page.
 */
export async function problemPage(
  request: Pick<ServiceRequest, "request" | "base">,
  { document: { status, title, detail, choices }, headers }: ShownProblem,
): Promise<Response> {
  const { base } = request;
  // The keys of the runs that an id can mean.
  const keys = Array.isArray(choices) ? choices.map(String) : [];
  return await pageAnswer(request, {
    title,
    base,
    above: [["Runs", "retained-runs"]],
    content: markup`<p class="banner bad" role="alert">${visible(detail)}</p>
${
      keys.length === 0
        ? ""
        : markup`<ul class="links">${
          keys.map((key) => markup`<li><a href="${base}${runPath(key)}">${nameOf(key)}</a></li>`)
        }</ul>`
    }<p><a class="button" href="${base}retained-runs">All runs</a></p>
<p class="sum">Status ${status}</p>`,
  }, { status, headers: { "cache-control": "no-store", ...headers } });
}

/** What the page to log in shows. */
export interface LoginState {
  /** What was wrong with the last token. */
  readonly message?: string;
  /** The status. */
  readonly status?: number;
  /** More headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers with a form that sends the token to this same URL.
 *
 * @param request The request.
 * @param state What was wrong before.
 * @returns The page.
 */
export async function loginPage(
  request: Pick<ServiceRequest, "request" | "base">,
  { message, status = 200, headers = {} }: LoginState = {},
): Promise<Response> {
  const alert: Html | string = message === undefined
    ? ""
    : markup`<p class="banner bad" role="alert">${message}</p>`;
  const page: Page = {
    title: "Log in",
    base: request.base,
    content: markup`${alert}
<form class="login" method="post">
<label>Token of this service <input type="password" name="token" required autofocus
autocomplete="current-password"></label>
<button>Log in</button>
</form>`,
  };
  return await pageAnswer(request, page, {
    status,
    // With `no-referrer`, browsers send `Origin: null` with the form.
    headers: { "cache-control": "no-store", ...headers, "referrer-policy": "same-origin" },
  });
}
