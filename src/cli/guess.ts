/**
 * Guesses what a command line means without the parser and the commands, which take longer to load
 * than all the rest: so a thread can start at once. The thread parses the line, and a wrong guess
 * costs nothing but time. See `src/cli/fence/fence.ts`.
 *
 * @module
 */

import type { CommandLine } from "./fence/invocation.ts";
import { divided } from "./leading_options.ts";
import { RUN_WORD } from "./run_word.ts";

/** The commands that are guessed; `true`, if their name has a second word. */
const COMMANDS: Readonly<Record<string, boolean>> = {
  upload: true,
  list: false,
  find: false,
  fetch: false,
  status: false,
  verify: false,
  diff: false,
  copy: false,
  export: false,
  import: false,
  index: false,
  runs: true,
  cache: true,
  "stale-uploads": false,
};

/** The long options without a value, except those that begin with `no-`. All others have one. */
export const FLAGS: ReadonlySet<string> = new Set([
  "abort",
  "all",
  "allow-incomplete",
  "allow-large",
  "allow-no-match",
  "as-lifecycle-rule",
  "bootstrap",
  "case-sensitive",
  "debug",
  "dry-run",
  "exit-code",
  "expand-families",
  "extract",
  "flatten",
  "force",
  "index",
  "json",
  "keep-archives",
  "keep-old",
  "latest",
  "leave-manifest",
  "list",
  "multiarch",
  "nearest-ancestor",
  "pinned",
  "print-sums",
  "problems",
  "quick",
  "quiet",
  "read",
  "regex",
  "remove-left",
  "repair",
  "require-checksums",
  "require-complete",
  "require-each",
  "require-single-run",
  "require-successful-run",
  "strict",
  "verbose",
  "wait",
  "write-summaries",
  "yes",
]);

/** The short options, with the long ones. */
export const SHORT: Readonly<Record<string, string>> = {
  f: "force",
  n: "dry-run",
  o: "output-dir",
  q: "quiet",
  v: "verbose",
};

/**
 * Guesses what a command line means.
 *
 * @param args The arguments, without the program's name.
 * @returns The command with its arguments and options as text; `undefined` for a command that is
 * rare or has no grants of its own, for help, and for what looks like a mistake.
 */
export function guessLine(args: readonly string[]): CommandLine | undefined {
  const { options: leading, rest: [first, ...after] } = divided(args);
  if (first === undefined || !Object.hasOwn(COMMANDS, first)) return undefined;
  if (!COMMANDS[first]) return lineOf(first, [...leading, ...after]);
  const { options, rest: [second, ...last] } = divided(after);
  if (second === undefined || second.startsWith("-")) return undefined;
  return lineOf(`${first} ${second}`, [...leading, ...options, ...last]);
}

function lineOf(command: string, words: readonly string[]): CommandLine | undefined {
  const read = optionsOf(words);
  if (read === undefined) return undefined;
  const { args, options } = read;
  const isRun = /^(?:verify|index)$/.test(command) && RUN_WORD.test(args[0] ?? "");
  return { command, args: isRun ? args.slice(1) : args, options };
}

function optionsOf(
  words: readonly string[],
): { readonly args: string[]; readonly options: Record<string, unknown> } | undefined {
  const args: string[] = [];
  const options: Record<string, unknown> = {};
  const left = [...words];
  const set = (name: string, given: string | undefined): boolean => {
    if (FLAGS.has(name)) options[camelCase(name)] = true;
    else if (name.startsWith("no-")) options[camelCase(name.slice(3))] = false;
    else {
      const value = given ?? left.shift();
      if (value === undefined) return false;
      if (value.trim() !== "") options[camelCase(name)] = value;
      return true;
    }
    return given === undefined;
  };
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === "--") return { args: [...args, ...left], options };
    const [, name, given] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== undefined) {
      if (name === "help" || name === "version" || !set(name, given)) return undefined;
    } else if (word.startsWith("-") && word !== "-") {
      for (let at = 1; at < word.length; at++) {
        const short = SHORT[word[at]];
        if (short === undefined) return undefined;
        const value = FLAGS.has(short) ? undefined : word.slice(at + 1) || undefined;
        if (!set(short, value)) return undefined;
        if (!FLAGS.has(short)) break;
      }
    } else args.push(word);
  }
  return { args, options };
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
