/**
 * The command line: `run-outputs COMMAND …`. This is the only module that exits.
 *
 * ```sh
 * deno run -A jsr:@therock/run-outputs path root --run-id 12345 --platform linux
 * ```
 *
 * @module
 */

import { main } from "./src/cli/main.ts";
import { systemIo } from "./src/cli/terminal/io.ts";

/**
 * Runs the program with this process's arguments and ends the process with its exit code.
 *
 * @returns Never.
 */
export async function run(): Promise<never> {
  Deno.exit(await main(Deno.args, systemIo()));
}

if (import.meta.main) await run();
