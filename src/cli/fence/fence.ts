/**
 * The fence of this process: whether there can be one, and what `--verbose` says of it.
 *
 * @module
 */

import type { Output } from "../terminal/output.ts";
import type { CommandLine } from "./invocation.ts";

/** Runs an invocation elsewhere, and returns its exit code; `undefined`, if it is to run here. */
export type Fence = (line: CommandLine, output: Output) => Promise<number | undefined>;

/**
 * The fence for the commands of this process.
 *
 * @param args The arguments of the process, without the program's name.
 * @returns Runs a command in a thread with its grants, if this process has a fence itself and knows
 * that its threads can have one.
 */
export function ownFence(args: readonly string[]): Fence {
  return async (line, output) => {
    const { isFencedCommand, grantLines } = await import("./grants.ts");
    if (!isFencedCommand(line)) return undefined;
    const why = await noFence((name) => Deno.env.get(name));
    if (why !== undefined) {
      output.explain(`permissions: all of this process, because ${why}`);
      return undefined;
    }
    const { fencingOf } = await import("./facts.ts");
    const fencing = await fencingOf(line, {
      env: (name) => Deno.env.get(name) || undefined,
      mainModule: Deno.mainModule,
    });
    if ("unfenced" in fencing) return undefined;
    for (const text of grantLines(fencing.grants)) output.explain(`permission: ${text}`);
    const { runFenced } = await import("./start.ts");
    try {
      return await runFenced(args, fencing);
    } catch (error) {
      // Something in a granted directory is denied to this process.
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
      output.explain(
        `permissions: all of this process, because some are denied to it: ${error.message}`,
      );
      return undefined;
    }
  };
}

/**
 * Why the commands of this process have all its permissions.
 *
 * @param env Reads a variable of the environment.
 * @returns A reason; `undefined`, if they run with their grants.
 */
export async function noFence(
  env: (name: string) => string | undefined,
): Promise<string | undefined> {
  if (env("RUN_OUTPUTS_FENCE") !== "1") return "$RUN_OUTPUTS_FENCE is not 1";
  const { areWorkersNarrowed } = await import("../../archive/worker_permissions.ts");
  if (areWorkersNarrowed()) return undefined;
  return "it was started with all permissions (deno run -A), or from other code";
}
