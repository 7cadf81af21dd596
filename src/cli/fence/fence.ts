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
    if (!await canFence()) {
      output.explain(`permissions: all of this process, because ${noFence()}`);
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
 * Whether a command of this process can run with fewer permissions than the process.
 *
 * @returns `true`, if this process has a fence, and its threads can have a closer one.
 */
export async function canFence(): Promise<boolean> {
  const { areWorkersNarrowed } = await import("../../archive/worker_permissions.ts");
  return areWorkersNarrowed();
}

/**
 * Why the commands of this process have all its permissions.
 *
 * @returns A reason, for {@linkcode canFence} `false`.
 */
export function noFence(): string {
  return "it was started with all permissions (deno run -A), or from other code";
}
