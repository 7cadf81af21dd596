/**
 * `deno task demo`: the main job on the embedded default, a local directory. A build's outputs are
 * uploaded under the canonical layout, listed, fetched back, verified and unpacked.
 *
 * Everything it makes is in one directory, which it names: the first argument, or `demo-output`.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { RunOutputRoot } from "../../mod.ts";
import { systemIo } from "../../src/cli/terminal/io.ts";
import { main } from "../../src/cli/main.ts";
import { type BuildTreeOptions, makeBuildTree } from "../support/build_tree.ts";

/** Marks a directory as one that the demo made, and so may empty. */
// Its small archives are of no use in the user's cache.
Deno.env.set("RUN_OUTPUTS_NO_CACHE", "1");

const MARK = ".made-by-run-outputs-demo";
const RUN_ID = "12345678901";
const GROUP = "gfx94X-dcgpu";

if (import.meta.main) Deno.exit(await demo(Deno.args[0] ?? "demo-output"));

/**
 * Runs the demo.
 *
 * @param name The directory for all it makes.
 * @param options The size of the largest library of the build, in bytes.
 * @returns The exit code.
 */
export async function demo(
  name: string,
  { librarySize }: Pick<BuildTreeOptions, "librarySize"> = {},
): Promise<number> {
  const dir = resolve(name);
  if (!await prepare(dir)) {
    console.error(`'${dir}' exists and was not made by the demo: name another directory`);
    return 2;
  }
  const buildDir = join(name, "build");
  const stagingDir = join(name, "staging");
  const outputDir = join(name, "artifacts");
  const run = ["--run-id", RUN_ID, "--platform", "linux", "--repo", "ROCm/TheRock"];

  say(`1. A build has left its outputs in ${buildDir}`);
  await makeBuildTree({ buildDir, librarySize });
  await printTree(buildDir, 3);

  say("2. At the end of its job, all of them are uploaded: here into a local directory");
  const upload = ["upload", "build", "--artifact-group", GROUP, "--build-dir", buildDir];
  let code = await command([...upload, "--output-dir", stagingDir, ...run]);
  if (code !== 0) return code;

  say("3. Anyone can see what the run has");
  code = await command(["list", "--staging-dir", stagingDir, ...run]);
  if (code !== 0) return code;
  console.log(`In a browser: ${join(stagingDir, `${RUN_ID}-linux`, "index.html")}`);

  say("4. And fetch its artifacts: each is held against its checksum, and unpacked");
  const fetch = ["fetch", "*_lib_*", "--staging-dir", stagingDir];
  code = await command([...fetch, "--output-dir", outputDir, ...run]);
  if (code !== 0) return code;
  await printTree(outputDir, 3);

  say("5. On S3 the same run would be at");
  const root = RunOutputRoot.fromWorkflowRun({ runId: RUN_ID, platform: "linux" });
  for (
    const location of [
      root.root(),
      root.artifact("blas_lib_gfx94X-dcgpu.tar.zst"),
      root.logFile(GROUP, "therock-build.log"),
      root.manifest(GROUP),
    ]
  ) {
    console.log(location.s3Uri);
    console.log(`  ${location.httpsUrl}`);
  }

  say("What to try next");
  console.log(`A second upload sends nothing again; a damaged archive is noticed (exit code 6):

  alias run-outputs="npx -y deno@2.9.6 run -q -P --config '$PWD/deno.json' '$PWD/cli.ts'"
  run-outputs ${upload.join(" ")} --output-dir ${stagingDir} ${run.slice(0, 4).join(" ")}
  echo damage >> ${join(stagingDir, root.artifact("blas_lib_gfx94X-dcgpu.tar.zst").key)}
  run-outputs fetch --staging-dir ${stagingDir} --output-dir ${outputDir}-2 \\
    ${run.slice(0, 4).join(" ")}
  run-outputs path --list
  run-outputs --help

Everything is in ${dir}: remove it when you are done.`);
  return 0;
}

/** Makes the directory, or empties it if an earlier demo made it. */
async function prepare(dir: string): Promise<boolean> {
  try {
    await Deno.mkdir(dir);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    const ours = await Deno.lstat(join(dir, MARK)).then(() => true, () => false);
    if (!ours) return false;
    for await (const entry of Deno.readDir(dir)) {
      if (entry.name !== MARK) await Deno.remove(join(dir, entry.name), { recursive: true });
    }
  }
  await Deno.writeTextFile(join(dir, MARK), "");
  return true;
}

async function command(args: readonly string[]): Promise<number> {
  const shown = args.map((arg) => /^[\w./:=-]+$/.test(arg) ? arg : `'${arg}'`).join(" ");
  console.log(`$ run-outputs ${shown}`);
  const code = await main(args, systemIo());
  if (code !== 0) console.error(`This should have worked, but ended with ${code}.`);
  return code;
}

async function printTree(dir: string, depth: number, indent = "  "): Promise<void> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    console.log(`${indent}${name}${isDirectory ? "/" : ""}`);
    if (isDirectory && depth > 1) await printTree(join(dir, name), depth - 1, `${indent}  `);
  }
}

function say(text: string): void {
  console.log(`\n== ${text}\n`);
}
