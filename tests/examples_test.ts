/**
 * The examples in the docs of the sources run. `deno test --doc` would load the library once for
 * each of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fileNames } from "./support/snapshot.ts";
import { tempDir } from "./support/temp_dir.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** An example, and the line of its file where it begins. */
interface Example {
  readonly line: number;
  readonly code: string;
}

/** The examples of a source that are not marked as `ignore`. */
function examplesOf(source: string): Example[] {
  return [...source.matchAll(/^ *\* ```ts\n([^]*?)^ *\* ```$/gm)].map((found) => ({
    line: source.slice(0, found.index).split("\n").length,
    code: found[1].replaceAll(/^ *\* ?/gm, ""),
  }));
}

const sources = ["mod.ts", ...(await fileNames(join(ROOT, "src"))).map((name) => `src/${name}`)];
let count = 0;
for (const path of sources.filter((name) => name.endsWith(".ts"))) {
  for (const { line, code } of examplesOf(await Deno.readTextFile(join(ROOT, path)))) {
    count++;
    Deno.test(`example: ${path}:${line}`, async () => {
      await using dir = await tempDir();
      const file = join(dir.path, "example.ts");
      // An assertion that fails must not only be printed.
      const program = code.replaceAll("console.assert(", "assert(");
      await Deno.writeTextFile(file, `import assert from "node:assert/strict";\n${program}`);
      await import(`file://${file}`);
    });
  }
}

Deno.test("example: all of them are found", async () => {
  let expected = 0;
  for (const path of sources) {
    expected += (await Deno.readTextFile(join(ROOT, path))).split("```ts\n").length - 1;
  }
  assert(expected > 50);
  assert.equal(count, expected);
});
