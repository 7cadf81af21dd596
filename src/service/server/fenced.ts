/**
 * Runs the service of a staging directory in a worker that may read this directory, listen on its
 * address, and nothing else: no other file, no environment, no program.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import { startThread, type ThreadPermissions } from "../../threads/start.ts";
import type { Mirror } from "../mirror_jobs.ts";
import { answerCalls } from "../mirror/remote.ts";
import type { Listening, Place } from "./listen.ts";
import type { FromWorker, ToWorker, WorkerSettings } from "./worker_messages.ts";

/** A service that runs. */
export interface RunningService extends Pick<Listening, "url" | "close"> {
  /** Rejects when the service has ended by itself. */
  readonly ended: Promise<never>;
}

/** What the worker needs of this thread. */
export interface ServiceReports {
  /** Receives a line for each failure. */
  readonly log: (line: string) => void;
  /** Receives a line for each answer. */
  readonly onAnswer?: (line: string) => void;
  /** The mirror jobs: they run in this thread, so that the worker neither writes nor reads sources. */
  readonly mirror?: Mirror;
}

/**
 * Starts the service in a worker.
 *
 * @param settings What it serves, and where.
 * @param reports Receives its reports.
 * @returns The running service.
 * @throws {RunOutputsError} What listening throws.
 * @throws {Deno.errors.NotCapable} If this thread lacks a permission that the worker needs.
 */
export async function startFenced(
  settings: WorkerSettings,
  { log, onAnswer, mirror }: ServiceReports,
): Promise<RunningService> {
  const worker = startThread("service", permissionsOf(settings), true);
  const send = (message: ToWorker) => worker.postMessage(message);
  const started = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<never>();
  const closed = Promise.withResolvers<boolean>();
  const fail = (error: Error) => {
    started.reject(error);
    ended.reject(error);
    closed.reject(error);
  };
  const call = mirror && answerCalls(mirror, (reply) => send({ type: "mirror", reply }));
  // Each of them is awaited by somebody, or by nobody any more.
  for (const { promise } of [started, ended, closed]) promise.catch(() => {});
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (data.type === "listening") started.resolve(data.url);
    else if (data.type === "failed") fail(new RunOutputsError(data.code, data.message));
    else if (data.type === "log") log(data.line);
    else if (data.type === "answer") onAnswer?.(data.line);
    else if (data.type === "mirror") call?.(data.call);
    else closed.resolve(data.isWhole);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(new RunOutputsError("failed", `The service has failed: ${event.message}`));
  };
  try {
    send({ type: "start", settings: { ...settings, sources: mirror?.sources } });
    return {
      url: await started.promise,
      ended: ended.promise,
      async close() {
        send({ type: "close" });
        try {
          return await closed.promise;
        } finally {
          worker.terminate();
        }
      },
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

/** What the permissions of the worker depend on. */
export type FencePlace = Pick<WorkerSettings, "dir" | "place" | "allowPin">;

/**
 * The permissions of the worker.
 *
 * @param place The directory, the address, and whether pins are written.
 * @returns The permissions.
 */
export function permissionsOf({ dir, place, allowPin }: FencePlace): ThreadPermissions {
  const socket = "path" in place ? [place.path] : [];
  const write = [...allowPin ? [dir] : [], ...socket];
  return {
    read: [dir, ...socket],
    write: write.length > 0 && write,
    net: netOf(place),
  };
}

/** What listening on a place needs. With port 0, which port it will be is not known yet. */
function netOf(place: Place): string[] {
  if ("path" in place) return [`unix:${place.path}`];
  const host = place.hostname.includes(":") ? `[${place.hostname}]` : place.hostname;
  return [place.port === 0 ? host : `${host}:${place.port}`];
}
