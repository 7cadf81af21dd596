import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createProgram } from "../../src/cli/program.ts";
import { TOP_HELP } from "../../src/cli/top_help.ts";
import { FakeIo, run } from "../support/fake_io.ts";
import { assertGolden } from "../support/golden.ts";
import { tempDir } from "../support/temp_dir.ts";

type Command = Awaited<ReturnType<typeof createProgram>>;

const CLI_INTRO = `# Commands and options

What \`run-outputs COMMAND --help\` prints, for each command. \`deno task update:golden\` writes this
file. [conventions.md](conventions.md) describes what all commands have in common.
`;

function commandLines(command: Command, above: readonly string[] = []): string[][] {
  const children = command.commands.flatMap((child) =>
    commandLines(child, [...above, child.name()])
  );
  return [[...above], ...children];
}

const program = await createProgram({
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

Deno.test("docs/cli.md: has the help of every command", async () => {
  const commands = commandLines(program).map((words) => ["run-outputs", ...words].join(" "));
  const sections = await Promise.all(
    commandLines(program).map(async (words, at) => {
      const { stdout } = await run([...words, "--help"]);
      return `## ${commands[at]}\n\n\`\`\`text\n${stdout}\`\`\`\n`;
    }),
  );
  const list = commands.map((name) => `- [${name}](#${name.replaceAll(" ", "-")})\n`).join("");
  await assertGolden("../../docs/cli.md", [`${CLI_INTRO}\n${list}`, ...sections].join("\n"));
});

for (const words of [["upload", "build"], ["upload"], ["path"], []]) {
  Deno.test(`run-outputs help ${words.join(" ")}: is that command's --help`, async () => {
    const expected = await run([...words, "--help"]);
    assert.deepEqual(await run(["help", ...words]), expected);
    if (words[1]) assert.deepEqual(await run([words[0], "help", words[1]]), expected);
  });
}

Deno.test("run-outputs --help: lists the options and commands that there are", () => {
  const sectionsOf = (help: string) =>
    /\nOptions:\n[^]*\nCommands:\n(?: {2}.*\n)+/.exec(help)?.[0] ?? help;
  const prototype: Pick<Command, "helpInformation"> = Object.getPrototypeOf(program);
  assert.equal(sectionsOf(TOP_HELP), sectionsOf(prototype.helpInformation.call(program)));
});

Deno.test("a command's process loads no other command, and the help loads none", async () => {
  const cli = fileURLToPath(new URL("../../cli.ts", import.meta.url));
  const loadedFor = async (...args: string[]) => {
    await using dir = await tempDir();
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-P", cli, ...args],
      // What was loaded is what there is coverage of.
      env: { DENO_COVERAGE_DIR: dir.path },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    assert.equal(code, 0);
    const loaded: string[] = [];
    for await (const { name } of Deno.readDir(dir.path)) {
      const { url } = JSON.parse(await Deno.readTextFile(join(dir.path, name)));
      loaded.push(url);
    }
    assert(loaded.some((url) => url.endsWith("/src/cli/main.ts")));
    return loaded;
  };
  const commandsIn = (urls: readonly string[]) =>
    urls.flatMap((url) => /\/src\/cli\/commands\/(.*)$/.exec(url)?.[1] ?? []);
  const forHelp = await loadedFor("--help");
  assert.deepEqual(commandsIn(forHelp), []);
  assert(!forHelp.some((url) => /commander|operations\//.test(url)));
  const forPath = await loadedFor("path", "root", "--run-id", "1", "--platform", "linux");
  assert.deepEqual(commandsIn(forPath), ["path.ts"]);
});

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
