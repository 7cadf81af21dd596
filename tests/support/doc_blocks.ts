/**
 * The code blocks of the README and of the docs, and how each of them is tested. A comment before a
 * block says so, if it is not run as it is:
 *
 * - `<!-- test: tests/integration/x_test.ts -->`: this test runs it.
 * - `<!-- test: exits with 7 -->`: its last command line ends with this code.
 * - `<!-- test: none, REASON -->`: nothing here can run it.
 *
 * @module
 */

import { join } from "node:path";
import { ROOT } from "./import_graph.ts";

/** A code block. */
export interface DocBlock {
  /** The file, from the root of the project. */
  readonly file: string;
  /** The line of its first fence. */
  readonly line: number;
  /** The word after the fence. */
  readonly language: string;
  /** What the comment before it says after `test:`. */
  readonly test?: string;
  /** Its lines. */
  readonly code: string;
}

/** What a command line of a block did. */
export interface DocRan {
  readonly file: string;
  /** The line of its block. */
  readonly line: number;
  /** The command line. */
  readonly text: string;
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The line of the README of the demo and the commands that it prints. */
export const DEMO = 0;

/** All files with blocks: the README and the docs. */
export async function docFiles(): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir(join(ROOT, "docs")))).map(({ name }) => name);
  return [
    "README.md",
    ...names.filter((name) => name.endsWith(".md")).sort().map((n) => `docs/${n}`),
  ];
}

/** The blocks of a file. */
export async function docBlocks(file: string): Promise<DocBlock[]> {
  return blocksOf(file, await Deno.readTextFile(join(ROOT, file)));
}

/** The blocks of a text. */
export function blocksOf(file: string, text: string): DocBlock[] {
  const pattern = /(?:^<!-- test: (.*) -->\n\n)?^( *)```(.*)\n([^]*?)^ *```$/gm;
  return [...text.matchAll(pattern)].map((
    { index, 0: all, 1: test, 2: indent, 3: language, 4: code },
  ) => ({
    file,
    line: text.slice(0, index + all.indexOf("```")).split("\n").length,
    language,
    ...(test === undefined ? {} : { test }),
    code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}
