/**
 * The command line: `run-outputs COMMAND …`. This is the only module that exits.
 *
 * ```sh
 * deno run -A jsr:@therock/run-outputs path root --run-id 12345 --platform linux
 * ```
 *
 * @module
 */

import { ownFence, runGuessed } from "./src/cli/fence/fence.ts";
import { guessLine } from "./src/cli/guess.ts";
// Not loaded later: without permission to read files, this still can say so.
import { main } from "./src/cli/main.ts";
import { proxyChanges } from "./src/cli/proxies.ts";
import { systemIo } from "./src/cli/terminal/io.ts";

/**
 * Runs the program with this process's arguments and ends the process with its exit code.
 *
 * @returns Never.
 */
export async function run(): Promise<never> {
  const changes = proxyChanges((name) => Deno.env.get(name));
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) Deno.env.delete(name);
    else Deno.env.set(name, value);
  }
  Deno.exit(await exitCode(Deno.args));
}

async function exitCode(args: readonly string[]): Promise<number> {
  let fence = ownFence(args);
  const guess = guessLine(args);
  if (guess !== undefined) {
    try {
      const code = await runGuessed(args, guess);
      if (code !== undefined) return code;
    } catch (error) {
      fence = () => Promise.reject(error);
    }
  }
  return await main(args, systemIo(), fence);
}

if (import.meta.main) await run();
