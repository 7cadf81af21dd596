/** Options whose value is empty, of all commands; lists in all their forms. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Command, Option } from "commander";
import { createProgram } from "../../src/cli/program.ts";
import { globs, list, names, splitList } from "../../src/cli/options.ts";
import { refused, runJson, runs } from "../support/command_line.ts";
import { FakeIo } from "../support/fake_io.ts";
import { putArchives } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

/**
 * Without these a command would work on another run, on S3 in place of a directory, or on all; a
 * service would be open, or listen on a port that nobody has chosen.
 */
const REFUSED =
  /^--(?:branch|check|commit|output-dir|patterns-from|port|ref|server(?:-token-file)?|socket|(?:from|to)-staging|staging-dir(?:-b)?|token-file)$/;

/** Options of such a name that mean something else: they are required, or have a default. */
const OTHER = ["fetch --output-dir", "start --output-dir", "pytorch-manifest --ref"];

/** The rules of a prune, or of cleaning a cache: without one of them, more would be deleted. */
const RULES =
  /^--(?:cache-dir|keep.*|group-by|min-age|bisect-dir|older-than|max-.*|execute|drop-kinds)$/;

function isRefused({ command, option }: { command: Command; option: Option }): boolean {
  if (["clean", "prune"].includes(command.name()) && RULES.test(option.long!)) return true;
  return REFUSED.test(option.long!) && !OTHER.includes(`${command.name()} ${option.long}`);
}

function program(): Promise<Command> {
  const context = {
    io: new FakeIo(),
    setExitCode() {},
    interruption: () => new AbortController().signal,
  };
  return createProgram(context);
}

/** Every option with a value, of every command. */
function* optionsOf(command: Command): Generator<{ command: Command; option: Option }> {
  for (const option of command.options) if (option.required) yield { command, option };
  for (const child of command.commands) yield* optionsOf(child);
}

for (const form of ["--option ''", "--option=", "--option ' '"]) {
  Deno.test(`empty value: ${form} is an option that was not given, of all commands`, async () => {
    let count = 0;
    for (const { command, option } of optionsOf(await program())) {
      const long = option.long!;
      const args = form.endsWith("=") ? [`${long}=`] : [long, form.endsWith("' '") ? " " : ""];
      const key = option.attributeName();
      const before: unknown = command.getOptionValue(key);
      const label = `${command.name()} ${long}`;
      count++;
      if (isRefused({ command, option })) {
        assert.throws(() => command.parseOptions(args), /It is empty\.$/, label);
        continue;
      }
      command.parseOptions(args);
      assert.notEqual(command.getOptionValueSource(key), "cli", label);
      assert.equal(command.getOptionValue(key), before, label);
    }
    assert(count > 150, `${count}`);
  });
}

Deno.test("empty value: separators alone are an empty list, not a list of nothing", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "1-linux"), ["a_lib_generic.tar.xz", "b_dbg_gfx942.tar.xz"]);
  const from = ["--staging-dir", temp.path, "--run-id", "1", "--platform", "linux"];
  for (const empty of ["", " ", ",", " ; ", ",,"]) {
    const options = ["--artifact-group", "--amdgpu-targets", "--components", "--exclude"];
    const args = options.map((name) => `${name}=${empty}`);
    const { files } = await runJson(0, ["fetch", "--list", ...args, ...from]);
    assert.equal(files.length, 2, JSON.stringify(empty));
    assert.equal((await runJson(0, ["list", `--kind=${empty}`, ...from])).count, 4);
  }
  for (const empty of ["", " ", ","]) {
    await refused(["fetch", "--list", empty, ...from], ["pattern", JSON.stringify(empty)]);
  }
});

Deno.test("empty value: a list with only separators is noted", async () => {
  await using temp = await tempDir();
  await putArchives(join(temp.path, "1-linux"), ["a_lib_generic.tar.xz"]);
  const from = ["--staging-dir", temp.path, "--run-id", "1", "--platform", "linux"];
  const { err } = await runs(0, ["fetch", "--list", "--components=, ;", ...from]);
  assert.equal(err, "note: --components ', ;' lists nothing: the option counts as not given\n");
  for (const more of [["--components="], ["--components=,", "--quiet"]]) {
    assert.equal((await runs(0, ["fetch", "--list", ...more, ...from])).err, "");
  }
});

Deno.test("empty value: a default and the job's own values apply", async () => {
  const env = { GITHUB_RUN_ID: "123", RELEASE_TYPE: "nightly" };
  const args = ["path", "root", "--run-id=", "--platform=linux", "--release-type", "", "--format="];
  const { out } = await runs(0, [...args, "--repo", "", "--bucket", "", "--layout", ""], env);
  assert.equal(out, "s3://therock-nightly-artifacts/123-linux\n");
});

Deno.test("lists: commas, semicolons and blanks; what belongs to a glob stays", () => {
  for (const value of ["a,b", "a;b", " a , b ;", "a b", "a\n  b\n", ",a;;b,"]) {
    assert.deepEqual(names(value), ["a", "b"], JSON.stringify(value));
  }
  assert.deepEqual(list("x y.log, z*", ["w"]), ["w", "x y.log", "z*"]);
  assert.deepEqual(splitList("{a,b;c}_*;d"), ["{a,b;c}_*", "d"]);
  assert.deepEqual(splitList("a\\,b,c\\;d"), ["a\\,b", "c\\;d"]);
  assert.deepEqual(globs(["a,b", "c"]), ["a", "b", "c"]);
});
