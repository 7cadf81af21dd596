/** The entry points of the package: what each exports, and what importing it loads. */

import assert from "node:assert/strict";
import { join } from "node:path/posix";
import config from "../deno.json" with { type: "json" };
import { loadedBy, ROOT, sources, targetOf } from "./support/import_graph.ts";

/** So many symbols can be learned. */
const LIMIT = 120;

const SUBJECTS = ["layout", "storage", "archive", "runs", "github", "operations"];

/** The file of each entry point. */
const ENTRIES = new Map([
  [".", "mod.ts"],
  ...SUBJECTS.map((name) => [`./${name}`, `src/${name}/mod.ts`] as const),
]);

/** What an entry point exports: each name with the file that it comes from. */
async function exportsOf(file: string): Promise<Map<string, string>> {
  const text = (await Deno.readTextFile(join(ROOT, file)))
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\/\/.*/g, "");
  const lists = /export (?:type )?\{([^}]*)\} from "([^"]+)";/g;
  const found = new Map<string, string>();
  for (const [, names, specifier] of text.matchAll(lists)) {
    for (const name of names.split(",").map((part) => part.replace(/^\s*type\s/, "").trim())) {
      if (name === "") continue;
      assert(!found.has(name), `${file} exports ${name} twice`);
      found.set(name, targetOf(file, specifier)!);
    }
  }
  const rest = text.replace(lists, "");
  assert.doesNotMatch(rest, /\bexport\b/, `${file} exports something other than names, one by one`);
  return found;
}

Deno.test("exports: deno.json names every entry point, and examples find them", () => {
  assert.deepEqual(config.exports, {
    ...Object.fromEntries([...ENTRIES].map(([name, file]) => [name, `./${file}`])),
    "./cli": "./cli.ts",
  });
  for (const [name, file] of ENTRIES) {
    const specifier = join(config.name, name) as keyof typeof config.imports;
    assert.equal(config.imports[specifier], `./${file}`);
  }
});

Deno.test("exports: '.' has what most programs need, and no more than can be learned", async () => {
  const { size } = await exportsOf("mod.ts");
  assert(size > 80 && size <= LIMIT, `${size} symbols`);
});

Deno.test("exports: every symbol of '.' is in the entry point of its subject, and is the same", async () => {
  const bySubject = new Map<string, string>();
  for (const subject of SUBJECTS) {
    for (const [name, file] of await exportsOf(`src/${subject}/mod.ts`)) {
      assert.equal(bySubject.get(name) ?? file, file, name);
      bySubject.set(name, file);
    }
  }
  for (const [name, file] of await exportsOf("mod.ts")) {
    assert.equal(bySubject.get(name), file, name);
  }
});

Deno.test("exports: helpers that say nothing without the source are not exported", async () => {
  const helpers = ["quote", "invalid", "isModifiedAfter", "uriEncodeKey", "mergeSorted"];
  for (const file of ENTRIES.values()) {
    const names = await exportsOf(file);
    assert.deepEqual(helpers.filter((name) => names.has(name)), [], file);
  }
});

Deno.test("exports: every link in the docs is to a name of the file or of an entry point", async () => {
  const exported = new Map<string, Map<string, string>>();
  for (const file of ENTRIES.values()) exported.set(file, await exportsOf(file));
  const all = new Set([...exported.values()].flatMap((names) => [...names.keys()]));
  const broken: string[] = [];
  for (const file of ["cli.ts", ...ENTRIES.values(), ...await sources("src")]) {
    const text = await Deno.readTextFile(join(ROOT, file));
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    const words = new Set(code.match(/[\w$]+/g));
    const known = exported.get(file) ?? { has: (name: string) => words.has(name) || all.has(name) };
    for (const [, name] of text.matchAll(/\{@link(?:code)?\s+([\w$]+)/g)) {
      if (!known.has(name)) broken.push(`${file}: ${name}`);
    }
  }
  assert.deepEqual(broken, []);
});

for (const subject of SUBJECTS) {
  Deno.test(`exports: './${subject}' has every type that its signatures mention`, async () => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--lint", `src/${subject}/mod.ts`],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdout: "null",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  });
}

Deno.test("exports: importing the library loads neither the AWS SDK nor Octokit", async () => {
  for (const file of ENTRIES.values()) {
    const { packages } = await loadedBy(file);
    const heavy = packages.filter((name) => /^@(?:aws-sdk|smithy|octokit)\//.test(name));
    assert.deepEqual(heavy, [], file);
  }
});

Deno.test("exports: an entry point loads its own subject and what that is built on", async () => {
  const below: Readonly<Record<string, RegExp>> = {
    layout: /^src\/(?:layout|errors)\//,
    storage: /^src\/(?:storage|layout|ownership|threads|errors)\//,
    archive: /^src\/(?:archive|layout|threads|errors)\//,
    runs: /^src\/(?:runs|layout|errors)\//,
    github: /^src\/(?:github|layout|ownership|errors)\//,
    operations: /^src\/(?!cli\/)/,
  };
  assert.deepEqual(Object.keys(below), SUBJECTS);
  for (const [subject, pattern] of Object.entries(below)) {
    const { files } = await loadedBy(`src/${subject}/mod.ts`);
    assert.deepEqual(files.filter((file) => !pattern.test(file)), [], subject);
  }
});
