/** The package's main entry, `mod.ts`: a program when it is run, a library when it is imported. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { compress, tar } from "../support/tar_builder.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const ROOT = new URL("../../", import.meta.url);
const MOD = new URL("mod.ts", ROOT).href;
const ENV = {
  NO_COLOR: "1",
  GITHUB_ACTIONS: "",
  THEROCK_LOCAL_STAGING_DIR: "",
  RELEASE_TYPE: "ci",
};

async function deno(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    env: { ...ENV, ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs `mod.ts`. */
const program = (permissions: string, ...args: string[]) =>
  deno(["run", "-q", permissions, fileURLToPath(MOD), ...args]);

Deno.test("mod.ts: --version prints the version", async () => {
  const { code, stdout, stderr } = await program("-A", "--version");
  assert.deepEqual({ code, stdout, stderr }, {
    code: 0,
    stdout: `${config.version}\n`,
    stderr: "",
  });
});

Deno.test("mod.ts: a command prints its result", async () => {
  const run = ["--run-id", "12345", "--platform", "linux"];
  const { code, stdout, stderr } = await program("-A", "path", "root", ...run, "--format", "s3");
  assert.equal(stderr, "");
  assert.equal(stdout, "s3://therock-ci-artifacts/12345-linux\n");
  assert.equal(code, 0);
});

Deno.test("mod.ts: a mistake in the options ends with 2 and one line", async () => {
  const { code, stdout, stderr } = await program("-A", "path", "root", "--run-id", "../x");
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /^error: [^\n]*\.\.\/x[^\n]*\n$/);
});

Deno.test("mod.ts: fetches and unpacks with the permissions of deno.json", async () => {
  await using dir = await tempDir();
  const bytes = tar(
    { name: "artifact_manifest.txt", content: "s\n" },
    { name: "s/a", content: "unpacked" },
  );
  const run = join(dir.path, "staging", "7-linux");
  await writeTree(run, { "logs/x.log": "x" });
  await Deno.writeFile(join(run, "a_lib_generic.tar.xz"), await compress(bytes, ".xz"));
  const options = [
    "--run-id",
    "7",
    "--platform",
    "linux",
    "--staging-dir",
    join(dir.path, "staging"),
  ];
  const out = join(dir.path, "out");
  const { code, stderr } = await program("-P", "fetch", ...options, "--output-dir", out);
  assert.equal(code, 0, stderr);
  assert.equal(await Deno.readTextFile(join(out, "a_lib_generic", "s", "a")), "unpacked");
});

Deno.test("importing the library neither loads nor runs the command line", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "program.ts");
  const coverage = join(dir.path, "coverage");
  await Deno.writeTextFile(
    file,
    `import { RunOutputRoot } from ${JSON.stringify(MOD)};
    console.log(RunOutputRoot.fromWorkflowRun({ runId: 1, platform: "linux" }).root().key);`,
  );
  const flags = ["-q", "-A", "--no-check", "--config", fileURLToPath(new URL("deno.json", ROOT))];
  // What was loaded is what there is coverage of.
  const { code, stdout, stderr } = await deno(
    ["run", ...flags, file, "--version"],
    { DENO_COVERAGE_DIR: coverage },
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "1-linux\n");
  const loaded: string[] = [];
  for await (const { name } of Deno.readDir(coverage)) {
    const { url } = JSON.parse(await Deno.readTextFile(join(coverage, name)));
    if (url.startsWith(ROOT.href)) loaded.push(url.slice(ROOT.href.length));
  }
  assert(loaded.includes("mod.ts") && loaded.includes("src/layout/run_output_root.ts"));
  assert.deepEqual(loaded.filter((path) => /^(?:cli\.ts|src\/cli\/)/.test(path)), []);
});
