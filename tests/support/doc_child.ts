/**
 * Runs the blocks of the README and the docs: `run-outputs` in this process, which has a directory
 * of its own and an environment of its own. Its argument is a file with the blocks as JSON, which it
 * replaces by what their command lines did.
 *
 * The blocks of a file share a world ({@linkcode docWorld}), and each begins in its directory.
 *
 * @module
 */

import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { demo } from "../e2e/demo.ts";
import { DEMO, type DocBlock, type DocRan } from "./doc_blocks.ts";
import { type Command, parseScript } from "./doc_shell.ts";
import { docWorld, makeDocFiles } from "./doc_world.ts";
import { FakeIo } from "./fake_io.ts";
import { tempDir } from "./temp_dir.ts";

/** Other programs that the blocks may start: every Linux has them. */
const PROGRAMS = ["sha256sum", "cat", "mkdir", "echo"];

async function runBlocks(blocks: readonly DocBlock[]): Promise<DocRan[]> {
  const all: DocRan[] = [];
  await using temp = await tempDir();
  const template = join(temp.path, "template");
  await Deno.mkdir(template);
  await makeDocFiles(template);
  for (const [file, ofFile] of Map.groupBy(blocks, (block) => block.file)) {
    const above = join(temp.path, file.replaceAll("/", "-"));
    const dir = join(above, "demo-output");
    await Deno.mkdir(above);
    // README.md's commands are for what the demo leaves, the others for what is made here.
    if (file === "README.md") all.push(...await runDemo(above));
    else await copyDir(template, dir);
    await using world = await docWorld(dir, {
      runs: join(template, "staging"),
      hasLab: ofFile.some(({ code }) => code.includes("lab-artifacts")),
    });
    for (const [name, value] of Object.entries(world.env)) Deno.env.set(name, value);
    for (const { line, language, code } of ofFile) {
      Deno.chdir(dir);
      if (language === "ts") {
        all.push({
          file,
          line,
          text: code,
          ...await runProgram(join(dir, `program-${line}.ts`), code),
        });
        continue;
      }
      const script = code.replaceAll(/http:\/\/(?:lab|127\.0\.0\.1):8080/g, world.service);
      try {
        for (const command of parseScript(script, (name) => Deno.env.get(name) ?? "")) {
          all.push({ file, line, text: command.text, ...await runCommand(command) });
        }
      } catch (error) {
        all.push({ file, line, text: code, code: -1, out: "", err: `${error}` });
      }
    }
    Deno.chdir("/");
  }
  return all;
}

/** Runs the demo, and the command lines that it prints at its end. */
async function runDemo(dir: string): Promise<DocRan[]> {
  Deno.chdir(dir);
  const all: DocRan[] = [];
  const add = (text: string, ran: Ran) => all.push({ file: "README.md", line: DEMO, text, ...ran });
  const lines: string[] = [];
  const { log } = console;
  console.log = (text: string) => lines.push(text);
  const code = await demo("demo-output", { librarySize: 200_000 }).finally(() => console.log = log);
  const out = lines.join("\n");
  add("demo", { code, out, err: "" });
  const [, script] = /^ +alias .*\n([^]*?)\n\n/m.exec(out)!;
  for (const command of parseScript(script, () => "")) add(command.text, await runCommand(command));
  return all;
}

type Ran = Pick<DocRan, "code" | "out" | "err">;

async function runCommand({ words: [name, ...args], output }: Command): Promise<Ran> {
  if (name === "cd") {
    Deno.chdir(args[0]);
    return { code: 0, out: "", err: "" };
  }
  const ran = name === "run-outputs"
    ? await (args[0] === "serve" && !args.includes("--check") ? serve(args) : run(args))
    : await start(name, args);
  if (output === undefined) return ran;
  await Deno.writeTextFile(output.file, ran.out, { append: output.append });
  return { ...ran, out: "" };
}

/** The words have the values of this process's variables. */
class ProcessIo extends FakeIo {
  override env(name: string): string | undefined {
    return Deno.env.get(name);
  }
}

async function run(args: readonly string[]): Promise<Ran> {
  const io = new ProcessIo();
  const code = await main(args, io);
  return { code, out: io.out, err: io.err };
}

/** A service prints its URL as soon as it listens, and is then interrupted. */
class ServiceIo extends ProcessIo {
  override stdout(text: string): void {
    super.stdout(text);
    queueMicrotask(() => this.interrupt());
  }
}

async function serve(args: readonly string[]): Promise<Ran> {
  const io = new ServiceIo();
  const withoutPort = args.filter((_, at) => args[at] !== "--port" && args[at - 1] !== "--port");
  const code = await main([...withoutPort, "--port", "0"], io);
  return { code, out: io.out, err: io.err };
}

/** Runs a program in this process. */
async function runProgram(path: string, code: string): Promise<Ran> {
  await Deno.writeTextFile(path, code);
  const lines: string[] = [];
  const { log } = console;
  console.log = (...values: unknown[]) => lines.push(values.map(String).join(" "));
  try {
    await import(`file://${path}`);
    return { code: 0, out: lines.join("\n"), err: "" };
  } catch (error) {
    return { code: 1, out: lines.join("\n"), err: `${error}` };
  } finally {
    console.log = log;
  }
}

async function start(name: string, args: readonly string[]): Promise<Ran> {
  if (!PROGRAMS.includes(name)) return { code: 127, out: "", err: `${name}: not in PROGRAMS` };
  const { code, stdout, stderr } = await new Deno.Command(name, { args: [...args] }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function copyDir(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (isDirectory) await copyDir(source, target);
    else if (isSymlink) await Deno.symlink(await Deno.readLink(source), target);
    else await Deno.copyFile(source, target);
  }
}

if (import.meta.main) {
  const [file] = Deno.args;
  const ran = await runBlocks(JSON.parse(await Deno.readTextFile(file)));
  await Deno.writeTextFile(file, JSON.stringify(ran));
}
