/**
 * The completions in real shells: bash and zsh on a terminal, where the key is pressed, and fish.
 * PowerShell is not available for these systems' packages.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SCRIPTS } from "../../src/cli/completions/scripts.ts";
import { installProgram } from "../support/program.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What is typed before the key, and the line after it. */
const LINES: readonly (readonly [typed: string, completed: string])[] = [
  ["run-outputs fet", "run-outputs fetch "],
  ["run-outputs upload pytorch", "run-outputs upload pytorch-manifest "],
  ["run-outputs fetch --allow-no", "run-outputs fetch --allow-no-match "],
  ["run-outputs list --platform w", "run-outputs list --platform windows "],
  [
    "run-outputs fetch --bucket=therock-nightly-a",
    "run-outputs fetch --bucket=therock-nightly-artifacts ",
  ],
  [
    "run-outputs fetch --artifact-group gfx94X-dcgpu,gfx94X-a",
    "run-outputs fetch --artifact-group gfx94X-dcgpu,gfx94X-all ",
  ],
  [
    "run-outputs list --staging-dir 'a staging' --run-id 77",
    "run-outputs list --staging-dir 'a staging' --run-id 7700012345 ",
  ],
  ["run-outputs verify stag", "run-outputs verify staging/"],
  ["run-outputs verify --staging-dir=stag", "run-outputs verify --staging-dir=staging/"],
];

/** A directory with files to complete, and the program as a command. */
async function world() {
  const dir = await tempDir();
  await writeTree(dir.path, {
    "a staging/7700012345-linux/index.html": "",
    "staging/1-linux/index.html": "",
    "staging.txt": "",
  });
  const bin = join(dir.path, "bin");
  await Deno.mkdir(bin);
  await installProgram(bin);
  const env = {
    HOME: dir.path,
    PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
    DENO_DIR: Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "/", ".cache/deno"),
    TERM: "dumb",
    LANG: "C.UTF-8",
  };
  return { dir: dir.path, env, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

type World = Awaited<ReturnType<typeof world>>;

async function output(w: World, program: string, args: string[], input = ""): Promise<string> {
  const child = new Deno.Command(program, {
    args,
    cwd: w.dir,
    clearEnv: true,
    env: w.env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr) + text.decode(stdout));
  return text.decode(stdout);
}

/** Types each line and the key in a shell that saves its line at another key. */
async function typed(w: World, shell: string, args: string[]): Promise<string[]> {
  const kill = "\x15";
  const save = "\x18s";
  const steps = LINES.map(([line], i) => [i === 0 ? "READY>" : "SAVED", `${kill}${line}\t${save}`]);
  steps.push(["SAVED", `${kill}exit\r`]);
  const driver = join(ROOT, "tests/integration/type_keys.py");
  await output(w, "python3", [driver, shell, ...args], JSON.stringify(steps));
  return (await Deno.readTextFile(join(w.dir, "lines"))).trimEnd().split("\n");
}

Deno.test({
  name: "completions: bash completes each line",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using w = await world();
    const rc = `eval "$(run-outputs completions bash)"\nPS1='READY>'\n` +
      `save() { printf '%s|\\n' "$READLINE_LINE" >> lines; echo SAVED; }\n` +
      `bind -x '"\\C-xs": save'\nbind 'set bell-style none'\nbind 'set enable-bracketed-paste off'\n`;
    await Deno.writeTextFile(join(w.dir, ".rc"), rc);
    const lines = await typed(w, "bash", ["--noprofile", "--rcfile", ".rc", "-i"]);
    assert.deepEqual(lines, LINES.map(([, completed]) => `${completed}|`));
  },
});

Deno.test({
  name: "completions: zsh completes each line",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using w = await world();
    const rc = `autoload -Uz compinit; compinit -u\neval "$(run-outputs completions zsh)"\n` +
      `PROMPT='READY>'\nunsetopt PROMPT_SP ALWAYS_LAST_PROMPT\n` +
      `save() { print -r -- "$BUFFER|" >> lines; print -u2 SAVED }\nzle -N save\n` +
      `bindkey -e\nbindkey '^Xs' save\n`;
    await Deno.writeTextFile(join(w.dir, ".zshrc"), rc);
    const lines = await typed(w, "zsh", ["-d", "-i"]);
    assert.deepEqual(lines, LINES.map(([, completed]) => `${completed}|`));
  },
});

Deno.test({
  name: "completions: fish completes each line",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using w = await world();
    const script = [
      "run-outputs completions fish | source",
      ...LINES.map(([line]) => `complete -C ${JSON.stringify(line)}; echo .`),
    ].join("\n");
    const out = await output(w, "fish", ["--no-config", "-c", script]);
    const found = out.split(".\n").slice(0, -1).map((text) =>
      text.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0])
    );
    // fish prints the last word alone.
    assert.deepEqual(found, LINES.map(([, line]) => [line.trimEnd().split(" ").at(-1)]));
    assert.match(out, /^fetch\tdownload artifacts/m);
  },
});

Deno.test("completions: bash and zsh find no mistake in their scripts", async () => {
  await using w = await world();
  for (const shell of ["bash", "zsh"] as const) {
    await Deno.writeTextFile(join(w.dir, "script"), SCRIPTS[shell]);
    await output(w, shell, ["-n", "script"]);
  }
});
