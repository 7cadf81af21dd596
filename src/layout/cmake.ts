/**
 * Parses the commands of a CMake file: only the syntax that is needed to find the arguments of a
 * call. Variables are not expanded.
 *
 * Source: "cmake-language(7)" in the manual of CMake.
 *
 * @module
 */

import { quote, RunOutputsError } from "../errors/error.ts";

/** An argument of a command. */
export interface CmakeArgument {
  /** Its text, without the quotes or brackets around it. */
  readonly text: string;
  /** Whether it was in quotes or brackets. Such an argument is never a keyword. */
  readonly quoted: boolean;
  /** The line it begins on; the first is 1. */
  readonly line: number;
}

/** A command with its arguments. */
export interface CmakeCommand {
  /** The command's name as written; CMake ignores its case. */
  readonly name: string;
  /** The arguments; parentheses inside the list are dropped. */
  readonly args: readonly CmakeArgument[];
  /** The line it begins on; the first is 1. */
  readonly line: number;
}

/** The tokens, each matched at a position. Their order matters. */
const TOKEN = new RegExp(
  [
    /(?<space>[\s\ufeff]+)/,
    /#\[(?<commentMarks>=*)\[[^]*?\]\k<commentMarks>\]/,
    /(?<openComment>#\[=*\[)/,
    /(?<comment>#[^\n]*)/,
    /"(?<quoted>(?:[^"\\]|\\[^])*)"/,
    /(?<openQuote>")/,
    /\[(?<marks>=*)\[(?<bracket>[^]*?)\]\k<marks>\]/,
    /(?<parenthesis>[()])/,
    /(?<word>(?:[^\s()#"\\]|\\[^]|"(?:[^"\\]|\\[^])*")+)/,
    /(?<other>[^])/,
  ].map((part) => part.source).join("|"),
  "y",
);

/**
 * Parses the commands of a CMake file.
 *
 * @param text The file's text.
 * @param sourceName The file's path, for messages.
 * @returns The commands, in file order.
 * @throws {RunOutputsError} `invalid`, naming file and line: an unterminated string, comment or
 * argument list.
 */
export function parseCmake(text: string, sourceName: string): CmakeCommand[] {
  const commands: CmakeCommand[] = [];
  let word: { text: string; line: number } | undefined;
  let open: { name: string; args: CmakeArgument[]; line: number } | undefined;
  let depth = 0;
  let line = 1;
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const { quoted, bracket, parenthesis, openQuote, openComment } = match.groups!;
    const plain = match.groups!.word ?? match.groups!.other;
    if (openQuote !== undefined) throw fault(sourceName, line, "the string has no end");
    if (openComment !== undefined) throw fault(sourceName, line, "the comment has no end");
    if (parenthesis === "(" && depth++ === 0) {
      open = { name: word?.text ?? "", args: [], line: word?.line ?? line };
    } else if (parenthesis === ")" && depth > 0 && --depth === 0) {
      if (open !== undefined) commands.push(open);
      open = undefined;
    } else if (depth > 0 && (quoted ?? bracket) !== undefined) {
      open?.args.push({ text: (quoted ?? bracket)!, quoted: true, line });
    } else if (depth > 0 && plain !== undefined) {
      open?.args.push({ text: plain, quoted: false, line });
    }
    if (match.groups!.space === undefined) {
      word = depth === 0 && plain !== undefined ? { text: plain, line } : undefined;
    }
    line += match[0].split("\n").length - 1;
  }
  if (open !== undefined) {
    throw fault(sourceName, open.line, `the argument list of ${quote(open.name)} has no end`);
  }
  return commands;
}

function fault(sourceName: string, line: number, message: string): RunOutputsError {
  return new RunOutputsError(
    "invalid",
    `Cannot read CMake file ${quote(sourceName)}, line ${line}: ${message}`,
  );
}
