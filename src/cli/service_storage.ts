/**
 * Opens a service, `run-outputs serve`, as the storage of a command that reads.
 *
 * @module
 */

import { type OutputLocation, uriEncodeKey } from "../layout/output_location.ts";
import { formatRunKey, tryParseKeyInRun } from "../runs/retention/run_key.ts";
import { inputError } from "./local_inputs.ts";
import { type OpenStorage, reportsTo } from "./open_storage.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";

/** The values of the options. */
export interface ServiceOptions {
  readonly server: string;
  readonly serverTokenFile?: string;
  /** Formats a location for messages. Default: the page or the file of the service. */
  readonly show?: (location: OutputLocation) => string;
}

/**
 * Opens a service for reading.
 *
 * @param options The values of `--server` and `--server-token-file`.
 * @param io The environment.
 * @param output Receives notices of the storage.
 * @returns The storage.
 * @throws {RunOutputsError} `invalid`, if it is not a URL; errors of the disk, for the token.
 */
export async function openService(
  { server, serverTokenFile, show = (location) => serviceUrl(server, location) }: ServiceOptions,
  io: Io,
  output: Output,
): Promise<OpenStorage> {
  const { openServer } = await import("../storage/open_s3.ts");
  const { skipped, ...reports } = reportsTo(output, io);
  const backend = await openServer({
    url: server,
    token: await serverToken(serverTokenFile, io),
    env: (name) => io.env(name) || undefined,
    show,
    ...reports,
  });
  const url = (location: OutputLocation) => serviceUrl(server, location);
  return {
    backend,
    kind: "service",
    skipped,
    show,
    url,
    [Symbol.dispose]: () => backend[Symbol.dispose](),
  };
}

/** The page or the file of a service. */
function serviceUrl(server: string, { key }: OutputLocation): string {
  const base = server.replace(/\/+$/, "");
  const found = tryParseKeyInRun(key);
  if (found === undefined) return `${base}/`;
  const page = `${base}/retained-runs/${uriEncodeKey(formatRunKey(found.run))}`;
  return found.path === "" ? page : `${page}/files/${uriEncodeKey(found.path)}`;
}

/**
 * What `run-outputs doctor` needs to check a service.
 *
 * @param options The values of `--server` and `--server-token-file`.
 * @param io The environment.
 * @returns The URL, and functions that read the token and open the service, without second attempts.
 * @throws {RunOutputsError} `invalid`, if it is not a URL.
 */
export async function serviceToCheck({ server: url, serverTokenFile }: ServiceOptions, io: Io) {
  const { openServer } = await import("../storage/open_s3.ts");
  const env = (name: string) => io.env(name) || undefined;
  const open = (token: string | undefined) =>
    openServer({ url, token, env, retry: { maxAttempts: 1 } });
  (await open(undefined))[Symbol.dispose]();
  return { url, token: () => serverToken(serverTokenFile, io), open };
}

async function serverToken(file: string | undefined, io: Io): Promise<string | undefined> {
  if (file === undefined) return io.env("RUN_OUTPUTS_SERVER_TOKEN") || undefined;
  const text = await Deno.readTextFile(file).catch((error) => {
    throw inputError("read the token (--server-token-file)", file, error);
  });
  return text.trim();
}
