/** Workers with permissions of their own: where they get them, and which they can get. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isOwnProgram } from "../../src/threads/permissions.ts";
import { compress, tar } from "../support/tar_builder.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const source = (file: string) => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).href);

/** Runs a program with permissions; tells what it wrote. */
async function run(dir: string, program: string, permissions: readonly string[]): Promise<string> {
  const file = join(dir, "program.ts");
  await Deno.writeTextFile(file, program);
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--no-check", "--config", config, ...permissions, file],
    cwd: dir,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

for (
  const [permissions, expected] of [
    [["-A"], false],
    [["-A", "--deny-env=SECRET"], true],
    [["-A", "--deny-read=secret"], true],
    [["-A", "--deny-ffi"], true],
    [["--allow-read"], true],
  ] as const
) {
  Deno.test(`isFenced(): ${permissions.join(" ")}: ${expected}`, async () => {
    await using dir = await tempDir();
    const program = `import { isFenced } from ${source("threads/permissions.ts")};
      console.log(isFenced());`;
    assert.equal(await run(dir.path, program, permissions), `${expected}`);
  });
}

Deno.test("isOwnProgram(): cli.ts and mod.ts of this package, run from files", () => {
  const root = new URL("../../", import.meta.url).href;
  assert.equal(isOwnProgram(`${root}cli.ts`), true);
  assert.equal(isOwnProgram(`${root}mod.ts`), true);
  assert.equal(isOwnProgram(`${root}tests/cli.ts`), false);
  assert.equal(isOwnProgram("file:///elsewhere/mod.ts"), false);
  const published = "https://jsr.io/@therock/run-outputs/0.1.0/";
  assert.equal(isOwnProgram(`${published}mod.ts`, `${published}src/archive/x.ts`), false);
});

Deno.test("Unpacker: narrow workers unpack also where something beside the archives is denied", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "secret": "s" });
  const bytes = tar({ name: "artifact_manifest.txt", content: "s\n" }, {
    name: "s/a",
    content: "unpacked",
  });
  await Deno.writeFile(join(dir.path, "a_lib_x.tar.gz"), await compress(bytes, ".gz"));
  const program = `import { Unpacker } from ${source("archive/unpack/unpack.ts")};
    await using unpacker = await Unpacker.open({
      mode: "flatten", outputDir: "out", stagingDir: "staging", workers: 1, narrowWorkers: true,
    });
    await unpacker.add({ path: "a_lib_x.tar.gz", name: "a_lib_x.tar.gz" });
    await unpacker.commit();
    console.log(Deno.readTextFileSync("out/a"));`;
  for (const secret of ["secret", "staging/secret"]) {
    const denied = ["-A", `--deny-read=${secret}`, `--deny-write=${secret}`];
    assert.equal(await run(dir.path, program, denied), "unpacked");
  }
});
