/**
 * The command line: `run-outputs COMMAND …`. This is the only module that exits.
 *
 * ```sh
 * deno run -A jsr:@therock/run-outputs/cli path root --run-id 12345 --platform linux
 * ```
 *
 * @module
 */

import { main } from "./src/cli/main.ts";
import { systemIo } from "./src/cli/terminal/io.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, systemIo()));
