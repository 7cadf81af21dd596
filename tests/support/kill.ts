/**
 * Killing a process that may have ended.
 *
 * @module
 */

import assert from "node:assert/strict";

/** Kills a process, unless it has just ended by itself: its end is known here a moment later. */
export function kill(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Where a program stands still. */
export interface Standstill {
  /** Before which of its changes, from 1. Writes to open files and requests count too. */
  readonly at: number;
  /** Only changes of paths and URLs that match this regular expression count. Default: all. */
  readonly path?: string;
  /**
   * It makes this change, and all later ones, once it is interrupted. Default: it stands until it is
   * killed.
   */
  readonly interrupted?: boolean;
}

/** The variable that {@linkcode standing} sets for the process. */
export const STANDS = "RUN_OUTPUTS_TEST_STANDSTILL";

const PRELOAD = `--preload=${new URL("standstill.ts", import.meta.url).pathname}`;

/**
 * Starts a program and waits until it stands still. No machine is too fast or too slow for this.
 *
 * @param where Where it stands still.
 * @param start Starts it, with more options for `deno run` and more environment.
 * @returns The process, and whether it stands: it may have ended after fewer changes.
 */
export async function standing(
  where: Standstill,
  start: (options: readonly string[], env: Readonly<Record<string, string>>) => Deno.ChildProcess,
): Promise<{ readonly process: Deno.ChildProcess; readonly stands: boolean }> {
  const file = await Deno.makeTempFile({ prefix: "run-outputs-test-" });
  try {
    const process = start([PRELOAD], { [STANDS]: JSON.stringify({ ...where, file }) });
    let ended = false;
    const status = process.status.finally(() => ended = true);
    for (;;) {
      const stands = (await Deno.stat(file)).size > 0;
      if (stands || ended) return { process, stands };
      await Promise.race([status, new Promise((resolve) => setTimeout(resolve, 5))]);
    }
  } finally {
    await Deno.remove(file);
  }
}

/**
 * Starts a program and kills it at a standstill.
 *
 * @param where Where it stands still.
 * @param start Starts it, with more options for `deno run` and more environment.
 * @returns Whether it was killed; else it has ended well after fewer changes.
 */
export async function killAt(
  where: Standstill,
  start: (options: readonly string[], env: Readonly<Record<string, string>>) => Deno.ChildProcess,
): Promise<boolean> {
  const { process, stands } = await standing(where, start);
  if (stands) kill(process);
  const { success } = await process.status;
  assert(success !== stands, "it failed by itself");
  return stands;
}
