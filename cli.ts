/**
 * The command line: `run-outputs COMMAND …`. This is the only module that exits.
 *
 * ```sh
 * deno run -A jsr:@therock/run-outputs path root --run-id 12345 --platform linux
 * ```
 *
 * @module
 */

import { ownFence } from "./src/cli/fence/fence.ts";
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
  Deno.exit(await main(Deno.args, systemIo(), ownFence(Deno.args)));
}

if (import.meta.main) await run();
