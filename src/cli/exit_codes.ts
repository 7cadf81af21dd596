/**
 * The exit code of a command that transfers many files.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import { EXIT, exitCodeOf } from "../errors/exit_codes.ts";
import type { TransferResult } from "../storage/transfer/transfer.ts";

export { EXIT, exitCodeOf };

/**
 * Whether none of the requested files exists.
 *
 * @param results The result of each file.
 * @returns `true`, if there are results and all of them failed as not found.
 */
export function isNothingFound(results: Iterable<TransferResult>): boolean {
  let isEmpty = true;
  for (const { error } of results) {
    if (!(error instanceof RunOutputsError) || error.code !== "not_found") return false;
    isEmpty = false;
  }
  return !isEmpty;
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
  results: Iterable<Pick<TransferResult, "outcome" | "error">>,
  unmatched = false,
): number {
  const codes = new Set<number>();
  let others = 0;
  for (const { outcome, error } of results) {
    if (outcome === "failed") codes.add(exitCodeOf(error));
    else others++;
  }
  if (codes.size === 0) return unmatched ? EXIT.incomplete : EXIT.done;
  if (codes.has(EXIT.integrity)) return EXIT.integrity;
  if (others > 0 || unmatched || codes.size > 1) return EXIT.incomplete;
  const [code] = codes;
  return code === EXIT.notFound ? EXIT.incomplete : code;
}
