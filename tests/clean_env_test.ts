/** The environment of the tests: see `support/clean_env.ts`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CLEARED } from "./support/clean_env.ts";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** What every process has: tests that depend on one of these set it. */
const OF_THE_SYSTEM =
  /^(?:HOME|USER|USERNAME|USERPROFILE|LOCALAPPDATA|XDG_\w+|PATH|TMPDIR|TMP|TEMP|NO_COLOR|TERM|CI|DENO_CERT|DENO_TLS_CA_STORE)$/;

async function* sources(dir: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

Deno.test("tests: no variable that the program reads comes from the environment of the user", async () => {
  const names = new Set<string>();
  for await (const path of sources(SRC)) {
    const text = await Deno.readTextFile(path);
    for (const [, name] of text.matchAll(/\benv(?:\.get)?\(\s*"(\w+)"/g)) names.add(name);
  }
  assert(names.has("AWS_REGION") && names.has("GITHUB_RUN_ID"), "the names were read");
  const kept = [...names].filter((name) => !CLEARED.test(name) && !OF_THE_SYSTEM.test(name));
  assert.deepEqual(kept, []);
  assert.deepEqual([...names].filter((name) => CLEARED.test(name) && Deno.env.has(name)), []);
});
