/**
 * `run-outputs serve --check URL`: whether a service answers, for images without another client.
 *
 * @module
 */

import { request as overHttp, type RequestOptions } from "node:http";
import { request as overHttps } from "node:https";
import { invalid, RunOutputsError } from "../../../errors/error.ts";
import { networkReason } from "../../../errors/network.ts";

/** How long to wait for the answer, in milliseconds. */
const PATIENCE = 5000;

/**
 * Asks a service whether it runs.
 *
 * @param url The URL that the service has printed: `http://…`, `https://…`, or `unix:` and a path.
 * @param signal Ends waiting.
 * @throws {RunOutputsError} `invalid`, if it is not such a URL; `transient`, if nothing answers there,
 * or the answer is not that of a healthy service.
 */
export async function checkService(url: string, signal: AbortSignal): Promise<void> {
  const status = await statusOf(
    optionsOf(url),
    AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
  )
    .catch((error) => {
      const reason = signal.aborted ? "interrupted" : networkReason(error);
      throw new RunOutputsError("transient", `The service at ${url} does not answer: ${reason}`, {
        cause: error,
      });
    });
  if (status === 200) return;
  const why = status === 404 ? " (no service at this URL: check the base path)" : "";
  throw new RunOutputsError(
    "transient",
    `The service at ${url} is not healthy: status ${status}${why}`,
  );
}

/** Without a proxy: `fetch` would use the one of the environment. */
function statusOf(
  { isSecure, ...options }: RequestOptions & { readonly isSecure: boolean },
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const send = isSecure ? overHttps : overHttp;
    send({ ...options, signal, agent: false }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
      answer.on("error", reject);
    }).on("error", reject).end();
  });
}

function optionsOf(url: string): RequestOptions & { readonly isSecure: boolean } {
  const socketPath = /^unix:(.+)$/.exec(url)?.[1];
  if (socketPath !== undefined) {
    return { socketPath, path: "/healthz", headers: { host: "localhost" }, isSecure: false };
  }
  if (!/^https?:\/\/./.test(url) || !URL.canParse(url)) {
    throw invalid("--check", url, "the URL of a service, as in http://127.0.0.1:8080/");
  }
  const { protocol, hostname, port, pathname } = new URL(url);
  const path = pathname.endsWith("/healthz") ? pathname : `${pathname.replace(/\/$/, "")}/healthz`;
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port,
    path,
    isSecure: protocol === "https:",
  };
}
