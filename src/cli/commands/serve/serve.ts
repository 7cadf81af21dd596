/**
 * `run-outputs serve`
 *
 * @module
 */

import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import config from "../../../../deno.json" with { type: "json" };
import { invalid, RunOutputsError } from "../../../errors/error.ts";
import { hostName, isLoopback } from "../../../service/hosts.ts";
import type { RunningService } from "../../../service/server/fenced.ts";
import type { Place } from "../../../service/server/listen.ts";
import type { MirrorJobs, MirrorJobsOptions } from "../../../service/mirror/jobs.ts";
import type { ServiceOptions } from "../../../service/server/service.ts";
import type { Context } from "../../context.ts";
import type { OpenStorage } from "../../open_storage.ts";
import { filled, names, nonEmpty, wholeNumber } from "../../options.ts";
import { Output } from "../../terminal/output.ts";
import { type MirrorOptions, mirrorSource, sourcesOf } from "./mirror.ts";
import { openRuns, type RunsCommandOptions, throwIfRun, withRunsOptions } from "../runs/options.ts";

/** The heading of the options for the network. */
const NETWORK = "Options for the network:";
/** The heading of the options for access. */
const ACCESS = "Options for access:";

const HOST = "127.0.0.1";
const PORT = 8080;
const SOCKET_MODE = 0o600;

/** For how long a URL of S3 is valid: a download that has begun is not cut off. */
const DIRECT_SECONDS = 15 * 60;

/** The values of the command's options. */
export interface ServeOptions extends RunsCommandOptions, MirrorOptions {
  readonly host?: string;
  readonly port?: number;
  readonly socket?: string;
  readonly socketMode?: number;
  readonly basePath?: string;
  readonly allowHost?: readonly string[];
  readonly tokenFile?: string;
  readonly allowAnonymous?: boolean;
  readonly allowPin?: boolean;
  readonly redirectToS3?: boolean;
  readonly check?: string;
}

/** Builds the command. */
export function serveCommand(context: Context): Command {
  const option = (flags: string, description: string, group: string) =>
    new Option(flags, description).helpGroup(group);
  const command = new Command("serve")
    .summary("serve the runs in a directory or a bucket over HTTP")
    .description(
      "Serves the runs in a staging directory or a bucket over HTTP: their state, reports and files, " +
        "for programs and for browsers. Nothing is stored: after a restart every answer is the same.",
    )
    .addOption(
      option("--host <address>", `the address to listen on (default: ${HOST})`, NETWORK),
    )
    .addOption(
      option("--port <number>", `the port; 0: any free one (default: ${PORT})`, NETWORK)
        .argParser(filled(wholeNumber(0, 65535))),
    )
    .addOption(
      option("--socket <path>", "listen on a Unix socket instead", NETWORK).argParser(nonEmpty),
    )
    .addOption(
      option(
        "--socket-mode <mode>",
        "who may connect to the socket, as for chmod (default: 600, this user only)",
        NETWORK,
      ).argParser(socketMode),
    )
    .addOption(
      option(
        "--base-path <path>",
        "the path that a proxy in front of the service does not strip, such as /ci",
        NETWORK,
      ).argParser(basePath),
    )
    .addOption(
      option(
        "--allow-host <names>",
        "host names that requests may use, besides localhost and the address (repeatable, or " +
          "comma-separated)",
        NETWORK,
      ).argParser(names),
    )
    .addOption(
      option(
        "--redirect-to-s3",
        "send clients to S3 for the files of runs in a bucket, with URLs that are valid for 15 " +
          "minutes, so that their bytes do not pass through the service",
        NETWORK,
      ),
    )
    .addOption(
      option("--check <url>", "only check that the service at this URL answers", NETWORK)
        .argParser(nonEmpty),
    )
    .addOption(
      option(
        "--token-file <path>",
        "require the token in this file; only its owner may read the file",
        ACCESS,
      ).argParser(nonEmpty),
    )
    .addOption(
      option("--allow-anonymous", "require no token, also from other machines", ACCESS),
    )
    .addOption(
      option("--allow-pin", "let those who have the token pin runs and delete pins", ACCESS),
    )
    .addOption(
      option(
        "--allow-mirror",
        "let those who have the token mirror runs into the staging directory",
        ACCESS,
      ),
    )
    .addOption(
      option(
        "--mirror-source <name=place>",
        "where they may mirror from: s3://BUCKET (the options for S3 apply), the URL of another " +
          "service, or a directory (repeatable)",
        ACCESS,
      ).argParser(mirrorSource),
    )
    .addHelpText(
      "after",
      `
The first line on standard output is the URL. SIGINT and SIGTERM stop the service when all answers
have been sent; the second one stops it immediately.

Examples:
  run-outputs serve --staging-dir ./staging
  run-outputs serve --staging-dir ./staging --host 0.0.0.0 --token-file ./token --allow-host ci.lan
  run-outputs serve --staging-dir ./staging --token-file ./token --allow-mirror \\
    --mirror-source ci=s3://therock-ci-artifacts --no-sign-request
  run-outputs serve --bucket lab-artifacts --socket ./run-outputs.sock --base-path /ci
  run-outputs serve --check http://127.0.0.1:8080/`,
    );
  return withRunsOptions(command).action(async (options: ServeOptions) => {
    const output = new Output(context.io, options);
    const signal = context.interruption();
    if (options.check !== undefined) {
      const { checkService } = await import("./check.ts");
      await checkService(options.check, signal);
      output.result(
        () => ({ schema: "run-outputs.service-check/1", url: options.check, ok: true }),
        () => [`${options.check} answers`],
      );
      return;
    }
    await serve(context, options, output, signal);
  });
}

async function serve(
  { io }: Context,
  options: ServeOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const place = placeOf(options);
  const token = await tokenOf(options, place);
  const hosts = {
    address: "path" in place ? undefined : place.hostname,
    names: [...hostNames(options.allowHost ?? []), ...ownName(place)],
  };
  using storage = await openRuns(options, io, output);
  const { backend, bucket, dir } = storage;
  const { RunIndex } = await import("../../../operations/retained/run_index.ts");
  await throwIfRun(dir, new RunIndex({ backend, bucket, where: dir }), signal);
  const tool = `run-outputs/${config.version}`;
  const { basePath, allowPin = false } = options;
  const direct = directOf(options, storage);
  const sources = await sourcesOf(options, dir, io, output);
  await using mirror = dir === undefined || sources === undefined
    ? undefined
    : await openMirror({ sources, backend, dir, tool, log: (line) => output.warn(line) });
  const running = await start(
    {
      backend,
      bucket,
      dir,
      tool,
      hosts,
      basePath,
      token,
      allowPin,
      allowMirror: mirror !== undefined,
      mirror,
      direct,
    },
    place,
    output,
  );
  const path = basePath === undefined ? "" : `${basePath.replace(/^\/|\/$/g, "")}/`;
  const url = running.url.startsWith("unix:") ? running.url : `${running.url}${path}`;
  // One line, so that a program can read it while the service runs.
  io.stdout(
    options.json ? `${JSON.stringify({ schema: "run-outputs.service/1", url })}\n` : `${url}\n`,
  );
  output.note(`serving the runs in ${dir ?? `s3://${bucket}`}`);
  if (token === undefined) {
    output.note(`no token is required: ${readersOf(place)} can read all of them`);
  }
  await Promise.race([aborted(signal), running.ended]);
  output.note("stopping, when all answers have been sent");
  // First, because requests can wait for a job.
  await mirror?.[Symbol.asyncDispose]();
  if (!await running.close()) output.warn("stopped before all answers had been sent");
}

async function openMirror(options: MirrorJobsOptions): Promise<MirrorJobs> {
  const { MirrorJobs } = await import("../../../service/mirror/jobs.ts");
  return new MirrorJobs(options);
}

/** Starts the service, in a worker with few permissions where that is possible. */
async function start(
  options: ServiceOptions,
  place: Place,
  output: Output,
): Promise<RunningService> {
  const reports = {
    log: (line: string) => output.warn(line),
    onAnswer: output.verbose ? (line: string) => output.explain(line) : undefined,
  };
  const { areWorkersNarrowed } = await import("../../../threads/permissions.ts");
  const { backend: _, bucket: __, direct: ___, dir, mirror, ...settings } = options;
  const why = dir === undefined
    ? "the runs are in a bucket"
    : areWorkersNarrowed()
    ? undefined
    : "it was started with all permissions, or from other code";
  if (dir !== undefined && why === undefined) {
    const { startFenced } = await import("../../../service/server/fenced.ts");
    try {
      const isVerbose = output.verbose;
      const running = await startFenced({ ...settings, dir, place, isVerbose }, {
        ...reports,
        mirror,
      });
      output.explain(`the service may read ${dir}, listen on its address, and nothing else`);
      return running;
    } catch (error) {
      // This process may read a part of the directory only.
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    }
  }
  output.explain(
    `the service has all permissions of this process: ${why ?? "some are denied in the directory"}`,
  );
  const { createService } = await import("../../../service/server/service.ts");
  const { listen } = await import("../../../service/server/listen.ts");
  const { openStaging } = await import("../../../service/server/staging.ts");
  const backend = dir === undefined ? options.backend : openStaging(dir, reports.log);
  const service = createService({ ...options, backend, ...reports });
  const listening = await listen({ place, service, log: reports.log });
  return {
    url: listening.url,
    close: () => listening.close(),
    ended: new Promise(() => {}),
  };
}

/** Where clients read files from, if not from the service. */
function directOf(
  { redirectToS3 = false }: ServeOptions,
  { presignedUrl }: OpenStorage,
): ServiceOptions["direct"] {
  if (!redirectToS3) return undefined;
  if (presignedUrl === undefined) {
    throw new RunOutputsError(
      "invalid",
      "Missing option --bucket <name>: --redirect-to-s3 needs it",
    );
  }
  return (location) => presignedUrl(location, DIRECT_SECONDS);
}

function placeOf({ host, port, socket, socketMode: mode }: ServeOptions): Place {
  if (socket === undefined) {
    if (mode !== undefined) {
      throw new RunOutputsError(
        "invalid",
        "Missing option --socket <path>: --socket-mode needs it",
      );
    }
    // As in a URL, an IPv6 address can have brackets.
    const hostname = host?.replace(/^\[(.*)\]$/, "$1") ?? HOST;
    return { hostname, port: port ?? PORT };
  }
  const other = host !== undefined ? "--host" : port !== undefined ? "--port" : undefined;
  // The worker that listens may use this socket by its absolute path.
  if (other === undefined) return { path: resolve(socket), mode: mode ?? SOCKET_MODE };
  throw new RunOutputsError("invalid", `Cannot use ${other} with --socket: choose one`);
}

/** Who can read the runs without a token. */
function readersOf(place: Place): string {
  if (!("path" in place)) {
    return isOpen(place) ? "everyone who reaches this machine" : "everyone on this machine";
  }
  const { mode = SOCKET_MODE } = place;
  // Connecting is writing.
  const who = mode & 0o002
    ? "everyone on this machine"
    : mode & 0o020
    ? "this user and the socket's group"
    : "this user only";
  return `${who} (mode ${mode.toString(8)} of the socket)`;
}

/** Whether other machines can reach a place. */
function isOpen(place: Place): boolean {
  return !("path" in place) && !isLoopback(place.hostname);
}

async function tokenOf(options: ServeOptions, place: Place): Promise<string | undefined> {
  const { tokenFile, allowAnonymous = false, allowPin = false, allowMirror = false } = options;
  if (tokenFile !== undefined && allowAnonymous) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --allow-anonymous with --token-file: choose one",
    );
  }
  if (tokenFile !== undefined) {
    const { readTokenFile } = await import("./token_file.ts");
    return await readTokenFile(tokenFile);
  }
  if (allowPin || allowMirror) {
    throw new RunOutputsError(
      "invalid",
      `Missing option --token-file <path>: ${allowPin ? "--allow-pin" : "--allow-mirror"} needs it`,
    );
  }
  if (isOpen(place) && !allowAnonymous) {
    throw new RunOutputsError(
      "invalid",
      `Cannot listen on ${options.host} without a token, because other machines can reach it: give ` +
        "--token-file <path>, or --allow-anonymous if everyone may read all runs",
    );
  }
  return undefined;
}

function hostNames(values: readonly string[]): string[] {
  return values.map((value) => {
    if (hostName(value) === value.toLowerCase()) return value.toLowerCase();
    throw invalid(
      "--allow-host",
      value,
      "the name of a host, without a port, as in ci.example.com",
    );
  });
}

/** The name that the user has given for the address, which its clients use too. */
function ownName(place: Place): string[] {
  const name = "path" in place ? undefined : hostName(place.hostname);
  return name === undefined ? [] : [name];
}

function socketMode(value: string): number {
  if (/^0?[0-7]{3}$/.test(value)) return Number.parseInt(value, 8);
  throw new InvalidArgumentError("Expected a mode such as 660.");
}

function basePath(value: string): string {
  if (/^\/(?:[A-Za-z0-9._~-]+\/?)*$/.test(value) && !/\/\.{1,2}(?:\/|$)/.test(value)) return value;
  throw new InvalidArgumentError("Expected a path such as /ci.");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}
