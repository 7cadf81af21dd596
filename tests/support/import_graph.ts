/**
 * Which file imports which, read from the sources.
 *
 * @module
 */

import { dirname, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";

/** The repository's root, with slashes on Windows too. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url)).replaceAll("\\", "/");

/** One import or re-export. */
export interface Import {
  readonly specifier: string;
  /** Whether it is an `import(…)`. */
  readonly dynamic: boolean;
  /** Whether only types are imported, so that nothing is loaded. */
  readonly typeOnly: boolean;
}

/** The TypeScript files below a directory, sorted, as paths from the root. */
export async function sources(dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(join(ROOT, dir))) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) found.push(...await sources(path));
    else if (entry.name.endsWith(".ts")) found.push(path);
  }
  return found.sort();
}

/** What a file imports. Examples in comments don't count. */
export async function importsOf(path: string): Promise<Import[]> {
  const text = (await Deno.readTextFile(join(ROOT, path))).replace(/\/\*[\s\S]*?\*\//g, "");
  const found: Import[] = [];
  for (const match of text.matchAll(/^(import|export)(\s+type)?\b[^;"]*?\bfrom\s+"([^"]+)"/gm)) {
    found.push({ specifier: match[3], dynamic: false, typeOnly: match[2] !== undefined });
  }
  for (const match of text.matchAll(/^import\s+"([^"]+)"/gm)) {
    found.push({ specifier: match[1], dynamic: false, typeOnly: false });
  }
  for (const match of text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g)) {
    found.push({ specifier: match[1], dynamic: true, typeOnly: false });
  }
  return found;
}

/** The file that a relative specifier names; `undefined` for a package or a JSON file. */
export function targetOf(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".") || !specifier.endsWith(".ts")) return undefined;
  return relative(ROOT, join(ROOT, dirname(file), specifier));
}

/** Each file with the files that it imports in any way. */
export async function importGraph(
  files: readonly string[],
): Promise<Map<string, ReadonlySet<string>>> {
  const graph = new Map<string, ReadonlySet<string>>();
  for (const file of files) {
    const targets = (await importsOf(file)).map(({ specifier }) => targetOf(file, specifier));
    graph.set(file, new Set(targets.filter((target) => target !== undefined)));
  }
  return graph;
}

/** What is loaded before a file's own code runs: all that it imports other than by `import(…)`. */
export async function loadedBy(
  file: string,
): Promise<{ readonly files: readonly string[]; readonly packages: readonly string[] }> {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [file];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (files.has(at)) continue;
    files.add(at);
    for (const { specifier, dynamic, typeOnly } of await importsOf(at)) {
      if (dynamic || typeOnly) continue;
      const target = targetOf(at, specifier);
      if (target !== undefined) queue.push(target);
      else if (!specifier.startsWith(".")) packages.add(specifier);
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/**
 * The groups of nodes of which each can be reached from each other, by Tarjan's algorithm.
 *
 * @param graph Each node with those it points at.
 * @returns The groups of more than one node, sorted.
 */
export function circles(graph: ReadonlyMap<string, Iterable<string>>): string[][] {
  const order = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const index = order.size;
    order.set(node, index);
    stack.push(node);
    let low = index;
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, order.get(next)!);
    }
    if (low === index) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1) found.push(group.sort());
    }
    return low;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found.sort();
}
