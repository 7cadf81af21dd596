/**
 * Runs an invocation in a thread that has its grants and no other permission.
 *
 * @module
 */

import type { LinkRequest } from "../../archive/unpack/staged_links.ts";
import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";
import type { Place } from "../../ownership/way_to.ts";
import type { DiskSpace } from "../../storage/local/free_space.ts";
import type { Fencing } from "./facts.ts";
import { grantLines, permissionsOf } from "./grants.ts";
import type { CommandLine } from "./invocation.ts";
import { GrantedThreads, type ThreadRequest } from "./threads.ts";

/** What the thread gets at its start. */
export interface FencedStart extends Pick<Fencing, "workDirs"> {
  /** The arguments, without the program's name. */
  readonly args: readonly string[];
  /** What is above its directories. */
  readonly above: readonly Place[];
  /** Its grants as text. */
  readonly grants: readonly string[];
}

/**
 * What the thread sends: its command line as it has parsed it; links to create, which no thread with
 * few permissions can; a directory above its own whose free space it needs; a thread to start or to
 * end; its end.
 */
export type FromFenced =
  | { readonly type: "line"; readonly line: CommandLine }
  | { readonly type: "end"; readonly exitCode: number }
  | { readonly type: "links"; readonly request: LinkRequest }
  | { readonly type: "space"; readonly path: string }
  | ({ readonly type: "thread" } & ThreadRequest)
  | { readonly type: "end thread"; readonly id: number };

/**
 * What the thread gets: its start; that it may run the command of its line; the end of its requests
 * for links, in their order; the free space, if it can be read; and the end of one of its threads by
 * an error.
 */
export type ToFenced =
  | { readonly type: "start"; readonly start: FencedStart }
  | { readonly type: "run" }
  | { readonly type: "links made"; readonly error?: Failure }
  | { readonly type: "space"; readonly path: string; readonly space?: DiskSpace }
  | { readonly type: "thread failed"; readonly id: number; readonly message: string };

/** An error between threads. */
export interface Failure {
  /** Its code. */
  readonly code: ErrorCode;
  /** Its message. */
  readonly message: string;
}

/**
 * Runs an invocation in a thread of its own. The thread has the streams of the process and receives
 * its signals.
 *
 * @param args The arguments.
 * @param fencing The grants.
 * @param accepts Whether the grants are those of the command line, as the thread has parsed it.
 * @returns The exit code; `undefined`, if they are not. Then the command has not run.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission of the grants.
 * @throws {RunOutputsError} `failed`, if the thread ends by an error that it does not report.
 */
export async function runFenced(
  args: readonly string[],
  fencing: Fencing,
  accepts: (line: CommandLine) => boolean,
): Promise<number | undefined> {
  // `.ci/bundle.ts` finds it by this path.
  const url = new URL("../../cli/worker.ts", import.meta.url).href;
  const permissions = permissionsOf(fencing.grants);
  const worker = new Worker(url, { type: "module", deno: { permissions } });
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const send = (message: ToFenced) => worker.postMessage(message);
  using threads = new GrantedThreads(
    fencing.grants,
    (id, message) => send({ type: "thread failed", id, message }),
  );
  worker.onmessage = async ({ data }: MessageEvent<FromFenced>) => {
    if (data.type === "end") return resolve(data.exitCode);
    if (data.type === "line") {
      return accepts(data.line) ? send({ type: "run" }) : resolve(undefined);
    }
    if (data.type === "thread") return threads.start(data);
    if (data.type === "end thread") return threads.end(data.id);
    if (data.type === "space") {
      const { path } = data;
      const { readGrantedSpace } = await import("./space.ts");
      const space = await readGrantedSpace(path, fencing).catch(() => undefined);
      return send({ type: "space", path, space });
    }
    try {
      const { makeGrantedLinks } = await import("./links.ts");
      makeGrantedLinks(data.request, fencing);
      send({ type: "links made" });
    } catch (error) {
      const code = error instanceof RunOutputsError ? error.code : "failed";
      send({ type: "links made", error: { code, message: (error as Error).message } });
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new RunOutputsError("failed", `The command has failed: ${event.message}`));
  };
  const { above, workDirs } = fencing;
  send({ type: "start", start: { args, above, workDirs, grants: grantLines(fencing.grants) } });
  try {
    return await promise;
  } finally {
    worker.terminate();
  }
}
