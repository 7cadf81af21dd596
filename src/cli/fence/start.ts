/**
 * Runs an invocation in a thread that has its grants and no other permission.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { Place } from "../../ownership/way_to.ts";
import type { Fencing } from "./facts.ts";
import { permissionsOf } from "./grants.ts";

/** What the thread gets at its start. */
export interface FencedStart extends Pick<Fencing, "workDirs"> {
  /** The arguments, without the program's name. */
  readonly args: readonly string[];
  /** What is above its directories. */
  readonly above: readonly Place[];
}

/** What the thread reports at its end. */
export interface FencedEnd {
  /** The exit code of the program. */
  readonly exitCode: number;
}

/**
 * Runs an invocation in a thread of its own. The thread has the streams of the process and receives
 * its signals.
 *
 * @param args The arguments.
 * @param fencing The grants.
 * @returns The exit code.
 * @throws {Deno.errors.NotCapable} If this process lacks a permission of the grants.
 * @throws {RunOutputsError} `failed`, if the thread ends by an error that it does not report.
 */
export async function runFenced(args: readonly string[], fencing: Fencing): Promise<number> {
  // `.ci/bundle.ts` finds it by this path.
  const url = new URL("../../cli/worker.ts", import.meta.url).href;
  const permissions = permissionsOf(fencing.grants);
  const worker = new Worker(url, { type: "module", deno: { permissions } });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  worker.onmessage = ({ data }: MessageEvent<FencedEnd>) => resolve(data.exitCode);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new RunOutputsError("failed", `The command has failed: ${event.message}`));
  };
  const { above, workDirs } = fencing;
  worker.postMessage({ args, above, workDirs } satisfies FencedStart);
  try {
    return await promise;
  } finally {
    worker.terminate();
  }
}
