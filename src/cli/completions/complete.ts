/**
 * Completes a command line: which words can follow, from the definitions of the commands.
 *
 * @module
 */

import { Command, type Option } from "commander";
import { divided } from "../leading_options.ts";
import { list, names, withOutputOptions } from "../options.ts";
import { TOP_HELP } from "../top_help.ts";
import type { Candidate, Completion } from "./candidate.ts";
import { argumentValues, optionValues, type Place } from "./values.ts";

/** The end of a command line. */
export interface CommandLine {
  /** The words before the current one, without the program's name. */
  readonly before: readonly string[];
  /** The current word, up to the cursor; can be empty. */
  readonly current: string;
}

/** What the completion needs of the program. */
export interface CompletionWorld {
  /**
   * Builds a command.
   *
   * @param name One of the program's commands.
   * @returns The command; `undefined`, if there is none of this name.
   */
  build(name: string): Promise<Command | undefined>;
  /** The environment. */
  env(name: string): string | undefined;
}

/** The options of the program itself. */
const OWN_OPTIONS: readonly Candidate[] = [
  ...withOutputOptions(new Command()).options.filter(({ long }) => long !== undefined)
    .map(({ long, description }) => ({ value: long!, description: short(description) })),
  { value: "--help", description: "print help" },
  { value: "--version", description: "print the version" },
];

/**
 * Completes the current word. Only the command on the line is built.
 *
 * @param line The command line.
 * @param world The commands and the environment.
 * @returns What can be typed.
 */
export async function complete(
  { before, current }: CommandLine,
  world: CompletionWorld,
): Promise<Completion> {
  const line = divided(before).rest;
  const isHelp = line[0] === "help";
  const words = line.slice(isHelp ? 1 : 0);
  const [name, ...rest] = words;
  if (name === undefined) {
    const own = isHelp ? [] : OWN_OPTIONS;
    return matching(current.startsWith("-") ? own : topCommands(), current);
  }
  const found = await world.build(name);
  if (found === undefined) return [];
  const at = read(found, rest);
  if (isHelp) return matching(subcommands(at.command), current);
  return await completeWord(at, current, world);
}

/** The commands of the program, as its help lists them: no command is loaded for that. */
function topCommands(): readonly Candidate[] {
  const [, text] = /\nCommands:\n((?: {2}.*\n)+)/.exec(TOP_HELP)!;
  return [...text.matchAll(/^ {2}(\S+).*? {2,}(\S.*)$/gm)]
    .map(([, value, description]) => ({ value, description }));
}

/** Where the line has come to, word by word. */
interface Reading {
  readonly command: Command;
  /** The positional arguments so far. */
  readonly args: readonly string[];
  /** The options so far, by their long names, each with its last value. */
  readonly given: ReadonlyMap<string, string | undefined>;
  /** The option whose value is the next word. */
  readonly pending?: Option;
  /** Whether `--` has ended the options. */
  readonly ended: boolean;
}

function read(found: Command, words: readonly string[]): Reading {
  let command = found;
  let pending: Option | undefined;
  let ended = false;
  const args: string[] = [];
  const given = new Map<string, string | undefined>();
  for (const word of words) {
    if (pending !== undefined) {
      given.set(pending.long!, word);
      pending = undefined;
    } else if (ended) args.push(word);
    else if (word === "--") ended = true;
    else if (word.startsWith("-") && word !== "-") {
      const [, flag, value] = /^([^=]*)(?:=(.*))?$/s.exec(word)!;
      const option = command.options.find(({ long, short }) => long === flag || short === flag);
      if (option === undefined) continue;
      given.set(option.long!, value);
      if (option.required && value === undefined) pending = option;
    } else {
      const child = command.commands.find((one) => one.name() === word);
      if (child !== undefined && args.length === 0) command = child;
      else args.push(word);
    }
  }
  return { command, args, given, pending, ended };
}

async function completeWord(
  at: Reading,
  current: string,
  world: CompletionWorld,
): Promise<Completion> {
  const { command, args, given, pending, ended } = at;
  const place: Place = { command, args, given, env: (name) => world.env(name) };
  if (pending !== undefined) return listed(await optionValues(pending, place), pending, current);
  if (!ended && current.startsWith("-")) {
    const [, flag, value] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
    if (flag === undefined) return matching(openOptions(at), current);
    const option = command.options.find(({ long }) => long === flag);
    if (option === undefined || !option.required) return [];
    return listed(await optionValues(option, place), option, value, `${flag}=`);
  }
  if (command.commands.length > 0) return matching(subcommands(command), current);
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[args.length] ?? (last?.variadic ? last : undefined);
  if (argument === undefined) return [];
  const values = await argumentValues(argument, place);
  return typeof values === "string" ? values : matching(unused(values, args), current);
}

function subcommands(command: Command): readonly Candidate[] {
  return command.commands.map((child) => ({ value: child.name(), description: child.summary() }));
}

/** The options that can still be given. */
function openOptions({ command, given }: Reading): readonly Candidate[] {
  const options = command.options.filter((option) =>
    option.long !== undefined && !option.hidden && (isList(option) || !given.has(option.long))
  );
  return [
    ...options.map(({ long, description }) => ({ value: long!, description: short(description) })),
    { value: "--help", description: "print help" },
  ];
}

/** Values of an option; in a list, the items behind those that are typed already. */
function listed(values: Completion, option: Option, current: string, before = ""): Completion {
  if (typeof values === "string") return values;
  if (!isList(option)) return matching(values, current, before);
  const [, typed, item] = /^(.*[,;])?(.*)$/s.exec(current)!;
  const rest = unused(values, (typed ?? "").split(/[,;]/));
  return matching(rest, item, before + (typed ?? ""));
}

function unused(values: readonly Candidate[], typed: readonly string[]): readonly Candidate[] {
  return values.filter(({ value }) => !typed.includes(value));
}

function isList({ parseArg }: Option): boolean {
  return parseArg === list || parseArg === names;
}

function matching(
  candidates: readonly Candidate[],
  current: string,
  before = "",
): readonly Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(current))
    .map(({ value, description }) => ({ value: before + value, description }));
}

/** The beginning of a description. */
function short(description: string): string {
  return description.replace(/\s*[(;:].*$/s, "");
}

/**
 * Formats a completion for the scripts of the shells.
 *
 * @param completion What can be typed.
 * @returns A line for each word, with a tab before its description; or `:files` or `:dirs`.
 */
export function formatCompletion(completion: Completion): string {
  if (typeof completion === "string") return `:${completion}\n`;
  return completion.map(({ value, description }) =>
    description === undefined || description === "" ? `${value}\n` : `${value}\t${description}\n`
  ).join("");
}
