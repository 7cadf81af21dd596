/**
 * `deno task bundle [DIR]`: bundles the program with its packages to JavaScript in DIR (default:
 * dist/bundle). It is split, so that a command loads only what it needs, and it has its own
 * deno.json with the permissions.
 *
 * @module
 */

import { dirname, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

/** The workers, which are not part of the module graph. */
export const WORKERS = [
  "src/archive/pack/worker",
  "src/archive/unpack/worker",
  "src/cli/worker",
  "src/service/server/worker",
  "src/storage/hash/worker",
] as const;

/** The file with liblzma's WebAssembly. As .wasm, `deno compile` would take it for a module. */
export const LIBLZMA = "liblzma.bin";

const PACKAGED_LIBLZMA = "node-liblzma/wasm/liblzma.wasm";

/**
 * What the sources locate by a URL, with its place in the bundle. The bundler leaves such URLs as
 * they are, so each is unique in the sources.
 */
const LOCATED: readonly (readonly [string, string])[] = [
  ["../../cli.ts", "cli.js"],
  ["../../cli/worker.ts", "src/cli/worker.js"],
  ["../cli/worker.ts", "src/cli/worker.js"],
  ["../archive/pack/worker.ts", "src/archive/pack/worker.js"],
  ["../archive/unpack/worker.ts", "src/archive/unpack/worker.js"],
  ["../service/server/worker.ts", "src/service/server/worker.js"],
  ["../storage/hash/worker.ts", "src/storage/hash/worker.js"],
  [PACKAGED_LIBLZMA, LIBLZMA],
];

/** The time of all files. */
const EPOCH = 0;

const ROOT = new URL("../", import.meta.url);

/**
 * Makes the bundle.
 *
 * @param dir The directory. It is replaced.
 * @param more More programs to bundle, as paths from the root of the project.
 * @throws {Error} If the bundler fails, or if the sources no longer match {@linkcode LOCATED}.
 */
export async function bundle(dir: string, more: readonly string[] = []): Promise<void> {
  await Deno.remove(dir, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  const entries = ["cli.ts", ...WORKERS.map((worker) => `${worker}.ts`), ...more];
  const options = ["--quiet", "--no-check", "--platform", "deno", "--code-splitting"];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", ...options, "--outdir", dir, ...entries],
    cwd: ROOT,
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle the program: ${new TextDecoder().decode(stderr)}`);
  await relocate(dir);
  const liblzma = new URL(import.meta.resolve(PACKAGED_LIBLZMA));
  await Deno.copyFile(liblzma, join(dir, LIBLZMA));
  const { unstable, permissions } = config;
  const own = JSON.stringify({ unstable, permissions, lock: false }, undefined, 2);
  await Deno.writeTextFile(join(dir, "deno.json"), `${own}\n`);
  // An executable embeds the times, and has to be the same bytes whenever it is made.
  for (const file of await files(dir)) await Deno.utime(join(dir, file), EPOCH, EPOCH);
}

/** The end of a script that is a CommonJS module. */
const COMMON_JS = /^export default require_\w+\(\);\s*$/m;

/** How the bundle gets Deno's own modules for CommonJS modules: all start-ups load `node:module`. */
const REQUIRE =
  /^import \{ createRequire as (\w+) \} from "node:module";\n(var __require = )\1\(.*$/m;

/**
 * Lets the URLs point at files of the bundle, and an `import(…)` of a CommonJS module give its
 * names, as Deno does: in the bundle such a module has nothing but a default export. Loads
 * `node:module` no more, which takes as long as all else that `--help` does.
 */
async function relocate(dir: string): Promise<void> {
  const found = new Map(["createRequire", ...LOCATED.map(([url]) => url)].map((one) => [one, 0]));
  const texts = new Map<string, string>();
  for (const file of await files(dir)) {
    if (file.endsWith(".js")) texts.set(file, await Deno.readTextFile(join(dir, file)));
  }
  for (const [file, before] of texts) {
    let text = before.replace(/\bimport\("([^"]+)"\)/g, (whole, path: string) => {
      const isCommonJs = COMMON_JS.test(texts.get(join(dirname(file), path)) ?? "");
      return isCommonJs ? `${whole}.then(({ default: m }) => ({ ...m, default: m }))` : whole;
    });
    text = text.replace(REQUIRE, (_, _name, start: string) => {
      found.set("createRequire", found.get("createRequire")! + 1);
      return `${start}(name) => process.getBuiltinModule(name);`;
    });
    for (const [url, target] of LOCATED) {
      const path = relative(dirname(file), target);
      text = text.replaceAll(JSON.stringify(url), () => {
        found.set(url, found.get(url)! + 1);
        return JSON.stringify(path.startsWith(".") ? path : `./${path}`);
      });
    }
    if (text !== before) await Deno.writeTextFile(join(dir, file), text);
  }
  for (const [url, count] of found) {
    if (count !== 1) {
      throw new Error(`Cannot bundle the program: expected '${url}' once, found it ${count} times`);
    }
  }
}

/** The files of a bundle, sorted, as paths from its root. */
async function files(dir: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(join(dir, below))) {
    const path = join(below, entry.name);
    if (entry.isDirectory) found.push(...await files(dir, path));
    else found.push(path);
  }
  return found.sort();
}

if (import.meta.main) {
  await bundle(Deno.args[0] ?? fileURLToPath(new URL("dist/bundle", ROOT)));
}
