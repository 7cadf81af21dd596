/** Completions in process: what `run-outputs __complete =CURRENT [BEFORE...]` prints. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { createProgram } from "../../../src/cli/program.ts";
import { SCRIPTS, SHELLS } from "../../../src/cli/completions/scripts.ts";
import { refused, run, runJson, runs } from "../../support/command_line.ts";
import { FakeIo } from "../../support/fake_io.ts";
import { assertGolden } from "../../support/golden.ts";
import { loadedBy } from "../../support/import_graph.ts";
import { tempDir } from "../../support/temp_dir.ts";

/** The lines for the end of a command line; the last word is the current one. */
async function lines(words: readonly string[], env: Record<string, string> = {}) {
  const [current, ...before] = [words.at(-1)!, ...words.slice(0, -1)];
  const { code, out, err } = await run(["__complete", `=${current}`, ...before], env);
  assert.deepEqual([code, err], [0, ""]);
  assert(out === "" || out.endsWith("\n"));
  return out.split("\n").filter((line) => line !== "");
}

/** The words alone. */
async function words(...typed: string[]): Promise<string[]> {
  return (await lines(typed)).map((line) => line.split("\t")[0]);
}

Deno.test("completion: commands, as the help lists them", async () => {
  const program = await createProgram({
    io: new FakeIo(),
    setExitCode: () => {},
    interruption: () => new AbortController().signal,
  });
  const all = program.commands.map((command) => command.name());
  assert.deepEqual(await words(""), [...all, "help"]);
  assert.deepEqual(await words("help", ""), [...all, "help"]);
  assert.deepEqual(await words("st"), ["status", "stages", "stale-uploads"]);
  assert.deepEqual(await lines(["lis"]), ["list\tlist the outputs of a run"]);
  assert.deepEqual(await words("-"), [
    "--json",
    "--quiet",
    "--verbose",
    "--debug",
    "--color",
    "--help",
    "--version",
  ]);
  assert.deepEqual(await words("--json", "ver"), ["verify"]);
  assert.deepEqual(await words("no-such-command", ""), []);
});

Deno.test("completion: subcommands", async () => {
  assert.deepEqual(await lines(["upload", "ten"]), []);
  assert.deepEqual(await words("upload", "py"), ["pytorch-manifest", "python"]);
  assert.deepEqual(await words("help", "upload", "pyt"), ["pytorch-manifest", "python"]);
  const [line] = await lines(["runs", "lates"]);
  assert.match(line, /^latest\t\S/);
  assert.deepEqual(await words("runs", "latest", ""), []);
});

Deno.test("completion: options that are not given yet, without hidden ones", async () => {
  const all = await words("list", "--");
  assert(all.includes("--run-id") && all.includes("--json") && all.includes("--help"));
  assert(!all.includes("--layout") && !all.includes("--run-github-repo"));
  const rest = await words("list", "--run-id", "1", "-v", "--kind", "log", "--");
  assert(!rest.includes("--run-id") && !rest.includes("--verbose"));
  assert(rest.includes("--kind"), "a list can be given again");
  assert.deepEqual(await words("list", "--run"), ["--run-id"]);
  assert.deepEqual(await words("fetch", "--", "--"), [], "after -- there are no options");
});

Deno.test("completion: values of options, also after =, also in lists", async () => {
  assert.deepEqual(await words("list", "--platform", "w"), ["windows"]);
  assert.deepEqual(await words("list", "--platform=w"), ["--platform=windows"]);
  assert.deepEqual(await words("path", "--format", ""), ["s3", "https", "key", "local", "json"]);
  assert.deepEqual(await words("list", "--bucket", "therock-nightly-a"), [
    "therock-nightly-artifacts",
  ]);
  assert.deepEqual(await words("fetch", "--artifact-group", "gfx94X-d"), ["gfx94X-dcgpu"]);
  assert.deepEqual(await words("fetch", "--components", "lib,r"), ["lib,run"]);
  assert.deepEqual(await words("fetch", "--components=lib,d"), [
    "--components=lib,dev",
    "--components=lib,dbg",
    "--components=lib,doc",
  ]);
  assert(!(await words("list", "--kind", "log,")).includes("log,log"));
  assert.deepEqual(await words("list", "--release-type", "n"), ["nightly"]);
  // Nothing is known of these.
  assert.deepEqual(await words("list", "--profile", ""), []);
  assert.deepEqual(await words("list", "--no-such", ""), []);
  assert.deepEqual(await words("list", "--json="), []);
});

Deno.test("completion: files and directories are the shell's", async () => {
  assert.deepEqual(await lines(["list", "--staging-dir", "a"]), [":dirs"]);
  assert.deepEqual(await lines(["list", "--staging-dir=a"]), [":dirs"]);
  assert.deepEqual(await lines(["fetch", "-o", ""]), [":dirs"]);
  assert.deepEqual(await lines(["stages", "--topology", ""]), [":files"]);
  assert.deepEqual(await lines(["verify", ""]), [":dirs"]);
  assert.deepEqual(await lines(["upload", "artifacts", ""]), [":dirs"]);
  assert.deepEqual(await lines(["import", "x"]), [":files"]);
  assert.deepEqual(await lines(["bisect", "run", "--", "./t"]), [":files"]);
  assert.deepEqual(await lines(["import", "x", ""]), [], "it takes one");
});

Deno.test("completion: kinds of path, and their arguments", async () => {
  assert.deepEqual(await words("path", "log-f"), ["log-file"]);
  assert.deepEqual(await words("path", "log-file", "gfx94X-d"), ["gfx94X-dcgpu"]);
  assert.deepEqual(await words("path", "log-file", "gfx94X-dcgpu", ""), []);
});

Deno.test("completion: the runs of a staging directory, the newest first", async () => {
  await using temp = await tempDir();
  const names = ["99-linux", "100-linux", "100-windows", "not a run", "local-linux"];
  for (const name of [...names, "ROCm-rocm-libraries/7-linux", "$(reboot)-x/8-linux"]) {
    await Deno.mkdir(join(temp.path, name), { recursive: true });
  }
  const ids = ["100\trun for linux and windows", "99\trun for linux", "local\trun for linux"];
  const key = "ROCm-rocm-libraries~7-linux\trun for linux";
  const at = ["--staging-dir", temp.path];
  const found = await lines(["list", ...at, "--run-id", ""]);
  assert.deepEqual(found.toSorted(), [...ids, key].toSorted());
  assert.equal(found[0], ids[0]);
  assert.deepEqual(
    await lines(["list", "--run-id", ""], {
      THEROCK_LOCAL_STAGING_DIR: temp.path,
    }),
    found,
  );
  assert.deepEqual(await words("list", "--run-id", ""), [], "a bucket is not asked");
  assert.deepEqual(await words("runs", "show", ...at, "1"), ["100-linux", "100-windows"]);
  assert.deepEqual(await words("diff", ...at, "99", "10"), ["100"]);
  assert.deepEqual(await words("export", ...at, "x.tar", "100-linux", "1"), ["100-windows"]);
  assert.deepEqual(await words("copy", "--from-staging", temp.path, "--source-run-id", "9"), [
    "99",
  ]);
  assert.deepEqual(await words("list", "--staging-dir", `${temp.path}/none`, "--run-id", ""), []);
});

Deno.test("completion: loads neither drivers nor operations", async () => {
  const { files, packages } = await loadedBy("src/cli/completions/complete.ts");
  assert(files.includes("src/cli/completions/values.ts"));
  assert.deepEqual(packages, ["commander", "node:path"]);
  const rooms = [...new Set(files.map((file) => file.split("/")[1]))].toSorted();
  assert.deepEqual(rooms, ["cli", "errors", "layout", "runs"]);
});

Deno.test("completions: the scripts name no command, and are printed as they are", async () => {
  for (const shell of SHELLS) {
    const { out } = await runs(0, ["completions", shell]);
    assert.equal(out, SCRIPTS[shell]);
    assert.doesNotMatch(out, /fetch|staging/);
    const { script } = await runJson(0, ["completions", shell]);
    assert.equal(script, out);
  }
  await refused(["completions", "tcsh"], ["tcsh", "powershell"]);
  await refused(["completions"], ["shell"]);
});

Deno.test("completions: the script for PowerShell is what a person last looked at", async () => {
  // There is no PowerShell here that could run it.
  await assertGolden("completions/powershell.ps1", SCRIPTS.powershell);
});
