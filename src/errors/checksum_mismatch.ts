/**
 * The error of content that has another SHA-256 than expected.
 *
 * @module
 */

import { RunOutputsError } from "./error.ts";

/** What to do about a damaged file of a run. */
export const REPAIR = "upload it again, or repair it from a copy (verify --repair)";

/**
 * Creates the error of a checksum mismatch.
 *
 * @param failed What could not be done, on what: `Cannot write 'a.log'`.
 * @param hashes The expected and the actual SHA-256, 64 hex digits each.
 * @param advice What to try, without a final dot.
 * @returns An error with code `integrity` and the actual hash.
 */
export function checksumMismatch(
  failed: string,
  { expected, actual }: { readonly expected: string; readonly actual: string },
  advice?: string,
): RunOutputsError {
  return new RunOutputsError(
    "integrity",
    `${failed}: checksum mismatch (expected ${expected}, got ${actual})` +
      (advice === undefined ? "" : `; ${advice}`),
    { actualSha256: actual },
  );
}
