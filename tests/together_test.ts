/** Test files that share an isolate: see `support/load_together.ts`. */

import assert from "node:assert/strict";
import { join } from "node:path/posix";
import picomatch from "picomatch";
import { ROOT, sources } from "./support/import_graph.ts";
import { loadedTogether, SEPARATE, TOGETHER } from "./support/load_together.ts";

Deno.test("deno task test: each test file runs once", async () => {
  const { test } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const files = await sources("tests");
  const isEntry = picomatch(test.include);
  const entries = files.filter((file) => isEntry(file));
  assert(entries.includes("tests/cli/together.ts") && entries.includes("tests/e2e/demo_test.ts"));
  const run = entries.flatMap((entry) =>
    entry.endsWith(TOGETHER) ? loadedTogether(entry, files) : [entry]
  );
  const expected = files.filter((file) =>
    file.endsWith("_test.ts") && !file.startsWith("tests/integration/")
  );
  assert.deepEqual(run.sort(), expected);
  for (const entry of files.filter((file) => file.endsWith(`/${TOGETHER}`))) {
    const text = await Deno.readTextFile(join(ROOT, entry));
    assert.match(
      text,
      new RegExp(`await loadTogether\\("${entry.replace(`/${TOGETHER}`, "")}"\\)`),
    );
  }
});

Deno.test("loadedTogether(): files below, without those that another loads", () => {
  const files = [
    "tests/a/b/c_test.ts",
    "tests/a/b/together.ts",
    "tests/a/d_test.ts",
    "tests/a/support.ts",
    "tests/a/together.ts",
    "tests/ab_test.ts",
    `${SEPARATE[0]}/e_test.ts`,
    "tests/f/g_test.ts",
    "tests/together.ts",
  ];
  assert.deepEqual(loadedTogether("tests/a/b/together.ts", files), ["tests/a/b/c_test.ts"]);
  assert.deepEqual(loadedTogether("tests/a/together.ts", files), ["tests/a/d_test.ts"]);
  assert.deepEqual(loadedTogether("tests/together.ts", files), [
    "tests/ab_test.ts",
    "tests/f/g_test.ts",
  ]);
});

Deno.test("tests that share an isolate change nothing that the others see", async () => {
  const files = await sources("tests");
  const shared = files.filter((file) =>
    !SEPARATE.some((dir) => file.startsWith(`${dir}/`)) &&
    // Each of these is the same for all tests, or runs in a process of its own.
    !/^tests\/support\/(?:clean_env|doc_child|standstill)\.ts$/.test(file)
  );
  const changes =
    /\bDeno\.(?:chdir|umask\(\w|env\.(?:set|delete))|\bprocess\.(?:chdir|umask\(\w|env\.?\S* = )|\bglobalThis\.\w+ = |\bDate\.now = /;
  for (const file of shared) {
    const code = (await Deno.readTextFile(join(ROOT, file))).replace(/\/\*[\s\S]*?\*\//g, "");
    assert.equal(changes.exec(code)?.[0], undefined, file);
  }
});
