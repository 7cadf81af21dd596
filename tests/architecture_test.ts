/**
 * The rules of the house that a reader of one file can't see.
 *
 * @module
 */

import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path/posix";
import {
  circles,
  importGraph,
  importsOf,
  loadedBy,
  ROOT,
  sources,
  targetOf,
} from "./support/import_graph.ts";
import { expandRooms, roomOf, ROOMS } from "./support/rooms.ts";

/** Packages that must not be loaded to print a path or a help text. */
const HEAVY =
  /^(?:@aws-sdk\/|@smithy\/|@octokit\/|tar-stream$|node-liblzma|cli-progress$|hono|zod)/;

/** The arrows between rooms that the sources have, each with the imports that make it. */
async function arrows(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const [file, targets] of await importGraph(await sources("src"))) {
    for (const target of targets) {
      const arrow = `${roomOf(file)} -> ${roomOf(target)}`;
      if (roomOf(file) === roomOf(target)) continue;
      found.set(arrow, [...found.get(arrow) ?? [], `${file} -> ${target}`]);
    }
  }
  return found;
}

const ALLOWED = new Map(Object.entries(ROOMS).map(([room, text]) => [room, expandRooms(text)]));

Deno.test("architecture: a room imports what the table lets it import", async () => {
  const files = await sources("src");
  assert(files.length > 40, "the sources were found");
  const homeless = files.filter((file) => !ALLOWED.has(roomOf(file)));
  assert.deepEqual(homeless, [], "a new room gets a line in tests/support/rooms.ts");
  const wrong = [...await arrows()].filter(([arrow]) => {
    const [from, to] = arrow.split(" -> ");
    return !ALLOWED.get(from)!.includes(to);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("architecture: the table has no circle and names only rooms that are there", async () => {
  assert.deepEqual(circles(ALLOWED), []);
  const rooms = new Set((await sources("src")).map(roomOf));
  assert.deepEqual([...ALLOWED.keys()].filter((room) => !rooms.has(room)), []);
  assert.deepEqual([...ALLOWED.values()].flat().filter((room) => !rooms.has(room)), []);
});

Deno.test("architecture: floors import downwards only", () => {
  const floors = [
    ["errors", "ownership", "threads"],
    ["layout"],
    ["storage", "archive", "runs"],
    ["github"],
    ["operations"],
    ["service"],
    ["cli"],
  ];
  const floorOf = (room: string) => floors.findIndex((names) => names.includes(room.split("/")[0]));
  for (const [room, targets] of ALLOWED) {
    for (const target of targets) {
      const isSame = room.split("/")[0] === target.split("/")[0];
      assert(isSame || floorOf(target) < floorOf(room), `${room} -> ${target}`);
    }
  }
});

Deno.test("architecture: the documentation shows the table of rooms", async () => {
  const docs = await Deno.readTextFile(join(ROOT, "docs/architecture.md"));
  const rows = docs.matchAll(/^\| `src\/([^`]+)`\s*\| ([^|]+?)\s*\| ([^|]*?)\s*\|$/gm);
  const shown = [...rows].map(([, room, , text]) => [room, text === "nothing" ? "" : text]);
  assert.deepEqual(
    shown,
    Object.entries(ROOMS).map(([room, text]) => [room, text.replaceAll(" ", ", ")]),
  );
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

Deno.test("architecture: threads are started in one place, but for that of a command", async () => {
  const found: string[] = [];
  for (const file of await sources("src")) {
    const code = await Deno.readTextFile(join(ROOT, file));
    // A thread of a thread starts 25 times as slowly: see docs/decisions.md.
    if (/\bnew Worker\(/.test(code)) found.push(file);
  }
  assert.deepEqual(found.sort(), [
    "src/cli/fence/start.ts",
    "src/threads/start.ts",
  ]);
});

Deno.test("architecture: layout, errors and runs do nothing but compute", async () => {
  const files = (await Promise.all(["src/layout", "src/errors", "src/runs"].map(sources))).flat();
  for (const file of files) {
    for (const { specifier } of await importsOf(file)) {
      assert.match(
        specifier,
        /^\.\.?\/|^(?:smol-toml|zod|node:crypto)$/,
        `${file} imports ${specifier}`,
      );
    }
    const code = (await Deno.readTextFile(join(ROOT, file))).replace(/\/\*[\s\S]*?\*\//g, "");
    // What the runtime's errors are and which system this is are constants.
    const effect = /\bDeno\.(?!errors\b|build\b)\w+|(?<!-)\bfetch\(|\bDate\.now\b|\bconsole\./.exec(
      code,
    );
    assert.equal(effect?.[0], undefined, file);
  }
});

Deno.test("architecture: every package version is in deno.json, and none in a source file", async () => {
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

Deno.test("architecture: commands and --help load no driver, no archive code and no heavy package", async () => {
  const { packages, files } = await loadedBy("cli.ts");
  assert.deepEqual(packages, []);
  assert(files.includes("src/cli/main.ts"), "the walk went through the program");
  const others = files.filter((file) =>
    !/^(?:cli\.ts|src\/(?:cli(?!\/commands)|errors|github|layout)\/)/.test(file)
  );
  assert.deepEqual(others, []);
  const commands = (await importsOf("src/cli/program.ts")).filter(({ dynamic }) => dynamic)
    .map(({ specifier }) => targetOf("src/cli/program.ts", specifier)!);
  assert(commands.includes("src/cli/commands/upload/upload.ts"), "the commands were found");
  for (const command of ["src/cli/program.ts", ...commands]) {
    const { files, packages } = await loadedBy(command);
    assert.deepEqual(packages.filter((name) => HEAVY.test(name)), [], command);
    const early = files.filter((file) => /^src\/(?:storage|archive|operations)\//.test(file));
    assert.deepEqual(early, [], command);
  }
});

Deno.test("architecture: the driver for S3 loads no more of the AWS SDK than its XML parser", async () => {
  const { packages, files } = await loadedBy("src/storage/s3/backend.ts");
  assert(files.includes("src/storage/s3/list.ts"), "the walk went through the driver");
  assert.deepEqual(packages.filter((name) => HEAVY.test(name)), ["@aws-sdk/xml-builder"]);
  const all = await Promise.all((await sources("src")).map(async (file) => await importsOf(file)));
  const sdk = all.flat().map(({ specifier }) => specifier)
    .filter((name) => /^@(?:aws-sdk|smithy)\//.test(name));
  assert.deepEqual([...new Set(sdk)].sort(), [
    "@aws-sdk/credential-provider-node",
    "@aws-sdk/xml-builder",
    "@smithy/core/config",
  ], "loaded for credentials only");
});

/** What `@std/path` has too, so that `deno.json` alone can switch to it. */
const IN_STD_PATH =
  /^(?:basename|dirname|extname|format|isAbsolute|join|normalize|parse|relative|resolve)$/;

Deno.test("architecture: of node:path, sources import what @std/path has too", async () => {
  let count = 0;
  for (const file of ["cli.ts", "mod.ts", ...await sources("src")]) {
    const text = await Deno.readTextFile(join(ROOT, file));
    for (const [, names, path] of text.matchAll(/\bimport ([^;"]*) from "(node:path[^"]*)"/g)) {
      assert.equal(path, "node:path", file);
      for (const name of names.replaceAll(/[{}]/g, "").split(",").map((text) => text.trim())) {
        assert.match(name, IN_STD_PATH, file);
        count++;
      }
    }
  }
  assert(count > 50, "the imports were read");
});

Deno.test("architecture: only cli.ts exits", async () => {
  for (const file of [...await sources("src"), "mod.ts"]) {
    assert.doesNotMatch(await Deno.readTextFile(join(ROOT, file)), /\bDeno\.exit\b/, file);
  }
});

Deno.test("architecture: every file has a header, and none is too long", async () => {
  for (const file of [...await sources("src"), "mod.ts", "cli.ts"]) {
    const text = await Deno.readTextFile(join(ROOT, file));
    assert.match(text, /^\/\*\*[\s\S]*?@module\s+\*\//, `${file} has no module documentation`);
    // The list of names is as long as there are names.
    if (basename(file) === "mod.ts") continue;
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

Deno.test("documentation: every source file that it names is there", async () => {
  const docs = [];
  for await (const { name } of Deno.readDir(join(ROOT, "docs"))) {
    if (name.endsWith(".md")) docs.push(`docs/${name}`);
  }
  const missing: string[] = [];
  let count = 0;
  for (const doc of ["README.md", ...docs]) {
    // A name without a directory is in the root, or in the directory that its paragraph or row
    // has named last.
    for (const block of (await Deno.readTextFile(join(ROOT, doc))).split(/\n\n|\n(?=\|)/)) {
      let dir = "";
      for (const [, name] of block.matchAll(/`((?:[\w.-]+\/)*(?:[\w.-]+\.ts)?)`/g)) {
        if (!/^(?:src|tests)\/|\.ts$/.test(name)) continue;
        count++;
        const places = name.includes("/") ? [name] : [join(dir, name), name];
        if (name.includes("/")) dir = dirname(`${name}.`);
        const found = await Promise.all(places.map((place) => exists(join(ROOT, place))));
        if (!found.includes(true)) missing.push(`${doc}: ${name}`);
      }
    }
  }
  assert(count > 80, `${count} names were found`);
  assert.deepEqual(missing, []);
});

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
