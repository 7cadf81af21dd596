/**
 * `run-outputs help COMMAND…`, also for subcommands.
 *
 * @module
 */

import type { Command } from "commander";
import { RunOutputsError } from "../errors/error.ts";
import { nearest } from "../layout/nearest.ts";

/**
 * Turns `help upload build` and `upload help build` into `upload build --help`.
 *
 * @param program The program.
 * @param args Its arguments.
 * @returns The arguments, rewritten if they request help.
 * @throws {RunOutputsError} `invalid`, if there is no such command.
 */
export function resolveHelp(program: Command, args: readonly string[]): readonly string[] {
  let command = program;
  const way: string[] = [];
  const enter = (child: Command) => {
    command = child;
    way.push(child.name());
  };
  let at = 0;
  for (; at < args.length; at++) {
    const child = childOf(command, args[at]);
    if (child === undefined) break;
    enter(child);
  }
  if (args[at] !== "help" || command.commands.length === 0) return args;
  for (const word of args.slice(at + 1)) {
    if (word.startsWith("-")) continue;
    const child = childOf(command, word);
    if (child === undefined) throw unknownCommand(command, word);
    enter(child);
  }
  return [...way, "--help"];
}

function childOf(command: Command, name: string): Command | undefined {
  return command.commands.find((child) => child.name() === name);
}

function unknownCommand(command: Command, word: string): RunOutputsError {
  const group = command.commands.find((child) => childOf(child, word) !== undefined);
  const meant = group === undefined
    ? nearest(word, command.commands.map((child) => child.name()))
    : `${group.name()} ${word}`;
  const way = command.parent === null ? "help" : `help ${command.name()}`;
  const remedy = meant === undefined
    ? `: 'run-outputs ${way}' lists all commands`
    : ` (Did you mean ${meant}?)`;
  return new RunOutputsError("invalid", `unknown command '${word}'${remedy}`);
}
