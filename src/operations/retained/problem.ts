/**
 * What is wrong with a request about retained runs, for programs.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "../../errors/error.ts";

/** What kind of problem it is. */
export type ProblemType =
  | "unknown-run"
  | "ambiguous-run"
  | "no-eligible-run"
  | "nothing-newer"
  | "pin-exists"
  | "unknown-pin"
  | "unknown-file"
  | "unknown-line"
  | "file-changed"
  | "not-text"
  | "still-counting";

/** The cause of an error about retained runs. */
export class Problem extends Error {
  /** What kind of problem it is. */
  readonly type: ProblemType;
  /** What a program can use, such as the keys to choose from. */
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * Creates a problem.
   *
   * @param type What kind of problem it is.
   * @param details What a program can use.
   */
  constructor(type: ProblemType, details: Readonly<Record<string, unknown>> = {}) {
    super(type);
    this.name = "Problem";
    this.type = type;
    this.details = details;
  }
}

/**
 * Creates an error whose cause is a problem.
 *
 * @param code The error's code.
 * @param type What kind of problem it is.
 * @param message One line.
 * @param details What a program can use.
 * @returns The error.
 */
export function problem(
  code: ErrorCode,
  type: ProblemType,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): RunOutputsError {
  return new RunOutputsError(code, message, { cause: new Problem(type, details) });
}
