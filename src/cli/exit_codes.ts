/**
 * The exit codes. They are stable, because scripts depend on them.
 *
 * @module
 */

import { type ErrorCode, RunOutputsError } from "../errors/error.ts";
import type { TransferResult } from "../storage/transfer/transfer.ts";

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

/**
 * Whether none of the requested files exists.
 *
 * @param results The result of each file.
 * @returns `true`, if there are results and all of them failed as not found.
 */
export function isNothingFound(results: readonly TransferResult[]): boolean {
  return results.length > 0 &&
    results.every(({ error }) => error instanceof RunOutputsError && error.code === "not_found");
}

/**
 * The exit code of a transfer of many files.
 *
 * A checksum mismatch takes precedence. If some files succeeded, the result is incomplete. If all
 * failed for the same reason, it is the code of that reason; files that were not found are incomplete.
 *
 * @param results The result of each file.
 * @param unmatched Whether a given pattern matched nothing.
 * @returns The code.
 */
export function exitCodeOfResults(
  results: readonly TransferResult[],
  unmatched = false,
): number {
  const failed = results.filter((result) => result.outcome === "failed");
  if (failed.length === 0) return unmatched ? EXIT.incomplete : EXIT.done;
  const codes = new Set(failed.map((result) => exitCodeOf(result.error)));
  if (codes.has(EXIT.integrity)) return EXIT.integrity;
  if (failed.length < results.length || unmatched || codes.size > 1) return EXIT.incomplete;
  const [code] = codes;
  return code === EXIT.notFound ? EXIT.incomplete : code;
}
