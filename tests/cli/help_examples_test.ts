/** What the golden files can't show of the help: that its examples work, and where it is printed. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createProgram } from "../../src/cli/program.ts";
import { run, runs, WatchedIo } from "../support/command_line.ts";

const GOLDEN = fileURLToPath(new URL("../testdata/help/", import.meta.url));

/** All commands, found in the program itself: a new one can't be forgotten here. */
async function commands(): Promise<string[][]> {
  const program = await createProgram({
    io: new WatchedIo(),
    setExitCode: () => {},
    interruption: () => new AbortController().signal,
  });
  const found: string[][] = [];
  (function walk(command: typeof program, path: string[]) {
    found.push(path);
    for (const child of command.commands) walk(child, [...path, child.name()]);
  })(program, []);
  return found;
}

const COMMANDS = await commands();

for (const command of COMMANDS) {
  const shown = ["run-outputs", ...command].join(" ");

  Deno.test(`help: ${shown} -h is the same as --help`, async () => {
    assert.deepEqual(await run([...command, "-h"]), await run([...command, "--help"]));
  });
}

Deno.test("help: there is exactly one golden file for each command", async () => {
  const names = (await Array.fromAsync(Deno.readDir(GOLDEN))).map((entry) => entry.name).sort();
  assert.deepEqual(
    names,
    COMMANDS.map((command) => `${["run-outputs", ...command].join("-")}.txt`).sort(),
  );
});

Deno.test("help: 'help COMMAND' is the same as 'COMMAND --help'", async () => {
  assert.deepEqual(await run(["help", "fetch"]), await run(["fetch", "--help"]));
  assert.deepEqual(
    await run(["upload", "help", "build"]),
    await run(["upload", "build", "--help"]),
  );
});

Deno.test("help: a group without a command prints its help on standard error and exits with 2", async () => {
  for (const group of [[], ["upload"]]) {
    const { out, err } = await runs(2, group);
    assert.equal(out, "");
    assert.equal(err, (await run([...group, "--help"])).out);
  }
});

Deno.test("help: the examples are command lines that the program accepts", async () => {
  // A dry run touches nothing, wherever this runs.
  for (const command of COMMANDS) {
    const { out } = await run([...command, "--help"]);
    const examples = out.slice(out.indexOf("\nExamples:\n")).replaceAll("\\\n", " ");
    for (const [, line] of examples.matchAll(/^ {2}run-outputs (.+)$/gm)) {
      // Parsing comes first: what is refused later, for want of a directory, has parsed.
      const args = [...line.replace(/ > \S+$/, "").matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) =>
        a ?? b
      );
      if (args.includes("--repair")) args.push("--dry-run");
      const dry = ["upload", "fetch", "copy", "export", "import"];
      if (args[0] === "cache") args.push("--cache-dir", "./no-such-cache");
      if (dry.includes(args[0]) && args[1] !== "--help") args.push("--dry-run");
      // Refused before it listens.
      if (args[0] === "serve") args.push("--token-file", "./no-such-token");
      // No network is asked: neither GitHub nor S3.
      const env = { GITHUB_API_URL: "nowhere", AWS_ENDPOINT_URL_S3: "nowhere" };
      const { err } = await run(args, env);
      assert.doesNotMatch(err, /host not found|cannot connect/i, line);
      assert.doesNotMatch(err, /^error: .*(?:unknown|is invalid|Missing|too many)/im, line);
    }
  }
});
