/**
 * Runs command lines one after the other in this process, each as if it were alone: standard input
 * has them and their environment as JSON, standard output gets what each did. Its working directory is
 * theirs. The environment is given, because this process may read it by name only.
 *
 * @module
 */

import { run } from "./fake_io.ts";

const { commands, env } = await new Response(Deno.stdin.readable).json() as {
  readonly commands: readonly string[][];
  readonly env: Readonly<Record<string, string>>;
};
const done = [];
for (const args of commands) done.push(await run(args, env));
console.log(JSON.stringify(done));
