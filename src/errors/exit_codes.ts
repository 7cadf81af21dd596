/**
 * The exit codes of the program. They are stable, because scripts depend on them. The service reports
 * them too.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "./error.ts";

/** What each exit code means. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  network: 5,
  integrity: 6,
  incomplete: 7,
  interrupted: 130,
} as const;

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  invalid: EXIT.usage,
  not_found: EXIT.notFound,
  denied: EXIT.notAllowed,
  unauthenticated: EXIT.notAllowed,
  transient: EXIT.network,
  integrity: EXIT.integrity,
  incomplete: EXIT.incomplete,
  conflict: EXIT.failed,
  failed: EXIT.failed,
};

/**
 * The exit code of an error that ended a command.
 *
 * @param error What was thrown.
 * @returns The code.
 */
export function exitCodeOf(error: unknown): number {
  return error instanceof RunOutputsError ? BY_CODE[error.code] : EXIT.failed;
}
