/**
 * Checks of a service, `run-outputs serve`: whether it answers, accepts the token and lists its runs.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { networkReason } from "../../errors/network.ts";
import { redirectError } from "../../errors/service_redirect.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import type { S3Backend } from "../../storage/s3/backend.ts";
import { type Check, NotChecked, ok } from "./check.ts";

/** What to check. */
export interface ServiceChecksOptions {
  /** The URL of the service. */
  readonly url: string;
  /**
   * Reads the token.
   *
   * @returns The token, if there is one.
   */
  readonly token: () => Promise<string | undefined>;
  /**
   * Opens the service for reading. Nothing must be tried twice.
   *
   * @param token The token.
   * @returns The driver.
   */
  readonly open: (token: string | undefined) => Promise<S3Backend>;
}

/**
 * The checks of a service.
 *
 * @param options What to check.
 * @returns The checks.
 */
export function serviceChecks({ url, token, open }: ServiceChecksOptions): readonly Check[] {
  let asked: Promise<string> | undefined;
  let listed: Promise<boolean> | undefined;
  /** Asks for the version, once. */
  const tool = (signal: AbortSignal) => asked ??= health(url, signal);
  /** Lists runs, once. */
  const list = (signal: AbortSignal) => listed ??= hasRuns(signal);
  const hasRuns = async (signal: AbortSignal): Promise<boolean> => {
    await tool(signal).catch((cause) => {
      throw new NotChecked("the service does not answer", { cause });
    });
    using backend = await open(await token());
    for await (const _ of backend.children(new OutputLocation("local", ""), { signal })) {
      return true;
    }
    return false;
  };
  return [
    {
      name: "service",
      run: async (signal) => {
        const version = await tool(signal);
        return ok(`${url} answers (${version})`, { url, tool: version });
      },
    },
    {
      name: "token",
      run: async (signal) => {
        const isGiven = await token() !== undefined;
        try {
          await list(signal);
        } catch (error) {
          if (isRejected(error) || error instanceof NotChecked) throw error;
          throw new NotChecked("the runs can't be listed");
        }
        return ok(
          isGiven ? "the requests with it are answered" : "none is given, and none is needed",
        );
      },
    },
    {
      name: "runs",
      run: async (signal) => {
        try {
          return ok(`${url} can be listed${await list(signal) ? "" : ": it has no runs yet"}`);
        } catch (error) {
          if (isRejected(error)) throw new NotChecked("the token is missing or wrong");
          throw error;
        }
      },
    },
  ];
}

function isRejected(error: unknown): boolean {
  return error instanceof RunOutputsError && error.code === "unauthenticated";
}

/** Asks a service whether it runs; returns its version. */
async function health(url: string, signal: AbortSignal): Promise<string> {
  const base = url.replace(/\/+$/, "");
  const response = await fetch(`${base}/healthz`, { signal, redirect: "manual" }).catch((cause) => {
    signal.throwIfAborted();
    const reason = networkReason(cause);
    const message =
      `Cannot connect to ${url}: ${reason}; check --server, and that the service runs`;
    throw new RunOutputsError("transient", message, { cause });
  });
  const { status } = response;
  const text = await response.text();
  const tool = /"schema": ?"run-outputs\.health\/1".*"tool": ?"([\w./ +-]+)"/s.exec(text)?.[1];
  const redirect = redirectError(url, "/healthz", response);
  if (redirect !== undefined) throw redirect;
  if (status === 200 && tool !== undefined) return tool;
  if (status >= 500) {
    throw new RunOutputsError(
      "transient",
      `${url} answers ${status}; check that the service runs, and the proxy in front of it`,
    );
  }
  throw new RunOutputsError(
    "not_found",
    `No run-outputs service at ${url}: it answers ${status}; check --server, and its base path`,
  );
}
