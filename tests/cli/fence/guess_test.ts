/** The guess of a command line means what the parser makes of it. */

import assert from "node:assert/strict";
import type { Command, Option } from "commander";
import type { Context } from "../../../src/cli/context.ts";
import { grantsOf } from "../../../src/cli/fence/grants.ts";
import type { Surroundings } from "../../../src/cli/fence/invocation.ts";
import { FLAGS, guessLine, SHORT } from "../../../src/cli/guess.ts";
import { createProgram, parseLine } from "../../../src/cli/program.ts";
import { FakeIo } from "../../support/fake_io.ts";

const CONTEXT: Context = {
  io: new FakeIo(),
  setExitCode() {},
  interruption: () => new AbortController().signal,
};

const AROUND: Surroundings = {
  env: (name) => name === "HOME" ? "/home/me" : undefined,
  os: "linux",
  profiles: {},
  program: ["PROGRAM"],
  workDirs: [],
  mayRunGh: false,
};

/** The options of the commands that are guessed. */
async function guessedOptions(): Promise<Option[]> {
  const below = (command: Command, words: readonly string[]): Option[] =>
    guessLine([...words, "word"]) !== undefined && command.commands.length === 0
      ? [...command.options]
      : command.commands.flatMap((child) => below(child, [...words, child.name()]));
  return below(await createProgram(CONTEXT), []);
}

Deno.test("FLAGS and SHORT: what they say is true of the options of every command", async () => {
  const options = await guessedOptions();
  assert(options.length > 100, `${options.length} options`);
  for (const { long, short, required, optional, negate } of options) {
    const name = long!.slice(2);
    assert.equal(optional, false, `${long} has a value or not: guessLine() can't know`);
    assert.equal(negate, name.startsWith("no-"), long);
    assert.equal(FLAGS.has(name), !required && !negate, `${long}: see FLAGS in src/cli/guess.ts`);
    if (short) assert.equal(SHORT[short[1]], name, `${short}: see SHORT in src/cli/guess.ts`);
  }
  for (const name of FLAGS) {
    assert(options.some(({ long }) => long === `--${name}`), `no command has --${name}`);
  }
});

/** Command lines whose guess is right, as words divided by spaces. */
const LINES = [
  "upload build --artifact-group g --build-dir b --run-id 1 -qn",
  "upload files a b --to x --output-dir=s -n",
  "upload files --to x -- -a --b",
  "upload stage --stage s,t --output-dir o --topology t.toml",
  "upload -v artifacts a --work-dir w --output-dir s",
  "list 12345 --staging-dir s",
  "-v list --run-id 1 --no-sign-request",
  "list --color never --run-id 1 --endpoint-url http://s3:1 --bucket b",
  "--color never list --run-id 1 --endpoint-url http://s3:1 --region r --profile p",
  "find --commit abc --cache-dir c",
  "fetch 1 -o out --cache-dir c --families-file f --no-sign-request",
  "fetch -oout --latest --staging-dir s",
  "fetch --run-id 1 --output-dir a --output-dir b --staging-dir s",
  "fetch --run-id 1 --output-dir  --output-dir b --staging-dir s",
  "status dir",
  "verify dir",
  "verify 12345 --staging-dir s",
  "verify 12345-linux --staging-dir s --repair --from f",
  "index dir",
  "diff 1 2 --staging-dir s --staging-dir-b t",
  "copy --from-staging a --to-staging b --run-id 1",
  "copy --run-id 1 --source-bucket b --bucket c",
  "export run.tar 1 --staging-dir s -f",
  "export - 1 --staging-dir s",
  "import x.tar --output-dir s",
  "runs list --staging-dir s --write-summaries",
  "runs pin 1 --name n --reason r --staging-dir s",
  "runs prune --staging-dir s --keep-last 3 --keep-listed l",
  "cache list --cache-dir c",
  "cache clean --older-than 1d -n",
  "stale-uploads --bucket b --no-sign-request",
];

Deno.test("guessLine(): the same grants as the parsed line", async () => {
  for (const text of LINES) {
    const args = text.split(" ");
    const guess = guessLine(args);
    assert(guess !== undefined, text);
    assert.deepEqual(
      grantsOf(guess, AROUND),
      grantsOf(await parseLine(args, CONTEXT), AROUND),
      text,
    );
  }
});

Deno.test("guessLine(): nothing for help, mistakes, and commands without a thread", () => {
  for (
    const text of [
      "",
      "--help",
      "help list",
      "list --help",
      "upload",
      "upload --help",
      "upload files -h",
      "runs -v",
      "path root",
      "doctor",
      "serve --staging-dir s",
      "bisect next",
      "nonsense",
      "list --run-id",
      "list --json=yes",
      "list -x",
      "fetch -vo",
      "__complete list",
    ]
  ) assert.equal(guessLine(text.split(" ").filter((word) => word !== "")), undefined, text);
});
