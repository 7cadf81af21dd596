/** The program in docs/library.md. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isFull } from "../support/cases.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

Deno.test("docs/library.md: the program uploads artifacts and fetches them", async () => {
  const page = await Deno.readTextFile(join(PROJECT, "docs/library.md"));
  const [, program] = /```ts\n([\s\S]*?)```/.exec(page)!;
  await using dir = await tempDir();
  await writeTree(join(dir.path, "build/artifacts/blas_lib_generic"), {
    "artifact_manifest.txt": "math-libs/stage\n",
    "math-libs/stage/lib/libblas.so": "blas",
  });
  const file = join(dir.path, "program.ts");
  await Deno.writeTextFile(file, program);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // A check of its types takes as long as many tests, so it is CI's.
    args: [
      "run",
      "-q",
      "-A",
      isFull ? "--check" : "--no-check",
      "--config",
      join(PROJECT, "deno.json"),
      file,
    ],
    cwd: dir.path,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  const [url, ...lines] = decoder.decode(stdout).trimEnd().split("\n");
  assert.match(url, /^https:.*\/12345-linux\/logs\/gfx94X-dcgpu\/index\.html$/);
  assert.deepEqual(lines.map((line) => line.split(" ").slice(-2).join(" ")), [
    "written undefined",
    "written undefined",
    "written undefined",
  ]);
  const unpacked = "artifacts/blas_lib_generic/math-libs/stage/lib/libblas.so";
  assert.equal(await Deno.readTextFile(join(dir.path, unpacked)), "blas");
});
