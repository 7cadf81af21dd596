/**
 * Runs command lines one after the other in this process, each as if it were alone: standard input
 * has them as a JSON array of arrays, standard output gets what each did. Its environment and its
 * working directory are theirs.
 *
 * @module
 */

import { run } from "./fake_io.ts";

const commands = await new Response(Deno.stdin.readable).json() as readonly string[][];
const env = Deno.env.toObject();
const done = [];
for (const args of commands) done.push(await run(args, env));
console.log(JSON.stringify(done));
