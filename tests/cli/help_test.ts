import assert from "node:assert/strict";
import { createProgram } from "../../src/cli/main.ts";
import { FakeIo, run } from "../support/fake_io.ts";
import { assertGolden } from "../support/golden.ts";

type Command = ReturnType<typeof createProgram>;

function commandLines(command: Command, above: readonly string[] = []): string[][] {
  const children = command.commands.flatMap((child) =>
    commandLines(child, [...above, child.name()])
  );
  return [[...above], ...children];
}

const program = createProgram({
  io: new FakeIo(),
  setExitCode: () => {},
  interruption: () => new AbortController().signal,
});

for (const words of commandLines(program)) {
  const name = ["run-outputs", ...words].join(" ");

  Deno.test(`${name} --help: is what a person last looked at`, async () => {
    const { code, stdout, stderr } = await run([...words, "--help"]);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    await assertGolden(`help/${["run-outputs", ...words].join("-")}.txt`, stdout);
  });

  Deno.test(`${name} --help: ends with examples that start with the command`, async () => {
    const { stdout } = await run([...words, "--help"]);
    const examples = stdout.slice(stdout.indexOf("\nExamples:\n"));
    assert.match(examples, new RegExp(`^  ${name}( |$)`, "m"));
    for (const line of stdout.split("\n")) assert(line.length <= 100, `too wide: ${line}`);
  });
}

for (const words of [["upload", "build"], ["upload"], ["path"], []]) {
  Deno.test(`run-outputs help ${words.join(" ")}: is that command's --help`, async () => {
    const expected = await run([...words, "--help"]);
    assert.deepEqual(await run(["help", ...words]), expected);
    if (words[1]) assert.deepEqual(await run([words[0], "help", words[1]]), expected);
  });
}

Deno.test("run-outputs: without a command prints the help on stderr and exits with 2", async () => {
  const { code, stdout, stderr } = await run([]);
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /^Usage: run-outputs/);
});

Deno.test("run-outputs --version: prints the version of deno.json", async () => {
  const { version } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  assert.deepEqual(await run(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
});
