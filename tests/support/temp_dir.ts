/**
 * A directory for one test, removed at its end.
 *
 * @module
 */

import { RECORD_NAME } from "../../src/operations/fetch/fetched_record.ts";

/** Makes a temporary directory that `await using` removes. */
export async function tempDir(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "run-outputs-test-" });
  return {
    path,
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}

/** All files below a directory: relative path to content; directories and the record of a fetch are not told. */
export async function readTree(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  async function walk(dir: string, above: string): Promise<void> {
    for await (const entry of Deno.readDir(dir)) {
      if (entry.name === RECORD_NAME) continue;
      if (entry.isDirectory) await walk(`${dir}/${entry.name}`, `${above}${entry.name}/`);
      else if (entry.isSymlink) {
        tree[above + entry.name] = `-> ${await Deno.readLink(`${dir}/${entry.name}`)}`;
      } else tree[above + entry.name] = await Deno.readTextFile(`${dir}/${entry.name}`);
    }
  }
  await walk(root, "");
  return Object.fromEntries(Object.entries(tree).sort(([a], [b]) => a < b ? -1 : 1));
}

/** The same without the summaries of runs, which each upload derives from the other files. */
export async function outputTree(root: string): Promise<Record<string, string>> {
  const tree = Object.entries(await readTree(root));
  return Object.fromEntries(
    tree.filter(([path]) => !/(?:^|\/)retention-summary\.json$/.test(path)),
  );
}

/** Writes files below a directory, making directories as needed. */
export async function writeTree(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const full = `${root}/${path}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(full, content);
    else await Deno.writeFile(full, content);
  }
}
