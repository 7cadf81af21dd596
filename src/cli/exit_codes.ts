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
  results: readonly Pick<TransferResult, "outcome" | "error">[],
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
