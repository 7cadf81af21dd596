/**
 * The fence of this process: whether there can be one, and what `--verbose` says of it.
 *
 * @module
 */

import type { Output } from "../terminal/output.ts";
import type { Fencing } from "./facts.ts";
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
    const { isFencedCommand } = await import("./grants.ts");
    if (!isFencedCommand(line)) return undefined;
    const why = await noFence((name) => Deno.env.get(name));
    if (why !== undefined) {
      output.explain(`permissions: all of this process, because ${why}`);
      return undefined;
    }
    const fencing = await ownFencing(line);
    if (fencing === undefined) return undefined;
    const { runFenced } = await import("./start.ts");
    try {
      return await runFenced(args, fencing, () => true);
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
 * Runs a command in a thread with the grants of what its line is guessed to mean. The thread parses
 * the line, and runs the command if the guess gives the same grants.
 *
 * @param args The arguments of the process, without the program's name.
 * @param guess What they are guessed to mean.
 * @returns The exit code; `undefined`, if the command has not run: there is no fence, or the guess
 * was wrong.
 * @throws {RunOutputsError} `failed`, if the thread ends by an error that it does not report.
 */
export async function runGuessed(
  args: readonly string[],
  guess: CommandLine,
): Promise<number | undefined> {
  if (await noFence((name) => Deno.env.get(name)) !== undefined) return undefined;
  // Whatever is wrong is reported once the line is parsed.
  const fencing = await ownFencing(guess).catch(() => undefined);
  if (fencing === undefined) return undefined;
  const { runFenced } = await import("./start.ts");
  try {
    return await runFenced(args, fencing, fencing.isFor);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

async function ownFencing(line: CommandLine): Promise<Fencing | undefined> {
  const { fencingOf } = await import("./facts.ts");
  const fencing = await fencingOf(line, {
    env: (name) => Deno.env.get(name) || undefined,
    mainModule: Deno.mainModule,
  });
  return "unfenced" in fencing ? undefined : fencing;
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
  if (env("RUN_OUTPUTS_FENCE") === "0") return "$RUN_OUTPUTS_FENCE is 0";
  // An executable never asks. What a command may do is found by denials, not by questions.
  if (!Deno.build.standalone && Deno.stdin.isTerminal() && Deno.stderr.isTerminal()) {
    return "the runtime would ask on this terminal about what is denied; an executable does not ask";
  }
  const { areWorkersNarrowed } = await import("../../threads/permissions.ts");
  if (areWorkersNarrowed()) return undefined;
  return "it was started with all permissions (deno run -A), or from other code";
}
