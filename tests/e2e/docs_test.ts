/** The code blocks of the README and of the docs: each one is run, or its test is known. */

import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { validateWorkflow } from "@action-validator/core";
import config from "../../deno.json" with { type: "json" };
import { EXIT } from "../../src/errors/exit_codes.ts";
import { parseExportIndex } from "../../src/runs/export_index.ts";
import { parsePart } from "../../src/runs/manifest.ts";
import { DEMO, type DocBlock, docBlocks, docFiles, type DocRan } from "../support/doc_blocks.ts";
import { parseScript } from "../support/doc_shell.ts";
import { ROOT } from "../support/import_graph.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";

/** How many blocks nothing here can run, such as those for PowerShell. */
const UNTESTED = 10;

const blocks = (await Promise.all((await docFiles()).map(docBlocks))).flat();

/** Blocks of these languages are run, or a comment says why not. */
const scripts = blocks.filter(({ language, test }) =>
  ["sh", "ts"].includes(language) && (test === undefined || test.startsWith("exits with "))
);

Deno.test({
  name: "docs: the command lines of each block do what they are there for",
  ignore: Deno.build.os === "windows",
  fn: async (t) => {
    const ran = await runScripts(scripts);
    await t.step("the demo's last lines work, and find the damage", () => {
      const demo = ran.filter(({ line }) => line === DEMO);
      assert.deepEqual(demo.map(({ code }) => code), [0, 0, 0, 6, 0, 0], JSON.stringify(demo));
    });
    await t.step("docs/library.md: the program uploads artifacts and fetches them", () => {
      const { out } = ran.find(({ file }) => file === "docs/library.md")!;
      const [url, ...results] = out.split("\n");
      assert.match(url, /\/12345-linux\/logs\/gfx94X-dcgpu\/index\.html$/);
      // The path, the outcome, and no error.
      for (const line of results) assert.match(line, / (?:written|unchanged) undefined$/);
      // Four archives with their checksum files, and the two that are fetched.
      assert.equal(results.length, 10);
    });
    for (const block of scripts) {
      await t.step(`${block.file}:${block.line}`, () => {
        const lines = ran.filter(({ file, line }) => file === block.file && line === block.line);
        assert(lines.length > 0);
        const code = Number(block.test?.replace("exits with ", "") ?? 0);
        lines.forEach((line, at) => {
          const expected = at === lines.length - 1 ? code : 0;
          assert.equal(line.code, expected, `${line.text}\n${line.out}${line.err}`);
        });
      });
    }
  },
});

Deno.test("docs: each block is of a language that has a test here", () => {
  const known = ["sh", "ts", "powershell", "json", "yaml", "toml", "console", "dockerfile", "text"];
  const unknown = blocks.filter(({ language }) => !known.includes(language));
  assert.deepEqual(unknown.map(placeOf), []);
  // Only these are tested without a comment.
  const uncommented = ["sh", "ts", "json", "yaml", "text"];
  const silent = blocks.filter(({ language, test }) =>
    test === undefined && !uncommented.includes(language)
  );
  assert.deepEqual(silent.map(placeOf), []);
  assert(blocks.length > 60);
});

Deno.test("docs: a block that another test runs is named there", async () => {
  for (const block of blocks) {
    if (!block.test || /^(?:none, .|exits with \d)/.test(block.test)) continue;
    for (const path of block.test.split(", ")) {
      const text = await Deno.readTextFile(join(ROOT, path));
      assert(path === ".ci/run" || text.includes(block.file), `${placeOf(block)}: ${path}`);
    }
  }
});

Deno.test("docs: few blocks can't be run here", () => {
  const untested = blocks.filter(({ test }) => test?.startsWith("none, "));
  assert.equal(untested.length, UNTESTED, untested.map(placeOf).join(", "));
});

Deno.test("docs: JSON is what the program reads", () => {
  const hash = "0".repeat(64);
  const readers: Readonly<Record<string, (text: string) => unknown>> = {
    "run-outputs.manifest/1": (text) => parsePart(text, "part"),
    "run-outputs.export/1": (text) => parseExportIndex(text, "index"),
    "run-outputs.mirror-job/1": (text) => JSON.parse(text),
  };
  const documents = blocks.filter(({ language }) => language === "json");
  for (const { code } of documents) {
    readers[JSON.parse(code).schema](code.replaceAll('"…"', `"${hash}"`));
  }
  assert(documents.length >= 3);
});

Deno.test("docs: YAML is a part of a workflow that GitHub accepts", () => {
  const parts = blocks.filter(({ language, test }) => language === "yaml" && test === undefined);
  for (const part of parts) {
    const steps = part.code.startsWith("- ") ? `steps:\n${indented(part.code)}` : part.code;
    const job = indented(indented(`runs-on: ubuntu-24.04\n${steps}`));
    const workflow = `on: push\njobs:\n  job:\n${job}`;
    const text = workflow.replace(/^ +attestations: write\n/m, "");
    assert.deepEqual(validateWorkflow(text).errors, [], placeOf(part));
  }
  assert(parts.length >= 4);
});

Deno.test("docs: TypeScript is checked with the sources", () => {
  assert(config.tasks["check:types"].command.includes(" README.md docs/*.md"));
});

Deno.test("README: the alias starts the program, from every directory", async () => {
  const [{ code }] = blocks.filter(({ code }) => code.startsWith("alias "));
  const [, command] = /^alias run-outputs="(.*)"\n$/.exec(code)!;
  const script = command.replace(/^npx -y deno@[\d.]+ /, `'${Deno.execPath()}' `);
  assert.notEqual(script, command);
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `${script.replaceAll("$PWD", ROOT)} --version`],
    cwd: dirname(ROOT),
  }).output();
  assert.equal(new TextDecoder().decode(stdout), `${config.version}\n`);
});

Deno.test("docs/library.md: a program in another directory imports each entry point from a clone", async () => {
  const line = "npx -y deno@2.9.6 run -A --config CLONE/deno.json program.ts";
  assert(blocks.some(({ file, code }) => file === "docs/library.md" && code === `${line}\n`));
  await using temp = await tempDir();
  const names = Object.keys(config.exports).map((name) => config.name + name.slice(1));
  const imports = names.map((name) => `import ${JSON.stringify(name)};\n`).join("");
  await Deno.writeTextFile(join(temp.path, "program.ts"), `${imports}console.log("imported");`);
  const [, args] = line.replace("CLONE", ROOT).split("@2.9.6 ");
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: args.split(" "),
    cwd: temp.path,
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(out, "imported\n", err);
});

Deno.test("docs: docs/README.md lists every document", async () => {
  const index = await Deno.readTextFile(join(ROOT, "docs/README.md"));
  for (const file of await docFiles()) {
    if (["README.md", "docs/README.md"].includes(file)) continue;
    assert(index.includes(`](${basename(file)})`), file);
  }
});

Deno.test("docs/troubleshooting.md: the sources have each message and each exit code", async () => {
  const page = await Deno.readTextFile(join(ROOT, "docs/troubleshooting.md"));
  const names = (await fileNames(join(ROOT, "src"))).filter((name) => name.endsWith(".ts"));
  const sources = await Promise.all(names.map(async (name) => {
    const text = await Deno.readTextFile(join(ROOT, "src", name));
    // A message that is written in several pieces is one text.
    return text.replaceAll(/[`"] ?\+?\s+\+?\s*[`"]/g, "");
  }));
  const messages = [...page.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, message]) => message);
  assert(messages.length > 40);
  for (const message of messages) {
    const pieces = message.split("…").map((piece) => piece.trim()).filter((piece) => piece !== "");
    assert(pieces.some((piece) => piece.length > 8), message);
    const found = sources.some((text) => pieces.every((piece) => text.includes(piece)));
    assert(found, `no source has: ${message}`);
  }
  const codes = [...page.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
  assert.deepEqual(codes, Object.values(EXIT).sort((a, b) => a - b));
});

Deno.test("docs: each link leads to a file, and to a heading of it", async () => {
  const broken: string[] = [];
  let count = 0;
  for (const file of await docFiles()) {
    const text = (await Deno.readTextFile(join(ROOT, file))).replaceAll(/^ *```[^]*?^ *```$/gm, "");
    for (const [, target, , anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(#([^)\s]*))?\)/g)) {
      count++;
      const path = target === "" ? file : join(dirname(file), target);
      const linked = await Deno.readTextFile(join(ROOT, path)).catch(() => undefined);
      const isThere = linked !== undefined &&
        (anchor === undefined || headings(linked).has(anchor));
      if (!isThere) broken.push(`${file}: ${target}#${anchor ?? ""}`);
    }
  }
  assert.deepEqual(broken, []);
  assert(count > 100);
});

/** The anchors of a page's headings, as GitHub makes them. */
function headings(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
    ),
  );
}

Deno.test("docs: what the shell of these tests does not know is an error", () => {
  const env = (name: string) => `value of ${name}`;
  assert.deepEqual(
    parseScript(`a 'b $c' "d $E" f=\\\n  g # h\ni && j >> k; l#m`, env).map(({ words }) => words),
    [["a", "b $c", "d value of E", "f=", "g"], ["i"], ["j"], ["l#m"]],
  );
  for (const script of ["a | b", "a $(b)", 'a "$(b)"', "a < b", "a `b`", "a &", "(a)", "a 'b"]) {
    assert.throws(() => parseScript(script, env), SyntaxError, script);
  }
});

Deno.test("CHANGELOG.md: it names every command, and no option that does not exist", async () => {
  const [changes, help] = await Promise.all(
    ["CHANGELOG.md", "docs/cli.md"].map((name) => Deno.readTextFile(join(ROOT, name))),
  );
  const commands = [...help.matchAll(/^## run-outputs ([\w-]+)$/gm)].map(([, name]) => name);
  assert(commands.length > 15);
  assert.deepEqual(commands.filter((name) => !new RegExp(`\`${name}\\b`).test(changes)), []);
  const options = [...changes.matchAll(/--[a-z][\w-]*/g)].map(([name]) => name);
  assert.deepEqual(options.filter((name) => !help.includes(name)), []);
});

function placeOf({ file, line }: DocBlock): string {
  return `${file}:${line}`;
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}

/** Runs blocks in a process of their own, which may change its directory. */
async function runScripts(blocks: readonly DocBlock[]): Promise<DocRan[]> {
  const child = join(ROOT, "tests/support/doc_child.ts");
  await using dir = await tempDir();
  const file = join(dir.path, "blocks.json");
  await Deno.writeTextFile(file, JSON.stringify(blocks));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-check", child, file],
    stdin: "null",
    // The demo writes there.
    stdout: "null",
    stderr: "inherit",
  }).output();
  assert(success);
  return JSON.parse(await Deno.readTextFile(file));
}
