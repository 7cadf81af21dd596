/**
 * The rules of the house that a reader of one file can't see.
 *
 * @module
 */

import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path/posix";
import { circles, importGraph, importsOf, ROOT, sources } from "./support/import_graph.ts";

/** What each layer may import, beside itself. Arrows point down only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  layout: ["errors"],
  storage: ["layout", "errors"],
  archive: ["layout", "errors"],
  github: ["layout", "errors"],
  runs: ["layout", "errors"],
  operations: ["runs", "archive", "github", "storage", "layout", "errors"],
  service: ["operations", "runs", "archive", "github", "storage", "layout", "errors"],
  cli: ["operations", "runs", "archive", "github", "storage", "layout", "errors"],
};

/** Packages that must not be loaded to print a path or a help text. */
const HEAVY =
  /^(?:@aws-sdk\/|@smithy\/|@octokit\/|tar-stream$|node-liblzma|cli-progress$|hono|zod)/;

const layerOf = (path: string) => path.split("/")[1];

Deno.test("architecture: arrows point down only", async () => {
  const files = await sources("src");
  assert(files.length > 40, "the sources were found");
  const wrong: string[] = [];
  for (const file of files) {
    const allowed = MAY_IMPORT[layerOf(file)];
    assert(allowed !== undefined, `${file} is in no layer`);
    for (const { specifier } of await importsOf(file)) {
      if (!specifier.startsWith(".")) continue;
      const target = relative(ROOT, join(ROOT, dirname(file), specifier));
      if (target === "deno.json") continue;
      const layer = layerOf(target);
      if (layer !== layerOf(file) && !allowed.includes(layer)) wrong.push(`${file} -> ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("architecture: no files import each other in a circle, for types neither", async () => {
  const graph = await importGraph(["mod.ts", "cli.ts", ...await sources("src")]);
  assert(graph.get("cli.ts")!.has("src/cli/main.ts"), "the imports were read");
  assert.deepEqual(circles(graph), []);
});

Deno.test("architecture: circles are found", () => {
  const graph = new Map(Object.entries({
    a: ["b"],
    b: ["c", "d"],
    c: ["a"],
    d: ["e"],
    e: ["f"],
    f: ["e", "a-package"],
  }));
  assert.deepEqual(circles(graph), [["a", "b", "c"], ["e", "f"]]);
});

Deno.test("architecture: layout imports nothing but itself and errors", async () => {
  for (const file of [...await sources("src/layout"), ...await sources("src/errors")]) {
    for (const { specifier } of await importsOf(file)) {
      assert.match(specifier, /^\.\/|^\.\.\/errors\//, `${file} imports ${specifier}`);
    }
  }
});

Deno.test("architecture: every package stands in deno.json, and none in a source file", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const files = ["mod.ts", "cli.ts", ...await sources("src"), ...await sources("tests")];
  for (const file of files) {
    for (const { specifier } of await importsOf(file)) {
      if (/^(?:\.|node:)/.test(specifier)) continue;
      const known = Object.keys(imports)
        .some((name) => specifier === name || specifier.startsWith(`${name}/`));
      assert(known, `${file} imports ${specifier}, which deno.json does not name`);
    }
  }
});

Deno.test("architecture: path and --help load no driver, no archive code and no heavy package", async () => {
  const seen = new Set<string>();
  const queue = ["cli.ts"];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const { specifier, dynamic, typeOnly } of await importsOf(file)) {
      if (dynamic || typeOnly) continue;
      assert.doesNotMatch(specifier, HEAVY, `${file} loads ${specifier} at once`);
      if (specifier.endsWith(".ts")) queue.push(join(dirname(file), specifier));
    }
  }
  assert(seen.has("src/cli/commands/upload/upload.ts"), "the walk went through the commands");
  const early = [...seen].filter((file) => /^src\/(?:storage|archive|operations)\//.test(file));
  assert.deepEqual(early, []);
});

Deno.test("architecture: only cli.ts exits", async () => {
  for (const file of [...await sources("src"), "mod.ts"]) {
    assert.doesNotMatch(await Deno.readTextFile(join(ROOT, file)), /\bDeno\.exit\b/, file);
  }
});

Deno.test("architecture: every file says what it is for, and none has two subjects' length", async () => {
  for (const file of [...await sources("src"), "mod.ts", "cli.ts"]) {
    const text = await Deno.readTextFile(join(ROOT, file));
    assert.match(text, /^\/\*\*[\s\S]*?@module\s+\*\//, `${file} has no module documentation`);
    // The list of names is as long as there are names.
    if (file === "mod.ts") continue;
    assert(text.split("\n").length <= 450, `${file} is long: is it two?`);
  }
});

Deno.test("architecture: the documentation of the layout names every kind of path", async () => {
  const { PATH_KINDS } = await import("../src/layout/path_kinds.ts");
  const docs = await Deno.readTextFile(join(ROOT, "docs/layout.md"));
  for (const { name } of PATH_KINDS) {
    assert.match(docs, new RegExp(`^\\| \`${name}[ \`]`, "m"), `docs/layout.md lacks ${name}`);
  }
});
