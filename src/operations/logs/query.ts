/**
 * What a search looks for in a line.
 *
 * @module
 */

import { RE2JS, RE2JSException } from "re2js";
import { invalid } from "../../errors/error.ts";

/** Where a match is in a text: the index of its first UTF-16 code unit, and that after its last one. */
export type MatchRange = readonly [start: number, end: number];

/** What a search looks for. */
export interface LineQuery {
  /**
   * Whether some line of a text can match. Not being sure counts as yes.
   *
   * @param text Lines.
   */
  mayMatch(text: string): boolean;
  /**
   * Finds the matches in a line.
   *
   * @param line The line, without escape sequences.
   * @returns The first few matches that are not empty; `undefined`, if the line does not match.
   */
  find(line: string): MatchRange[] | undefined;
}

/** Options of {@linkcode parseQuery}. */
export interface QueryOptions {
  /** Whether the query is a regular expression in the syntax of RE2. */
  readonly regex?: boolean;
  /** Whether upper and lower case differ. */
  readonly caseSensitive?: boolean;
  /** What the query is called in messages. */
  readonly field?: string;
}

/**
 * At most this many matches of a line are reported. With a regular expression, each can cost a look at
 * the rest of the line.
 */
const MAX_RANGES = 20;

/** A larger regular expression is refused: the time grows with its size too. */
const MAX_PROGRAM = 1000;

/**
 * Parses a query.
 *
 * @param query A text, or a regular expression. Neither matches across lines.
 * @param options How it is meant.
 * @returns The query. The time of its functions is linear in the length of a line.
 * @throws {RunOutputsError} `invalid`, if it is not a regular expression of RE2, or too large.
 */
export function parseQuery(
  query: string,
  { regex = false, caseSensitive = false, field = "q" }: QueryOptions = {},
): LineQuery {
  if (!regex) return nativeQuery(escapeRegExp(query), caseSensitive ? "" : "i");
  const flags = caseSensitive ? 0 : RE2JS.CASE_INSENSITIVE;
  let pattern: RE2JS;
  let lines: RE2JS;
  try {
    pattern = RE2JS.compile(query, flags);
    lines = RE2JS.compile(query, flags | RE2JS.MULTILINE);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const reason = error.message.replace(/^error parsing regexp: /, "");
    throw invalid(field, query, `a regular expression as RE2 has them (${reason})`);
  }
  if (pattern.programSize() > MAX_PROGRAM) {
    throw invalid(field, query, "a smaller regular expression, with fewer repetitions");
  }
  // What matches in a line then matches in a text with the line, unless it is about the text's ends.
  const isSure = !/\\[AzZ]|\(\?[A-Za-z-]/.test(query);
  return {
    mayMatch: (text) => !isSure || lines.test(text.replaceAll("\r\n", "\n")),
    find(line) {
      // Whether there is a match is found faster than where it is.
      if (!pattern.test(line)) return undefined;
      const matcher = pattern.matcher(line);
      const ranges: MatchRange[] = [];
      for (let count = 0; count < MAX_RANGES && matcher.find(); count++) {
        if (matcher.end() > matcher.start()) ranges.push([matcher.start(), matcher.end()]);
      }
      return ranges;
    },
  };
}

/** A query by the language's own regular expressions, for patterns that take linear time. */
function nativeQuery(source: string, flags: string): LineQuery {
  const some = new RegExp(source, flags);
  const all = new RegExp(source, `${flags}g`);
  return {
    mayMatch: (text) => some.test(text),
    find(line) {
      if (!some.test(line)) return undefined;
      const ranges: MatchRange[] = [];
      for (const { 0: match, index } of line.matchAll(all)) {
        ranges.push([index, index + match.length]);
        if (ranges.length === MAX_RANGES) break;
      }
      return ranges;
    },
  };
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** How tools begin the line of a problem. Their case is that of the tools. */
const PROBLEM_PATTERNS: readonly string[] = [
  // compilers and linkers, ninja, git: `a.c:3:5: error: no`, `fatal error:`, `ninja: fatal:`
  "(?<![\\w-])(?:error|fatal):",
  // Microsoft's: `error C2065:`, `fatal error LNK1120:`
  "\\berror [A-Z]{1,4}\\d{3,5}\\b",
  // Rust
  "(?<![\\w-])error\\[E\\d+\\]",
  "panicked at ",
  // pip, Bazel, sanitizers: `ERROR: AddressSanitizer`
  "(?<![\\w-])(?:ERROR|FATAL):",
  // ninja
  "\\bFAILED:(?: |$)",
  "ninja: build stopped",
  "CMake Error",
  "make(?:\\[\\d+\\])?: \\*\\*\\* ",
  // tests: GoogleTest, CTest, pytest
  "\\[  FAILED  \\]",
  "\\*\\*\\*(?:Failed|Timeout|Exception|Not Run)",
  "\\bFAILED \\S+::",
  // programs that crash
  "Traceback \\(most recent call last\\)",
  "Segmentation fault",
  "\\bcore dumped\\b",
  "terminate called ",
  "Assertion .{0,200} failed",
  "undefined reference to ",
  "No space left on device",
  "[Oo]ut of memory",
  "npm (?:ERR!|error) ",
  // GitHub Actions
  "##\\[error\\]",
  "^::error[: ]",
  "Process completed with exit code [1-9]",
];

/** Finds lines with which tools report a problem. */
export const PROBLEMS: LineQuery = nativeQuery(PROBLEM_PATTERNS.join("|"), "m");
