/**
 * The `.sha256sum` file beside an archive.
 *
 * @module
 */

import { RunOutputsError } from "../layout/error.ts";

/** What the name of a sidecar adds to that of its archive. */
export const SIDECAR_SUFFIX = ".sha256sum";

/** A sidecar holds one line; anything longer is something else. */
export const MAX_SIDECAR_BYTES = 4096;

/**
 * Reads the text of a sidecar: a bare digest, or the two columns that `sha256sum` prints.
 *
 * @param text The text.
 * @param name Where it was read, for the message.
 * @returns The digest, 64 hex digits in lower case.
 * @throws {RunOutputsError} `integrity`, if it does not begin with a SHA-256.
 *
 * @example
 * ```ts
 * import { parseSidecar } from "@therock/run-outputs";
 *
 * const digest = "0".repeat(64);
 * console.assert(parseSidecar(`${digest}  a_lib_generic.tar.zst\n`, "example") === digest);
 * ```
 */
export function parseSidecar(text: string, name: string): string {
  const token = /^\s*\\?([0-9A-Fa-f]{64})(?:\s|$)/.exec(text.replace(/^\uFEFF/, ""))?.[1];
  if (token === undefined) {
    throw new RunOutputsError(
      "integrity",
      `Cannot read the checksum in '${name}': expected 64 hex digits at its beginning`,
    );
  }
  return token.toLowerCase();
}

/**
 * The text of a sidecar.
 *
 * @param sha256 The digest, 64 hex digits.
 * @returns The digest and a line break.
 */
export function formatSidecar(sha256: string): string {
  return `${sha256}\n`;
}
