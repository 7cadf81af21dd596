/** The structure of the program, read from its own source files. */

import assert from "node:assert/strict";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What each part of `src/` may import from, beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  layout: [],
  storage: ["layout"],
  archive: ["layout"],
  github: ["layout"],
  runs: ["layout", "storage"],
  operations: ["layout", "storage", "archive", "github", "runs"],
  service: ["layout", "storage", "archive", "github", "runs", "operations"],
  cli: ["layout", "storage", "archive", "github", "runs", "operations", "service"],
};

interface SourceFile {
  /** Relative to the project, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

interface Import {
  readonly specifier: string;
  /** Whether it is there when the module is, and not only asked for later. */
  readonly static: boolean;
  /** Whether it is gone at run time. */
  readonly typeOnly: boolean;
}

const FILES = new Map((await sourceFiles()).map((file) => [file.path, file]));
const CONFIG = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));

async function sourceFiles(): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  async function walk(dir: string): Promise<void> {
    for await (const entry of Deno.readDir(dir)) {
      const path = join(dir, entry.name);
      if (entry.isDirectory) await walk(path);
      else if (entry.name.endsWith(".ts")) await add(path);
    }
  }
  async function add(path: string): Promise<void> {
    const text = (await Deno.readTextFile(path)).replaceAll("\r\n", "\n");
    files.push({ path: relative(ROOT, path).replaceAll(sep, "/"), text, imports: importsOf(text) });
  }
  await walk(join(ROOT, "src"));
  await add(join(ROOT, "cli.ts"));
  await add(join(ROOT, "mod.ts"));
  return files;
}

/** Imports and re-exports, without the examples in comments. */
function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[^]*?\*\//g, "");
  const imports: Import[] = [];
  const statement = /^(?:import|export)\s+(type\s+)?(?:[\w*{][^;"']*?\sfrom\s+)?["']([^"']+)["']/gm;
  for (const [, type, specifier] of code.matchAll(statement)) {
    imports.push({ specifier, static: true, typeOnly: type !== undefined });
  }
  for (const [, specifier] of code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)) {
    imports.push({ specifier, static: false, typeOnly: false });
  }
  return imports;
}

/** The project's file that an import names; `undefined` for packages. */
function resolve(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return join(dirname(from), specifier).replaceAll(sep, "/");
}

const partOf = (path: string) => path.startsWith("src/") ? path.split("/")[1] : undefined;

Deno.test("architecture: the reader of imports sees what is there", () => {
  const found = importsOf(`/** import "in/comment"; */
import type { A } from "./a.ts";
import b, { type C } from "./b.ts";
import {
  d,
} from "./d.ts";
import "./effect.ts";
import data from "../../deno.json" with { type: "json" };
export { e } from "./e.ts";
export * from "./f.ts";
const g = await import("./g.ts");
export const h = "from 'nothing'";
`);
  assert.deepEqual(found.map(({ specifier }) => specifier), [
    "./a.ts",
    "./b.ts",
    "./d.ts",
    "./effect.ts",
    "../../deno.json",
    "./e.ts",
    "./f.ts",
    "./g.ts",
  ]);
  assert.deepEqual(found.filter((one) => one.typeOnly).map((one) => one.specifier), ["./a.ts"]);
  assert.deepEqual(found.filter((one) => !one.static).map((one) => one.specifier), ["./g.ts"]);
  assert(FILES.size > 50);
});

Deno.test("architecture: each part of src/ is known here", () => {
  for (const path of FILES.keys()) {
    const part = partOf(path);
    if (part !== undefined) assert(part in MAY_IMPORT, `${path}: the design has no part '${part}'`);
  }
});

Deno.test("architecture: dependencies point down only", () => {
  const wrong: string[] = [];
  for (const { path, imports } of FILES.values()) {
    const part = partOf(path);
    if (part === undefined) continue;
    for (const { specifier } of imports) {
      const target = resolve(path, specifier);
      if (target === undefined || target === "deno.json") continue;
      assert(FILES.has(target), `${path} imports ${specifier}, which is not there`);
      const to = partOf(target);
      if (to === part || (to !== undefined && MAY_IMPORT[part].includes(to))) continue;
      wrong.push(`${path} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("architecture: only the program itself knows deno.json", () => {
  for (const { path, imports } of FILES.values()) {
    if (!imports.some(({ specifier }) => specifier.endsWith("deno.json"))) continue;
    assert.equal(path, "src/cli/main.ts");
  }
});

Deno.test("architecture: layout does no I/O and imports no package", () => {
  for (const { path, text, imports } of FILES.values()) {
    if (partOf(path) !== "layout") continue;
    for (const { specifier } of imports) assert(specifier.startsWith("."), `${path}: ${specifier}`);
    const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/.*$/gm, "");
    assert.doesNotMatch(
      code,
      /\bDeno\.(?!errors\b|build\b)|\bfetch\(|\bprocess\./,
      `${path} reaches for the world`,
    );
  }
});

Deno.test("architecture: all packages stand in deno.json, none is named inline", () => {
  for (const { path, imports } of FILES.values()) {
    for (const { specifier } of imports) {
      assert.doesNotMatch(specifier, /^(npm|jsr|https?):/, `${path}: ${specifier}`);
      if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
      const known = Object.keys(CONFIG.imports).some((name) =>
        specifier === name || specifier.startsWith(`${name}/`)
      );
      assert(known, `${path}: '${specifier}' is not in deno.json`);
    }
  }
});

Deno.test("architecture: only cli.ts exits", () => {
  for (const { path, text } of FILES.values()) {
    const code = text.replace(/\/\*[^]*?\*\//g, "");
    assert.equal(/\bDeno\.exit\(|\bprocess\.exit/.test(code), path === "cli.ts", path);
  }
});

Deno.test("architecture: every file opens with what it is for", () => {
  for (const { path, text } of FILES.values()) {
    const doc = /^\/\*\*[^]*?\*\//.exec(text)?.[0] ?? "";
    assert(doc.includes("@module"), `${path} has no module documentation at its head`);
  }
});

Deno.test("architecture: no file has grown past 400 lines", () => {
  const sizes = [...FILES.values()].map(({ path, text }) =>
    [path, text.split("\n").length] as const
  )
    .filter(([, lines]) => lines > 300)
    .sort(([, a], [, b]) => b - a);
  const tooLong = sizes.filter(([, lines]) => lines > 400);
  assert(
    tooLong.length === 0,
    "over 300 lines, ask whether each is two:\n" +
      sizes.map(([path, lines]) => `${lines} ${path}`).join("\n"),
  );
});

/** All modules that are loaded before the program does anything. */
function staticGraph(entry: string): { modules: Set<string>; packages: Set<string> } {
  const modules = new Set<string>();
  const packages = new Set<string>();
  (function visit(path: string) {
    if (modules.has(path)) return;
    modules.add(path);
    for (const { specifier, static: isStatic, typeOnly } of FILES.get(path)?.imports ?? []) {
      if (!isStatic || typeOnly) continue;
      const target = resolve(path, specifier);
      if (target === undefined) packages.add(specifier);
      else visit(target);
    }
  })(entry);
  return { modules, packages };
}

Deno.test("start-up: cli.ts loads commands and layout, no driver, no operation, no archive code", () => {
  const { modules, packages } = staticGraph("cli.ts");
  assert(modules.has("src/cli/main.ts") && modules.has("src/layout/run_output_root.ts"));
  const heavy = [...modules].filter((path) =>
    ["operations", "storage", "archive", "github", "runs", "service"].includes(partOf(path) ?? "")
  );
  assert.deepEqual(heavy, []);
  assert.deepEqual([...packages].filter((name) => !name.startsWith("node:")), ["commander"]);
});
