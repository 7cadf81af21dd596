/**
 * Options for output before the command, as in `run-outputs -v list`.
 *
 * @module
 */

import type { Command } from "commander";

/** A command line, divided at its first word that is not an option for output. */
export interface Divided {
  /** The options before it. */
  readonly options: readonly string[];
  /** That word, and what follows. */
  readonly rest: readonly string[];
}

/**
 * Divides a command line.
 *
 * @param args Arguments.
 * @returns The options for output at its beginning, and the rest.
 */
export function divided(args: readonly string[]): Divided {
  let at = 0;
  while (at < args.length && isLeading(args[at])) at += args[at] === "--color" ? 2 : 1;
  return { options: args.slice(0, at), rest: args.slice(at) };
}

/**
 * Moves options for output behind the words of the command.
 *
 * @param program The program.
 * @param args Its arguments.
 * @returns The same command line with the command first.
 */
export function commandFirst(program: Command, args: readonly string[]): readonly string[] {
  const words: string[] = [];
  const moved: string[] = [];
  let command = program;
  let left = args;
  while (command.commands.length > 0) {
    const { options, rest } = divided(left);
    const child = command.commands.find((one) => one.name() === rest[0]);
    // The help, or an error about what comes next, does not depend on them.
    if (child === undefined) return [...words, ...rest];
    command = child;
    words.push(rest[0]);
    moved.push(...options);
    left = rest.slice(1);
  }
  return [...words, ...moved, ...left];
}

function isLeading(arg: string): boolean {
  return /^(?:--json|--quiet|--verbose|--debug|--color(?:=.*)?|-[qv]+)$/s.test(arg);
}
